package chargepoint

import (
	"math"
	"strings"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Measurand is what a sample measures, in the words of OCPP ("Energy.Active.Import.Register", "SoC", …).
type Measurand string

// The measurands that sessions and curves are made from. Every other one is kept under its own name.
const (
	EnergyImportRegister Measurand = "Energy.Active.Import.Register"
	PowerImport          Measurand = "Power.Active.Import"
	CurrentImport        Measurand = "Current.Import"
	Voltage              Measurand = "Voltage"
	StateOfCharge        Measurand = "SoC"
)

// Sample is one sampled value, its unit normalised: Wh, W, VA, var, A, V, percent, °C; see NewSample.
type Sample struct {
	At        time.Time
	Measurand Measurand
	Phase     string // L1, L2, L3, N, L1-N, …; empty for the whole
	Location  string // Outlet (the default), Inlet, EV, Body, Cable
	Context   string // Sample.Periodic (the default), Sample.Clock, Transaction.Begin, Transaction.End, Trigger, …
	Value     float64
}

// Reading is a sampled value as it stood in the message, with the protocol's defaults left empty.
type Reading struct {
	At        time.Time
	Measurand string
	Phase     string
	Location  string
	Context   string
	Unit      string
	Value     float64
	// Exponent of ten that OCPP 2.0.1 multiplies the value with, 0 in 1.6.
	Multiplier int
}

// ErrBadReading is a reading that is no finite number or whose unit does not measure its measurand.
var ErrBadReading = fault.Define(fault.Invalid, "bad_reading", "The reading makes no sense")

// units maps a unit to what it is in the normal one of its kind.
var units = map[string]struct {
	kind  string
	scale float64
}{
	"Wh": {"energy", 1}, "kWh": {"energy", 1000},
	"varh": {"reactive energy", 1}, "kvarh": {"reactive energy", 1000},
	"W": {"power", 1}, "kW": {"power", 1000},
	"VA": {"apparent power", 1}, "kVA": {"apparent power", 1000},
	"var": {"reactive power", 1}, "kvar": {"reactive power", 1000},
	"A": {"current", 1}, "V": {"voltage", 1},
	"Percent": {"percent", 1}, "%": {"percent", 1},
	"Celsius": {"temperature", 1}, "Celcius": {"temperature", 1}, // the second is how the OCPP 1.6 schema spells it
	"Hertz": {"frequency", 1}, "Hz": {"frequency", 1}, "RPM": {"rpm", 1},
}

// normal gives the kind of unit in which a measurand is kept, "" where any unit is taken as it is.
func normal(m Measurand) (kind string) {
	switch {
	case strings.HasPrefix(string(m), "Energy.Active"):
		return "energy"
	case strings.HasPrefix(string(m), "Energy.Reactive"):
		return "reactive energy"
	case strings.HasPrefix(string(m), "Power.Active"), m == "Power.Offered":
		return "power"
	case strings.HasPrefix(string(m), "Power.Reactive"):
		return "reactive power"
	case strings.HasPrefix(string(m), "Current"):
		return "current"
	case m == Voltage:
		return "voltage"
	case m == StateOfCharge:
		return "percent"
	}
	return ""
}

// MostValue is more than anything is in its unit: a terawatt-hour on a register, a terawatt.
const MostValue = 1e12

// NewSample applies the protocol's defaults (measurand: the import register; unit: that of the measurand) and normalises the unit.
// It returns ErrBadReading for a value that is not finite or beyond MostValue, a unit of another kind than the measurand's, and a state of charge
// outside 0 to 100.
func NewSample(r Reading) (Sample, error) {
	s := Sample{
		At: r.At, Measurand: Measurand(r.Measurand), Phase: r.Phase, Location: r.Location, Context: r.Context,
		Value: r.Value * math.Pow10(r.Multiplier),
	}
	if s.Measurand == "" {
		s.Measurand = EnergyImportRegister
	}
	if s.Location == "" {
		s.Location = "Outlet"
	}
	if s.Context == "" {
		s.Context = "Sample.Periodic"
	}
	if want := normal(s.Measurand); r.Unit != "" && want != "" {
		unit, known := units[r.Unit]
		if !known || unit.kind != want {
			return Sample{}, ErrBadReading.Detailf("The unit %q does not measure %s.", r.Unit, s.Measurand)
		}
		s.Value *= unit.scale
	} else if unit, known := units[r.Unit]; known {
		s.Value *= unit.scale
	}
	if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
		return Sample{}, ErrBadReading.Detailf("The value of %s is not a number.", s.Measurand)
	}
	if math.Abs(s.Value) > MostValue {
		return Sample{}, ErrBadReading.Detailf("The value %g of %s is more than there can be.", s.Value, s.Measurand)
	}
	if s.Measurand == StateOfCharge && (s.Value < 0 || s.Value > 100) {
		return Sample{}, ErrBadReading.Detailf("The state of charge %g is outside 0 to 100 percent.", s.Value)
	}
	return s, nil
}
