package curve

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
)

// SVG draws the curve.
func (c Curve) SVG(w io.Writer, theme chart.Theme) error {
	return chart.SVG(w, theme, c.height(), func(canvas draw.Canvas) error { return c.draw(canvas, theme) })
}

// PNG draws the curve at two pixels a point.
func (c Curve) PNG(w io.Writer, theme chart.Theme) error {
	return chart.PNG(w, theme, c.height(), func(canvas draw.Canvas) error { return c.draw(canvas, theme) })
}

// series is one value over time.
type series struct {
	field string
	label string
	value func(Point) float64
	line  color.Color
	fill  color.Color // nil: a bare line
	top   float64     // fixed upper end of the axis, 0: as the values need
}

// panels lists what there is something to draw of; an empty curve still has its power, as empty axes.
func (c Curve) panels(theme chart.Theme) []series {
	all := []series{
		{field: "power_kw", label: "Power (kW)", value: func(p Point) float64 { return p.PowerKW }, line: theme.Power, fill: theme.PowerFill},
		{field: "energy_kwh", label: "Energy (kWh)", value: func(p Point) float64 { return p.EnergyKWh }, line: theme.Energy},
		{field: "soc_percent", label: "Charge (%)", value: func(p Point) float64 { return p.SoCPercent }, line: theme.Charge, top: 100},
		{field: "voltage_v", label: "Voltage (V)", value: func(p Point) float64 { return p.VoltageV }, line: theme.Voltage},
		{field: "current_a", label: "Current (A)", value: func(p Point) float64 { return p.CurrentA }, line: theme.Current},
	}
	out := all[:1]
	for _, s := range all[1:] {
		for _, p := range c.Points {
			if !math.IsNaN(s.value(p)) {
				out = append(out, s)
				break
			}
		}
	}
	return out
}

func (c Curve) height() vg.Length {
	return vg.Length(chart.TitleHeight + len(c.panels(chart.Light))*chart.PanelHeight + chart.AxisHeight)
}

func (c Curve) draw(canvas draw.Canvas, theme chart.Theme) error {
	c.title(canvas, theme)

	panels := c.panels(theme)
	plots := make([][]*plot.Plot, len(panels))
	for i, s := range panels {
		p, err := c.panel(s, theme, i == len(panels)-1)
		if err != nil {
			return err
		}
		plots[i] = []*plot.Plot{p}
	}
	area := draw.Crop(canvas, chart.Margin, -2*chart.Margin, chart.Margin/2, -chart.TitleHeight)
	tiles := draw.Tiles{Rows: len(panels), Cols: 1, PadY: chart.Margin}
	for i, row := range plot.Align(plots, tiles, area) {
		plots[i][0].Draw(row[0])
	}
	return nil
}

// title says in two lines when it was and what it came to.
func (c Curve) title(canvas draw.Canvas, theme chart.Theme) {
	chart.Title(canvas, theme, "Charge of "+c.Start.UTC().Format("2 January 2006, 15:04")+" UTC", c.Summary())
}

// Summary says in one line what the charge came to: energy, duration, highest power, state of charge from and to.
func (c Curve) Summary() string {
	if len(c.Points) == 0 {
		return "no readings yet"
	}
	peak, energy, from, to := math.NaN(), math.NaN(), math.NaN(), math.NaN()
	for _, p := range c.Points {
		if !math.IsNaN(p.PowerKW) && (math.IsNaN(peak) || p.PowerKW > peak) {
			peak = p.PowerKW
		}
		if !math.IsNaN(p.EnergyKWh) {
			energy = p.EnergyKWh
		}
		if !math.IsNaN(p.SoCPercent) {
			if math.IsNaN(from) {
				from = p.SoCPercent
			}
			to = p.SoCPercent
		}
	}
	s := clock(c.Points[len(c.Points)-1].Elapsed) + " h"
	if !math.IsNaN(energy) {
		s = fmt.Sprintf("%.1f kWh in %s", energy, s)
	}
	if !math.IsNaN(peak) {
		s += fmt.Sprintf(", up to %.0f kW", peak)
	}
	if !math.IsNaN(to) {
		s += fmt.Sprintf(", %.0f to %.0f %%", from, to)
	}
	return s
}

func (c Curve) panel(s series, theme chart.Theme, last bool) (*plot.Plot, error) {
	p := chart.Axes(theme)
	p.Y.Label.Text = s.label
	end := time.Minute
	if n := len(c.Points); n > 0 {
		end = max(end, c.Points[n-1].Elapsed)
	}
	top := s.top
	if top == 0 {
		for _, point := range c.Points {
			if v := s.value(point); !math.IsNaN(v) {
				top = max(top, v)
			}
		}
		top = max(top*1.08, 1)
	}
	if last {
		p.X.Label.Text = "Time since the start (h:min)"
		if stepOf(end) < time.Minute {
			p.X.Label.Text = "Time since the start (min:s)"
		}
	}
	p.Add(chart.Grid(theme))
	for _, run := range c.runs(s.value) {
		line, err := plotter.NewLine(run)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", s.label, err)
		}
		line.Color, line.Width, line.FillColor = s.line, 1.5, s.fill
		p.Add(line)
	}
	// After the lines, which widen the axes to themselves.
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, end.Seconds(), 0, top
	p.X.Tick.Marker = plot.ConstantTicks(timeTicks(end, last))
	p.Y.Tick.Marker = plot.ConstantTicks(chart.ValueTicks(top))
	return p, nil
}

// runs cuts the values where one is not known.
func (c Curve) runs(value func(Point) float64) []plotter.XYs {
	var out []plotter.XYs
	var run plotter.XYs
	for _, p := range c.Points {
		v := value(p)
		if math.IsNaN(v) {
			// A reading that does not say this value is no gap; only the values there are count.
			continue
		}
		run = append(run, plotter.XY{X: p.Elapsed.Seconds(), Y: v})
	}
	if len(run) > 0 {
		out = append(out, run)
	}
	return out
}

// steps of time that people count in.
var steps = []time.Duration{
	10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

// stepOf is the distance of two marks on an axis of this length.
func stepOf(end time.Duration) time.Duration {
	for _, s := range steps {
		if end/s <= 6 {
			return s
		}
	}
	return steps[len(steps)-1]
}

func timeTicks(end time.Duration, labelled bool) []plot.Tick {
	step := stepOf(end)
	var ticks []plot.Tick
	for at := time.Duration(0); at <= end; at += step {
		label := " " // not empty: an empty label makes a minor tick, which has no line of the grid
		switch {
		case labelled && step < time.Minute:
			label = fmt.Sprintf("%d:%02d", int(at.Minutes()), int(at.Seconds())%60)
		case labelled:
			label = clock(at)
		}
		ticks = append(ticks, plot.Tick{Value: at.Seconds(), Label: label})
	}
	return ticks
}

func clock(d time.Duration) string {
	minutes := int(d.Round(time.Minute).Minutes())
	return fmt.Sprintf("%d:%02d", minutes/60, minutes%60)
}
