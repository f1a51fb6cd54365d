package session

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// Reading is what a meter said at one moment. A value that it did not say is NaN: a session of ten hours has tens of thousands of
// readings, and pointers would cost more than the numbers.
type Reading struct {
	At         time.Time
	RegisterWh float64 // the energy register, which runs through all sessions
	PowerW     float64
	CurrentA   float64
	VoltageV   float64
	SoCPercent float64
	Marks      Mark // what is wrong with it, as Judge says
	// Other holds everything else by "measurand", or "measurand phase", with "@location" where it is not the outlet.
	Other map[string]float64
}

// Pushed is a reading that an operator's back end says a session had.
type Pushed struct {
	SessionID uuid.UUID
	Reading
}

// ErrBadReadings is a batch of readings some of which cannot be stored; nothing of it is.
var ErrBadReadings = fault.Define(fault.Unprocessable, "bad_meter_values", "Some of the readings cannot be stored")

// Readings gathers samples by their time, in order. Where a charge point gives power or current by phase only, power is their sum and
// current the strongest phase; voltage is their mean.
func Readings(samples []chargepoint.Sample) []Reading {
	byTime := make(map[int64]*gathered)
	for _, s := range samples {
		key := s.At.UnixMicro()
		g := byTime[key]
		if g == nil {
			nan := math.NaN()
			g = &gathered{Reading: Reading{At: s.At, RegisterWh: nan, PowerW: nan, CurrentA: nan, VoltageV: nan, SoCPercent: nan}}
			byTime[key] = g
		}
		g.add(s)
	}
	out := make([]Reading, 0, len(byTime))
	for g := range maps.Values(byTime) {
		out = append(out, g.reading())
	}
	slices.SortFunc(out, func(a, b Reading) int { return cmp.Compare(a.At.UnixMicro(), b.At.UnixMicro()) })
	return out
}

// gathered is a reading that is being put together.
type gathered struct {
	Reading

	power, current, voltage []float64 // by phase
}

func (g *gathered) add(s chargepoint.Sample) {
	whole := s.Phase == ""
	outlet := s.Location == "" || s.Location == "Outlet"
	switch {
	case s.Measurand == chargepoint.StateOfCharge:
		g.SoCPercent = s.Value // wherever it is measured, there is one battery
		return
	case outlet && whole && s.Measurand == chargepoint.EnergyImportRegister:
		g.RegisterWh = s.Value
		return
	case outlet && whole && s.Measurand == chargepoint.PowerImport:
		g.PowerW = s.Value
		return
	case outlet && whole && s.Measurand == chargepoint.CurrentImport:
		g.CurrentA = s.Value
		return
	case outlet && whole && s.Measurand == chargepoint.Voltage:
		g.VoltageV = s.Value
		return
	case outlet && s.Measurand == chargepoint.PowerImport:
		g.power = append(g.power, s.Value)
	case outlet && s.Measurand == chargepoint.CurrentImport && s.Phase != "N":
		g.current = append(g.current, s.Value)
	case outlet && s.Measurand == chargepoint.Voltage:
		g.voltage = append(g.voltage, s.Value)
	}
	key := string(s.Measurand)
	if !whole {
		key += " " + s.Phase
	}
	if !outlet {
		key += "@" + s.Location
	}
	if g.Other == nil {
		g.Other = make(map[string]float64)
	}
	g.Other[key] = s.Value
}

func (g *gathered) reading() Reading {
	if math.IsNaN(g.PowerW) && len(g.power) > 0 {
		g.PowerW = total(g.power)
	}
	if math.IsNaN(g.CurrentA) && len(g.current) > 0 {
		g.CurrentA = slices.Max(g.current)
	}
	if math.IsNaN(g.VoltageV) && len(g.voltage) > 0 {
		g.VoltageV = total(g.voltage) / float64(len(g.voltage))
	}
	return g.Reading
}

func total(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum
}
