package tiles

// The layers of tiles.
const (
	LayerStations = "stations"
	LayerClusters = "clusters"
)

type field struct{ name, description string }

var (
	stationFields = []field{
		{"id", "String. The id of the station."},
		{"name", "String."},
		{"operator", "String. The name of the operator."},
		{"operator_id", "String."},
		{"access", "String: public, restricted or private."},
		{"max_power_kw", "Number. The most power of a connector."},
		{"price_kwh", "Number. The least price of a kilowatt-hour, taxes included, in the currency."},
		{"currency", "String. ISO 4217, beside price_kwh."},
		{"free_charging", "Boolean."},
		{"plots_total", "Number of plots."},
		{"plots_available", "Number of plots that are free now."},
		{"connectors", "String. OCPI's names of the standards that there are, in alphabetical order, parted by commas."},
		{"open_now", "Boolean."},
		{"rating", "Number from 1 to 5. The mean of what drivers rate it."},
		{"rating_count", "Number of ratings."},
	}
	clusterFields = []field{
		{"count", "Number of stations."},
		{"plots_total", "Number of their plots."},
		{"plots_available", "Number of their plots that are free now."},
		{"max_power_kw", "Number. The most power of a connector of any of them."},
		{"station_id", "String. The id of the station when there is just one."},
	}
)

// Document is a TileJSON 3.0.0 (https://github.com/mapbox/tilejson-spec/tree/master/3.0.0).
type Document struct {
	TileJSON    string     `json:"tilejson"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Attribution string     `json:"attribution,omitempty"`
	Scheme      string     `json:"scheme"`
	Tiles       []string   `json:"tiles"`
	MinZoom     int        `json:"minzoom"`
	MaxZoom     int        `json:"maxzoom"`
	Bounds      [4]float64 `json:"bounds"`
	Layers      []Layer    `json:"vector_layers"`
}

// Layer is what a TileJSON says of a layer.
type Layer struct {
	ID          string            `json:"id"`
	Description string            `json:"description"`
	MinZoom     int               `json:"minzoom"`
	MaxZoom     int               `json:"maxzoom"`
	Fields      map[string]string `json:"fields"`
}

// Describe tells of the tiles at an address, which has {z}, {x} and {y}; attribution is HTML.
func Describe(address, attribution string) Document {
	return Document{
		TileJSON: "3.0.0", Name: "Charging stations", Description: "Stations of a charging network, with the plots that are free now.",
		Attribution: attribution, Scheme: "xyz", Tiles: []string{address}, MaxZoom: MaxZoom,
		Bounds: [4]float64{-180, -85.0511287798066, 180, 85.0511287798066},
		Layers: []Layer{
			{LayerStations, "Stations.", StationsFrom, MaxZoom, described(stationFields)},
			{LayerClusters, "Stations near each other, where a tile does not show them one by one.", 0, MaxZoom, described(clusterFields)},
		},
	}
}

func described(fields []field) map[string]string {
	out := make(map[string]string, len(fields))
	for _, f := range fields {
		out[f.name] = f.description
	}
	return out
}
