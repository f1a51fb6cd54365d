package search_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// haversine is the textbook formula, in degrees and metres.
func haversine(lat1, lon1, lat2, lon2 float64) float64 {
	const radians = math.Pi / 180
	half := func(degrees float64) float64 { s := math.Sin(degrees * radians / 2); return s * s }
	h := half(lat2-lat1) + math.Cos(lat1*radians)*math.Cos(lat2*radians)*half(lon2-lon1)
	return 2 * search.EarthRadiusM * math.Asin(math.Sqrt(min(1, h)))
}

func TestDistanceIsTheHaversineDistance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lat1, lon1 := drawPosition(t, "from")
		lat2, lon2 := drawPosition(t, "to")
		want := haversine(lat1, lon1, lat2, lon2)
		got := search.DistanceM(lat1, lon1, lat2, lon2)
		// Both formulas lose digits near the antipode, where a sine is flat.
		tolerance := 1e-7
		if want > 1.9e7 {
			tolerance = 1
		}
		if math.Abs(got-want) > tolerance {
			t.Fatalf("%v, not %v", got, want)
		}
	})
}

func drawPosition(t *rapid.T, name string) (lat, lon float64) {
	special := rapid.SampledFrom([]float64{-90, -45, 0, 45, 90})
	lat = rapid.OneOf(rapid.Float64Range(-90, 90), special).Draw(t, name+" latitude")
	lon = 2 * rapid.OneOf(rapid.Float64Range(-90, 90), special).Draw(t, name+" longitude")
	return lat, lon
}

// A tenth of the way round the Earth, and half of it, are known without a formula.
func TestDistanceOfKnownArcs(t *testing.T) {
	t.Parallel()
	for _, arc := range []struct{ lat1, lon1, lat2, lon2, degrees float64 }{
		{0, 0, 0, 36, 36},
		{0, 162, 0, -162, 36},
		{-18, 12, 18, 12, 36},
		{80, 0, 80, 180, 20},
		{90, 0, -90, 77, 180},
		{90, 13, 90, -170, 0},
		{12, 180, 12, -180, 0},
	} {
		want := arc.degrees * math.Pi / 180 * search.EarthRadiusM
		if got := search.DistanceM(arc.lat1, arc.lon1, arc.lat2, arc.lon2); math.Abs(got-want) > 1e-7 {
			t.Errorf("%+v: %v, not %v", arc, got, want)
		}
	}
}

func TestReachIncludesTheBorderAndLittleElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lat1, lon1 := drawPosition(t, "from")
		lat2, lon2 := drawPosition(t, "to")
		chord2 := search.Chord2(search.Unit(lat1, lon1), search.Unit(lat2, lon2))
		distance := haversine(lat1, lon1, lat2, lon2)
		if distance > 1.9e7 {
			t.Skip("near the antipode metres are coarse")
		}
		if chord2 > search.Reach(distance) {
			t.Fatalf("a station %v m away is not within %v m", distance, distance)
		}
		if shorter := distance - 1e-5; shorter >= 0 && chord2 <= search.Reach(shorter) {
			t.Fatalf("a station %v m away is within %v m", distance, shorter)
		}
	})
}

func TestReachOfTheWholeEarthIncludesTheAntipode(t *testing.T) {
	t.Parallel()
	half := math.Pi * search.EarthRadiusM
	for _, radius := range []float64{half, 2.1e7, math.Inf(1)} {
		if chord2 := search.Chord2(search.Unit(90, 0), search.Unit(-90, 0)); chord2 > search.Reach(radius) {
			t.Errorf("%v m do not reach the antipode", radius)
		}
	}
}
