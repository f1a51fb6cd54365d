package occupancy

import (
	"fmt"
	"io"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
)

// Picture is the typical week as a heat map, and below it the next hours.
type Picture struct {
	Typical Typical
	Zone    *time.Location
	Now     time.Time
	Share   float64 // of the plots that are taken now, NaN when it is not known
	Next    []Expected
}

const (
	mapHeight     = 206 // of the heat map with its axes
	scaleHeight   = 26
	nextHeight    = chart.PanelHeight + chart.AxisHeight
	pictureHeight = chart.TitleHeight + scaleHeight + mapHeight + nextHeight
)

// SVG draws it.
func (p Picture) SVG(w io.Writer, theme chart.Theme) error {
	return chart.SVG(w, theme, pictureHeight, func(canvas draw.Canvas) error { return p.draw(canvas, theme) })
}

// PNG draws it at two pixels a point.
func (p Picture) PNG(w io.Writer, theme chart.Theme) error {
	return chart.PNG(w, theme, pictureHeight, func(canvas draw.Canvas) error { return p.draw(canvas, theme) })
}

func (p Picture) draw(canvas draw.Canvas, theme chart.Theme) error {
	chart.Title(canvas, theme, "Typical week: share of time occupied", p.Summary())
	scale(canvas, theme, canvas.Max.Y-chart.TitleHeight)
	week := chart.Axes(theme)
	week.X.Label.Text = "Hour (" + p.Zone.String() + ")"
	week.Add(heat{&p.Typical.Week, theme})
	week.X.Min, week.X.Max, week.Y.Min, week.Y.Max = 0, 24, 0, 7
	week.X.Tick.Marker, week.Y.Tick.Marker = plot.ConstantTicks(hourTicks), plot.ConstantTicks(dayTicks)
	next, err := p.next(theme)
	if err != nil {
		return err
	}
	top := canvas.Max.Y - chart.TitleHeight - scaleHeight
	areas := [][]*plot.Plot{{week}, {next}}
	tiles := draw.Tiles{Rows: 2, Cols: 1}
	// Both panels have the same left and right edge; their heights are their own.
	aligned := plot.Align(areas, tiles, draw.Crop(canvas, chart.Margin, -2*chart.Margin, 0, 0))
	for i, span := range [][2]vg.Length{{top - mapHeight, top}, {chart.Margin / 2, nextHeight}} {
		area := aligned[i][0]
		area.Min.Y, area.Max.Y = span[0], span[1]
		areas[i][0].Draw(area)
	}
	return nil
}

// Summary says in one line what the week is made of and how busy it is.
func (p Picture) Summary() string {
	mean := p.Typical.Week.Mean()
	if math.IsNaN(mean) {
		return "nothing has been seen yet"
	}
	const day = "2 Jan 2006"
	return fmt.Sprintf("%s to %s, %.0f %% on average", p.Typical.From.In(p.Zone).Format(day), p.Typical.To.In(p.Zone).Format(day), 100*mean)
}

// scale says which colour is which share.
func scale(canvas draw.Canvas, theme chart.Theme, top vg.Length) {
	const steps, width, tall = 20, 6, 10
	style := chart.Text(chart.Letter-1, theme.Faint)
	y := top - tall - 4
	x := vg.Length(chart.Margin)
	write := func(text string) {
		canvas.FillText(style, vg.Point{X: x, Y: y + 1}, text)
		x += style.Width(text) + 5
	}
	write("0 %")
	for i := range steps {
		canvas.SetColor(theme.Shade(float64(i) / (steps - 1)))
		canvas.Fill(box(x, y, width, tall))
		x += width
	}
	x += 5
	write("100 %")
	x += 10
	canvas.SetColor(theme.Grid)
	canvas.Fill(box(x, y, 2*width, tall))
	x += 2*width + 5
	write("not seen")
}

func box(x, y, width, height vg.Length) vg.Path {
	var p vg.Path
	p.Move(vg.Point{X: x, Y: y})
	p.Line(vg.Point{X: x + width, Y: y})
	p.Line(vg.Point{X: x + width, Y: y + height})
	p.Line(vg.Point{X: x, Y: y + height})
	p.Close()
	return p
}

// heat draws a week, Monday at the top.
type heat struct {
	week  *Week
	theme chart.Theme
}

// Plot implements plot.Plotter.
func (h heat) Plot(canvas draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&canvas)
	for cell := range Cells {
		day, hour := float64(cell/24), float64(cell%24)
		canvas.SetColor(h.theme.Grid)
		if h.week.SeenS[cell] > 0 {
			canvas.SetColor(h.theme.Shade(h.week.Share(cell)))
		}
		const gap = 1
		left, right, low, high := x(hour), x(hour+1), y(6-day), y(7-day)
		canvas.Fill(box(left, low+gap, right-left-gap, high-low-gap))
	}
}

var hourTicks = []plot.Tick{
	{Value: 0, Label: "0"},
	{Value: 3, Label: "3"},
	{Value: 6, Label: "6"},
	{Value: 9, Label: "9"},
	{Value: 12, Label: "12"},
	{Value: 15, Label: "15"},
	{Value: 18, Label: "18"},
	{Value: 21, Label: "21"},
	{Value: 24, Label: "24"},
}

var dayTicks = []plot.Tick{
	{Value: 6.5, Label: "Mon"},
	{Value: 5.5, Label: "Tue"},
	{Value: 4.5, Label: "Wed"},
	{Value: 3.5, Label: "Thu"},
	{Value: 2.5, Label: "Fri"},
	{Value: 1.5, Label: "Sat"},
	{Value: 0.5, Label: "Sun"},
}

// next is the panel of what is to be expected: a line from how it is now through the middles of the hours to come.
func (p Picture) next(theme chart.Theme) (*plot.Plot, error) {
	out := chart.Axes(theme)
	out.Y.Label.Text, out.X.Label.Text = "Forecast (%)", "Time ("+p.Zone.String()+")"
	out.Add(chart.Grid(theme))
	end := p.Now.Add(Ahead * time.Hour)
	var points plotter.XYs
	if !math.IsNaN(p.Share) && len(p.Next) > 0 {
		points = append(points, plotter.XY{X: 0, Y: 100 * p.Share})
	}
	for _, e := range p.Next {
		points = append(points, plotter.XY{X: e.At.Add(30 * time.Minute).Sub(p.Now).Seconds(), Y: 100 * e.Share})
	}
	if len(points) > 0 {
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, fmt.Errorf("draw the forecast: %w", err)
		}
		line.Color, line.Width, line.FillColor = theme.Power, 1.5, theme.PowerFill
		out.Add(line)
	}
	out.X.Min, out.X.Max, out.Y.Min, out.Y.Max = 0, end.Sub(p.Now).Seconds(), 0, 100
	out.X.Tick.Marker = plot.ConstantTicks(chart.ClockTicks(p.Now, end, p.Zone))
	out.Y.Tick.Marker = plot.ConstantTicks(percentTicks)
	return out, nil
}

var percentTicks = []plot.Tick{{Value: 0, Label: "0"}, {Value: 25, Label: "25"}, {Value: 50, Label: "50"}, {Value: 75, Label: "75"}, {Value: 100, Label: "100"}}
