package transfer_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// TestSpoolSorts promises that rows come back whole, by station and line, whether they fit into memory or went to the disk, and
// however many are asked for at once.
func TestSpoolSorts(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1 << 20, 2000, 1} {
		r := rand.New(rand.NewPCG(uint64(most), 1))
		spool := transfer.Spool(&bin{}, most)
		var all []transfer.StagedRow
		keys := map[string]bool{}
		for line := int64(1); line <= 900; line++ {
			row := transfer.StagedRow{Key: fmt.Sprintf("S%d", r.IntN(150)), Line: line, Data: strings.Repeat("é", r.IntN(20))}
			all, keys[row.Key] = append(all, row), true
		}
		for chunk := range slices.Chunk(all, 90) {
			if err := spool.Stage(t.Context(), transfer.Import{}, slices.Clone(chunk), nil, transfer.Counts{}); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := spool.Stations(); err != nil || n != int64(len(keys)) {
			t.Errorf("with %d bytes in memory %d stations were counted, of %d: %v", most, n, len(keys), err)
		}
		slices.SortFunc(all, func(a, b transfer.StagedRow) int {
			return cmp.Or(strings.Compare(a.Key, b.Key), cmp.Compare(a.Line, b.Line))
		})
		var got []transfer.StagedRow
		for after := ""; ; {
			var rows []transfer.StagedRow
			for _, limit := range []int{1, 20, 50} { // as whoever finds that a station does not fit
				var err error
				if rows, err = spool.Staged(t.Context(), uuid.Nil, after, limit); err != nil {
					t.Fatal(err)
				}
			}
			if len(rows) == 50 { // the last station may have more rows behind these
				last := rows[49].Key
				rows = rows[:slices.IndexFunc(rows, func(r transfer.StagedRow) bool { return r.Key == last })]
			}
			if len(rows) == 0 {
				break
			}
			after, got = rows[len(rows)-1].Key, append(got, rows...)
		}
		if !slices.Equal(got, all) {
			t.Errorf("with %d bytes in memory %d rows came back, not the %d in order", most, len(got), len(all))
		}
		if err := spool.Close(); err != nil {
			t.Error(err)
		}
	}
}
