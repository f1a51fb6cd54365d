package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// searched is of a station what AllSearched promises, in a form that compares.
type searched struct {
	Station station.Station
	EVSEs   []station.EVSE
	Price   string
	Plugs   [][]string
	PowerW  int
	Free    bool
}

func searchedOf(s station.Station) searched {
	out := searched{PowerW: s.MaxPowerW(), Free: s.Free()}
	if from, priced := s.PriceFrom(); priced {
		out.Price = from.PerKWh.String() + " " + from.Currency
	}
	for _, e := range s.EVSEs {
		if e.Removed {
			continue
		}
		out.EVSEs = append(out.EVSEs, station.EVSE{ID: e.ID, Capabilities: e.Capabilities, Reservable: e.Reservable})
		plugs := []string{}
		for _, c := range e.Connectors {
			plugs = append(plugs, fmt.Sprint(c.Standard, " ", c.PowerW))
		}
		slices.Sort(plugs)
		out.Plugs = append(out.Plugs, plugs)
	}
	out.Station = s
	out.Station.Source, out.Station.SourceID, out.Station.State, out.Station.OpeningText = "", "", "", ""
	out.Station.EVSEs, out.Station.Tariffs = nil, nil
	return out
}

// TestAllSearchedIsAll promises that what is read for the index says of every station what a whole one says: over several pages, with
// tariffs, with stations and EVSEs that were removed.
func TestAllSearchedIsAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := dice{rand.New(rand.NewPCG(20261129, 1))}
	stations := make([]station.Station, 1500)
	for i := range stations {
		stations[i] = d.station(i)
	}
	w.put(stations...)
	var left []station.Station
	for i := range stations {
		if len(stations[i].EVSEs) > 1 && d.IntN(2) == 0 {
			stations[i].EVSEs = stations[i].EVSEs[1:]
		}
		if d.IntN(4) > 0 {
			left = append(left, stations[i])
		}
	}
	w.must(importer.NDJSON, lines(t, left...), func(imp *transfer.Import) { imp.Removal, imp.MaxRemovedShare = transfer.Mark, 1 })
	whole, removed, priced := map[uuid.UUID]searched{}, 0, 0
	for s, err := range w.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		whole[s.ID] = searchedOf(s)
		if len(whole[s.ID].EVSEs) < len(s.EVSEs) {
			removed++
		}
		if whole[s.ID].Price != "" {
			priced++
		}
	}
	if len(whole) != len(left) || len(left) <= 1000 || removed == 0 || priced == 0 {
		t.Fatalf("of %d stations %d were read, %d with removed EVSEs, %d with prices", len(left), len(whole), removed, priced)
	}
	read := map[uuid.UUID]searched{}
	for s, err := range w.AllSearched(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		read[s.ID] = searchedOf(s)
	}
	if diff := cmp.Diff(whole, read); diff != "" {
		t.Fatalf("what is read for the index differs (-all +searched):\n%.4000s", diff)
	}
}
