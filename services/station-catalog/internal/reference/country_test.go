package reference_test

import (
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
)

func TestCountry(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"FR": true, "GB": true, "RE": true, "XK": true, "UK": false, "DD": false, "XX": false, "ZZ": false, "EU": false, "UN": false, "fr": false, "FRA": false, "": false,
	} {
		if got := reference.Country(code); got != want {
			t.Errorf("%q is a country: %v, want %v", code, got, want)
		}
	}
	for code, want := range map[string]string{"FRA": "FR", "UK": "GB", "DE": "DE", "ZZZ": "", "Atlantis": "", "250": "FR"} {
		if got, ok := reference.CountryOf(code); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %v, want %q", code, got, ok, want)
		}
	}
}
