package search

import (
	"fmt"
	"math"
	"math/bits"
)

// Polygon is what a closed line of great-circle arcs surrounds, by the even-odd rule where it crosses itself. It is less than half of
// the globe: of the two sides of the line, the one without the antipode of its middle.
//
// Seen from the middle of the Earth on a plane that touches the ground at the polygon's middle (the gnomonic projection), every arc
// is a straight line, and so neither poles nor the antimeridian are special.
type Polygon struct {
	ring    *path
	centre  Vector
	right   Vector // the axes of the plane
	up      Vector
	corners [][2]float64
	radius  float64 // angle around centre
}

// least is how far a corner is from the horizon of the middle: some half a degree.
const leastCosine = 0.01

// NewPolygon takes the corners in order, latitude and longitude in degrees; the last is joined to the first. It gives ErrRegion for
// fewer than three, for places that are not on the globe, and for a polygon that does not fit into half of it.
func NewPolygon(corners [][2]float64) (*Polygon, error) {
	if n := len(corners); n > 1 && corners[0] == corners[n-1] {
		corners = corners[:n-1]
	}
	if len(corners) < 3 {
		return nil, fmt.Errorf("%w: a polygon of %d corners", ErrRegion, len(corners))
	}
	closed := append(append(make([][2]float64, 0, len(corners)+1), corners...), corners[0])
	ring, err := newPath(closed)
	if err != nil {
		return nil, err
	}
	p := &Polygon{ring: ring}
	var sum Vector
	for _, c := range corners {
		sum = plus(sum, Unit(c[0], c[1]))
	}
	size := math.Sqrt(dot(sum, sum))
	if size < leastCosine {
		return nil, fmt.Errorf("%w: a polygon as large as half of the globe", ErrRegion)
	}
	p.centre = scale(sum, 1/size)
	axis := Vector{X: 1}
	if math.Abs(p.centre.X) > 0.5 {
		axis = Vector{Y: 1}
	}
	p.right = cross(axis, p.centre)
	p.right = scale(p.right, 1/math.Sqrt(dot(p.right, p.right)))
	p.up = cross(p.centre, p.right)
	for _, c := range corners {
		v := Unit(c[0], c[1])
		x, y, ahead := p.project(v)
		if !ahead || dot(v, p.centre) < leastCosine {
			return nil, fmt.Errorf("%w: a polygon as large as half of the globe", ErrRegion)
		}
		p.corners = append(p.corners, [2]float64{x, y})
		p.radius = max(p.radius, angle(p.centre, v))
	}
	p.radius += slack
	return p, nil
}

// project gives the place of v on the plane; false when it is on the other half of the globe.
func (p *Polygon) project(v Vector) (x, y float64, ahead bool) {
	w := dot(v, p.centre)
	if w <= 0 {
		return 0, 0, false
	}
	return dot(v, p.right) / w, dot(v, p.up) / w, true
}

// Contains is by the even-odd rule; a place on the border itself may be in or out.
func (p *Polygon) Contains(lat, lon float64) bool { return p.contains(Unit(lat, lon)) }

func (p *Polygon) contains(v Vector) bool {
	x, y, ahead := p.project(v)
	if !ahead {
		return false
	}
	in := false
	last := p.corners[len(p.corners)-1]
	for _, c := range p.corners {
		if (c[1] > y) != (last[1] > y) && x < (last[0]-c[0])*(y-c[1])/(last[1]-c[1])+c[0] {
			in = !in
		}
		last = c
	}
	return in
}

// Caps covers the polygon.
func (p *Polygon) Caps() []Cap {
	lat, lon := degrees(p.centre)
	return []Cap{{lat, lon, p.radius * EarthRadiusM}}
}

func (p *Polygon) relate(b *bounds) relation {
	centre, radius, ok := b.middle()
	if !ok {
		return partly
	}
	if angle(centre, p.centre)-radius > p.radius {
		return outside
	}
	if angleOf(p.ring.nearest(centre).chord2)-radius <= slack {
		return partly
	}
	if p.contains(centre) {
		return inside
	}
	return outside
}

func (p *Polygon) keep(s *stations, part int, word uint64) uint64 {
	kept := word
	for ; word != 0; word &= word - 1 {
		bit := bits.TrailingZeros64(word)
		if !p.contains(s.vectors[64*part+bit]) {
			kept &^= 1 << bit
		}
	}
	return kept
}
