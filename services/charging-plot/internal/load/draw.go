package load

import (
	"fmt"
	"io"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
)

const height = chart.TitleHeight + 2*chart.PanelHeight + chart.AxisHeight

// SVG draws the load over the time that clocks of a zone show.
func (l Load) SVG(w io.Writer, theme chart.Theme, zone *time.Location) error {
	return chart.SVG(w, theme, height, func(canvas draw.Canvas) error { return l.draw(canvas, theme, zone) })
}

// PNG draws it at two pixels a point.
func (l Load) PNG(w io.Writer, theme chart.Theme, zone *time.Location) error {
	return chart.PNG(w, theme, height, func(canvas draw.Canvas) error { return l.draw(canvas, theme, zone) })
}

func (l Load) draw(canvas draw.Canvas, theme chart.Theme, zone *time.Location) error {
	const moment = "2 Jan 2006, 15:04"
	chart.Title(canvas, theme, l.From.In(zone).Format(moment)+" to "+l.To.In(zone).Format(moment), l.Summary(zone))
	p := chart.Axes(theme)
	p.Y.Label.Text, p.X.Label.Text = "Power (kW)", "Time ("+zone.String()+")"
	p.Add(chart.Grid(theme))
	top := 0.0
	steps := make(plotter.XYs, 0, 2*len(l.Points))
	for _, point := range l.Points {
		from := point.At.Sub(l.From).Seconds()
		steps = append(steps, plotter.XY{X: from, Y: point.PowerKW}, plotter.XY{X: from + l.Step.Seconds(), Y: point.PowerKW})
		top = max(top, point.PowerKW)
	}
	top = max(top*1.08, 1)
	line, err := plotter.NewLine(steps)
	if err != nil {
		return fmt.Errorf("draw the load: %w", err)
	}
	line.Color, line.Width, line.FillColor = theme.Power, 1, theme.PowerFill
	p.Add(line)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, l.To.Sub(l.From).Seconds(), 0, top
	p.X.Tick.Marker = plot.ConstantTicks(chart.ClockTicks(l.From, l.To, zone))
	p.Y.Tick.Marker = plot.ConstantTicks(chart.ValueTicks(top))
	p.Draw(draw.Crop(canvas, chart.Margin, -2*chart.Margin, chart.Margin/2, -chart.TitleHeight))
	return nil
}

// Summary says in one line what the load comes to: energy, highest power and when that was.
func (l Load) Summary(zone *time.Location) string {
	peak, drawn := l.Peak()
	if !drawn {
		return "nothing was drawn"
	}
	return fmt.Sprintf("%.1f kWh, up to %.1f kW at %s", l.EnergyKWh(), peak.PowerKW, peak.At.In(zone).Format("2 Jan, 15:04"))
}
