package postgres_test

import (
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// TestPagesOfDuplicatesAreFull promises that a page of pairs is full unless it is the last, however many stations without a twin lie
// between, and that the last one says so.
func TestPagesOfDuplicatesAreFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lonely := sites(1200) // more than are looked at at once
	for i := range lonely {
		lonely[i].Latitude, lonely[i].Longitude = 40+float64(i/40)/100, 2+float64(i%40)/100
	}
	const pairs = 3
	var twins []station.Station
	for i := range pairs {
		for _, source := range []string{"here", "elsewhere"} {
			twin := site(string(rune('A'+i)), source+string(rune('A'+i)))
			twin.Source, twin.Latitude = source, 50+float64(i)
			twin.EVSEs[0].EVSEID = "FR*PLM*E" + twin.SourceID
			twins = append(twins, twin)
		}
	}
	w.put(lonely...)
	w.put(twins...)
	for limit, sizes := range map[int][]int{1: {1, 1, 1}, 2: {2, 1}, pairs: {pairs}, pairs + 1: {pairs}} {
		place := &station.PairPlace{}
		seen := map[string]bool{}
		for i, size := range sizes {
			found, next, err := w.Duplicates(t.Context(), nil, *place, limit)
			if err != nil {
				t.Fatal(err)
			}
			if last := i == len(sizes)-1; len(found) != size || (next == nil) != last {
				t.Fatalf("page %d of %d pairs each has %d, want %d, and leads on to %v", i+1, limit, len(found), size, next)
			}
			for _, d := range found {
				seen[d.Stations[0].SourceID] = true
			}
			place = next
		}
		if len(seen) != pairs {
			t.Errorf("in pages of %d there are %v", limit, seen)
		}
	}
}
