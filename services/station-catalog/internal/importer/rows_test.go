package importer_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
)

// TestRowsInOrder promises that rows come in the order of their lines, however many are read beside each other: all in front of what
// ends the text, and none behind the one at which the caller stops.
func TestRowsInOrder(t *testing.T) {
	t.Parallel()
	const lines = 20_000
	var text strings.Builder
	for i := range lines {
		switch i % 10 {
		case 3:
			text.WriteString("\n")
		case 7:
			fmt.Fprintf(&text, "{%s\n", strings.Repeat("x", i%500))
		default:
			fmt.Fprintf(&text, `{"id_pdc_itinerance":"FRS99E%[1]d","id_station_itinerance":"FRS99P%[1]d","coordonneesXY":"[2.3, 48.8]","puissance_nominale":22}`+"\n", i)
		}
	}
	broken := errors.New("the line is dead")
	for _, stop := range []int64{0, 1, 5000} {
		last, rows, rejected := int64(0), 0, 0
		var ended error
		for row, err := range importer.Formats()["irve"].Rows(io.MultiReader(strings.NewReader(text.String()), failing{broken}), "irve") {
			if ended = err; err != nil {
				continue
			}
			if row.Line <= last || row.Line%10 == 4 {
				t.Fatalf("line %d comes behind line %d", row.Line, last)
			}
			rows++
			last = row.Line
			if row.Key == "" {
				rejected++
			} else if want := fmt.Sprintf("FRS99P%d", row.Line-1); row.Key != want {
				t.Fatalf("line %d is of %s, not of %s", row.Line, row.Key, want)
			}
			if stop > 0 && row.Line >= stop {
				break
			}
		}
		if stop == 0 && (rows != lines*9/10 || rejected != lines/10 || !errors.Is(ended, broken)) {
			t.Errorf("%d rows, of which %d are rejected, and then %v; not %d, %d and %v", rows, rejected, ended, lines*9/10, lines/10, broken)
		}
		if stop > 0 && last != stop {
			t.Errorf("it stopped at line %d, not at %d", last, stop)
		}
	}
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
