package search_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// Readers promise themselves that a snapshot never changes, while a writer makes one after the
// other. Under the race detector this also shows that they share no memory that is written.
func TestReadersBesideAWriter(t *testing.T) {
	t.Parallel()
	w := newWorld(clustered, 8)
	docs := w.documents(2000)
	x, o := load(t, docs), newOracle(docs)
	var (
		reading sync.WaitGroup
		over    atomic.Bool
		asked   atomic.Int64
		mu      sync.Mutex
		faults  []error
	)
	for reader := range 4 {
		reading.Go(func() {
			w := newWorld(clustered, uint64(100+reader))
			var first, second search.Result
			for !over.Load() {
				q := w.question(docs)
				if err := steady(x.Snapshot(), &q.Query, &first, &second); err != nil {
					mu.Lock()
					faults = append(faults, err)
					mu.Unlock()
				}
				asked.Add(1)
			}
		})
	}
	for batch := 0; batch < 60 || asked.Load() < 300; batch++ {
		b := w.batch(o)
		if batch%3 == 0 { // mostly statuses, as in life
			b.Upserts, b.Deletes = nil, nil
		}
		x.Apply(b)
		o.apply(b)
	}
	over.Store(true)
	reading.Wait()
	if len(faults) > 0 {
		t.Errorf("%d faults, the first: %v", len(faults), faults[0])
	}
	t.Logf("%d questions", asked.Load())
}

// steady asks twice and compares the answers down to the rendering.
func steady(s *search.Snapshot, q *search.Query, first, second *search.Result) error {
	s.Search(q, first)
	var rendered []byte
	for i := range first.Hits {
		rendered = first.Hits[i].AppendItem(rendered)
	}
	s.Search(q, second)
	var again []byte
	for i := range second.Hits {
		again = second.Hits[i].AppendItem(again)
	}
	if first.Total != second.Total || !slices.Equal(rendered, again) {
		return fmt.Errorf("%+v: %d matches, then %d:\n%s\n%s", q, first.Total, second.Total, rendered, again)
	}
	return nil
}
