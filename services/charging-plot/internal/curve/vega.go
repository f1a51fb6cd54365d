package curve

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
)

// VegaLite writes the curve as a Vega-Lite document that stands by itself: panels over one axis of time, each with its unit, and the points
// in it. What is not known is null.
func (c Curve) VegaLite(w io.Writer, theme chart.Theme) error {
	type value map[string]any
	values := make([]value, len(c.Points))
	for i, p := range c.Points {
		v := value{"at": c.Start.Add(p.Elapsed).UTC().Format(time.RFC3339Nano), "minutes": Round(p.Elapsed.Minutes())}
		for _, s := range c.panels(theme) {
			if n := s.value(p); !math.IsNaN(n) {
				v[s.field] = Round(n)
			}
		}
		values[i] = v
	}
	axis := value{"labelColor": chart.Hex(theme.Faint), "titleColor": chart.Hex(theme.Ink), "gridColor": chart.Hex(theme.Grid), "domainColor": chart.Hex(theme.Faint), "tickColor": chart.Hex(theme.Faint)}
	var panels []value
	all := c.panels(theme)
	for i, s := range all {
		x := value{"field": "minutes", "type": "quantitative", "title": nil}
		if i == len(all)-1 {
			x["title"] = "Time since the start (min)"
		}
		y := value{"field": s.field, "type": "quantitative", "title": s.label}
		if s.top > 0 {
			y["scale"] = value{"domain": []float64{0, s.top}}
		}
		panels = append(panels, value{
			"width": "container", "height": chart.PanelHeight, "mark": value{"type": "line", "color": chart.Hex(s.line), "tooltip": true, "interpolate": "linear"},
			"transform": []value{{"filter": value{"field": s.field, "valid": true}}}, "encoding": value{"x": x, "y": y},
		})
	}
	document := value{
		"$schema": "https://vega.github.io/schema/vega-lite/v5.json",
		"title":   value{"text": "Charge of " + c.Start.UTC().Format("2 January 2006, 15:04") + " UTC", "subtitle": c.Summary(), "color": chart.Hex(theme.Ink), "subtitleColor": chart.Hex(theme.Faint)},
		"data":    value{"values": values}, "vconcat": panels,
		"background": chart.Hex(theme.Background), "config": value{"axis": axis, "view": value{"stroke": nil}},
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(document)
}
