package search

import (
	"fmt"
	"math/bits"
)

// Box is a range of latitudes and of longitudes; it crosses the antimeridian when west > east.
type Box struct {
	south, north float64
	// spans are one or two ranges of longitudes, west <= east in each.
	spans []span
}

type span struct{ west, east float64 }

// NewBox gives ErrRegion for corners that are not on the globe and for south > north.
//
// Degrees are compared as numbers, borders included. The longitudes -180 and 180 are one meridian:
// a box that has one has the other. In SQL:
//
//	lat BETWEEN south AND north AND
//	CASE WHEN west <= east THEN lon BETWEEN west AND east
//	       OR (lon = -180 AND east = 180) OR (lon = 180 AND west = -180)
//	     ELSE lon >= west OR lon <= east END
func NewBox(west, south, east, north float64) (*Box, error) {
	if !onGlobe(south, west) || !onGlobe(north, east) || south > north {
		return nil, fmt.Errorf("%w: box %v, %v, %v, %v", ErrRegion, west, south, east, north)
	}
	b := &Box{south: south, north: north}
	switch {
	case west > east:
		b.spans = []span{{west, 180}, {-180, east}}
	case east == 180:
		b.spans = []span{{west, east}, {-180, -180}}
	case west == -180:
		b.spans = []span{{west, east}, {180, 180}}
	default:
		b.spans = []span{{west, east}}
	}
	return b, nil
}

// Contains is exact: nothing is rounded.
func (b *Box) Contains(lat, lon float64) bool {
	if lat < b.south || lat > b.north {
		return false
	}
	for _, s := range b.spans {
		if lon >= s.west && lon <= s.east {
			return true
		}
	}
	return false
}

func (b *Box) relate(c *bounds) relation {
	if c.north < b.south || c.south > b.north {
		return outside
	}
	apart := true
	for _, s := range b.spans {
		if c.west >= s.west && c.east <= s.east && c.south >= b.south && c.north <= b.north {
			return inside
		}
		apart = apart && (c.east < s.west || c.west > s.east)
	}
	if apart {
		return outside
	}
	return partly
}

func (b *Box) keep(s *stations, part int, word uint64) uint64 {
	kept := word
	for ; word != 0; word &= word - 1 {
		bit := bits.TrailingZeros64(word)
		if slot := 64*part + bit; !b.Contains(s.lats[slot], s.lons[slot]) {
			kept &^= 1 << bit
		}
	}
	return kept
}
