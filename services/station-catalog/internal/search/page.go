package search

import (
	"cmp"
	"math"
	"slices"
)

// page holds up to pageCap stations that lie near each other, in slots along the curve. What only a
// new document changes (stations) is apart from what statuses and ratings change (live), so that one
// of them costs a copy of the small half.
type page struct {
	*stations
	live *live
}

// stations is the half of a page that statuses and ratings do not touch. Everything is laid out by slot, or
// by EVSE in the order of slots; nothing holds a pointer per station. One word of a set of slots
// is a part of the page: stations that lie nearer each other still, with bounds of their own.
type stations struct {
	all    words
	plugs  plugTable // the distinct plugs of the page, and who has them
	facets facets
	texts  texts
	hours  openings
	bounds bounds
	parts  [pageWords]bounds

	keys     []uint64 // along the curve, ascending; equal ones by id
	ids      []ID
	byID     []uint8 // the slots in the order of ids
	lats     []float64
	lons     []float64
	vectors  []Vector
	mercator []Mercator
	versions []int64
	columns  [columns]column

	firstEVSE []uint32 // by slot, and one more: where its EVSEs begin
	evses     []ID
	firstPlug []uint32 // by EVSE, and one more: where its plugs begin in plugOf
	plugOf    []uint16 // numbers of plugs

	items    []byte // Document.Item of all slots
	itemEnd  []uint32
	commons  []string // the distinct Document.Common
	commonOf []uint8  // by slot
}

func (s *stations) position(slot int) position { return position{s.keys[slot], s.ids[slot]} }

func (s *stations) find(at position) (slot int, found bool) {
	low, high := 0, len(s.keys)
	for low < high {
		mid := (low + high) / 2
		if k := s.keys[mid]; k < at.key || k == at.key && s.ids[mid].Compare(at.id) < 0 {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < len(s.keys) && s.keys[low] == at.key && s.ids[low] == at.id
}

// behind gives the place in byID of the first id behind one.
func (s *stations) behind(id ID) int {
	i, found := slices.BinarySearchFunc(s.byID, id, func(slot uint8, id ID) int { return s.ids[slot].Compare(id) })
	if found {
		i++
	}
	return i
}

func (s *stations) item(slot int) []byte { return between(s.items, s.itemEnd, slot) }

func (s *stations) common(slot int) string { return s.commons[s.commonOf[slot]] }

// evseRange gives the EVSEs of a slot.
func (s *stations) evseRange(slot int) (first, end int) {
	return int(s.firstEVSE[slot]), int(s.firstEVSE[slot+1])
}

// plugsOf gives the numbers of the distinct plugs of an EVSE.
func (s *stations) plugsOf(evse int) []uint16 {
	return s.plugOf[s.firstPlug[evse]:s.firstPlug[evse+1]]
}

// slotOf gives the slot that an EVSE belongs to.
func (s *stations) slotOf(evse int) int {
	next, _ := slices.BinarySearchFunc(s.firstEVSE, small[uint32](evse)+1, cmp.Compare[uint32])
	return next - 1
}

// between gives the i-th of texts that lie one after the other.
func between(texts []byte, ends []uint32, i int) []byte {
	var start uint32
	if i > 0 {
		start = ends[i-1]
	}
	return texts[start:ends[i]]
}

// column gives the values of a column.
func (p page) column(c Column) *column {
	switch c {
	case ColumnPlots:
		return &p.live.count
	case ColumnRating:
		return &p.live.ratings.average
	default:
		return &p.columns[c]
	}
}

// column is one number of each station of a page, NaN where it has none.
type column struct {
	values     []float64 // nil when no station has one
	least, top float64   // of those that are there
	gaps       bool      // some station has none
}

func (c *column) at(slot int) float64 {
	if c.values == nil {
		return math.NaN()
	}
	return c.values[slot]
}

// facets tells which stations have which facet.
type facets struct {
	numbers []uint32 // ascending
	having  []words
}

// anyOf is the set of stations that have at least one of the facets.
func (f *facets) anyOf(wanted []uint32) (w words) {
	for _, number := range wanted {
		if i, here := slices.BinarySearch(f.numbers, number); here {
			w.unite(&f.having[i])
		}
	}
	return w
}
