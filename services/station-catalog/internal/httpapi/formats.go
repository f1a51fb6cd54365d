package httpapi

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/rendered"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
)

// format is a representation of what a search found.
type format struct {
	name        string
	contentType string
	bare        bool // it has no room for what is said beside the rows
	render      func(items []byte, fields []string, found find.Page, next string) ([]byte, error)
}

var (
	formatJSON = &format{name: "json", contentType: fiber.MIMEApplicationJSON}
	formats    = []*format{
		formatJSON,
		{"geojson", "application/geo+json", false, renderGeoJSON},
		{"csv", "text/csv; charset=utf-8", true, renderCSV},
		{"kml", "application/vnd.google-earth.kml+xml", true, renderKML},
		{"gpx", "application/gpx+xml", true, renderGPX},
	}
)

// chooseFormat goes by the parameter, and without one by the Accept header; JSON is for whoever accepts none of ours.
func chooseFormat(c *fiber.Ctx, name string) *format {
	if name == "" {
		accept := c.Request().Header.Peek(fiber.HeaderAccept)
		if len(accept) == 0 || string(accept) == "*/*" || string(accept) == fiber.MIMEApplicationJSON {
			return formatJSON
		}
		offers := make([]string, len(formats))
		for i, f := range formats {
			offers[i], _, _ = strings.Cut(f.contentType, ";")
		}
		accepted := c.Accepts(offers...)
		for i, f := range formats {
			if offers[i] == accepted {
				return f
			}
		}
		return formatJSON
	}
	for _, f := range formats {
		if f.name == name {
			return f
		}
	}
	return formatJSON
}

// row is an item, read again. Properties that were not asked for are zero, but for the place and the name.
type row struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Latitude   float64  `json:"latitude"`
	Longitude  float64  `json:"longitude"`
	Address    string   `json:"address"`
	City       string   `json:"city"`
	PostalCode string   `json:"postal_code"`
	Country    string   `json:"country"`
	Access     string   `json:"access"`
	DistanceM  *float64 `json:"distance_m"`
	AlongM     *float64 `json:"along_m"`
	MaxPowerKW *float64 `json:"max_power_kw"`
	Free       *bool    `json:"free_charging"`
	OpenNow    *bool    `json:"open_now"`
	Version    int64    `json:"version"`
	UpdatedAt  string   `json:"updated_at"`
	PriceFrom  *money   `json:"price_from"`
	Quote      *money   `json:"quote"`
	Operator   struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"operator"`
	Rating *review.Rating `json:"rating"`
	Plots  struct {
		Total     int    `json:"total"`
		Available int    `json:"available"`
		AsOf      string `json:"as_of"`
	} `json:"plots"`
}

type money struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
}

func (m *money) text() (amount, currency string) {
	if m == nil {
		return "", ""
	}
	return m.Amount, m.Currency
}

// cell is a value with the name of its column.
type cell struct{ name, value string }

// cells gives a property as the cells of a table.
func (r *row) cells(field string) []cell {
	optional := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'f', -1, 64)
	}
	whether := func(v *bool) string {
		if v == nil {
			return ""
		}
		return strconv.FormatBool(*v)
	}
	degrees := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	priced := func(m *money) []cell {
		amount, currency := m.text()
		return []cell{{field, amount}, {field + "_currency", currency}}
	}
	switch field {
	case "operator":
		return []cell{{"operator_id", r.Operator.ID}, {"operator_name", r.Operator.Name}}
	case "price_from":
		return priced(r.PriceFrom)
	case "quote":
		return priced(r.Quote)
	case "rating":
		if r.Rating == nil {
			return []cell{{"rating_average", ""}, {"rating_count", ""}}
		}
		return []cell{{"rating_average", optional(&r.Rating.Average)}, {"rating_count", strconv.FormatInt(r.Rating.Count, 10)}}
	case "plots":
		return []cell{
			{"plots_total", strconv.Itoa(r.Plots.Total)}, {"plots_available", strconv.Itoa(r.Plots.Available)}, {"plots_as_of", r.Plots.AsOf},
		}
	}
	return []cell{{field, map[string]string{
		"id": r.ID, "name": r.Name, "latitude": degrees(r.Latitude), "longitude": degrees(r.Longitude), "address": r.Address, "city": r.City,
		"postal_code": r.PostalCode, "country": r.Country, "access": r.Access, "distance_m": optional(r.DistanceM),
		"along_m": optional(r.AlongM), "max_power_kw": optional(r.MaxPowerKW), "free_charging": whether(r.Free),
		"open_now": whether(r.OpenNow), "version": strconv.FormatInt(r.Version, 10), "updated_at": r.UpdatedAt,
	}[field]}}
}

func rowsOf(items []byte) ([]row, error) {
	var rows []row
	if err := json.Unmarshal(append(append([]byte{'['}, items...), ']'), &rows); err != nil {
		return nil, fmt.Errorf("read rendered items: %w", err)
	}
	return rows, nil
}

func renderGeoJSON(items []byte, fields []string, found find.Page, next string) ([]byte, error) {
	rows, err := rowsOf(items)
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(items)+160*len(rows)), `{"type":"FeatureCollection","features":[`...)
	for i, item := range rendered.Items(items) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, `{"type":"Feature","id":"`...), rows[i].ID...), `","geometry":{"type":"Point","coordinates":[`...)
		out = strconv.AppendFloat(out, rows[i].Longitude, 'f', -1, 64)
		out = strconv.AppendFloat(append(out, ','), rows[i].Latitude, 'f', -1, 64)
		out = append(out, `]},"properties":{`...)
		first := true
		for name, value := range rendered.Members(item) {
			if name == "id" || name == "latitude" || name == "longitude" || !wants(fields, name) {
				continue
			}
			if !first {
				out = append(out, ',')
			}
			first = false
			out = append(append(append(append(out, '"'), name...), `":`...), value...)
		}
		out = append(out, "}}"...)
	}
	return appendPage(append(out, ']'), found, []byte(next)), nil
}

func renderCSV(items []byte, fields []string, _ find.Page, _ string) ([]byte, error) {
	rows, err := rowsOf(items)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	var head []string
	var none row
	for _, field := range itemFields {
		if wants(fields, field) {
			for _, c := range none.cells(field) {
				head = append(head, c.name)
			}
		}
	}
	if err := w.Write(head); err != nil {
		return nil, err
	}
	for i := range rows {
		var line []string
		for _, field := range itemFields {
			if wants(fields, field) {
				for _, c := range rows[i].cells(field) {
					line = append(line, harmless(c))
				}
			}
		}
		if err := w.Write(line); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

// harmless keeps a text from being taken for a formula by a spreadsheet. Numbers may begin with a minus.
func harmless(c cell) string {
	switch c.name {
	case "latitude", "longitude":
		return c.value
	}
	if c.value != "" && strings.ContainsRune("=+-@\t\r", rune(c.value[0])) {
		return "'" + c.value
	}
	return c.value
}

// kml is as much of KML 2.2 as a list of places needs.
type kml struct {
	XMLName xml.Name       `xml:"http://www.opengis.net/kml/2.2 kml"`
	Places  []kmlPlacemark `xml:"Document>Placemark"`
}

type kmlPlacemark struct {
	ID      string    `xml:"id,attr"`
	Name    string    `xml:"name"`
	Address string    `xml:"address,omitempty"`
	Data    []kmlData `xml:"ExtendedData>Data"`
	At      string    `xml:"Point>coordinates"`
}

type kmlData struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value"`
}

func renderKML(items []byte, fields []string, _ find.Page, _ string) ([]byte, error) {
	rows, err := rowsOf(items)
	if err != nil {
		return nil, err
	}
	var document kml
	for i := range rows {
		r := &rows[i]
		place := kmlPlacemark{
			ID: "station-" + r.ID, Name: r.Name, Address: r.place(),
			At: strconv.FormatFloat(r.Longitude, 'f', -1, 64) + "," + strconv.FormatFloat(r.Latitude, 'f', -1, 64),
		}
		for _, field := range itemFields {
			if !wants(fields, field) {
				continue
			}
			for _, c := range r.cells(field) {
				if c.value != "" {
					place.Data = append(place.Data, kmlData{c.name, c.value})
				}
			}
		}
		document.Places = append(document.Places, place)
	}
	return markup(&document)
}

// place is the address in a line.
func (r *row) place() string {
	var parts []string
	for _, part := range []string{r.Address, strings.TrimSpace(r.PostalCode + " " + r.City), r.Country} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}

// gpx is as much of GPX 1.1 as a list of places needs.
type gpx struct {
	XMLName   xml.Name      `xml:"http://www.topografix.com/GPX/1/1 gpx"`
	Version   string        `xml:"version,attr"`
	Creator   string        `xml:"creator,attr"`
	Waypoints []gpxWaypoint `xml:"wpt"`
}

type gpxWaypoint struct {
	Latitude    string `xml:"lat,attr"`
	Longitude   string `xml:"lon,attr"`
	Name        string `xml:"name"`
	Comment     string `xml:"cmt"`
	Description string `xml:"desc,omitempty"`
	Source      string `xml:"src"`
	Type        string `xml:"type"`
}

func renderGPX(items []byte, fields []string, _ find.Page, _ string) ([]byte, error) {
	rows, err := rowsOf(items)
	if err != nil {
		return nil, err
	}
	document := gpx{Version: "1.1", Creator: "IHR Charging Plot API"}
	for i := range rows {
		r := &rows[i]
		var said []string
		for _, field := range itemFields {
			if !wants(fields, field) || field == "latitude" || field == "longitude" || field == "name" {
				continue
			}
			for _, c := range r.cells(field) {
				if c.value != "" {
					said = append(said, c.name+": "+c.value)
				}
			}
		}
		document.Waypoints = append(document.Waypoints, gpxWaypoint{
			Latitude: strconv.FormatFloat(r.Latitude, 'f', -1, 64), Longitude: strconv.FormatFloat(r.Longitude, 'f', -1, 64),
			Name: r.Name, Comment: r.place(), Description: strings.Join(said, "\n"), Source: r.ID, Type: "charging station",
		})
	}
	return markup(&document)
}

func markup(document any) ([]byte, error) {
	text, err := xml.MarshalIndent(document, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write XML: %w", err)
	}
	return append(append([]byte(xml.Header), text...), '\n'), nil
}
