package search

import "time"

// Mark is a place in a change feed: everything up to it is in the index.
type Mark struct {
	Position string
	Time     time.Time
}

// AsOf tells how fresh a snapshot is, for each of the two feeds it follows.
type AsOf struct{ Stations, Statuses Mark }

// with takes the marks of next that are set.
func (a AsOf) with(next AsOf) AsOf {
	if next.Stations != (Mark{}) {
		a.Stations = next.Stations
	}
	if next.Statuses != (Mark{}) {
		a.Statuses = next.Statuses
	}
	return a
}

// Snapshot is one state of the index. It never changes and serves any number of readers.
type Snapshot struct {
	tree  tree
	byID  directory // stations by their ids
	evses directory // stations by the ids of their EVSEs
	names *names
	asOf  AsOf
	sum   Fingerprint
}

// AsOf tells how fresh the snapshot is.
func (s *Snapshot) AsOf() AsOf { return s.asOf }

// Len counts the stations.
func (s *Snapshot) Len() int { return s.tree.count }

// find gives the spot of a station.
func (s *Snapshot) find(id ID) (spot, bool) {
	key, known := s.byID.key(id)
	if !known {
		return spot{}, false
	}
	return s.tree.find(position{key, id})
}

// Status gives what was last told of an EVSE, the newest where two stations list it; false when no
// station does.
func (s *Snapshot) Status(evse ID) (last StatusChange, known bool) {
	var newest int64
	for spot, number := range s.evse(evse) {
		l := s.tree.page(spot).live
		if since := l.since[number]; !known || since > newest {
			newest, known = since, true
			last = StatusChange{EVSE: evse, Plot: l.plots[number], Status: l.statuses[number], At: fromMicros(since)}
		}
	}
	return last, known
}

// Has tells whether a station lists the EVSE.
func (s *Snapshot) Has(evse ID) bool {
	_, known := s.evses.key(evse)
	return known
}

// evse yields each page that has an EVSE of that id, with the EVSE's number there.
func (s *Snapshot) evse(id ID) func(yield func(spot, int) bool) {
	return func(yield func(spot, int) bool) {
		var before uint64
		seen := false
		for key := range s.evses.keys(id) {
			if seen && key == before {
				continue
			}
			before, seen = key, true
			for at := range s.tree.pagesAt(key) {
				for number, evse := range s.tree.page(at).evses {
					if evse == id && !yield(at, number) {
						return
					}
				}
			}
		}
	}
}
