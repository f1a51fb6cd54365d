package search_test

import (
	"iter"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

func sequence(docs []search.Document) iter.Seq2[search.Document, error] {
	return func(yield func(search.Document, error) bool) {
		for _, d := range docs {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func load(t testing.TB, docs []search.Document) *search.Index {
	t.Helper()
	x := search.New()
	if err := x.Load(sequence(docs), search.AsOf{}); err != nil {
		t.Fatal(err)
	}
	return x
}

// The index promises the answers of the oracle: 10,000 questions to each shape of world in turn,
// with changes between them.
func TestAnswersAreThoseOfBruteForce(t *testing.T) {
	t.Parallel()
	const questions = 10_000
	for kind := range worldKinds {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(kind, 1)
			docs := w.documents(1500)
			x, o := load(t, docs), newOracle(docs)
			var r search.Result
			for i := range questions/int(worldKinds) + 1 {
				if i%20 == 19 {
					b := w.batch(o)
					x.Apply(b)
					o.apply(b)
				}
				q := w.question(docs)
				if err := o.differs(x.Snapshot(), q, w.IntN(30), &r); err != nil {
					t.Fatalf("question %d, %+v: %v", i, q, err)
				}
			}
			t.Logf("%d stations at the end, 0 differences", x.Snapshot().Len())
		})
	}
}

// batch changes some stations of a world, adds and removes others.
func (w *world) batch(o oracle) search.Batch {
	ids := o.ids()
	var b search.Batch
	for range w.IntN(40) {
		switch w.IntN(5) {
		case 0:
			b.Upserts = append(b.Upserts, w.document(w.id()))
		case 1:
			d := o[pick(w, ids)]
			moved := w.document(d.ID)
			moved.Version = d.Version + int64(w.IntN(3)) - 1
			if w.IntN(2) == 0 {
				moved.Latitude, moved.Longitude, moved.EVSEs = d.Latitude, d.Longitude, d.EVSEs
			}
			b.Upserts = append(b.Upserts, moved)
		case 2:
			b.Deletes = append(b.Deletes, pick(w, ids))
		case 3:
			b.Ratings = append(b.Ratings, search.RatingChange{Station: pick(w, ids), Rating: w.rating()}, search.RatingChange{Station: w.id(), Rating: w.rating()})
		default:
			b.Statuses = append(b.Statuses, w.statuses(o[pick(w, ids)])...)
		}
	}
	return b
}

func (w *world) statuses(d search.Document) []search.StatusChange {
	var changes []search.StatusChange
	for _, e := range d.EVSEs {
		changes = append(changes, search.StatusChange{EVSE: e.ID, Plot: w.plot(), Status: w.status(), At: w.instant()})
	}
	return changes
}
