//go:build !race

package search_test

// Under the race detector a sync.Pool forgets at random, and so allocations mean nothing.

import (
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

//nolint:paralleltest // it counts the allocations of the whole process
func TestSearchDoesNotAllocate(t *testing.T) {
	n := newNetwork(20_000)
	x := search.New()
	if err := x.Load(n.documents(), search.AsOf{}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range askings {
		queries := questions(n, kind)[:50]
		var r search.Result
		var buffer []byte
		ask := func() {
			for i := range queries {
				x.Snapshot().Search(&queries[i], &r)
				for j := range r.Hits {
					buffer = r.Hits[j].AppendItem(buffer[:0])
				}
			}
		}
		ask()
		// A collection may empty the pool of scratch memory in between.
		if allocs := testing.AllocsPerRun(5, ask) / float64(len(queries)); allocs > 0.5 {
			t.Errorf("%s: %v allocations a query", kind.name, allocs)
		}
	}
}
