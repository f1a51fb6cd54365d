package catalog_test

import (
	"errors"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
)

func TestParseBox(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]catalog.Box{
		"2.2,48.8,2.5,48.9": {West: 2.2, South: 48.8, East: 2.5, North: 48.9},
		"170,-20,-170,-10":  {West: 170, South: -20, East: -170, North: -10},
		"-180,-90,180,90":   {West: -180, South: -90, East: 180, North: 90},
	} {
		if got, err := catalog.ParseBox(text); err != nil || got != want {
			t.Errorf("%s is read as %v (%v)", text, got, err)
		}
	}
	for _, text := range []string{"", "1,2,3", "1,2,3,4,5", "a,2,3,4", "1,5,3,4", "181,2,3,4", "1,-91,3,4", "NaN,2,3,4", "1,2,Inf,4", "1, 2,3,4"} {
		if got, err := catalog.ParseBox(text); !errors.Is(err, catalog.ErrBadBox) {
			t.Errorf("%q is read as %v (%v)", text, got, err)
		}
	}
}
