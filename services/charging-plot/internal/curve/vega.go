package curve

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
)

// object is one of JSON's.
type object map[string]any

// VegaLite writes the curve as a Vega-Lite document that stands by itself: panels over one axis of time, each with its unit, and the points
// in it. What is not known is left out.
func (c Curve) VegaLite(w io.Writer, theme chart.Theme) error {
	values := make([]object, len(c.Points))
	for i, p := range c.Points {
		values[i] = c.value(p, theme)
	}
	var panels []object
	all := c.panels(theme)
	for i, s := range all {
		x := object{"field": "minutes", "type": "quantitative", "title": nil}
		if i == len(all)-1 {
			x["title"] = "Time since the start (min)"
		}
		y := object{"field": s.field, "type": "quantitative", "title": s.label}
		if s.top > 0 {
			y["scale"] = object{"domain": []float64{0, s.top}}
		}
		panels = append(panels, object{
			"width": "container", "height": chart.PanelHeight, "mark": object{"type": "line", "color": chart.Hex(s.line), "tooltip": true, "interpolate": "linear"},
			"transform": []object{{"filter": object{"field": s.field, "valid": true}}}, "encoding": object{"x": x, "y": y},
		})
	}
	return c.vegaLite(w, theme, object{"data": object{"values": values}, "vconcat": panels})
}

// VegaLite writes it as a Vega-Lite document that stands by itself: the charge in order of time, with energy, voltage and current of each
// moment where they are known, over the line of the car. Lines are named in a legend.
func (b BySoC) VegaLite(w io.Writer, theme chart.Theme) error {
	const charge = "this charge"
	axis := func(field, title string) object {
		return object{"field": field, "type": "quantitative", "title": title}
	}
	x, y := axis("soc_percent", "State of charge (%)"), axis("power_kw", "Power (kW)")
	x["scale"] = object{"domain": []float64{0, 100}}
	tooltip := []object{axis("minutes", "Time since the start (min)"), x}
	for _, s := range b.Curve.panels(theme) {
		if s.field != "soc_percent" {
			tooltip = append(tooltip, axis(s.field, s.label))
		}
	}
	values := []object{}
	for _, p := range b.Points() {
		values = append(values, b.Curve.value(p, theme))
	}
	names, colors := []string{charge}, []string{chart.Hex(theme.Power)}
	var layers []object
	layer := func(name string, values []object, mark, encoding object) {
		mark["type"] = "line"
		encoding["x"], encoding["y"] = x, y
		encoding["color"] = object{"datum": name, "type": "nominal", "scale": object{"domain": &names, "range": &colors}, "legend": object{"title": nil, "orient": "top"}}
		layers = append(layers, object{"data": object{"values": values}, "mark": mark, "encoding": encoding})
	}
	if b.Reference != nil {
		names, colors = append(names, b.Reference.Name), append(colors, chart.Hex(theme.Faint))
		reference := []object{}
		for _, p := range b.Reference.Points {
			reference = append(reference, object{"soc_percent": Round(p.SoCPercent), "power_kw": Round(p.PowerKW)})
		}
		layer(b.Reference.Name, reference, object{"strokeDash": []int{4, 3}, "tooltip": true}, object{})
	}
	layer(charge, values, object{}, object{"order": object{"field": "minutes", "type": "quantitative"}, "tooltip": tooltip})
	return b.Curve.vegaLite(w, theme, object{"width": "container", "height": 2 * chart.PanelHeight, "layer": layers})
}

// value is a point with what is known of it.
func (c Curve) value(p Point, theme chart.Theme) object {
	v := object{"at": c.Start.Add(p.Elapsed).UTC().Format(time.RFC3339Nano), "minutes": Round(p.Elapsed.Minutes())}
	for _, s := range c.panels(theme) {
		if n := s.value(p); !math.IsNaN(n) {
			v[s.field] = Round(n)
		}
	}
	return v
}

// vegaLite writes a document of a view, with the curve's title and the theme's colours.
func (c Curve) vegaLite(w io.Writer, theme chart.Theme, view object) error {
	axis := object{"labelColor": chart.Hex(theme.Faint), "titleColor": chart.Hex(theme.Ink), "gridColor": chart.Hex(theme.Grid), "domainColor": chart.Hex(theme.Faint), "tickColor": chart.Hex(theme.Faint)}
	view["$schema"] = "https://vega.github.io/schema/vega-lite/v5.json"
	view["title"] = object{"text": "Charge of " + c.Start.UTC().Format("2 January 2006, 15:04") + " UTC", "subtitle": c.Summary(), "color": chart.Hex(theme.Ink), "subtitleColor": chart.Hex(theme.Faint)}
	view["background"] = chart.Hex(theme.Background)
	view["config"] = object{"axis": axis, "legend": object{"labelColor": chart.Hex(theme.Ink)}, "view": object{"stroke": nil}}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(view)
}
