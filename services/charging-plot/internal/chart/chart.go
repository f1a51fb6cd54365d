// Package chart is how all our pictures look: their size, letters, axes and colours, light and dark, as SVG and as PNG.
//
//	err := chart.SVG(w, chart.Light, height, func(canvas draw.Canvas) error {
//		chart.Title(canvas, chart.Light, "Load of the station", "up to 120 kW")
//		…
//	})
//
// Everything is deterministic: the same drawing gives the same bytes.
package chart

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"

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

// A picture is as wide as a phone held upright, in points; a viewer scales it to any other width. Its letters are 12 points high, so
// that they are still read on the smallest.
const (
	Width       = 360
	PanelHeight = 130
	TitleHeight = 44
	AxisHeight  = 34
	Margin      = 8
	Letter      = 12
	pngDPI      = 144 // two pixels a point: 720 wide
)

var errNoRoom = errors.New("chart: nothing to draw on")

// SVG draws a picture of a height, in points, with fonts that browsers have.
func SVG(w io.Writer, theme Theme, height vg.Length, paint func(canvas draw.Canvas) error) error {
	canvas := vgsvg.NewWith(vgsvg.UseWH(Width, height))
	if err := onPage(draw.New(canvas), theme, paint); err != nil {
		return err
	}
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

// PNG draws a picture of a height, in points, at two pixels a point.
func PNG(w io.Writer, theme Theme, height vg.Length, paint func(canvas draw.Canvas) error) error {
	canvas := vgimg.NewWith(vgimg.UseWH(Width, height), vgimg.UseDPI(pngDPI), vgimg.UseBackgroundColor(theme.Background))
	if err := onPage(draw.New(canvas), theme, paint); err != nil {
		return err
	}
	_, err := vgimg.PngCanvas{Canvas: canvas}.WriteTo(w)
	return err
}

func onPage(canvas draw.Canvas, theme Theme, paint func(canvas draw.Canvas) error) error {
	if canvas.Size().X <= 0 {
		return errNoRoom
	}
	canvas.SetColor(theme.Background)
	canvas.Fill(canvas.Path())
	return paint(canvas)
}

// Title writes two lines at the top: what the picture shows, and what it comes to.
func Title(canvas draw.Canvas, theme Theme, title, summary string) {
	style := Text(Letter+1, theme.Ink)
	style.Font.Weight = xfont.WeightBold
	canvas.FillText(style, vg.Point{X: Margin, Y: canvas.Max.Y - 18}, title)
	canvas.FillText(Text(Letter, theme.Faint), vg.Point{X: Margin, Y: canvas.Max.Y - 35}, summary)
}

// Axes are those of an empty plot in the theme's colours.
func Axes(theme Theme) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color = theme.Faint
		axis.Tick.Color = theme.Faint
		axis.Tick.Label = keep(axis.Tick.Label, Letter, theme.Faint)
		axis.Label.TextStyle = keep(axis.Label.TextStyle, Letter, theme.Ink)
		axis.Padding = 0
	}
	p.Y.Label.Padding = 4
	return p
}

// Grid are the lines behind the values.
func Grid(theme Theme) *plotter.Grid {
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = theme.Grid, theme.Grid
	return grid
}

// Text is how words of a size, in points, look.
func Text(size vg.Length, ink color.Color) text.Style {
	return keep(text.Style{Handler: plot.DefaultTextHandler}, size, ink)
}

// keep sets font and colour and leaves where the text goes.
func keep(style text.Style, size vg.Length, ink color.Color) text.Style {
	style.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	style.Color = ink
	return style
}

// ValueTicks are three to six round numbers from nothing to the top.
func ValueTicks(top float64) []plot.Tick {
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
