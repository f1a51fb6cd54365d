package search

import (
	"fmt"
	"math/bits"
)

// Corridor is what lies within a distance of a route of great-circle arcs: a true buffer on the sphere, measured as the distances
// of a Circle are. It ranks by the metres of the route up to the place that is nearest.
type Corridor struct {
	path  *path
	width float64 // angle
	reach float64
	wideM float64
}

// NewCorridor gives ErrRegion for fewer than two places, for places that are not on the globe, for neighbours that are antipodes and
// for a negative width. Places are latitude and longitude in degrees.
func NewCorridor(places [][2]float64, widthM float64) (*Corridor, error) {
	if !(widthM >= 0) {
		return nil, fmt.Errorf("%w: %v m along a route", ErrRegion, widthM)
	}
	p, err := newPath(places)
	if err != nil {
		return nil, err
	}
	reach := Reach(widthM)
	return &Corridor{path: p, width: angleOf(reach), reach: reach, wideM: widthM}, nil
}

// Contains is exact in the sense of Reach.
func (c *Corridor) Contains(lat, lon float64) bool {
	return c.path.nearest(Unit(lat, lon)).chord2 <= c.reach
}

// Place gives the metres from a position to the route, and the metres of the route before the place that is nearest to it, by which
// positions are ranked.
func (c *Corridor) Place(lat, lon float64) (away, along float64) { return c.place(Unit(lat, lon)) }

// Caps covers the corridor.
func (c *Corridor) Caps() []Cap { return c.path.caps(c.wideM) }

// place gives the metres to the route, and the metres of the route before the place that is nearest.
func (c *Corridor) place(v Vector) (away, along float64) {
	at := c.path.nearest(v)
	return Metres(at.chord2), c.path.along(v, at)
}

func (c *Corridor) relate(b *bounds) relation {
	centre, radius, ok := b.middle()
	if !ok {
		return partly
	}
	switch away := angleOf(c.path.nearest(centre).chord2); {
	case away-radius > c.width+slack:
		return outside
	case away+radius < c.width-slack:
		return inside
	default:
		return partly
	}
}

func (c *Corridor) keep(s *stations, part int, word uint64) uint64 {
	kept := word
	for ; word != 0; word &= word - 1 {
		bit := bits.TrailingZeros64(word)
		if c.path.nearest(s.vectors[64*part+bit]).chord2 > c.reach {
			kept &^= 1 << bit
		}
	}
	return kept
}

func (c *Corridor) ranks(s *stations, part int, word uint64, out *[64]float64) {
	for ; word != 0; word &= word - 1 {
		bit := bits.TrailingZeros64(word)
		_, out[bit] = c.place(s.vectors[64*part+bit])
	}
}

func (c *Corridor) leastRank(*bounds) float64 { return 0 }
func (c *Corridor) mostRank(*bounds) float64  { return c.path.length }
