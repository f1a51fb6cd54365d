package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// mostCells bounds the cells of a map: five times those of the largest screens.
const mostCells = 20_000

// clusterStations reads its query as searchStations does, since the filters are the same.
func (a *API) clusterStations(c *fiber.Ctx) error {
	var r queryReader
	a.readMap(c, &r)
	if err := r.fault(); err != nil {
		return err
	}
	clusters := search.NewClusters(r.zoom)
	if clusters.CellsWithin(r.box.West, r.box.South, r.box.East, r.box.North) > mostCells {
		r.wrong("zoom", "range", "must be less for so large a box: at most 20,000 cells of 64 pixels")
		return r.fault()
	}
	total, err := a.Finder.Cluster(c.UserContext(), &r.q, clusters)
	if err != nil {
		return err
	}
	body := appendClusters(nil, clusters.All(), total)
	if httpserver.NotModified(c, bodyTag(body)) {
		return nil
	}
	c.Response().Header.SetContentType("application/geo+json")
	c.Response().SetBodyRaw(body)
	return nil
}

// readMap reads a query that has the filters of the search, but no page.
func (a *API) readMap(c *fiber.Ctx, r *queryReader) {
	r.begin(a.Now(), a.Vehicles, 0)
	for rest := string(c.Context().URI().QueryString()); rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(pair, "=")
		r.take(unescape(name), unescape(value))
	}
	r.finish()
}

// lookAtMap gives the faults of a query that the document refuses for others.
func (a *API) lookAtMap(c *fiber.Ctx) error {
	var r queryReader
	a.readMap(c, &r)
	return r.fault()
}

func appendClusters(dst []byte, clusters []*search.Cluster, total int) []byte {
	degrees := func(values ...float64) {
		for i, v := range values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
		}
	}
	dst = append(dst, `{"type":"FeatureCollection","features":[`...)
	for i, k := range clusters {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"type":"Feature","bbox":[`...)
		degrees(k.West, k.South, k.East, k.North)
		dst = append(dst, `],"geometry":{"type":"Point","coordinates":[`...)
		lat, lon := k.Position()
		degrees(lon, lat)
		dst = strconv.AppendBool(append(dst, `]},"properties":{"cluster":`...), k.Count > 1)
		dst = strconv.AppendInt(append(dst, `,"count":`...), int64(k.Count), 10)
		dst = append(append(append(dst, `,"station_id":"`...), k.First.String()...), `"}}`...)
	}
	dst = strconv.AppendInt(append(dst, `],"total":`...), int64(total), 10)
	return append(dst, '}')
}

// GetStats counts the catalogue.
func (a *API) GetStats(ctx context.Context, _ GetStatsRequestObject) (GetStatsResponseObject, error) {
	counted, err := a.Finder.Stats(ctx)
	if err != nil {
		return nil, err
	}
	out := Stats{
		Stations: counted.Stations, Plots: counted.Plots, Available: counted.Available,
		ByCountry: toAPITallies(counted.Countries, func(code string) string { return code }), ByOperator: toAPITallies(counted.Operators, search.ID.String),
		ByConnector: toAPITallies(counted.Connector, func(standard string) string { return standard }),
	}
	for _, t := range counted.PowerClass {
		class := PowerTally{Stations: t.Stations, Plots: t.Plots, Available: t.Available}
		if t.Of >= 0 {
			least := float64(search.PowerClasses[t.Of]) / wattsPerKW
			class.MinPowerKw = &least
		}
		out.ByPower = append(out.ByPower, class)
	}
	tag, err := contentTag(out)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: out, etag: tag}, nil
}

func toAPITallies[K any](tallies []search.Tally[K], name func(K) string) map[string]Tally {
	out := make(map[string]Tally, len(tallies))
	for _, t := range tallies {
		out[name(t.Of)] = Tally{Stations: t.Stations, Plots: t.Plots, Available: t.Available}
	}
	return out
}
