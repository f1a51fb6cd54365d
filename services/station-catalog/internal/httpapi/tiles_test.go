package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/paulmach/orb/encoding/mvt"

	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/tiles"
)

// tile asks for a tile and reads it.
func (c caller) tile(path string) (mvt.Layers, answer) {
	c.t.Helper()
	a := c.do(http.MethodGet, "/v1/tiles/"+path, nil)
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/vnd.mapbox-vector-tile" {
		c.t.Fatalf("%s was answered by %d %s: %s", path, a.status, a.header, a.body)
	}
	layers, err := mvt.Unmarshal(a.body)
	if err != nil {
		c.t.Fatal(err)
	}
	return layers, a
}

// within counts the stations of a tile that are its own.
func within(layers mvt.Layers) (n int) {
	for _, l := range layers {
		for _, f := range l.Features {
			at := f.Geometry.Bound().Min
			switch own := at[0] >= 0 && at[0] < 4096 && at[1] >= 0 && at[1] < 4096; {
			case own && l.Name == tiles.LayerStations:
				n++
			case own:
				n += int(f.Properties["count"].(float64))
			}
		}
	}
	return n
}

func TestGetTile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *stationcatalog.Config) { c.HTTP.CORSOrigins = []string{"*"} })
	w.fill()
	anyone := w.anonymous()

	for _, query := range []string{"", "connector=CHADEMO", "min_power_kw=50&exclude_faults=true", "q=gare", "country=FR&open_now=true"} {
		all, _ := want[page](anyone, http.StatusOK, http.MethodGet, "/v1/stations?count_only=true&"+query, nil)
		for zoom := range 4 {
			sum := 0
			for x := range 1 << zoom {
				for y := range 1 << zoom {
					layers, _ := anyone.tile(fmt.Sprintf("%d/%d/%d.mvt?%s", zoom, x, y, query))
					sum += within(layers)
				}
			}
			if sum != all.Total {
				t.Errorf("the tiles of zoom %d?%s have %d stations, the search has %d", zoom, query, sum, all.Total)
			}
		}
	}

	station := w.named("Place du Marché")
	at := search.MercatorOf(station.Latitude, station.Longitude)
	path := fmt.Sprintf("16/%d/%d.mvt", at.X>>16, at.Y>>16)
	layers, a := anyone.tile(path + "?id=" + station.ID.String())
	if len(layers) != 1 || layers[0].Name != tiles.LayerStations || len(layers[0].Features) != 1 || layers[0].Features[0].Properties["id"] != station.ID.String() {
		t.Errorf("the tile of %s has %+v", station.Name, layers)
	}
	if a.header.Get("Cache-Control") != "public, max-age=15" || a.header.Get("ETag") == "" {
		t.Errorf("it is kept by %s", a.header)
	}
	again := anyone.do(http.MethodGet, "/v1/tiles/"+path+"?id="+station.ID.String(), nil, "If-None-Match", a.header.Get("ETag"), "Origin", "https://map.example")
	if again.status != http.StatusNotModified || len(again.body) > 0 || again.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("what the caller holds was answered by %d %s", again.status, again.header)
	}
	w.setStatus(station.EVSEs[0].ID, "AVAILABLE")
	w.eventually("the tile shows a plot that has become free", func() bool {
		layers, fresh := anyone.tile(path + "?id=" + station.ID.String())
		return layers[0].Features[0].Properties["plots_available"] == 1.0 && fresh.header.Get("ETag") != a.header.Get("ETag")
	})
	if head := anyone.do(http.MethodHead, "/v1/tiles/"+path, nil); head.status != http.StatusOK || len(head.body) > 0 {
		t.Errorf("HEAD was answered by %d", head.status)
	}
	if empty, a := anyone.tile("16/0/0.mvt"); len(empty) != 0 || len(a.body) != 0 {
		t.Errorf("a tile of nothing is %q", a.body)
	}
	for path, named := range map[string]string{
		"17/0/0.mvt":                        "z",
		"-1/0/0.mvt":                        "z",
		"a/0/0.mvt":                         "z",
		"3/8/0.mvt":                         "x",
		"3/0/8.mvt":                         "y",
		"3/0/-1.mvt":                        "y",
		"3/0/1.5.mvt":                       "y",
		"3/x/0.mvt":                         "x",
		"3/99999999999999999999/0.mvt":      "x",
		"0/0/1.mvt":                         "y",
		"3/8/8.mvt":                         "x y",
		"3/8/0.mvt?connector=CSS":           "connector x",
		"17/0/0.mvt?connector=CSS&near=1,1": "z near connector",
		"3/0/0.mvt?bbox=0,0,1,1":            "bbox",
		"3/0/0.mvt?limit=3":                 "limit",
		"3/0/0.mvt?min_power_kw=x":          "min_power_kw",
		"3/0/0.mvt?max_power_kw=3&min_power_kw=4": "max_power_kw",
		"3/0/0.mvt?available=maybe":               "available",
		"3/0/0.mvt?currency=EUR":                  "currency",
		"3/0/0.mvt?open_now=true&open_now=true":   "open_now open_at",
		"3/0/0.mvt?operator=1":                    "operator",
		"3/0/0.mvt?q=":                            "q",
		"3/0/0.mvt?sort=power":                    "sort",
	} {
		if got := refusedParameters(anyone, "/v1/tiles/"+path); got != named {
			t.Errorf("%s names %q, want %q", path, got, named)
		}
	}
	for _, path := range []string{"/v1/tiles", "/v1/tiles/", "/v1/tiles/1/1/1", "/v1/tiles/1/1/1.png", "/v1/tiles/1/1.mvt"} {
		if a := anyone.do(http.MethodGet, path, nil); a.status != http.StatusNotFound {
			t.Errorf("%s was answered by %d", path, a.status)
		}
	}
}

func TestGetTileJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *stationcatalog.Config) { c.PublicURL = "https://charging.example/" })
	w.fill()
	anyone := w.anonymous()
	type description struct {
		TileJSON     string
		Tiles        []string
		Attribution  string
		MinZoom      int
		MaxZoom      int
		Bounds       []float64
		VectorLayers []struct {
			ID      string
			MinZoom int
			Fields  map[string]string
		} `json:"vector_layers"`
	}
	got, a := want[description](anyone, http.StatusOK, http.MethodGet, "/v1/tiles.json", nil)
	if got.TileJSON != "3.0.0" || len(got.Tiles) != 1 || got.Tiles[0] != "https://charging.example/v1/tiles/{z}/{x}/{y}.mvt" ||
		got.MinZoom != 0 || got.MaxZoom != 16 || len(got.Bounds) != 4 || !strings.Contains(got.Attribution, "Licence Ouverte 2.0") {
		t.Errorf("the tiles are %+v", got)
	}
	if again := anyone.do(http.MethodGet, "/v1/tiles.json", nil, "If-None-Match", a.header.Get("ETag")); again.status != http.StatusNotModified {
		t.Errorf("what the caller holds was answered by %d", again.status)
	}
	// What it says of layers is what they have.
	fields := map[string]map[string]string{}
	for _, l := range got.VectorLayers {
		fields[l.ID] = l.Fields
	}
	for _, path := range []string{"0/0/0.mvt", "5/16/11.mvt"} {
		layers, _ := anyone.tile(path)
		for _, l := range layers {
			for _, f := range l.Features {
				for name := range f.Properties {
					if fields[l.Name][name] == "" {
						t.Errorf("nothing is said of %s of %s", name, l.Name)
					}
				}
			}
		}
	}
	filtered, _ := want[description](anyone, http.StatusOK, http.MethodGet, "/v1/tiles.json?connector=CHADEMO&q=%7Bz%7D+{x", nil)
	if filtered.Tiles[0] != "https://charging.example/v1/tiles/{z}/{x}/{y}.mvt?connector=CHADEMO&q=%7Bz%7D+%7Bx" {
		t.Errorf("the filtered tiles are %s", filtered.Tiles)
	}
	for query, named := range map[string]string{"connector=CSS": "connector", "zoom=3": "zoom", "bbox=0,0,1,1": "bbox", "currency=EUR": "currency"} {
		if got := refusedParameters(anyone, "/v1/tiles.json?"+query); got != named {
			t.Errorf("%s names %q, want %q", query, got, named)
		}
	}
}
