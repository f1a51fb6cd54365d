// Package tiles draws stations on tiles of the map of the world, as Mapbox Vector Tiles 2.1: one by one where there is room for them, and
// gathered in clusters elsewhere.
//
//	tile := tiles.Get()
//	defer tiles.Put(tile)
//	tile.Begin(zoom, x, y)
//	… // tile.Tile gathers what matches in its Box
//	body, err := tile.Marshal()
//
// A tile has one layer. Nothing is left out of it, and it has at most MostBytes.
package tiles

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/mvt"
	"github.com/paulmach/orb/geojson"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/rendered"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

const (
	// MaxZoom is the last zoom level; a unit of its tiles is 15 cm at the equator.
	MaxZoom = search.TileZooms
	// StationsFrom is the first zoom level on which stations are shown one by one.
	StationsFrom = 12
	// MostBytes bounds a tile before compression.
	MostBytes = 64 << 10

	// mostStations is how many are tried one by one: each takes 80 bytes at least, half of them its id.
	mostStations = MostBytes / 80

	wattsPerKW = 1000
)

// Tile is a tile that is being drawn.
type Tile struct{ search.Tile }

var pool = sync.Pool{New: func() any { return &Tile{} }}

// Get gives a tile that wants to be begun.
func Get() *Tile {
	t, _ := pool.Get().(*Tile)
	return t
}

// Put takes a tile back.
func Put(t *Tile) {
	t.Reset()
	pool.Put(t)
}

// Begin makes a tile ready; x and y are below 2^zoom.
func (t *Tile) Begin(zoom int, x, y uint32) {
	most := -1
	if zoom >= StationsFrom {
		most = mostStations
	}
	t.Tile.Begin(zoom, x, y, most)
}

// Marshal writes the tile: nothing when it is empty.
func (t *Tile) Marshal() ([]byte, error) {
	if t.Few() {
		if body, err := marshal(LayerStations, t.stations()); err != nil || len(body) <= MostBytes {
			return body, err
		}
	}
	return marshal(LayerClusters, t.clusters())
}

func marshal(name string, features []*geojson.Feature) ([]byte, error) {
	if len(features) == 0 {
		return nil, nil
	}
	const version = 2
	body, err := mvt.Marshal(mvt.Layers{{Name: name, Version: version, Extent: search.TileExtent, Features: features}})
	if err != nil {
		return nil, fmt.Errorf("write a vector tile: %w", err)
	}
	return body, nil
}

// feature is one at a place of the tile.
func feature(id uint64, x, y int, properties geojson.Properties) *geojson.Feature {
	return &geojson.Feature{ID: id, Geometry: orb.Point{float64(x), float64(y)}, Properties: properties}
}

func (t *Tile) stations() []*geojson.Feature {
	spots := t.Spots()
	out := make([]*geojson.Feature, 0, len(spots))
	// What many stations have in common is read once.
	commons, counts := map[string]geojson.Properties{}, map[string]geojson.Properties{}
	for i := range spots {
		s := &spots[i]
		item, common, plots := s.Parts()
		said, known := commons[common]
		if !known {
			said = propertiesOfCommon([]byte(common))
			commons[common] = said
		}
		counted, known := counts[string(plots)]
		if !known {
			counted = propertiesOfPlots(plots)
			counts[string(plots)] = counted
		}
		id := s.ID()
		properties := make(geojson.Properties, len(stationFields))
		properties["id"] = id.String()
		maps.Copy(properties, said)
		maps.Copy(properties, counted)
		for name, value := range rendered.Members(item) {
			if name == "name" {
				properties["name"] = unquoted(value)
				break
			}
		}
		if open, known := s.Open(); known {
			properties["open_now"] = open
		}
		if rating := s.Rating(); rating.Count > 0 {
			properties["rating"], properties["rating_count"] = rating.Average, rating.Count
		}
		out = append(out, feature(featureOf(id), s.X, s.Y, properties))
	}
	return out
}

// featureOf is the number that the last 13 hexadecimal digits of an id are: random ones, and as many as a JavaScript number holds.
func featureOf(id search.ID) uint64 {
	const digits = 13
	return binary.BigEndian.Uint64(id[8:]) & (1<<(4*digits) - 1)
}

// propertiesOfCommon reads what a station has in common with others, as package find renders it.
func propertiesOfCommon(object []byte) geojson.Properties {
	out := geojson.Properties{}
	text := func(name string, quoted []byte) { // unless it is empty
		if said := unquoted(quoted); said != "" {
			out[name] = said
		}
	}
	number := func(name string, digits []byte) { // unless it is null
		if v, err := strconv.ParseFloat(string(digits), 64); err == nil {
			out[name] = v
		}
	}
	for name, value := range rendered.Members(object) {
		switch name {
		case "access":
			text("access", value)
		case "operator":
			for name, value := range rendered.Members(value) {
				switch name {
				case "id":
					text("operator_id", value)
				case "name":
					text("operator", value)
				}
			}
		case "max_power_kw":
			number("max_power_kw", value)
		case "price_from":
			if value[0] != '{' {
				continue // null
			}
			for name, value := range rendered.Members(value) {
				switch name {
				case "currency":
					text("currency", value)
				case "amount":
					number("price_kwh", value[1:len(value)-1])
				}
			}
		case "free_charging":
			out["free_charging"] = value[0] == 't'
		}
	}
	return out
}

// propertiesOfPlots reads the counts of plots, as package search renders them.
func propertiesOfPlots(object []byte) geojson.Properties {
	out := geojson.Properties{}
	for name, value := range rendered.Members(object) {
		switch name {
		case "total", "available":
			if n, err := strconv.ParseUint(string(value), 10, 64); err == nil {
				out["plots_"+name] = n
			}
		case "by_connector":
			var standards []string
			for standard := range rendered.Members(value) {
				standards = append(standards, standard)
			}
			if len(standards) > 0 {
				out["connectors"] = strings.Join(standards, ",")
			}
		}
	}
	return out
}

// unquoted is what a JSON string says.
func unquoted(quoted []byte) (text string) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	_ = json.Unmarshal(quoted, &text) // it was made by encoding/json
	return text
}

func (t *Tile) clusters() []*geojson.Feature {
	var out []*geojson.Feature
	t.Cells(func(cell *search.TileCell, x, y int, number uint64) {
		properties := geojson.Properties{"count": uint64(cell.Stations), "plots_total": uint64(cell.Plots), "plots_available": uint64(cell.Available)} //nolint:gosec // counts
		if cell.MaxPowerW > 0 {
			properties["max_power_kw"] = float64(cell.MaxPowerW) / wattsPerKW
		}
		if cell.Stations == 1 {
			properties["station_id"] = cell.Only.String()
		}
		out = append(out, feature(number, x, y, properties))
	})
	return out
}
