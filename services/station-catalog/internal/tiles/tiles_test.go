package tiles_test

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/mvt"

	"github.com/ihr-charging/charging-plot-api/libs/nodetest"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/tiles"
)

// noon is when everybody looks.
var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// Paris lies on tile 8299/5636 of zoom 14.
const (
	parisLat, parisLon = 48.8566, 2.3522
	parisX, parisY     = 8299, 5636
)

// stationAt is a document as package find makes them.
func stationAt(n int, name string, lat, lon float64) search.Document {
	id := search.ID{0: 1, 6: 0x70, 8: 0x80, 9: 0xff}
	binary.BigEndian.PutUint32(id[12:], uint32(n))
	quoted, err := json.Marshal(name)
	if err != nil {
		panic(err)
	}
	return search.Document{
		ID: id, Latitude: lat, Longitude: lon, Version: 1,
		Item: fmt.Appendf(nil, `{"id":%q,"name":%s,"latitude":%v,"longitude":%v}`, id, quoted, lat, lon),
		Common: `{"country":"FR","access":"public","operator":{"id":"0190a6f0-3c2b-7000-8000-000000000001","name":"Élec \u0026 Co","country_code":"FR","party_id":"ELC"},` +
			`"max_power_kw":22.08,"price_from":{"currency":"EUR","amount":"0.39"},"free_charging":false}`,
		Hours: search.NewHours("always", func(time.Time) bool { return true }),
		EVSEs: []search.EVSE{
			{ID: search.ID{1, byte(n >> 8), byte(n)}, Status: search.StatusAvailable, Connectors: []search.Connector{
				{Standard: "IEC_62196_T2", PowerW: 22080}, {Standard: "DOMESTIC_E", PowerW: 3680},
			}},
			{ID: search.ID{2, byte(n >> 8), byte(n)}, Status: search.StatusCharging, Connectors: []search.Connector{{Standard: "IEC_62196_T2", PowerW: 22080}}},
		},
	}
}

// bare is a station of which next to nothing is known.
func bare(n int, lat, lon float64) search.Document {
	d := stationAt(n, "", lat, lon)
	d.Common = `{"country":"","access":"private","operator":{"id":"0190a6f0-3c2b-7000-8000-000000000002","name":"","country_code":"ZZ","party_id":"AAA"},` +
		`"max_power_kw":null,"price_from":null,"free_charging":true}`
	d.Hours, d.EVSEs = nil, nil
	return d
}

func indexed(t testing.TB, documents ...search.Document) *search.Snapshot {
	t.Helper()
	x := search.New()
	if err := x.Load(func(yield func(search.Document, error) bool) {
		for _, d := range documents {
			if !yield(d, nil) {
				return
			}
		}
	}, search.AsOf{}); err != nil {
		t.Fatal(err)
	}
	return x.Snapshot()
}

// draw draws a tile.
func draw(t testing.TB, snapshot *search.Snapshot, zoom int, x, y uint32) []byte {
	t.Helper()
	tile := tiles.Get()
	defer tiles.Put(tile)
	tile.Begin(zoom, x, y)
	box, err := search.NewBox(tile.Box())
	if err != nil {
		t.Fatal(err)
	}
	snapshot.Gather(&search.Query{Region: box, At: noon}, &tile.Tile)
	body, err := tile.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{}, body...) // empty, not null, for other languages
}

type feature struct {
	ID         float64        `json:"id"`
	Type       int            `json:"type"`
	Points     [][][2]int     `json:"points"`
	Properties map[string]any `json:"properties"`
}

type layer struct {
	Name     string    `json:"name"`
	Version  int       `json:"version"`
	Extent   int       `json:"extent"`
	Features []feature `json:"features"`
}

// read reads a tile by orb again.
func read(t testing.TB, tile []byte) []layer {
	t.Helper()
	layers, err := mvt.Unmarshal(tile)
	if err != nil {
		t.Fatal(err)
	}
	out := []layer{}
	for _, l := range layers {
		got := layer{Name: l.Name, Version: int(l.Version), Extent: int(l.Extent)}
		for _, f := range l.Features {
			at, isPoint := f.Geometry.(orb.Point)
			if !isPoint {
				t.Fatalf("a feature is a %T", f.Geometry)
			}
			got.Features = append(got.Features, feature{
				ID: f.ID.(float64), Type: 1, Points: [][][2]int{{{int(at[0]), int(at[1])}}}, Properties: f.Properties,
			})
		}
		out = append(out, got)
	}
	return out
}

// TestTilesAreWhatOthersRead promises that orb and the reader of MapLibre find the same in tiles, and that it is what the stations are.
func TestTilesAreWhatOthersRead(t *testing.T) {
	t.Parallel()
	snapshot := indexed(t,
		stationAt(1, "Gare \"de l’Est\" <A&B> \\ \u2028 北京 🚗", parisLat, parisLon),
		bare(2, parisLat+0.0001, parisLon),
		// Just beyond the border in the east, and so in the buffer.
		stationAt(3, "neighbour", parisLat, float64(parisX+1)/(1<<14)*360-180+1e-5),
	)
	at := search.MercatorOf(parisLat, parisLon)
	x, y := int(at.X>>6)&4095, int(at.Y>>6)&4095
	above := int(search.MercatorOf(parisLat+0.0001, parisLon).Y>>6) & 4095
	all := map[string]any{
		"operator": "Élec & Co", "operator_id": "0190a6f0-3c2b-7000-8000-000000000001", "access": "public", "max_power_kw": 22.08, "price_kwh": 0.39,
		"currency": "EUR", "free_charging": false, "plots_total": 2.0, "plots_available": 1.0, "connectors": "DOMESTIC_E,IEC_62196_T2", "open_now": true,
	}
	with := func(id, name string) map[string]any {
		out := map[string]any{"id": id, "name": name}
		for k, v := range all {
			out[k] = v
		}
		return out
	}
	id := func(n int) string { return fmt.Sprintf("01000000-0000-7000-80ff-0000%08x", n) }
	number := func(n int) float64 { return float64(0xf<<48 | n) }
	want := []layer{{Name: tiles.LayerStations, Version: 2, Extent: 4096, Features: []feature{
		{number(1), 1, [][][2]int{{{x, y}}}, with(id(1), "Gare \"de l’Est\" <A&B> \\ \u2028 北京 🚗")},
		{number(2), 1, [][][2]int{{{x, above}}}, map[string]any{
			"id": id(2), "name": "", "operator_id": "0190a6f0-3c2b-7000-8000-000000000002", "access": "private", "free_charging": true,
			"plots_total": 0.0, "plots_available": 0.0,
		}},
		{number(3), 1, [][][2]int{{{4097, y}}}, with(id(3), "neighbour")},
	}}}
	stations := draw(t, snapshot, 14, parisX, parisY)
	world := draw(t, snapshot, 0, 0, 0)
	wantWorld := []layer{{Name: tiles.LayerClusters, Version: 2, Extent: 4096, Features: []feature{
		{2*8 + 4, 1, [][][2]int{{{int(at.X >> 20), int(at.Y >> 20)}}}, map[string]any{
			"count": 3.0, "plots_total": 4.0, "plots_available": 2.0, "max_power_kw": 22.08,
		}},
	}}}
	empty := draw(t, snapshot, 14, 0, 0)
	if len(empty) != 0 {
		t.Errorf("a tile of nothing has %d bytes", len(empty))
	}
	expected := [][]layer{want, wantWorld, {}}
	for i, tile := range [][]byte{stations, world, empty} {
		if diff := gocmp.Diff(expected[i], inOrder(read(t, tile))); diff != "" {
			t.Errorf("orb finds in tile %d (-want +got):\n%s", i, diff)
		}
	}
	orders, err := json.Marshal([][]byte{stations, world, empty})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "reader.js")
	node.Dir, node.Stdin = nodetest.Install(t, "testdata/reader"), strings.NewReader(string(orders))
	out, err := node.Output()
	if err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		t.Fatalf("%v: %s", err, exit.Stderr)
	}
	var found [][]layer
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	for i := range found {
		if diff := gocmp.Diff(expected[i], inOrder(found[i])); diff != "" {
			t.Errorf("MapLibre finds in tile %d (-want +got):\n%s", i, diff)
		}
	}
	if len(found) != len(expected) {
		t.Errorf("MapLibre read %d tiles", len(found))
	}
}

// inOrder sorts features by their numbers.
func inOrder(layers []layer) []layer {
	for _, l := range layers {
		slices.SortFunc(l.Features, func(a, b feature) int { return cmp.Compare(a.ID, b.ID) })
	}
	return layers
}

// TestADenseTileIsClustered promises that no tile is larger than it may be, and that nothing is missing from it.
func TestADenseTileIsClustered(t *testing.T) {
	t.Parallel()
	for name, crowd := range map[string]struct{ stations, nameLength int }{
		"thousands at one place": {5000, 10},
		"few with long names":    {300, 400},
	} {
		documents := make([]search.Document, crowd.stations)
		for i := range documents {
			documents[i] = stationAt(i, fmt.Sprintf("%0*d", crowd.nameLength, i), parisLat, parisLon)
		}
		snapshot := indexed(t, documents...)
		for _, zoom := range []int{0, 11, 12, tiles.MaxZoom} {
			at := search.MercatorOf(parisLat, parisLon)
			tile := draw(t, snapshot, zoom, uint32(uint64(at.X)<<zoom>>32), uint32(uint64(at.Y)<<zoom>>32))
			layers := read(t, tile)
			if len(tile) > tiles.MostBytes || len(layers) != 1 || layers[0].Name != tiles.LayerClusters ||
				len(layers[0].Features) != 1 || layers[0].Features[0].Properties["count"] != float64(crowd.stations) {
				t.Errorf("%s: the tile of zoom %d has %d bytes: %+v", name, zoom, len(tile), layers)
			}
		}
	}
	// Every cell with as much to tell as there can be.
	var scattered []search.Document
	for i := range 64 * 64 {
		scattered = append(scattered, stationAt(i, "", 85-170*float64(i/64)/64, -179+358*float64(i%64)/64))
	}
	tile := draw(t, indexed(t, scattered...), 3, 4, 3)
	if n := len(read(t, tile)[0].Features); n < 64 || len(tile) > tiles.MostBytes/4 {
		t.Errorf("a tile of %d clusters has %d bytes", n, len(tile))
	}
}

// TestAttribution promises each licence once, in one order, and nothing for what has none.
func TestAttribution(t *testing.T) {
	t.Parallel()
	both := tiles.Attribution([]string{"ocpi", "irve", "bnetza", "irve", "ours"})
	if both != tiles.Attribution([]string{"bnetza", "irve"}) || strings.Count(both, "Licence Ouverte 2.0") != 1 || strings.Count(both, "CC BY 4.0") != 1 {
		t.Errorf("the attribution is %q", both)
	}
	if none := tiles.Attribution([]string{"ocpi"}); none != "" {
		t.Errorf("partners' own stations are of %q", none)
	}
}
