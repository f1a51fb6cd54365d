package search

import (
	"cmp"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
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
	x.current.Store(&Snapshot{docs: map[ID]*Document{}})
	return x
}

// Mark is a place in a change feed: everything up to it is in the index.
type Mark struct {
	Position string
	Time     time.Time
}

// AsOf tells how fresh a snapshot is, for each of the two feeds it follows.
type AsOf struct{ Stations, Statuses Mark }

// Batch is a set of changes that becomes visible at once: first Upserts, then Deletes, then
// Statuses. Marks that are zero leave the index's own as they are.
type Batch struct {
	Upserts  []Document
	Deletes  []ID
	Statuses []StatusChange
	AsOf     AsOf
}

// StatusChange is a new status of an EVSE. One that is older than the status held is ignored; of
// two of the same time the later in the batch holds.
type StatusChange struct {
	EVSE   ID
	Status Status
	At     time.Time
}

// Applied tells what a batch did.
type Applied struct {
	Upserted, Deleted, Statuses int
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

// Snapshot gives the present state, which never changes.
func (x *Index) Snapshot() *Snapshot { return x.current.Load() }

// Load replaces everything with the documents of a sequence and publishes it at its end. When the
// sequence yields an error, a document is refused or an id comes twice, the index stays as it was
// and Load returns the error.
func (x *Index) Load(documents iter.Seq2[Document, error], at AsOf) error {
	x.writing.Lock()
	defer x.writing.Unlock()
	docs := map[ID]*Document{}
	for d, err := range documents {
		if err == nil {
			err = d.check()
		}
		if err != nil {
			return err
		}
		docs[d.ID] = &d
	}
	x.current.Store(&Snapshot{docs: docs, asOf: at})
	return nil
}

// Apply makes a batch visible before it returns. Documents that cannot be are refused one by one
// and the rest goes in.
func (x *Index) Apply(b Batch) Applied {
	x.writing.Lock()
	defer x.writing.Unlock()
	var done Applied
	old := x.current.Load()
	docs := maps.Clone(old.docs)
	for _, d := range b.Upserts {
		if err := d.check(); err != nil {
			done.Refused = append(done.Refused, Refusal{d.ID, err})
			continue
		}
		docs[d.ID] = &d
		done.Upserted++
	}
	for _, id := range b.Deletes {
		if docs[id] != nil {
			delete(docs, id)
			done.Deleted++
		}
	}
	for _, change := range b.Statuses {
		for id, d := range docs {
			for i, e := range d.EVSEs {
				if e.ID == change.EVSE {
					fresh := *d
					fresh.EVSEs = slices.Clone(d.EVSEs)
					fresh.EVSEs[i].Status, fresh.EVSEs[i].StatusAt = change.Status, change.At
					docs[id] = &fresh
					done.Statuses++
				}
			}
		}
	}
	x.current.Store(&Snapshot{docs: docs, asOf: b.AsOf})
	return done
}

// Snapshot is one state of the index. It is immutable and safe for any number of readers.
type Snapshot struct {
	docs map[ID]*Document
	asOf AsOf
}

// AsOf tells how fresh the snapshot is.
func (s *Snapshot) AsOf() AsOf { return s.asOf }

// Len counts the stations.
func (s *Snapshot) Len() int { return len(s.docs) }

// Hit is a station found.
type Hit struct {
	doc    *Document
	key    float64
	chord2 float64
}

// ID is the station.
func (h *Hit) ID() ID { return h.doc.ID }

// Cursor is the hit's place in its order.
func (h *Hit) Cursor() Cursor { return Cursor{h.key, h.doc.ID} }

// DistanceM is the distance from the centre of the circle asked for; false in other regions.
func (h *Hit) DistanceM() (float64, bool) { return Metres(h.chord2), h.chord2 >= 0 }

// AppendItem appends the rendered search item, a JSON object: Document.Item, then distance_m (in
// a circle; one decimal), then plots.
func (h *Hit) AppendItem(dst []byte) []byte {
	dst = append(dst, h.doc.Item[:len(h.doc.Item)-1]...)
	if m, ok := h.DistanceM(); ok {
		dst = append(dst, `,"distance_m":`...)
		dst = strconv.AppendFloat(dst, m, 'f', 1, 64)
	}
	return append(dst, `,"plots":{"total":0,"available":0,"by_connector":{},"by_power":{},"as_of":null}}`...)
}

// Search answers q into r.
func (s *Snapshot) Search(q *Query, r *Result) {
	r.Reset()
	circle, _ := q.Region.(*Circle)
	for _, d := range s.docs {
		if q.Region != nil && !q.Region.Contains(d.Latitude, d.Longitude) || !match(q, d) {
			continue
		}
		h := Hit{doc: d, chord2: -1}
		if circle != nil {
			h.chord2 = Chord2(circle.centre, Unit(d.Latitude, d.Longitude))
			if q.Order.kind == orderByRank {
				h.key = h.chord2
			}
		}
		r.Total++
		if q.After == nil || cmp.Or(cmp.Compare(h.key, q.After.Key), d.ID.Compare(q.After.ID)) > 0 {
			r.Hits = append(r.Hits, h)
		}
	}
	slices.SortFunc(r.Hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.key, b.key), a.doc.ID.Compare(b.doc.ID))
	})
	if len(r.Hits) > q.Limit {
		r.Hits, r.More = r.Hits[:q.Limit], true
	}
}

func match(q *Query, d *Document) bool {
	if q.Among != nil && !slices.Contains(q.Among, d.ID) ||
		len(q.Operators) > 0 && !slices.Contains(q.Operators, d.Operator) ||
		len(q.Countries) > 0 && !slices.Contains(q.Countries, d.Country) ||
		len(q.Access) > 0 && !slices.Contains(q.Access, d.Access) {
		return false
	}
	p := q.Plug
	if len(p.Standards) == 0 && p.MinPowerW == 0 && p.MaxPowerW == 0 && !p.Free {
		return true
	}
	most := cmp.Or(p.MaxPowerW, math.MaxUint32)
	for _, e := range d.EVSEs {
		if p.Free && e.Status != StatusAvailable {
			continue
		}
		for _, c := range e.Connectors {
			if (len(p.Standards) == 0 || slices.Contains(p.Standards, c.Standard)) &&
				c.PowerW >= p.MinPowerW && c.PowerW <= most {
				return true
			}
		}
	}
	return false
}
