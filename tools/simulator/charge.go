package simulator

import "time"

// A Plug is what a connector offers.
type Plug struct {
	PowerKW float64 `json:"power_kw"`
	DC      bool    `json:"dc"`
	// Phases of an AC plug, 1 or 3.
	Phases int `json:"phases,omitempty"`
}

// A Charge is energy on its way into a vehicle. It knows no clock: Advance moves it on.
type Charge struct {
	vehicle Vehicle
	plug    Plug
	battery float64 // in Wh, made smaller by the speed
	at      time.Time
	powerW  float64
	energy  float64 // Wh since the beginning
	soc     float64
	full    bool
}

// A Reading is what the meter shows at a moment.
type Reading struct {
	At       time.Time
	PowerW   float64
	EnergyWh float64 // since the charge began
	SoC      float64
	// Done says that the vehicle wants no more.
	Done bool
}

// NewCharge begins a charge at a moment, with no power yet. A speed above 1 makes the battery smaller by that factor.
func NewCharge(vehicle Vehicle, plug Plug, speed float64, begin time.Time) *Charge {
	return &Charge{
		vehicle: vehicle, plug: plug, battery: vehicle.BatteryKWh * 1000 / max(speed, 1e-9), at: begin, soc: vehicle.ArrivalSoC,
	}
}

// Advance moves the charge on to a moment and reads the meter there. Power goes in a straight line from the reading before to this
// one, so that the energy is exactly the area under the line. An earlier moment than the last reads the meter as it is.
func (c *Charge) Advance(to time.Time) Reading {
	if hours := to.Sub(c.at).Hours(); hours > 0 {
		// What the vehicle wants at the end depends on its state of charge there, which the energy of the step decides. Two rounds
		// settle it: the curve is flat over the energy of one step.
		next := c.powerW
		for range 2 {
			if !c.full {
				next = 1000 * c.vehicle.Power(c.plug, c.soc+c.percent((c.powerW+next)/2*hours))
			}
			c.full = c.full || next == 0
			if c.full {
				next = 0
			}
		}
		energy := (c.powerW + next) / 2 * hours
		c.at, c.powerW, c.energy = to, next, c.energy+energy
		c.soc = min(100, c.soc+c.percent(energy))
	}
	return Reading{At: c.at, PowerW: c.powerW, EnergyWh: c.energy, SoC: c.soc, Done: c.full}
}

func (c *Charge) percent(wh float64) float64 {
	return 100 * wh / c.battery
}
