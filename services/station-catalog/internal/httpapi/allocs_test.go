//go:build !race

package httpapi

// Under the race detector a sync.Pool forgets at random, and so allocations mean nothing.

import (
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// TestReadingASearchAllocatesLittle bounds what is done for a search beside the search: reading the query, and telling of the next page.
//
//nolint:paralleltest // it counts the allocations of the whole process
func TestReadingASearchAllocatesLittle(t *testing.T) {
	a := fuzzedAPI()
	for query, most := range map[string]float64{
		"near=48.85660,2.35220&radius_km=10&limit=20":                                                                         3, // the query as text, the circle, the place
		"bbox=2.30000,48.80000,2.40000,48.90000&limit=20":                                                                     5, // the query as text, the box and its sides, the place
		"country=FR&sort=power&available=true&limit=20":                                                                       3, // the query as text, and the list of countries
		"id=0190a6f0-3c2b-7000-8000-00000000000a&&limit=20":                                                                   2, // the query as text, and the ids
		"id=" + strings.Repeat("0190a6f0-3c2b-7000-8000-00000000000a,", 19) + "0190a6f0-3c2b-7000-8000-00000000000a&limit=20": 2,
	} {
		raw := []byte(query)
		read := func() {
			r := readers.Get()
			defer readers.Put(r)
			if err := a.readSearch(raw, r); err != nil {
				t.Fatal(err)
			}
			next := a.nextCursor(r, search.Cursor{Key: 0.123456789, ID: search.ID{1}})
			r.link = appendNextLink(r.link[:0], raw, next)
		}
		// A collection may empty the pools in between.
		if allocs := testing.AllocsPerRun(1000, read); allocs > most {
			t.Errorf("%s: %v allocations, want %v at most", query, allocs, most)
		}
	}
}
