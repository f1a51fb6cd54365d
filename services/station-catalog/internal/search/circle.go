package search

import (
	"fmt"
	"math"
	"math/bits"
)

// Circle is what lies within a radius of a centre. It ranks by distance; a rank is a squared
// chord.
type Circle struct {
	centre Vector
	reach  float64
}

// NewCircle gives ErrRegion for a centre that is not on the globe and for a negative radius.
func NewCircle(lat, lon, radiusM float64) (*Circle, error) {
	if !onGlobe(lat, lon) || !(radiusM >= 0) {
		return nil, fmt.Errorf("%w: %v m around %v, %v", ErrRegion, radiusM, lat, lon)
	}
	return &Circle{centre: Unit(lat, lon), reach: Reach(radiusM)}, nil
}

// Contains is exact in the sense of Reach.
func (c *Circle) Contains(lat, lon float64) bool {
	return Chord2(c.centre, Unit(lat, lon)) <= c.reach
}

func (c *Circle) relate(b *bounds) relation {
	switch {
	case b.nearest2(c.centre) > c.reach:
		return outside
	case b.farthest2(c.centre) <= c.reach:
		return inside
	default:
		return partly
	}
}

func (c *Circle) keep(s *stations, part int, word uint64) uint64 {
	kept := word
	vectors := s.vectors[64*part:]
	for ; word != 0; word &= word - 1 {
		bit := bits.TrailingZeros64(word)
		// A station is out when the difference is negative. Taking the sign as a number spares a
		// branch that nobody could predict along a border.
		out := math.Float64bits(c.reach-Chord2(c.centre, vectors[bit])) >> 63
		kept &^= out << bit
	}
	return kept
}

func (c *Circle) ranks(s *stations, part int, word uint64, out *[64]float64) {
	vectors := s.vectors[64*part:]
	for ; word != 0; word &= word - 1 {
		bit := bits.TrailingZeros64(word)
		out[bit] = Chord2(c.centre, vectors[bit])
	}
}

func (c *Circle) leastRank(b *bounds) float64 { return b.nearest2(c.centre) }
func (c *Circle) mostRank(b *bounds) float64  { return b.farthest2(c.centre) }
