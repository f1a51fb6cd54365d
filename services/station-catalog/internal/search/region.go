package search

import (
	"errors"
	"fmt"
)

// ErrRegion is what a region that cannot be is refused with.
var ErrRegion = errors.New("no such region")

// Region is a part of the globe.
type Region interface {
	// Contains tells whether a position lies within, the border included.
	Contains(lat, lon float64) bool
}

// Circle is what lies within a radius of a centre. It ranks by distance.
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

// Box is a range of latitudes and of longitudes; it crosses the antimeridian when west > east.
type Box struct{ west, south, east, north float64 }

// NewBox gives ErrRegion for corners that are not on the globe and for south > north.
func NewBox(west, south, east, north float64) (*Box, error) {
	if !onGlobe(south, west) || !onGlobe(north, east) || south > north {
		return nil, fmt.Errorf("%w: box %v, %v, %v, %v", ErrRegion, west, south, east, north)
	}
	return &Box{west: west, south: south, east: east, north: north}, nil
}

// Contains compares degrees as numbers, borders included. The longitudes -180 and 180 are one
// meridian: a box that has one has the other. In SQL:
//
//	lat BETWEEN south AND north AND
//	CASE WHEN west <= east THEN lon BETWEEN west AND east
//	       OR (lon = -180 AND east = 180) OR (lon = 180 AND west = -180)
//	     ELSE lon >= west OR lon <= east END
func (b *Box) Contains(lat, lon float64) bool {
	if lat < b.south || lat > b.north {
		return false
	}
	if b.west > b.east {
		return lon >= b.west || lon <= b.east
	}
	return lon >= b.west && lon <= b.east ||
		lon == -180 && b.east == 180 || lon == 180 && b.west == -180
}
