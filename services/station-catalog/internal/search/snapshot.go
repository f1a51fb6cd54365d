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
