package search

import (
	"encoding/json"
	"maps"
	"slices"
)

// Pages hold small numbers in place of names. A name gets its number when a document first brings
// it, and keeps it for the life of the index.
// names is immutable once a snapshot has it; learner makes the next one.
type names struct {
	standards map[string]uint8
	rendered  []standardName
	traits    map[string]uint8
	facets    map[string]uint32
}

type standardName struct {
	name string
	key  string // as the key of a JSON object, with quotes
}

// The kinds of facets. A facet is a kind and a value that a station either has or has not.
const (
	facetOperator byte = 'o'
	facetCountry  byte = 'c'
	facetAccess   byte = 'a'
	facetTag      byte = 't'
)

// facet gives the number of a facet; false when no station ever had it. It does not allocate.
func (n *names) facet(kind byte, value string) (uint32, bool) {
	var room [64]byte
	number, known := n.facets[string(append(append(room[:0], kind), value...))]
	return number, known
}

// learner numbers new names for the writer. The first new name of a batch copies the tables that
// readers use.
type learner struct {
	now   *names
	fresh bool
	hours map[string]*Hours
}

func newLearner(known *names) *learner {
	return &learner{now: known, hours: map[string]*Hours{}}
}

// same gives the first hours of equal key that this learner met.
func (l *learner) same(h *Hours) *Hours {
	if h == nil {
		return nil
	}
	known, met := l.hours[h.key]
	if !met {
		known = h
		l.hours[h.key] = h
	}
	return known
}

// edit gives names that may be written to.
func (l *learner) edit() *names {
	if !l.fresh {
		l.fresh = true
		l.now = &names{
			standards: maps.Clone(l.now.standards),
			rendered:  slices.Clone(l.now.rendered),
			traits:    maps.Clone(l.now.traits),
			facets:    maps.Clone(l.now.facets),
		}
	}
	return l.now
}

// standard gives ErrNames when there is no number left.
func (l *learner) standard(name string) (uint8, error) {
	if number, known := l.now.standards[name]; known {
		return number, nil
	}
	if len(l.now.rendered) == mostStandards {
		return 0, ErrNames
	}
	quoted, err := json.Marshal(name)
	if err != nil {
		return 0, err
	}
	n := l.edit()
	number := small[uint8](len(n.rendered))
	n.standards[name] = number
	n.rendered = append(n.rendered, standardName{name: name, key: string(quoted)})
	return number, nil
}

// trait gives the bit of a trait, or ErrNames when there is none left.
func (l *learner) trait(name string) (uint32, error) {
	number, known := l.now.traits[name]
	if !known {
		if len(l.now.traits) == mostTraits {
			return 0, ErrNames
		}
		number = small[uint8](len(l.now.traits))
		l.edit().traits[name] = number
	}
	return 1 << number, nil
}

func (l *learner) facet(kind byte, value string) uint32 {
	number, known := l.now.facet(kind, value)
	if !known {
		n := l.edit()
		number = small[uint32](len(n.facets))
		n.facets[string(kind)+value] = number
	}
	return number
}
