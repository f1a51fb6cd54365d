package postgres_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/mvt"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/tiles"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// TestTilesByMemoryAndSQL promises that the index in memory and the tables give the same tile of the same query, to the byte, and that a
// tile says of a station what the search does; and that they go on to when stations and statuses change.
func TestTilesByMemoryAndSQL(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(20261129, 1))}
	w := newTwins(t, d, 300)
	// What is asked for does not depend on what becomes of the stations, which goes by the order of a map.
	before := w.compareTiles(dice{rand.New(rand.NewPCG(20261129, 2))}, 100)
	w.change(d)
	after := w.compareTiles(dice{rand.New(rand.NewPCG(20261129, 3))}, 100)
	if least := 50; before < least || after < least {
		t.Errorf("%d and %d stations were on tiles one by one: they say nothing", before, after)
	}
}

// compareTiles gives how many stations were shown one by one.
func (w *twins) compareTiles(d dice, queries int) (shown int) {
	w.t.Helper()
	ctx := w.t.Context()
	all := w.all()
	sources := slices.Sorted(maps.Keys(all))
	var operators, ids []uuid.UUID
	for _, source := range sources {
		operators, ids = append(operators, all[source].Operator.ID), append(ids, all[source].ID)
	}
	for range queries {
		q := d.query(operators, ids)
		if d.IntN(2) == 0 {
			q = find.Query{Now: q.Now, Currency: q.Currency}
		}
		zoom := d.IntN(tiles.MaxZoom + 1)
		if d.IntN(2) == 0 {
			zoom = max(zoom, tiles.StationsFrom)
		}
		s := all[sources[d.IntN(len(sources))]]
		at := search.MercatorOf(s.Latitude, s.Longitude)
		x, y := uint32(uint64(at.X)<<zoom>>32), uint32(uint64(at.Y)<<zoom>>32)
		drawn := func(f *find.Finder) []byte {
			tile := tiles.Get()
			defer tiles.Put(tile)
			tile.Begin(zoom, x, y)
			if err := f.Tile(ctx, &q, &tile.Tile); err != nil {
				w.t.Fatal(err)
			}
			body, err := tile.Marshal()
			if err != nil {
				w.t.Fatal(err)
			}
			return body
		}
		memory, sql := drawn(w.memory), drawn(w.sql)
		if !bytes.Equal(memory, sql) {
			w.t.Errorf("%d/%d/%d of %+v (-memory +SQL):\n%s", zoom, x, y, q, cmp.Diff(w.features(memory), w.features(sql)))
		}
		for _, f := range w.features(memory) {
			if id, one := f["id"].(string); one {
				shown++
				if diff := cmp.Diff(w.searched(&q, id), f); diff != "" {
					w.t.Errorf("%d/%d/%d of %+v: %s (-search +tile):\n%s", zoom, x, y, q, id, diff)
				}
			}
		}
	}
	return shown
}

// features are the properties of what a tile has, with the place of each.
func (w *twins) features(tile []byte) []map[string]any {
	w.t.Helper()
	layers, err := mvt.Unmarshal(tile)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []map[string]any
	for _, l := range layers {
		for _, f := range l.Features {
			at, _ := f.Geometry.(orb.Point)
			properties := map[string]any(f.Properties)
			if l.Name == tiles.LayerClusters {
				properties["at"] = fmt.Sprint(f.ID, at)
			}
			all = append(all, properties)
		}
	}
	return all
}

// searched is what the search says of a station, in the words of tiles.
func (w *twins) searched(q *find.Query, id string) map[string]any {
	w.t.Helper()
	ask := find.Query{IDs: []uuid.UUID{uuid.MustParse(id)}, Now: q.Now, Currency: q.Currency, Limit: 1}
	body, _, err := w.memory.Search(w.t.Context(), &ask, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	it := items(w.t, body)[0]
	operator, plots := it["operator"].(map[string]any), it["plots"].(map[string]any)
	out := map[string]any{
		"id": id, "name": it["name"], "operator": operator["name"], "operator_id": operator["id"], "access": it["access"],
		"free_charging": it["free_charging"], "plots_total": plots["total"], "plots_available": plots["available"],
	}
	if power := it["max_power_kw"]; power != nil {
		out["max_power_kw"] = power
	}
	if price, priced := it["price_from"].(map[string]any); priced {
		out["currency"] = price["currency"]
		var amount float64
		if _, err := fmt.Sscan(price["amount"].(string), &amount); err != nil {
			w.t.Fatal(err)
		}
		out["price_kwh"] = amount
	}
	if rating, rated := it["rating"].(map[string]any); rated {
		out["rating"], out["rating_count"] = rating["average"], rating["count"]
	}
	if open := it["open_now"]; open != nil {
		out["open_now"] = open
	}
	var connectors []string
	for standard := range plots["by_connector"].(map[string]any) {
		connectors = append(connectors, standard)
	}
	slices.Sort(connectors)
	if len(connectors) > 0 {
		out["connectors"] = strings.Join(connectors, ",")
	}
	return out
}

// TestProvenance promises the formats that stations came in, under whatever name they were filed, and the name where no
// import filed them.
func TestProvenance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if none, err := w.Provenance(t.Context()); err != nil || len(none) != 0 {
		t.Errorf("nothing came in %v: %v", none, err)
	}
	w.must("ocm", `[{"ID":1,"OperatorInfo":{"Title":"Op"},"AddressInfo":{"Title":"One","Latitude":48.8,"Longitude":2.3,"Country":{"ISOCode":"FR"}},"Connections":[{"ConnectionTypeID":25,"PowerKW":22}]}]`,
		func(i *transfer.Import) { i.Source = "community" })
	w.put(site("S1"))
	got, err := w.Provenance(t.Context())
	slices.Sort(got)
	if want := []string{"demo", "ocm"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("stations came in %v (%v), want %v", got, err, want)
	}
}
