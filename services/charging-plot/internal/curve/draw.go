package curve

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"time"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Theme is a set of colours.
type Theme struct {
	background, ink, faint, grid color.Color
	power, powerFill             color.Color
	energy, charge               color.Color
	voltage, current             color.Color
}

// Light is for white pages, Dark for black ones. Each colour of a line stands off its background by a contrast of at least 4.5 to 1.
var (
	Light = Theme{
		background: color.RGBA{0xff, 0xff, 0xff, 0xff}, ink: color.RGBA{0x1f, 0x23, 0x28, 0xff},
		faint: color.RGBA{0x59, 0x63, 0x6e, 0xff}, grid: color.RGBA{0xe3, 0xe6, 0xea, 0xff},
		power: color.RGBA{0x09, 0x69, 0xda, 0xff}, powerFill: color.RGBA{0xd8, 0xe8, 0xfb, 0xff},
		energy: color.RGBA{0x1a, 0x7f, 0x37, 0xff}, charge: color.RGBA{0xbc, 0x4c, 0x00, 0xff},
		voltage: color.RGBA{0x82, 0x50, 0xdf, 0xff}, current: color.RGBA{0xbf, 0x39, 0x89, 0xff},
	}
	Dark = Theme{
		background: color.RGBA{0x0d, 0x11, 0x17, 0xff}, ink: color.RGBA{0xe6, 0xed, 0xf3, 0xff},
		faint: color.RGBA{0x9d, 0xa7, 0xb3, 0xff}, grid: color.RGBA{0x2a, 0x31, 0x3a, 0xff},
		power: color.RGBA{0x58, 0xa6, 0xff, 0xff}, powerFill: color.RGBA{0x12, 0x2d, 0x4d, 0xff},
		energy: color.RGBA{0x3f, 0xb9, 0x50, 0xff}, charge: color.RGBA{0xf0, 0x88, 0x3e, 0xff},
		voltage: color.RGBA{0xa3, 0x71, 0xf7, 0xff}, current: color.RGBA{0xf7, 0x78, 0xba, 0xff},
	}
)

// The picture is as wide as a phone held upright, in points; a viewer scales it to any other width. Its letters are 12 points high, so
// that they are still read on the smallest.
const (
	width       = 360
	panelHeight = 130
	titleHeight = 44
	axisHeight  = 34
	margin      = 8
	letter      = 12
	pngDPI      = 144 // two pixels a point: 720 wide
)

// SVG draws the curve.
func (c Curve) SVG(w io.Writer, theme Theme) error {
	canvas := vgsvg.NewWith(vgsvg.UseWH(width, c.height()))
	if err := c.draw(draw.New(canvas), theme); err != nil {
		return err
	}
	return writeSVG(w, canvas)
}

// PNG draws the curve at two pixels a point.
func (c Curve) PNG(w io.Writer, theme Theme) error {
	canvas := vgimg.NewWith(vgimg.UseWH(width, c.height()), vgimg.UseDPI(pngDPI), vgimg.UseBackgroundColor(theme.background))
	if err := c.draw(draw.New(canvas), theme); err != nil {
		return err
	}
	_, err := vgimg.PngCanvas{Canvas: canvas}.WriteTo(w)
	return err
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
func (c Curve) panels(theme Theme) []series {
	all := []series{
		{field: "power_kw", label: "Power (kW)", value: func(p Point) float64 { return p.PowerKW }, line: theme.power, fill: theme.powerFill},
		{field: "energy_kwh", label: "Energy (kWh)", value: func(p Point) float64 { return p.EnergyKWh }, line: theme.energy},
		{field: "soc_percent", label: "Charge (%)", value: func(p Point) float64 { return p.SoCPercent }, line: theme.charge, top: 100},
		{field: "voltage_v", label: "Voltage (V)", value: func(p Point) float64 { return p.VoltageV }, line: theme.voltage},
		{field: "current_a", label: "Current (A)", value: func(p Point) float64 { return p.CurrentA }, line: theme.current},
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
	return vg.Length(titleHeight + len(c.panels(Light))*panelHeight + axisHeight)
}

var errEmptyCanvas = errors.New("curve: nothing to draw on")

func (c Curve) draw(canvas draw.Canvas, theme Theme) error {
	if canvas.Size().X <= 0 {
		return errEmptyCanvas
	}
	canvas.SetColor(theme.background)
	canvas.Fill(canvas.Path())
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
	area := draw.Crop(canvas, margin, -2*margin, margin/2, -titleHeight)
	tiles := draw.Tiles{Rows: len(panels), Cols: 1, PadY: margin}
	for i, row := range plot.Align(plots, tiles, area) {
		plots[i][0].Draw(row[0])
	}
	return nil
}

// title says in two lines when it was and what it came to.
func (c Curve) title(canvas draw.Canvas, theme Theme) {
	style := textStyle(letter+1, theme.ink)
	style.Font.Weight = xfont.WeightBold
	canvas.FillText(style, vg.Point{X: margin, Y: canvas.Max.Y - 18}, "Charge of "+c.Start.UTC().Format("2 January 2006, 15:04")+" UTC")
	canvas.FillText(textStyle(letter, theme.faint), vg.Point{X: margin, Y: canvas.Max.Y - 35}, c.Summary())
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

// themed is an empty plot in the theme's colours.
func themed(theme Theme) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color = theme.faint
		axis.Tick.Color = theme.faint
		axis.Tick.Label = keep(axis.Tick.Label, letter, theme.faint)
		axis.Label.TextStyle = keep(axis.Label.TextStyle, letter, theme.ink)
		axis.Padding = 0
	}
	p.Y.Label.Padding = 4
	return p
}

// hex writes a colour as pages do.
func hex(c color.Color) string {
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}

func (c Curve) panel(s series, theme Theme, last bool) (*plot.Plot, error) {
	p := themed(theme)
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
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = theme.grid, theme.grid
	p.Add(grid)
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
	p.Y.Tick.Marker = plot.ConstantTicks(valueTicks(top))
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

func textStyle(size vg.Length, ink color.Color) text.Style {
	return keep(text.Style{Handler: plot.DefaultTextHandler}, size, ink)
}

// keep sets font and colour and leaves where the text goes.
func keep(style text.Style, size vg.Length, ink color.Color) text.Style {
	style.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	style.Color = ink
	return style
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

// valueTicks are three to six round numbers from nothing to the top.
func valueTicks(top float64) []plot.Tick {
	scale := math.Pow(10, math.Floor(math.Log10(top/4)))
	step := scale
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		step = m * scale
		if top/step <= 5 {
			break
		}
	}
	var ticks []plot.Tick
	for i := 0; float64(i)*step <= top; i++ {
		ticks = append(ticks, plot.Tick{Value: float64(i) * step, Label: fmt.Sprintf("%g", math.Round(float64(i)*step*1000)/1000)})
	}
	return ticks
}
