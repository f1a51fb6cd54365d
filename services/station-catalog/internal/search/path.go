package search

import (
	"fmt"
	"math"
)

// path is a line of great-circle arcs over the ground, with a tree of caps around them, so that what is near one place of it is found
// without going along all of it.
type path struct {
	arcs   []arc
	nodes  []pathNode // the root is the first
	length float64    // metres
}

// arc is the shortest way from one place to another.
type arc struct {
	from, to  Vector
	normal    Vector // of its plane; zero for an arc that is a point
	ahead     Vector // from "from" along the arc
	back      Vector // from "to" along the arc
	before    float64
	endBefore float64 // metres of the path up to its ends
}

// pathNode is a cap around the arcs first..end. Its halves are nodes too, unless it has a single arc.
type pathNode struct {
	centre      Vector
	radius      float64 // angle
	first, end  int
	left, right int // in path.nodes
}

// slack is far more than what rounding takes off an angle, and far less than anybody can measure on the ground.
const slack = 1e-9

// newPath takes places in degrees, at least two. It gives ErrRegion for one that is not on the globe and for neighbours that are
// antipodes, between which every way is as short.
func newPath(places [][2]float64) (*path, error) {
	if len(places) < 2 {
		return nil, fmt.Errorf("%w: a line of %d places", ErrRegion, len(places))
	}
	p := &path{}
	last := Vector{}
	for i, place := range places {
		if !onGlobe(place[0], place[1]) {
			return nil, fmt.Errorf("%w: place %d of a line is %v, %v", ErrRegion, i, place[0], place[1])
		}
		here := Unit(place[0], place[1])
		if i > 0 && (here != last || i == len(places)-1 && len(p.arcs) == 0) {
			a, ok := newArc(last, here, p.length)
			if !ok {
				return nil, fmt.Errorf("%w: places %d and %d of a line are antipodes", ErrRegion, i-1, i)
			}
			p.arcs, p.length = append(p.arcs, a), a.endBefore
		}
		last = here
	}
	p.nodes = make([]pathNode, 0, 2*len(p.arcs))
	p.grow(0, len(p.arcs))
	return p, nil
}

func newArc(from, to Vector, before float64) (arc, bool) {
	a := arc{from: from, to: to, before: before, endBefore: before + Metres(Chord2(from, to))}
	if from == to {
		return a, true
	}
	// (from-to) x (from+to) is twice from x to, and keeps its digits when the two are close.
	normal := cross(minus(from, to), plus(from, to))
	size := math.Sqrt(dot(normal, normal))
	if size < slack*math.Sqrt(Chord2(from, to)) {
		return a, false
	}
	a.normal = scale(normal, 1/size)
	a.ahead, a.back = cross(a.normal, from), cross(to, a.normal)
	return a, true
}

// grow makes the node of the arcs first..end and gives its number.
func (p *path) grow(first, end int) int {
	n := pathNode{first: first, end: end}
	var sum Vector
	for _, a := range p.arcs[first:end] {
		sum = plus(sum, plus(a.from, a.to))
	}
	n.centre, n.radius = Vector{Z: 1}, math.Pi
	if size := math.Sqrt(dot(sum, sum)); size > slack {
		n.centre, n.radius = scale(sum, 1/size), 0
		for _, a := range p.arcs[first:end] {
			n.radius = max(n.radius, angle(n.centre, a.from), angle(n.centre, a.to))
		}
		// A cap of less than a hemisphere that holds the ends of an arc holds the arc.
		if n.radius += slack; n.radius > math.Pi/2 {
			n.radius = math.Pi
		}
	}
	number := len(p.nodes)
	p.nodes = append(p.nodes, n)
	if end-first > 1 {
		middle := (first + end) / 2
		left := p.grow(first, middle)
		right := p.grow(middle, end)
		p.nodes[number].left, p.nodes[number].right = left, right
	}
	return number
}

// nearest is the place of a path that is nearest to somewhere; of several, the first along the path.
type nearest struct {
	chord2 float64
	arc    int
	foot   foot
}

type foot uint8

const (
	footBetween foot = iota
	footFrom
	footTo
)

// nearest finds the place of the path that is nearest to v.
func (p *path) nearest(v Vector) nearest {
	best := nearest{chord2: math.Inf(1)}
	p.descend(0, v, &best)
	return best
}

func (p *path) descend(number int, v Vector, best *nearest) {
	n := &p.nodes[number]
	if n.end-n.first == 1 {
		chord2, foot := p.arcs[n.first].nearest2(v)
		if chord2 < best.chord2 || chord2 == best.chord2 && n.first < best.arc {
			*best = nearest{chord2, n.first, foot}
		}
		return
	}
	left, right := &p.nodes[n.left], &p.nodes[n.right]
	toLeft, toRight := angle(left.centre, v)-left.radius, angle(right.centre, v)-right.radius
	order := [2]int{n.left, n.right}
	least := [2]float64{toLeft, toRight}
	if toRight < toLeft {
		order, least = [2]int{n.right, n.left}, [2]float64{toRight, toLeft}
	}
	for i, next := range order {
		if least[i]-slack <= angleOf(best.chord2) {
			p.descend(next, v, best)
		}
	}
}

// nearest2 is the squared chord between v and the place of the arc that is nearest to it.
func (a *arc) nearest2(v Vector) (float64, foot) {
	if a.normal != (Vector{}) && dot(a.ahead, v) >= 0 && dot(a.back, v) >= 0 {
		// The sine of the angle to the plane, and the versed sine without loss of digits.
		sine := dot(a.normal, v)
		square := sine * sine
		versed := square / (1 + math.Sqrt(max(0, 1-square)))
		return square + versed*versed, footBetween
	}
	from, to := Chord2(a.from, v), Chord2(a.to, v)
	if to < from {
		return to, footTo
	}
	return from, footFrom
}

// along is how many metres of the path lie before its place that is nearest to v.
func (p *path) along(v Vector, at nearest) float64 {
	a := &p.arcs[at.arc]
	switch at.foot {
	case footFrom:
		return a.before
	case footTo:
		return a.endBefore
	default:
		return min(a.endBefore, a.before+EarthRadiusM*math.Atan2(dot(a.ahead, v), dot(a.from, v)))
	}
}

// Cap is what lies within an angle of a centre, in degrees and metres on the ground.
type Cap struct{ Latitude, Longitude, RadiusM float64 }

// mostCaps bounds the caps that a path is covered with.
const mostCaps = 64

// caps covers the path, and what is within a distance of it.
func (p *path) caps(widthM float64) []Cap {
	level := []int{0}
	for len(level) < mostCaps {
		var below []int
		for _, number := range level {
			if n := &p.nodes[number]; n.end-n.first > 1 {
				below = append(below, n.left, n.right)
			} else {
				below = append(below, number)
			}
		}
		if len(below) == len(level) {
			break
		}
		level = below
	}
	caps := make([]Cap, len(level))
	for i, number := range level {
		n := &p.nodes[number]
		lat, lon := degrees(n.centre)
		caps[i] = Cap{lat, lon, n.radius*EarthRadiusM + widthM}
	}
	return caps
}

func degrees(v Vector) (lat, lon float64) {
	const half = 180 / math.Pi
	return math.Atan2(v.Z, math.Hypot(v.X, v.Y)) * half, math.Atan2(v.Y, v.X) * half
}

// middle gives a place in the midst of bounds, and the angle within which all of them lies; false when that says nothing.
func (b *bounds) middle() (centre Vector, radius float64, ok bool) {
	centre = scale(plus(b.low, b.high), 0.5)
	size := math.Sqrt(dot(centre, centre))
	if !(size > 0.1) {
		return centre, 0, false
	}
	centre = scale(centre, 1/size)
	return centre, angleOf(b.farthest2(centre)) + slack, true
}

func angle(a, b Vector) float64 { return angleOf(Chord2(a, b)) }

func angleOf(chord2 float64) float64 { return 2 * math.Asin(min(1, math.Sqrt(chord2)/2)) }

func plus(a, b Vector) Vector           { return Vector{a.X + b.X, a.Y + b.Y, a.Z + b.Z} }
func minus(a, b Vector) Vector          { return Vector{a.X - b.X, a.Y - b.Y, a.Z - b.Z} }
func scale(a Vector, by float64) Vector { return Vector{a.X * by, a.Y * by, a.Z * by} }
func dot(a, b Vector) float64           { return a.X*b.X + a.Y*b.Y + a.Z*b.Z }
func cross(a, b Vector) Vector {
	return Vector{a.Y*b.Z - a.Z*b.Y, a.Z*b.X - a.X*b.Z, a.X*b.Y - a.Y*b.X}
}
