package search

import "math"

// bounds is what surrounds the stations of a page or of a block: a box in space around their
// vectors, which has no poles and no antimeridian, and a range of degrees.
//
// Subtraction, multiplication and addition are monotone under IEEE rounding, and the nearest and
// farthest squared chords below take the same steps as Chord2. So they bound the computed chord of
// every station inside, not only the true one, and no tolerance is needed.
type bounds struct {
	low, high                Vector
	south, north, west, east float64
}

func noBounds() bounds {
	inf := math.Inf(1)
	return bounds{
		low: Vector{inf, inf, inf}, high: Vector{-inf, -inf, -inf},
		south: inf, north: -inf, west: inf, east: -inf,
	}
}

func (b *bounds) unite(c *bounds) {
	b.low = Vector{min(b.low.X, c.low.X), min(b.low.Y, c.low.Y), min(b.low.Z, c.low.Z)}
	b.high = Vector{max(b.high.X, c.high.X), max(b.high.Y, c.high.Y), max(b.high.Z, c.high.Z)}
	b.south, b.north = min(b.south, c.south), max(b.north, c.north)
	b.west, b.east = min(b.west, c.west), max(b.east, c.east)
}

func (b *bounds) include(lat, lon float64, v Vector) {
	b.unite(&bounds{low: v, high: v, south: lat, north: lat, west: lon, east: lon})
}

// nearest2 is at most the squared chord from v to anything inside.
func (b *bounds) nearest2(v Vector) float64 {
	return square3(gap(v.X, b.low.X, b.high.X), gap(v.Y, b.low.Y, b.high.Y), gap(v.Z, b.low.Z, b.high.Z))
}

// farthest2 is at least the squared chord from v to anything inside.
func (b *bounds) farthest2(v Vector) float64 {
	return square3(reach(v.X, b.low.X, b.high.X), reach(v.Y, b.low.Y, b.high.Y), reach(v.Z, b.low.Z, b.high.Z))
}

// gap is the distance of v from the range low..high, 0 inside.
func gap(v, low, high float64) float64 {
	if v < low {
		return low - v
	}
	if v > high {
		return v - high
	}
	return 0
}

// reach is the distance of v from the farther end of the range low..high.
func reach(v, low, high float64) float64 {
	down, up := v-low, high-v
	if down > up {
		return down
	}
	return up
}
