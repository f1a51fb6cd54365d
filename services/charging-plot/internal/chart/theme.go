package chart

import (
	"fmt"
	"image/color"
)

// Theme is a set of colours.
type Theme struct {
	Background, Ink, Faint, Grid color.Color
	Power, PowerFill             color.Color
	Energy, Charge               color.Color
	Voltage, Current             color.Color
}

// Light is for white pages, Dark for black ones. Each colour of a line stands off its background by a contrast of at least 4.5 to 1.
var (
	Light = Theme{
		Background: color.RGBA{0xff, 0xff, 0xff, 0xff}, Ink: color.RGBA{0x1f, 0x23, 0x28, 0xff},
		Faint: color.RGBA{0x59, 0x63, 0x6e, 0xff}, Grid: color.RGBA{0xe3, 0xe6, 0xea, 0xff},
		Power: color.RGBA{0x09, 0x69, 0xda, 0xff}, PowerFill: color.RGBA{0xd8, 0xe8, 0xfb, 0xff},
		Energy: color.RGBA{0x1a, 0x7f, 0x37, 0xff}, Charge: color.RGBA{0xbc, 0x4c, 0x00, 0xff},
		Voltage: color.RGBA{0x82, 0x50, 0xdf, 0xff}, Current: color.RGBA{0xbf, 0x39, 0x89, 0xff},
	}
	Dark = Theme{
		Background: color.RGBA{0x0d, 0x11, 0x17, 0xff}, Ink: color.RGBA{0xe6, 0xed, 0xf3, 0xff},
		Faint: color.RGBA{0x9d, 0xa7, 0xb3, 0xff}, Grid: color.RGBA{0x2a, 0x31, 0x3a, 0xff},
		Power: color.RGBA{0x58, 0xa6, 0xff, 0xff}, PowerFill: color.RGBA{0x12, 0x2d, 0x4d, 0xff},
		Energy: color.RGBA{0x3f, 0xb9, 0x50, 0xff}, Charge: color.RGBA{0xf0, 0x88, 0x3e, 0xff},
		Voltage: color.RGBA{0xa3, 0x71, 0xf7, 0xff}, Current: color.RGBA{0xf7, 0x78, 0xba, 0xff},
	}
)

// Shade is the colour of a share, 0 to 1: from that of an empty panel to that of power.
func (t Theme) Shade(share float64) color.Color {
	share = min(max(share, 0), 1)
	fr, fg, fb, _ := t.PowerFill.RGBA()
	tr, tg, tb, _ := t.Power.RGBA()
	between := func(from, to uint32) uint8 {
		return uint8((float64(from) + (float64(to)-float64(from))*share) / 257)
	}
	return color.RGBA{between(fr, tr), between(fg, tg), between(fb, tb), 0xff}
}

// Hex writes a colour as pages do.
func Hex(c color.Color) string {
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
