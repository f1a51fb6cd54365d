package postgres_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// TestPagesOfDuplicatesAreFull promises that a page of pairs is full unless it is the last, however many stations without a twin lie
// between, and that the last one says so.
func TestPagesOfDuplicatesAreFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lonely := sites(1200) // more than are looked at at once
	for i := range lonely {
		lonely[i].Latitude, lonely[i].Longitude = 40+float64(i/40)/100, 2+float64(i%40)/100
	}
	const pairs = 3
	var twins []station.Station
	for i := range pairs {
		for _, source := range []string{"here", "elsewhere"} {
			twin := site(string(rune('A'+i)), source+string(rune('A'+i)))
			twin.Source, twin.Latitude = source, 50+float64(i)
			twin.EVSEs[0].EVSEID = "FR*PLM*E" + twin.SourceID
			twins = append(twins, twin)
		}
	}
	w.put(lonely...)
	w.put(twins...)
	for limit, sizes := range map[int][]int{1: {1, 1, 1}, 2: {2, 1}, pairs: {pairs}, pairs + 1: {pairs}} {
		place := &station.PairPlace{}
		seen := map[string]bool{}
		for i, size := range sizes {
			found, next, err := w.Duplicates(t.Context(), nil, *place, limit)
			if err != nil {
				t.Fatal(err)
			}
			if last := i == len(sizes)-1; len(found) != size || (next == nil) != last {
				t.Fatalf("page %d of %d pairs each has %d, want %d, and leads on to %v", i+1, limit, len(found), size, next)
			}
			for _, d := range found {
				seen[d.Stations[0].SourceID] = true
			}
			place = next
		}
		if len(seen) != pairs {
			t.Errorf("in pages of %d there are %v", limit, seen)
		}
	}
}

// TestDuplicatesAreFoundWhereverTheyStand promises pairs at latitudes where a hundred metres are many degrees, on both sides of the
// antimeridian and around a pole.
func TestDuplicatesAreFoundWhereverTheyStand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	places := map[string][2][2]float64{
		"Paris":            {{48.8566, 2.3522}, {48.8570, 2.3525}},
		"Hammerfest":       {{70.66, 20.0009}, {70.66, 20.0034}}, // 92 m, and three squares between
		"Svalbard":         {{78.22, 15.6009}, {78.22, 15.6049}}, // 91 m
		"the antimeridian": {{-16.8, 179.9999}, {-16.8, -179.9999}},
		"the pole":         {{89.9998, 10}, {89.9999, -120}},
	}
	want := map[string]bool{}
	for name, twins := range places {
		for i, at := range twins {
			twin := site(name, name+string(rune('A'+i)))
			twin.Source, twin.Latitude, twin.Longitude = []string{"here", "elsewhere"}[i], at[0], at[1]
			twin.EVSEs[0].EVSEID = "FR*PLM*E" + strings.ToUpper(strings.ReplaceAll(name, " ", ""))
			w.put(twin)
		}
		want["Station "+name] = true
	}
	found, next, err := w.Duplicates(t.Context(), nil, station.PairPlace{}, 50)
	if err != nil || next != nil {
		t.Fatal(next, err)
	}
	for _, d := range found {
		if !want[d.Stations[0].Name] || d.Stations[0].Name != d.Stations[1].Name || d.DistanceM > station.Nearby {
			t.Errorf("found %+v, or found it twice", d)
		}
		delete(want, d.Stations[0].Name)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

// TestNeighboursAreFoundByTheIndexOfSquares promises that the rest of the catalogue is not read for them, however large it is.
func TestNeighboursAreFoundByTheIndexOfSquares(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, postgres.Migrations())
	w := world{postgres.New(db), t}
	w.put(sites(1200)...)
	if _, err := db.ExecContext(t.Context(), `ANALYZE stations, evses`); err != nil {
		t.Fatal(err)
	}
	var plan []string
	err := db.SelectContext(t.Context(), &plan, `EXPLAIN `+postgres.NearPairs, uuid.Nil, uuid.Nil, nil, postgres.ScannedStations, 500,
		search.Reach(station.Nearby), postgres.NearbyDegrees)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(plan, "\n")
	if !strings.Contains(text, "Index Scan using stations_square_idx") || strings.Contains(text, "Seq Scan on stations stations_") {
		t.Errorf("neighbours are found by\n%s", text)
	}
}
