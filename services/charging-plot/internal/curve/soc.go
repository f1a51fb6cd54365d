package curve

import (
	"bytes"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
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

const socHeight = titleHeight + 2*panelHeight + axisHeight

// SVG draws it.
func (b BySoC) SVG(w io.Writer, theme Theme) error {
	canvas := vgsvg.NewWith(vgsvg.UseWH(width, socHeight))
	if err := b.draw(draw.New(canvas), theme); err != nil {
		return err
	}
	return writeSVG(w, canvas)
}

// PNG draws it at two pixels a point.
func (b BySoC) PNG(w io.Writer, theme Theme) error {
	canvas := vgimg.NewWith(vgimg.UseWH(width, socHeight), vgimg.UseDPI(pngDPI), vgimg.UseBackgroundColor(theme.background))
	if err := b.draw(draw.New(canvas), theme); err != nil {
		return err
	}
	_, err := vgimg.PngCanvas{Canvas: canvas}.WriteTo(w)
	return err
}

func (b BySoC) draw(canvas draw.Canvas, theme Theme) error {
	canvas.SetColor(theme.background)
	canvas.Fill(canvas.Path())
	b.Curve.title(canvas, theme)

	p := themed(theme)
	p.Y.Label.Text, p.X.Label.Text = "Power (kW)", "State of charge (%)"
	top := 0.0
	measured := make(plotter.XYs, 0, len(b.Curve.Points))
	for _, point := range b.Points() {
		measured = append(measured, plotter.XY{X: point.SoCPercent, Y: point.PowerKW})
		top = max(top, point.PowerKW)
	}
	var reference plotter.XYs
	if b.Reference != nil {
		for _, point := range b.Reference.Points {
			reference = append(reference, plotter.XY{X: point.SoCPercent, Y: point.PowerKW})
			top = max(top, point.PowerKW)
		}
	}
	top = max(top*1.08, 1)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = theme.grid, theme.grid
	p.Add(grid)
	if err := addLine(p, reference, draw.LineStyle{Color: theme.faint, Width: 1.5, Dashes: []vg.Length{4, 3}}); err != nil {
		return err
	}
	if err := addLine(p, measured, draw.LineStyle{Color: theme.power, Width: 1.5}); err != nil {
		return err
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 100, 0, top
	p.X.Tick.Marker = plot.ConstantTicks(percentTicks)
	p.Y.Tick.Marker = plot.ConstantTicks(valueTicks(top))
	p.Draw(draw.Crop(canvas, margin, -2*margin, margin/2, -titleHeight-letter-margin/2))
	b.legend(canvas, theme)
	return nil
}

// legend says below the title which line is which.
func (b BySoC) legend(canvas draw.Canvas, theme Theme) {
	y := canvas.Max.Y - titleHeight - letter + 4
	x := vg.Length(margin)
	entry := func(style draw.LineStyle, text string) {
		canvas.StrokeLine2(style, x, y+4, x+18, y+4)
		canvas.FillText(textStyle(letter-1, theme.faint), vg.Point{X: x + 22, Y: y}, text)
		x += 30 + textStyle(letter-1, theme.faint).Width(text)
	}
	entry(draw.LineStyle{Color: theme.power, Width: 1.5}, "this charge")
	if b.Reference == nil {
		return
	}
	name := b.Reference.Name
	for len(name) > 0 && textStyle(letter-1, theme.faint).Width(name) > width-x-60 {
		name = string([]rune(name)[:len([]rune(name))-1])
	}
	entry(draw.LineStyle{Color: theme.faint, Width: 1.5, Dashes: []vg.Length{4, 3}}, name)
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

// writeSVG writes a drawing with fonts that browsers have.
func writeSVG(w io.Writer, canvas *vgsvg.Canvas) error {
	var buf bytes.Buffer
	if _, err := canvas.WriteTo(&buf); err != nil {
		return err
	}
	// The letters were measured with Liberation Sans; where it is missing, the fonts with the same widths come first.
	out := bytes.ReplaceAll(buf.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"))
	out = bytes.ReplaceAll(out, []byte("font-variant:none;"), nil)
	_, err := w.Write(out)
	return err
}
