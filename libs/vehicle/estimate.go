package vehicle

import (
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Now is how a charge stands.
type Now struct {
	SoCPercent float64
	PowerKW    float64 // what it draws; 0 when that is not known
	MaxKW      float64 // the highest it has drawn
	BatteryKWh float64 // as far as it can be told from the charge itself, 0 when it cannot
}

// Estimate is when a charge will be at a state of charge.
type Estimate struct {
	Duration  time.Duration
	EnergyKWh float64 // from the outlet
	Basis     Basis
}

// Basis says what an estimate stands on.
type Basis string

// The bases.
const (
	ByReference Basis = "reference" // the vehicle's own curve
	ByTypical   Basis = "typical"   // how cars draw power on average
)

// ErrNoEstimate is an estimate that nothing stands under.
var ErrNoEstimate = fault.Define(fault.Conflict, "no_estimate", "Too little is known of the charge for an estimate")

const (
	// losses is the share of the energy that warms cables and batteries, on average of fast charges.
	losses = 0.07
	// held is how far below its curve a car draws before the outlet is said to hold it back.
	held = 0.9
)

// leastGain is how much the state of charge must have grown for the battery to be told from the charge itself, in percent.
const leastGain = 3

// Battery tells what a battery holds, in kWh, from the energy that the outlet gave between two states of charge; 0 when they are too close.
func Battery(outletKWh, fromSoC, toSoC float64) float64 {
	if !(toSoC-fromSoC >= leastGain && outletKWh > 0) {
		return 0
	}
	return outletKWh * (1 - losses) / (toSoC - fromSoC) * 100
}

// Estimate tells how long a charge takes to a state of charge. With a vehicle it follows that one's curve, under what the outlet gives:
// where the car draws clearly less than it could, the outlet's power is taken to stay as it is. Without one it follows the typical shares
// of the highest power that was drawn, or of less where the car draws less than those now. It returns ErrNoEstimate where neither battery
// nor power is known.
func (c *Catalogue) Estimate(v *Vehicle, now Now, target float64) (Estimate, error) {
	battery, basis := now.BatteryKWh, ByTypical
	if v != nil {
		battery = v.UsableKWh
	}
	var power func(float64) float64
	switch {
	case v != nil && len(v.Curve) > 0:
		basis = ByReference
		most := 0.0 // what the outlet gives at most, 0: as much as the car takes
		if reference := v.At(now.SoCPercent); now.PowerKW > 0 && now.PowerKW < held*reference {
			most = now.PowerKW
		}
		power = func(soc float64) float64 {
			kw := v.At(soc)
			if most > 0 {
				kw = min(kw, most)
			}
			return kw
		}
	case now.PowerKW > 0 && battery > 0:
		most := max(now.MaxKW, now.PowerKW)
		share := func(soc float64) float64 { return Typical(most/battery, soc) }
		drawn := min(1, now.PowerKW/most/share(now.SoCPercent))
		power = func(soc float64) float64 { return most * share(soc) * drawn }
	}
	if power == nil || battery <= 0 {
		return Estimate{}, ErrNoEstimate
	}
	return Estimate{
		Duration:  Duration(battery, now.SoCPercent, target, losses, power),
		EnergyKWh: battery * max(0, target-now.SoCPercent) / 100 / (1 - losses), Basis: basis,
	}, nil
}
