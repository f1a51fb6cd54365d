package search

import "math"

// Order is how hits are sorted. Equal ones are always sorted by id.
type Order struct {
	kind       orderKind
	column     Column
	descending bool
}

type orderKind uint8

const (
	orderByID orderKind = iota
	orderByRank
	orderByColumn
)

// ByID sorts by id alone. It is the zero Order.
func ByID() Order { return Order{} }

// ByRank sorts as the region ranks: a circle by distance from its centre. In a region that does
// not rank it is ByID.
func ByRank() Order { return Order{kind: orderByRank} }

// Ascending sorts by a column, least first; stations without the value come last.
func Ascending(column Column) Order { return Order{kind: orderByColumn, column: column} }

// Descending sorts by a column, greatest first; stations without the value come last.
func Descending(column Column) Order {
	return Order{kind: orderByColumn, column: column, descending: true}
}

// sorting gives the key that stations are sorted by, and how low and high it gets among many. It
// is nil for an order by id alone.
type sorting interface {
	key(p page, slot int) float64
	keys(p page) (least, most float64)
}

func (o Order) sorting(r Region) sorting {
	switch o.kind {
	case orderByColumn:
		return columnSorting(o)
	case orderByRank:
		if r, ranks := r.(ranker); ranks {
			return rankSorting{r}
		}
	}
	return nil
}

type rankSorting struct{ ranker }

func (s rankSorting) key(p page, slot int) float64 { return s.rank(p.stations, slot) }

func (s rankSorting) keys(p page) (least, most float64) {
	return s.leastRank(&p.bounds), s.mostRank(&p.bounds)
}

// columnSorting negates the values when they descend. Every absent value is behind all others, by
// a number that JSON can carry.
type columnSorting Order

const absent = math.MaxFloat64

func (s columnSorting) key(p page, slot int) float64 {
	switch v := p.columns[s.column].at(slot); {
	case math.IsNaN(v):
		return absent
	case s.descending:
		return -v
	default:
		return v
	}
}

func (s columnSorting) keys(p page) (least, most float64) {
	c := &p.columns[s.column]
	switch {
	case c.values == nil:
		return absent, absent
	case s.descending:
		return -c.top, absent
	default:
		return c.least, absent
	}
}
