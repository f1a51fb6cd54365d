package simulator

import (
	"math/rand/v2"
)

// A Vehicle is a car as a plug knows it.
type Vehicle struct {
	Name       string
	BatteryKWh float64
	// ArrivalSoC and TargetSoC are the states of charge, in percent, at which it comes and at which it has had enough.
	ArrivalSoC float64
	TargetSoC  float64
	// DC is the power its battery takes over its state of charge, straight between the points. It begins at 0 % and ends at 100 %.
	DC []CurvePoint
	// ACPower is the power of its on-board charger in kW, over ACPhases phases.
	ACPower  float64
	ACPhases int
}

// A CurvePoint is the most power, in kW, that a battery takes at a state of charge, in percent.
type CurvePoint struct {
	SoC     float64
	PowerKW float64
}

// vehicles are shapes that cars have, not cars: a small battery that holds its power long, a middle one, a long-range one that
// steps down, one of 800 V with a high plateau and an early fall, a van, and a plug-in hybrid.
var vehicles = []Vehicle{
	{
		Name: "city car", BatteryKWh: 38, ACPower: 7.4, ACPhases: 1,
		DC: []CurvePoint{{0, 38}, {8, 46}, {55, 46}, {70, 34}, {80, 24}, {90, 13}, {100, 4}},
	},
	{
		Name: "compact", BatteryKWh: 58, ACPower: 11, ACPhases: 3,
		DC: []CurvePoint{{0, 90}, {6, 118}, {28, 120}, {45, 92}, {60, 78}, {80, 52}, {90, 27}, {100, 6}},
	},
	{
		Name: "long-range", BatteryKWh: 77, ACPower: 11, ACPhases: 3,
		DC: []CurvePoint{{0, 120}, {5, 168}, {22, 172}, {38, 134}, {55, 104}, {70, 86}, {80, 62}, {90, 34}, {100, 7}},
	},
	{
		Name: "800-volt", BatteryKWh: 93, ACPower: 22, ACPhases: 3,
		DC: []CurvePoint{{0, 170}, {5, 255}, {48, 262}, {58, 210}, {72, 150}, {80, 112}, {88, 58}, {95, 26}, {100, 9}},
	},
	{
		Name: "van", BatteryKWh: 68, ACPower: 11, ACPhases: 3,
		DC: []CurvePoint{{0, 66}, {10, 80}, {66, 80}, {78, 58}, {86, 38}, {94, 19}, {100, 8}},
	},
	{
		Name: "hybrid", BatteryKWh: 14, ACPower: 3.7, ACPhases: 1,
		DC: []CurvePoint{{0, 20}, {60, 22}, {85, 12}, {100, 3}},
	},
}

// Vehicles returns the shapes that RandomVehicle chooses from, ready to be given their states of charge.
func Vehicles() []Vehicle {
	return append([]Vehicle(nil), vehicles...)
}

// RandomVehicle returns one of the shapes that suits the plug, arriving fairly empty. On DC most drivers leave before the last, slow
// fifth; on AC they mostly fill up.
func RandomVehicle(random *rand.Rand, plug Plug) Vehicle {
	v := vehicles[random.IntN(len(vehicles))]
	for plug.DC && v.BatteryKWh < 20 {
		v = vehicles[random.IntN(len(vehicles))]
	}
	v.ArrivalSoC = 6 + random.Float64()*34
	v.TargetSoC = 76 + random.Float64()*12
	if !plug.DC {
		v.ArrivalSoC = 25 + random.Float64()*35
		v.TargetSoC = 85 + random.Float64()*15
	}
	return v
}

// Power returns what the vehicle draws from the plug at a state of charge, in kW: the least of what both can, 0 once it has had
// enough.
func (v Vehicle) Power(plug Plug, soc float64) float64 {
	if soc >= v.target() {
		return 0
	}
	if plug.DC {
		return min(plug.PowerKW, at(v.DC, soc))
	}
	phases := min(max(1, plug.Phases), max(1, v.ACPhases))
	// A plug or a charger of three phases that meets one of a single phase gives a third of its power.
	power := min(plug.PowerKW*float64(phases)/float64(max(1, plug.Phases)), v.ACPower*float64(phases)/float64(max(1, v.ACPhases)))
	if soc > 97 {
		power *= (100.5 - soc) / 3.5
	}
	return power
}

func (v Vehicle) target() float64 {
	if v.TargetSoC <= 0 || v.TargetSoC > 100 {
		return 100
	}
	return v.TargetSoC
}

// at reads a curve at a state of charge.
func at(curve []CurvePoint, soc float64) float64 {
	for i, p := range curve {
		if soc > p.SoC {
			continue
		}
		if i == 0 {
			return p.PowerKW
		}
		before := curve[i-1]
		return before.PowerKW + (p.PowerKW-before.PowerKW)*(soc-before.SoC)/(p.SoC-before.SoC)
	}
	if len(curve) == 0 {
		return 0
	}
	return curve[len(curve)-1].PowerKW
}
