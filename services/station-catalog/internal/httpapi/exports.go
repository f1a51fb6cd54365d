package httpapi

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// export streams every station of one moment. When the database fails on the way the connection breaks off without the last chunk,
// so that nobody takes a part for the whole.
func (a *API) export(contentType string, begin func(w *bufio.Writer) exporter) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Response().Header.SetContentType(contentType)
		c.Set(fiber.HeaderCacheControl, "no-store")
		return httpserver.StreamCompressed(c, func(ctx context.Context, w *bufio.Writer) error {
			out := begin(w)
			for st, err := range a.Store.All(ctx) {
				if err != nil {
					return err
				}
				if err := out.add(&st); err != nil {
					return err
				}
			}
			return out.end()
		})
	}
}

// exporter writes stations in a format.
type exporter interface {
	add(st *station.Station) error
	end() error
}

// lineExport has a document a line.
type lineExport struct{ w *bufio.Writer }

func exportLines(w *bufio.Writer) exporter { return lineExport{w} }

func (e lineExport) add(st *station.Station) error {
	line, err := json.Marshal(st)
	if err != nil {
		return fmt.Errorf("encode station %s: %w", st.ID, err)
	}
	_, err = e.w.Write(append(line, '\n'))
	return err
}

func (lineExport) end() error { return nil }

// geoExport is a GeoJSON collection of points (RFC 7946), a feature a line.
type geoExport struct {
	w     *bufio.Writer
	count int
}

func exportGeoJSON(w *bufio.Writer) exporter { return &geoExport{w: w} }

type exportedPoint struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Geometry   geometry       `json:"geometry"`
	Properties map[string]any `json:"properties"`
}

type geometry struct {
	Type        string     `json:"type"`
	Coordinates [2]float64 `json:"coordinates"`
}

func (e *geoExport) add(st *station.Station) error {
	properties := map[string]any{}
	for _, column := range exportColumns {
		if column.name != "id" && column.name != "latitude" && column.name != "longitude" {
			properties[column.name] = column.value(st)
		}
	}
	text, err := json.Marshal(exportedPoint{
		Type: "Feature", ID: st.ID.String(), Geometry: geometry{"Point", [2]float64{st.Longitude, st.Latitude}}, Properties: properties,
	})
	if err != nil {
		return fmt.Errorf("encode station %s: %w", st.ID, err)
	}
	before := ",\n"
	if e.count++; e.count == 1 {
		before = geoStart
	}
	if _, err := e.w.WriteString(before); err != nil {
		return err
	}
	_, err = e.w.Write(text)
	return err
}

const geoStart = `{"type":"FeatureCollection","features":[` + "\n"

func (e *geoExport) end() error {
	end := "\n]}\n"
	if e.count == 0 {
		end = geoStart + "]}\n"
	}
	_, err := e.w.WriteString(end)
	return err
}

// csvExport is a table (RFC 4180) with a header.
type csvExport struct {
	w      *csv.Writer
	headed bool
}

func exportCSV(w *bufio.Writer) exporter { return &csvExport{w: csv.NewWriter(w)} }

func (e *csvExport) head() error {
	if e.headed {
		return nil
	}
	e.headed = true
	names := make([]string, len(exportColumns))
	for i, column := range exportColumns {
		names[i] = column.name
	}
	return e.w.Write(names)
}

func (e *csvExport) add(st *station.Station) error {
	if err := e.head(); err != nil {
		return err
	}
	line := make([]string, len(exportColumns))
	for i, column := range exportColumns {
		line[i] = harmless(cell{column.name, fmt.Sprint(column.value(st))})
	}
	return e.w.Write(line)
}

func (e *csvExport) end() error {
	if err := e.head(); err != nil {
		return err
	}
	e.w.Flush()
	return e.w.Error()
}

// exportColumn is what the table and the map say of a station.
type exportColumn struct {
	name  string
	value func(*station.Station) any
}

var exportColumns = []exportColumn{
	{"id", func(s *station.Station) any { return s.ID.String() }},
	{"name", func(s *station.Station) any { return s.Name }},
	{"operator_id", func(s *station.Station) any { return s.Operator.ID.String() }},
	{"operator_name", func(s *station.Station) any { return s.Operator.Name }},
	{"address", func(s *station.Station) any { return s.Address }},
	{"postal_code", func(s *station.Station) any { return s.PostalCode }},
	{"city", func(s *station.Station) any { return s.City }},
	{"country", func(s *station.Station) any { return s.Country }},
	{"latitude", func(s *station.Station) any { return strconv.FormatFloat(s.Latitude, 'f', -1, 64) }},
	{"longitude", func(s *station.Station) any { return strconv.FormatFloat(s.Longitude, 'f', -1, 64) }},
	{"access", func(s *station.Station) any { return string(s.Access) }},
	{"evses", func(s *station.Station) any { return station.Count(s.EVSEs, nil).Total }},
	{"connectors", func(s *station.Station) any { return strings.Join(s.Standards(), " ") }},
	{"max_power_kw", func(s *station.Station) any { return float64(s.MaxPowerW()) / 1000 }},
	{"source", func(s *station.Station) any { return s.Source }},
	{"source_id", func(s *station.Station) any { return s.SourceID }},
	{"version", func(s *station.Station) any { return s.Version }},
	{"updated_at", func(s *station.Station) any { return s.UpdatedAt.Format(time.RFC3339) }},
}
