package curve

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
)

// Reference is what a car draws at most, to compare a charge with.
type Reference struct {
	Name   string
	Points []ReferencePoint // in order of charge
}

// ReferencePoint is a power at a state of charge.
type ReferencePoint struct {
	SoCPercent float64
	PowerKW    float64
}

// BySoC is the power of a charge over the state of charge, beside what the car can take.
type BySoC struct {
	Curve     Curve
	Reference *Reference // nil: none is known
}

// Points gives the moments of which both power and state of charge are known, in order of time. Meters say the state of charge more seldom
// than the power, so that a power between two of them stands between their states.
func (b BySoC) Points() []Point {
	points := slices.Clone(b.Curve.Points)
	last := -1
	for i, p := range points {
		if math.IsNaN(p.SoCPercent) {
			continue
		}
		if last >= 0 {
			a := points[last]
			for k := last + 1; k < i; k++ {
				share := float64(points[k].Elapsed-a.Elapsed) / float64(p.Elapsed-a.Elapsed)
				points[k].SoCPercent = a.SoCPercent + (p.SoCPercent-a.SoCPercent)*share
			}
		}
		last = i
	}
	return slices.DeleteFunc(points, func(p Point) bool { return math.IsNaN(p.SoCPercent) || math.IsNaN(p.PowerKW) })
}

// SVG draws what the car can take.
func (r Reference) SVG(w io.Writer, theme chart.Theme) error {
	return chart.SVG(w, theme, socHeight, func(canvas draw.Canvas) error { return r.draw(canvas, theme) })
}

// PNG draws it at two pixels a point.
func (r Reference) PNG(w io.Writer, theme chart.Theme) error {
	return chart.PNG(w, theme, socHeight, func(canvas draw.Canvas) error { return r.draw(canvas, theme) })
}

func (r Reference) draw(canvas draw.Canvas, theme chart.Theme) error {
	summary := "takes no direct current"
	if top := slices.MaxFunc(append(r.Points, ReferencePoint{}), func(a, b ReferencePoint) int { return cmp.Compare(a.PowerKW, b.PowerKW) }); top.PowerKW > 0 {
		summary = fmt.Sprintf("up to %.0f kW, at %.0f %%", top.PowerKW, top.SoCPercent)
	}
	chart.Title(canvas, theme, r.Name, summary)
	return drawBySoC(canvas, theme, nil, r.line())
}

func (r Reference) line() plotter.XYs {
	line := make(plotter.XYs, 0, len(r.Points))
	for _, point := range r.Points {
		line = append(line, plotter.XY{X: point.SoCPercent, Y: point.PowerKW})
	}
	return line
}

const socHeight = chart.TitleHeight + 2*chart.PanelHeight + chart.AxisHeight

// SVG draws it.
func (b BySoC) SVG(w io.Writer, theme chart.Theme) error {
	return chart.SVG(w, theme, socHeight, func(canvas draw.Canvas) error { return b.draw(canvas, theme) })
}

// PNG draws it at two pixels a point.
func (b BySoC) PNG(w io.Writer, theme chart.Theme) error {
	return chart.PNG(w, theme, socHeight, func(canvas draw.Canvas) error { return b.draw(canvas, theme) })
}

func (b BySoC) draw(canvas draw.Canvas, theme chart.Theme) error {
	b.Curve.title(canvas, theme)
	measured := make(plotter.XYs, 0, len(b.Curve.Points))
	for _, point := range b.Points() {
		measured = append(measured, plotter.XY{X: point.SoCPercent, Y: point.PowerKW})
	}
	var reference plotter.XYs
	if b.Reference != nil {
		reference = b.Reference.line()
	}
	if err := drawBySoC(canvas, theme, measured, reference); err != nil {
		return err
	}
	b.legend(canvas, theme)
	return nil
}

// drawBySoC draws powers over states of charge below the title and the legend.
func drawBySoC(canvas draw.Canvas, theme chart.Theme, measured, reference plotter.XYs) error {
	p := chart.Axes(theme)
	p.Y.Label.Text, p.X.Label.Text = "Power (kW)", "State of charge (%)"
	top := 0.0
	for _, line := range []plotter.XYs{measured, reference} {
		for _, point := range line {
			top = max(top, point.Y)
		}
	}
	top = max(top*1.08, 1)
	p.Add(chart.Grid(theme))
	if err := addLine(p, reference, draw.LineStyle{Color: theme.Faint, Width: 1.5, Dashes: []vg.Length{4, 3}}); err != nil {
		return err
	}
	if err := addLine(p, measured, draw.LineStyle{Color: theme.Power, Width: 1.5}); err != nil {
		return err
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 100, 0, top
	p.X.Tick.Marker = plot.ConstantTicks(percentTicks)
	p.Y.Tick.Marker = plot.ConstantTicks(chart.ValueTicks(top))
	p.Draw(draw.Crop(canvas, chart.Margin, -2*chart.Margin, chart.Margin/2, -chart.TitleHeight-chart.Letter-chart.Margin/2))
	return nil
}

// legend says below the title which line is which.
func (b BySoC) legend(canvas draw.Canvas, theme chart.Theme) {
	y := canvas.Max.Y - chart.TitleHeight - chart.Letter + 4
	x := vg.Length(chart.Margin)
	entry := func(style draw.LineStyle, text string) {
		canvas.StrokeLine2(style, x, y+4, x+18, y+4)
		canvas.FillText(chart.Text(chart.Letter-1, theme.Faint), vg.Point{X: x + 22, Y: y}, text)
		x += 30 + chart.Text(chart.Letter-1, theme.Faint).Width(text)
	}
	entry(draw.LineStyle{Color: theme.Power, Width: 1.5}, "this charge")
	if b.Reference == nil {
		return
	}
	name := b.Reference.Name
	for len(name) > 0 && chart.Text(chart.Letter-1, theme.Faint).Width(name) > chart.Width-x-60 {
		name = string([]rune(name)[:len([]rune(name))-1])
	}
	entry(draw.LineStyle{Color: theme.Faint, Width: 1.5, Dashes: []vg.Length{4, 3}}, name)
}

var percentTicks = []plot.Tick{
	{Value: 0, Label: "0"}, {Value: 20, Label: "20"}, {Value: 40, Label: "40"}, {Value: 60, Label: "60"}, {Value: 80, Label: "80"}, {Value: 100, Label: "100"},
}

func addLine(p *plot.Plot, points plotter.XYs, style draw.LineStyle) error {
	if len(points) == 0 {
		return nil
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.LineStyle = style
	p.Add(line)
	return nil
}
