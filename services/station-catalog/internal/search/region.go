package search

import "errors"

// ErrRegion is what a region that cannot be is refused with.
var ErrRegion = errors.New("no such region")

// Region is a part of the globe. Search first asks how the bounds of many stations relate to it,
// so that only stations near its border are looked at one by one. A new kind of region is a type
// with these methods; one that also ranks is a ranker.
type Region interface {
	// Contains tells whether a position lies within, the border included.
	Contains(lat, lon float64) bool

	// relate may answer partly when it does not know.
	relate(b *bounds) relation
	// keep gives those stations of a word of a page that lie within.
	keep(s *stations, part int, word uint64) uint64
}

// relation is how bounds lie to a region.
type relation uint8

const (
	outside relation = iota
	partly
	inside
)

// narrow leaves the stations of w that lie within a region.
func narrow(r Region, s *stations, w *words) {
	for part, word := range w {
		if word == 0 {
			continue
		}
		switch r.relate(&s.parts[part]) {
		case outside:
			w[part] = 0
		case partly:
			w[part] = r.keep(s, part, word)
		case inside:
		}
	}
}

// ranker is a region that puts stations in an order of its own. Ranks are finite and equal ranks
// are sorted by id.
type ranker interface {
	// ranks gives the ranks of the stations of a word of a page, each in the place of its bit.
	ranks(s *stations, part int, word uint64, out *[64]float64)
	// leastRank is at most the rank of any station within bounds, mostRank at least.
	leastRank(b *bounds) float64
	mostRank(b *bounds) float64
}
