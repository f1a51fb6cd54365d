package search

import "math"

// EarthRadiusM is the mean radius R1 of the Earth of the IUGG (GRS 80): (2a+b)/3, in metres.
const EarthRadiusM = 6371008.8

// borderM widens every radius. The rounding of coordinates, vectors and distances together stays
// under 1e-8 m, so a station that exact arithmetic puts on the border is always within it.
const borderM = 1e-6

// Vector is a place on the unit sphere: X to latitude 0 longitude 0, Y to longitude 90 east, Z to
// the north pole.
//
// Distances are haversine distances, computed through vectors: the haversine of the angle between
// two places is a quarter of their squared chord, hav(θ) = |a-b|²/4, so
//
//	metres = 2 R asin(sqrt(hav)) = 2 R asin(|a-b|/2)
//
// This form has no special case at poles and at the antimeridian, and comparing squared chords
// needs only subtraction, multiplication and addition, which IEEE 754 rounds the same way
// everywhere. That is what lets SQL give bit for bit the same order and the same border: store the
// three numbers of Unit with each station as double precision columns and write, with the query's
// vector in $1..$3 and Reach(radius) in $4,
//
//	((x-$1)*(x-$1) + (y-$2)*(y-$2)) + (z-$3)*(z-$3) <= $4
//	ORDER BY ((x-$1)*(x-$1) + (y-$2)*(y-$2)) + (z-$3)*(z-$3), id
//
// in exactly this order of operations. Sines taken in SQL would differ in the last bit.
type Vector struct{ X, Y, Z float64 }

// Unit gives the vector of a position in degrees. The one place that every pole is, and both names
// of the antimeridian, have one vector each.
func Unit(lat, lon float64) Vector {
	switch {
	case lat == 90:
		return Vector{Z: 1}
	case lat == -90:
		return Vector{Z: -1}
	case lon == -180:
		lon = 180
	}
	sinLat, cosLat := math.Sincos(lat * (math.Pi / 180))
	sinLon, cosLon := math.Sincos(lon * (math.Pi / 180))
	return Vector{X: cosLat * cosLon, Y: cosLat * sinLon, Z: sinLat}
}

// Chord2 is the squared chord between two vectors: 0 for the same place, 4 for antipodes.
func Chord2(a, b Vector) float64 {
	dx, dy, dz := a.X-b.X, a.Y-b.Y, a.Z-b.Z
	return square3(dx, dy, dz)
}

// square3 rounds after each step: the conversions keep a compiler from fusing multiplication and
// addition, which would round otherwise than SQL does.
func square3(dx, dy, dz float64) float64 {
	return float64(float64(float64(dx*dx)+float64(dy*dy)) + float64(dz*dz))
}

// Metres is the distance on the sphere of a squared chord.
func Metres(chord2 float64) float64 {
	return 2 * EarthRadiusM * math.Asin(min(1, math.Sqrt(chord2)/2))
}

// Reach is the greatest squared chord within a radius in metres, its border included: a place is
// within the radius exactly when Chord2 <= Reach(radius).
func Reach(radiusM float64) float64 {
	angle := (radiusM + borderM) / EarthRadiusM
	if angle >= math.Pi {
		return math.Inf(1)
	}
	chord := 2 * math.Sin(angle/2)
	return chord * chord
}

// DistanceM is the distance of two positions in metres.
func DistanceM(lat1, lon1, lat2, lon2 float64) float64 {
	return Metres(Chord2(Unit(lat1, lon1), Unit(lat2, lon2)))
}

func onGlobe(lat, lon float64) bool {
	return lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180
}
