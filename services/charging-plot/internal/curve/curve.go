// Package curve draws what a charge did: power, energy, state of charge, voltage and current over time, and power over the state of charge.
//
//	c := curve.From(session.StartedAt, meterStartWh, readings)
//	c.Thin(600).SVG(w, chart.Light)
//
// A value that is not known is NaN. What a meter did not say is worked out where it can be: power from the growth of the register,
// energy from power over time. Everything is deterministic: the same readings give the same bytes.
package curve

import (
	"encoding/csv"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// Curve is a session's readings over time.
type Curve struct {
	Start  time.Time
	Points []Point // in order of time
}

// Point is a moment of the charge.
type Point struct {
	Elapsed    time.Duration // since the start
	PowerKW    float64
	EnergyKWh  float64 // taken in since the start
	SoCPercent float64
	VoltageV   float64
	CurrentA   float64
}

// maxGap is how long two readings may lie apart for the power between them to be worked out from the register, or energy from the power.
const maxGap = time.Hour

// From makes a curve of a session's readings, which are in order of time. meterStartWh is the register at the start, NaN when it is
// not known, as in a session imported without it; then energy counts from the first reading. Energy is the register's wherever that was
// read. Between two of its readings, as between those at the start and at the stop of a charge whose meter else says the power alone, it
// grows as the power says, and comes to what the register says; after the last of them it is the power over time.
func From(start time.Time, meterStartWh float64, readings []session.Reading) Curve {
	c := Curve{Start: start, Points: make([]Point, 0, len(readings))}
	register, registerAt := meterStartWh, start
	energy := integral{at: start}
	for _, r := range session.Judge(start, meterStartWh, readings) {
		p := Point{Elapsed: r.At.Sub(start), PowerKW: r.PowerW / 1000, SoCPercent: r.SoCPercent, EnergyKWh: math.NaN(), VoltageV: r.VoltageV, CurrentA: r.CurrentA}
		energy.advance(r.At, p.PowerKW)
		c.Points = append(c.Points, p)
		last := &c.Points[len(c.Points)-1]
		switch {
		case !math.IsNaN(r.RegisterWh):
			if math.IsNaN(meterStartWh) {
				meterStartWh = r.RegisterWh - energy.kwh()*1000
			}
			if gap := r.At.Sub(registerAt); math.IsNaN(r.PowerW) && gap > 0 && gap <= maxGap && !math.IsNaN(register) {
				last.PowerKW = max(0, (r.RegisterWh-register)/1000/gap.Hours())
			}
			register, registerAt = r.RegisterWh, r.At
			last.EnergyKWh = energy.anchor(c.Points, (r.RegisterWh-meterStartWh)/1000)
		case !math.IsNaN(r.PowerW) || r.Marks&(session.MarkBackwards|session.MarkJump) != 0:
			last.EnergyKWh = energy.hang(len(c.Points) - 1)
		}
	}
	return c
}

// integral is the energy since the start, by the register where it was read and by the power in between.
type integral struct {
	anchored float64 // kWh at the last register
	since    float64 // kWh by the power since then
	hanging  []int   // the points since then that stand on it

	at    time.Time // of the last power that is known; a charge begins without any
	power float64   // kW
}

// advance takes the power that was read next, NaN when it was not.
func (e *integral) advance(at time.Time, kw float64) {
	if math.IsNaN(kw) {
		return
	}
	if gap := at.Sub(e.at); gap > 0 && gap <= maxGap {
		e.since += (e.power + kw) / 2 * gap.Hours()
	}
	e.at, e.power = at, kw
}

func (e *integral) kwh() float64 { return e.anchored + e.since }

// hang gives the energy of a point between two registers, as far as is known yet.
func (e *integral) hang(point int) float64 {
	e.hanging = append(e.hanging, point)
	return e.kwh()
}

// anchor gives the energy of a point whose register was read, and stretches what hangs before it so that it meets that.
func (e *integral) anchor(points []Point, kwh float64) float64 {
	kwh = max(kwh, e.anchored)
	stretch := 0.0
	if e.since > 0 {
		stretch = (kwh - e.anchored) / e.since
	}
	for _, i := range e.hanging {
		points[i].EnergyKWh = e.anchored + (points[i].EnergyKWh-e.anchored)*stretch
	}
	e.anchored, e.since, e.hanging = kwh, 0, e.hanging[:0]
	return kwh
}

// Thin gives the curve with at most n points (at least 4), chosen from those there are so that no peak and no trough of the power is
// lost: of each stretch of time the moments of its lowest and its highest power stay, and the first and the last of all.
func (c Curve) Thin(n int) Curve {
	n = max(n, 4)
	if len(c.Points) <= n {
		return c
	}
	buckets := (n - 2) / 2
	inner := c.Points[1 : len(c.Points)-1]
	out := make([]Point, 0, n)
	out = append(out, c.Points[0])
	for b := range buckets {
		bucket := inner[b*len(inner)/buckets : (b+1)*len(inner)/buckets]
		if len(bucket) == 0 {
			continue
		}
		low, high, known := 0, 0, len(bucket)-1
		for i := range bucket {
			if math.IsNaN(bucket[i].PowerKW) {
				continue
			}
			// NaN compares false, so that it is chosen only when the whole bucket has nothing else.
			if bucket[i].PowerKW < bucket[low].PowerKW || math.IsNaN(bucket[low].PowerKW) {
				low = i
			}
			if bucket[i].PowerKW > bucket[high].PowerKW || math.IsNaN(bucket[high].PowerKW) {
				high = i
			}
			known = i
		}
		if low == high { // flat: the last that is known says more of energy and charge than the first
			out = append(out, bucket[known])
			continue
		}
		out = append(out, bucket[min(low, high)], bucket[max(low, high)])
	}
	return Curve{Start: c.Start, Points: append(out, c.Points[len(c.Points)-1])}
}

// CSV writes the curve with units in the names of its columns; what is not known is an empty field.
func (c Curve) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"at", "elapsed_s", "power_kw", "energy_kwh", "soc_percent", "voltage_v", "current_a"}); err != nil {
		return err
	}
	for _, p := range c.Points {
		row := []string{
			c.Start.Add(p.Elapsed).UTC().Format(time.RFC3339Nano), number(p.Elapsed.Seconds()),
			number(p.PowerKW), number(p.EnergyKWh), number(p.SoCPercent), number(p.VoltageV), number(p.CurrentA),
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(Round(v), 'f', -1, 64)
}

// Round gives a value to a thousandth of its unit, the finest that meters mean, and 0 of what is a hair below it.
func Round(v float64) float64 { return math.Round(v*1000)/1000 + 0 }
