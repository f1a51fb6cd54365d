// Package charttest compares pictures with those that were looked at. After a change of the drawing, `go test -update` writes them anew:
// look at testdata/ then.
package charttest

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
)

var update = flag.Bool("update", false, "write the golden pictures anew")

// Picture draws itself.
type Picture struct {
	SVG, PNG func(w io.Writer, theme chart.Theme) error
}

// Looked promises that a picture is drawn as it was looked at, light and dark, and twice the same as SVG, and as PNG, which takes long and of
// which one theme tells.
func Looked(t *testing.T, name string, p Picture) {
	t.Helper()
	for themeName, theme := range map[string]chart.Theme{"light": chart.Light, "dark": chart.Dark} {
		var svg, png [2]bytes.Buffer
		for i := range 2 {
			if err := p.SVG(&svg[i], theme); err != nil {
				t.Fatal(err)
			}
			if theme != chart.Light {
				continue
			}
			if err := p.PNG(&png[i], theme); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(svg[0].Bytes(), svg[1].Bytes()) || !bytes.Equal(png[0].Bytes(), png[1].Bytes()) {
			t.Errorf("%s %s: drawn twice it is not the same", name, themeName)
		}
		file := filepath.Join("testdata", name+"_"+themeName+".svg")
		if *update {
			if err := os.WriteFile(file, svg[0].Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(file) //nolint:gosec // a file of testdata
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(golden, svg[0].Bytes()) {
			t.Errorf("%s is drawn otherwise than it was looked at", file)
		}
	}
}
