package search

import (
	"sync"
	"sync/atomic"
	"time"
)

// Index holds every station in memory. One writer at a time changes it; readers take a Snapshot
// and never wait.
type Index struct {
	writing sync.Mutex
	current atomic.Pointer[Snapshot]
}

// New is an empty index, as of nothing.
func New() *Index {
	x := &Index{}
	x.current.Store(&Snapshot{names: &names{
		standards: map[string]uint8{}, traits: map[string]uint8{}, facets: map[string]uint32{},
	}})
	return x
}

// Snapshot gives the present state.
func (x *Index) Snapshot() *Snapshot { return x.current.Load() }

// Batch is a set of changes that becomes visible at once: first Upserts, then Deletes, then
// Statuses and Ratings. Marks that are zero leave the index's own as they are.
type Batch struct {
	// Upserts are the documents of new and changed stations. For an EVSE that the station had
	// before, the later of the two statuses holds, the document's if they are of the same time.
	Upserts  []Document
	Deletes  []ID
	Statuses []StatusChange
	// Ratings are what is told last: of two of one station the later in the batch holds.
	Ratings []RatingChange
	AsOf    AsOf
}

// StatusChange is a new status of an EVSE, and the plot that it serves. One that is older than the
// status held is ignored; of two of the same time the later in the batch holds.
type StatusChange struct {
	EVSE   ID
	Plot   ID // the zero ID when not known
	Status Status
	At     time.Time
}

// Applied tells what a batch did.
type Applied struct {
	Upserted, Deleted, Statuses, Ratings int
	// Stale counts documents and statuses older than what is held.
	Stale int
	// Unknown are the EVSEs that no station has.
	Unknown []ID
	Refused []Refusal
}

// Refusal is a document that the index did not take.
type Refusal struct {
	ID  ID
	Err error
}

// Apply makes a batch visible before it returns. Documents that cannot be are refused one by one
// and the rest goes in. What it costs depends on the number of changes, hardly on the number of
// stations; changes that have gathered meanwhile are cheaper in one batch than one by one.
func (x *Index) Apply(b Batch) Applied {
	x.writing.Lock()
	defer x.writing.Unlock()

	w := newWriter(x.current.Load())
	w.changeStations(b.Upserts, b.Deletes)
	w.next.names = w.learn.now
	w.changeStatuses(b.Statuses)
	w.changeRatings(b.Ratings)
	w.next.asOf = w.next.asOf.with(b.AsOf)
	x.current.Store(&w.next)
	return w.done
}
