package search_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// slowly gives the place of a line of great-circle arcs that is nearest to a position, by looking ever closer: metres to it, and
// metres of the line before it. It shares nothing with the corridor but Unit and DistanceM.
func slowly(line [][2]float64, lat, lon float64) (away, along float64) {
	away = math.Inf(1)
	before := 0.0
	for i := 1; i < len(line); i++ {
		a, b := line[i-1], line[i]
		whole := search.DistanceM(a[0], a[1], b[0], b[1])
		low, high := 0.0, 1.0
		for range 100 {
			first, second := low+(high-low)/3, high-(high-low)/3
			if partWay(a, b, first, lat, lon) < partWay(a, b, second, lat, lon) {
				high = second
			} else {
				low = first
			}
		}
		for _, share := range []float64{0, (low + high) / 2, 1} {
			if d := partWay(a, b, share, lat, lon); d < away {
				away, along = d, before+share*whole
			}
		}
		before += whole
	}
	return away, along
}

// partWay is the distance to the place at a share of the way from a to b.
func partWay(a, b [2]float64, share, lat, lon float64) float64 {
	u, v := search.Unit(a[0], a[1]), search.Unit(b[0], b[1])
	angle := search.DistanceM(a[0], a[1], b[0], b[1]) / search.EarthRadiusM
	p, q := 1-share, share
	if angle > 1e-9 {
		p, q = math.Sin((1-share)*angle)/math.Sin(angle), math.Sin(share*angle)/math.Sin(angle)
	}
	at := search.Vector{X: p*u.X + q*v.X, Y: p*u.Y + q*v.Y, Z: p*u.Z + q*v.Z}
	return search.Metres(search.Chord2(at, search.Unit(lat, lon)))
}

// TestCorridorIsATrueBuffer promises distances to the route and along it that agree with looking closely, wherever on the globe.
func TestCorridorIsATrueBuffer(t *testing.T) {
	t.Parallel()
	for kind := range worldKinds {
		w := newWorld(kind, 5)
		docs := w.documents(200)
		for range 20 {
			line := w.line(docs, 2, 8)
			region, err := search.NewCorridor(line, 5000)
			if err != nil {
				continue // neighbours are antipodes
			}
			for range 20 {
				lat, lon := w.position()
				away, along := slowly(line, lat, lon)
				got, gotAlong := region.Place(lat, lon)
				if math.Abs(got-away) > 0.01 {
					t.Fatalf("%v, %v is %v m from %v, not %v", lat, lon, away, line, got)
				}
				if math.Abs(away-5000) > 0.01 && region.Contains(lat, lon) != (away < 5000) {
					t.Fatalf("%v, %v at %v m is taken for the other side", lat, lon, away)
				}
				// Where two places of the line are as near, either is right.
				if d := math.Abs(gotAlong - along); d > 1 && !equallyNear(line, lat, lon, gotAlong, away) {
					t.Fatalf("%v, %v is %v m along %v, not %v", lat, lon, along, line, gotAlong)
				}
			}
		}
	}
}

// equallyNear tells whether the place so far along the line is as near as the nearest.
func equallyNear(line [][2]float64, lat, lon, along, away float64) bool {
	for i := 1; i < len(line); i++ {
		whole := search.DistanceM(line[i-1][0], line[i-1][1], line[i][0], line[i][1])
		if along <= whole+0.01 {
			return math.Abs(partWay(line[i-1], line[i], min(1, along/max(whole, 1e-9)), lat, lon)-away) < 0.01
		}
		along -= whole
	}
	return false
}

// winding is the sum of the angles under which a position sees the sides of a polygon: a whole turn within, nothing outside.
func winding(corners [][2]float64, lat, lon float64) float64 {
	bearing := func(to [2]float64) float64 {
		const r = math.Pi / 180
		p, q, d := lat*r, to[0]*r, (to[1]-lon)*r
		return math.Atan2(math.Sin(d)*math.Cos(q), math.Cos(p)*math.Sin(q)-math.Sin(p)*math.Cos(q)*math.Cos(d))
	}
	sum := 0.0
	for i, c := range corners {
		turn := bearing(corners[(i+1)%len(corners)]) - bearing(c)
		sum += math.Remainder(turn, 2*math.Pi)
	}
	return sum
}

// TestPolygonIsWhatItsSidesSurround promises what the angles say that a position sees the sides under; for triangles, which do not
// cross themselves, over the poles and the antimeridian too.
func TestPolygonIsWhatItsSidesSurround(t *testing.T) {
	t.Parallel()
	checked := 0
	for kind := range worldKinds {
		w := newWorld(kind, 6)
		docs := w.documents(200)
		for range 30 {
			corners := w.line(docs, 3, 4)
			region, err := search.NewPolygon(corners)
			if err != nil {
				continue
			}
			for range 20 {
				lat, lon := w.position()
				if w.IntN(2) == 0 {
					c := corners[w.IntN(3)]
					lat, lon = clamp(c[0]+w.NormFloat64(), 90), wrap(c[1]+w.NormFloat64())
				}
				border, _ := slowly(append(slices.Clone(corners), corners[0]), lat, lon)
				// Far away a position sees a turn too: the other side of the globe.
				if border < 1 || math.Abs(lat) > 89.999 || search.DistanceM(lat, lon, corners[0][0], corners[0][1]) > 9e6 {
					continue
				}
				checked++
				if in := math.Abs(winding(corners, lat, lon)) > math.Pi; in != region.Contains(lat, lon) {
					t.Fatalf("%v, %v is within %v: %t", lat, lon, corners, in)
				}
			}
		}
	}
	if checked < 1000 {
		t.Errorf("only %d positions were compared", checked)
	}
}

func TestPlacesThatCannotBe(t *testing.T) {
	t.Parallel()
	type line = [][2]float64
	for name, make := range map[string]func() error{
		"one place":         func() error { _, err := search.NewCorridor(line{{1, 1}}, 1); return err },
		"no globe":          func() error { _, err := search.NewCorridor(line{{1, 1}, {91, 0}}, 1); return err },
		"NaN":               func() error { _, err := search.NewCorridor(line{{1, 1}, {math.NaN(), 0}}, 1); return err },
		"antipodes":         func() error { _, err := search.NewCorridor(line{{10, 10}, {-10, -170}}, 1); return err },
		"negative width":    func() error { _, err := search.NewCorridor(line{{1, 1}, {2, 2}}, -1); return err },
		"two corners":       func() error { _, err := search.NewPolygon(line{{1, 1}, {2, 2}, {1, 1}}); return err },
		"half of the globe": func() error { _, err := search.NewPolygon(line{{0, 0}, {0, 120}, {0, -120}}); return err },
	} {
		if err := make(); !errors.Is(err, search.ErrRegion) {
			t.Errorf("%s gave %v", name, err)
		}
	}
	// The same place twice is a circle around it.
	point, err := search.NewCorridor(line{{1, 1}, {1, 1}}, 1000)
	if err != nil || !point.Contains(1, 1) || point.Contains(1.1, 1) {
		t.Errorf("a route that goes nowhere: %v", err)
	}
}

// TestSpreadIsFair promises as many as were wanted, none twice, and that a lonely station stands beside a crowd.
func TestSpreadIsFair(t *testing.T) {
	t.Parallel()
	for kind := range worldKinds {
		w := newWorld(kind, 8)
		docs := w.documents(900)
		lonely := w.document(w.id())
		lonely.Latitude, lonely.Longitude = -45, -120 // where only the uniform ones and the lattice have others
		x := load(t, append(docs, lonely))
		for _, size := range []int{1, 2, 7, 50, 899, 901, 2000} {
			ids, total := x.Snapshot().Spread(&search.Query{}, size)
			if total != 901 || len(ids) != min(size, total) {
				t.Fatalf("%s: of %d wanted %d came of %d", kind, size, len(ids), total)
			}
			distinct := map[search.ID]bool{}
			for _, id := range ids {
				distinct[id] = true
			}
			if len(distinct) != len(ids) {
				t.Errorf("%s: of %d some came twice", kind, size)
			}
			if kind != uniform && kind != lattice && size >= 7 && !distinct[lonely.ID] {
				t.Errorf("%s: among %d the lonely one is missing", kind, size)
			}
		}
	}
}

// TestClustersCountEveryStationOnce promises the same clusters as putting each match in by itself, in the other order.
func TestClustersCountEveryStationOnce(t *testing.T) {
	t.Parallel()
	for kind := range worldKinds {
		w := newWorld(kind, 9)
		docs := w.documents(1500)
		x, o := load(t, docs), newOracle(docs)
		for range 30 {
			q := w.question(docs)
			zoom := w.IntN(15)
			got, want := search.NewClusters(zoom), search.NewClusters(zoom)
			total := x.Snapshot().Cluster(&q.Query, got)
			matches := o.search(q)
			for _, m := range slices.Backward(matches) {
				d := o[m.id]
				want.Add(m.id, d.Latitude, d.Longitude)
			}
			said := func(c *search.Clusters) (text []string) {
				for _, k := range c.All() {
					lat, lon := k.Position()
					text = append(text, fmt.Sprint(k.Count, k.First, k.South, k.West, k.North, k.East, lat, lon))
				}
				return text
			}
			if total != len(matches) || !slices.Equal(said(got), said(want)) {
				t.Fatalf("%s at zoom %d: %v, want %v", kind, zoom, said(got), said(want))
			}
		}
	}
}
