package search

import (
	"math"
	"math/bits"
)

// Order is how hits are sorted. Equal ones are always sorted by id, and by id alone by the zero Order.
type Order struct {
	kind       orderKind
	column     Column
	descending bool
	among      []string
}

// Among counts the value of stations with none of these tags as absent.
func (o Order) Among(tags ...string) Order {
	o.among = tags
	return o
}

type orderKind uint8

const (
	orderByID orderKind = iota
	orderByRank
	orderByColumn
)

// ByRank sorts as the region ranks: a circle by distance from its centre. In a region that does
// not rank it is the zero Order.
func ByRank() Order { return Order{kind: orderByRank} }

// Ascending sorts by a column, least first; stations without the value come last.
func Ascending(column Column) Order { return Order{kind: orderByColumn, column: column} }

// Descending sorts by a column, greatest first; stations without the value come last.
func Descending(column Column) Order {
	return Order{kind: orderByColumn, column: column, descending: true}
}

// sorting gives the keys that stations are sorted by, before their ids.
type sorting interface {
	// keys gives the keys of the stations of a word of a page, each in the place of its bit.
	keys(p page, part int, word uint64, out *[64]float64)
	// span is at most and at least the key of any station of the page within bounds.
	span(p page, b *bounds) (least, most float64)
}

// sortings are the places in which a query's sorting is made without allocating.
type sortings struct {
	rank   rankSorting
	column columnSorting
}

// of gives nil for an order by id alone.
func (s *sortings) of(o Order, r Region, n *names) sorting {
	switch o.kind {
	case orderByColumn:
		s.column.of(o, n)
		return &s.column
	case orderByRank:
		if by, ranks := r.(ranker); ranks {
			s.rank.by = by
			return &s.rank
		}
	case orderByID:
	}
	return nil
}

type rankSorting struct{ by ranker }

func (s *rankSorting) keys(p page, part int, word uint64, out *[64]float64) {
	s.by.ranks(p.stations, part, word, out)
}

func (s *rankSorting) span(_ page, b *bounds) (least, most float64) {
	return s.by.leastRank(b), s.by.mostRank(b)
}

// columnSorting negates the values when they descend. Every absent value is behind all others, by
// a number that JSON can carry.
type columnSorting struct {
	column     Column
	descending bool
	restricted bool     // to stations with one of some facets
	facets     []uint32 // ascending
}

func (s *columnSorting) of(o Order, n *names) {
	*s = columnSorting{column: o.column, descending: o.descending, restricted: o.among != nil, facets: s.facets[:0]}
	for _, tag := range o.among {
		if number, known := n.facet(facetTag, tag); known {
			s.facets = append(s.facets, number)
		}
	}
}

const absent = math.MaxFloat64

func (s *columnSorting) keys(p page, part int, word uint64, out *[64]float64) {
	c := p.column(s.column)
	counted := word
	if s.restricted {
		having := p.facets.anyOf(s.facets)
		counted = having[part]
	}
	for ; word != 0; word &= word - 1 {
		bit := bits.TrailingZeros64(word)
		switch v := c.at(64*part + bit); {
		case math.IsNaN(v) || counted>>bit&1 == 0:
			out[bit] = absent
		case s.descending:
			out[bit] = -v
		default:
			out[bit] = v
		}
	}
}

func (s *columnSorting) span(p page, _ *bounds) (least, most float64) {
	c := p.column(s.column)
	if c.values == nil {
		return absent, absent
	}
	least, most = c.least, c.top
	if s.descending {
		least, most = -c.top, -c.least
	}
	if c.gaps || s.restricted {
		most = absent
	}
	return least, most
}
