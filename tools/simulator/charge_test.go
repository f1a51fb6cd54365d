package simulator

import (
	"compress/gzip"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

var begin = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// The meter's energy is the area under the power that is reported, whatever the vehicle, the plug, the speed and the moments at
// which it is read.
func TestEnergyIsTheAreaUnderThePower(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	plugs := []Plug{{PowerKW: 50, DC: true}, {PowerKW: 150, DC: true}, {PowerKW: 350, DC: true}, {PowerKW: 22, Phases: 3}, {PowerKW: 7.4, Phases: 1}}
	for _, plug := range plugs {
		for _, speed := range []float64{1, 10, 200} {
			for range 20 {
				v := RandomVehicle(random, plug)
				c := NewCharge(v, plug, speed, begin)
				before, area := c.Advance(begin), 0.0
				for now := begin; !before.Done; {
					now = now.Add(time.Duration(1+random.IntN(30_000/int(speed))) * time.Millisecond)
					r := c.Advance(now)
					area += (before.PowerW + r.PowerW) / 2 * r.At.Sub(before.At).Hours()
					if r.EnergyWh < before.EnergyWh || r.SoC < before.SoC || r.PowerW < 0 || r.PowerW > plug.PowerKW*1000+1e-6 {
						t.Fatalf("%s at %+v: %+v after %+v", v.Name, plug, r, before)
					}
					if now.Sub(begin) > 48*time.Hour {
						t.Fatalf("%s at %+v is not full after two days: %+v", v.Name, plug, r)
					}
					before = r
				}
				if off := math.Abs(area-before.EnergyWh) / before.EnergyWh; off > 1e-9 {
					t.Errorf("%s at %+v, speed %g: %.3f Wh under the curve, %.3f Wh in the meter", v.Name, plug, speed, area, before.EnergyWh)
				}
				// And the battery holds what the meter says, made smaller by the speed.
				if want := (before.SoC - v.ArrivalSoC) / 100 * v.BatteryKWh * 1000 / speed; math.Abs(want-before.EnergyWh) > 1e-6*want {
					t.Errorf("%s: the battery took %.3f Wh, the meter says %.3f", v.Name, want, before.EnergyWh)
				}
			}
		}
	}
}

func TestPowerTapersAndStopsWhenTheVehicleHasEnough(t *testing.T) {
	t.Parallel()
	for _, v := range Vehicles() {
		v.ArrivalSoC, v.TargetSoC = 10, 100
		peak := 0.0
		for soc := 0.0; soc < 100; soc++ {
			peak = max(peak, v.Power(Plug{PowerKW: 400, DC: true}, soc))
		}
		if late := v.Power(Plug{PowerKW: 400, DC: true}, 95); late > peak/2 {
			t.Errorf("%s still draws %.0f of %.0f kW at 95 %%", v.Name, late, peak)
		}
		if limited := v.Power(Plug{PowerKW: 20, DC: true}, 30); limited > 20 {
			t.Errorf("%s draws %.0f kW from a plug of 20", v.Name, limited)
		}
		v.TargetSoC = 80
		if after := v.Power(Plug{PowerKW: 400, DC: true}, 80); after != 0 {
			t.Errorf("%s draws %.0f kW after it had enough", v.Name, after)
		}
	}
}

func TestACPowerFollowsThePhasesThatBothHave(t *testing.T) {
	t.Parallel()
	three, one := Vehicle{ACPower: 11, ACPhases: 3}, Vehicle{ACPower: 7.4, ACPhases: 1}
	for _, c := range []struct {
		vehicle Vehicle
		plug    Plug
		want    float64
	}{
		{three, Plug{PowerKW: 22, Phases: 3}, 11},
		{three, Plug{PowerKW: 7.4, Phases: 1}, 11.0 / 3},
		{one, Plug{PowerKW: 22, Phases: 3}, 22.0 / 3},
		{one, Plug{PowerKW: 22, Phases: 1}, 7.4},
		{one, Plug{PowerKW: 3.7}, 3.7},
	} {
		if got := c.vehicle.Power(c.plug, 50); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%+v at %+v: %.2f kW, want %.2f", c.vehicle, c.plug, got, c.want)
		}
	}
}

// The model holds for the curves that real cars publish, too: it fills each of them, and its energy is what their battery takes.
func TestTheCurvesOfRealCarsCanBeCharged(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../../../shared/data/open_ev_data.json.gz")
	if os.IsNotExist(err) {
		t.Skip("NOT CHECKED: the open EV data are not next to the checkout (../shared/data)")
	}
	must(t, err)
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	must(t, err)
	var data struct {
		Data []struct {
			Model   string  `json:"model"`
			Battery float64 `json:"usable_battery_size"`
			DC      *struct {
				Curve []struct {
					Percentage float64 `json:"percentage"`
					Power      float64 `json:"power"`
				} `json:"charging_curve"`
			} `json:"dc_charger"`
		} `json:"data"`
	}
	must(t, json.NewDecoder(unzipped).Decode(&data))
	cars := 0
	for _, car := range data.Data {
		if car.DC == nil || car.Battery <= 0 || len(car.DC.Curve) < 2 {
			continue
		}
		cars++
		v := Vehicle{Name: car.Model, BatteryKWh: car.Battery, ArrivalSoC: 10, TargetSoC: 80}
		for _, p := range car.DC.Curve {
			v.DC = append(v.DC, CurvePoint{p.Percentage, p.Power})
		}
		c := NewCharge(v, Plug{PowerKW: 350, DC: true}, 1, begin)
		r := c.Advance(begin)
		for now := begin; !r.Done && now.Sub(begin) < 24*time.Hour; {
			now = now.Add(10 * time.Second)
			r = c.Advance(now)
		}
		want := car.Battery * 1000 * (r.SoC - 10) / 100
		if !r.Done || r.SoC < 79.5 || r.SoC > 82 || math.Abs(r.EnergyWh-want) > 0.005*want {
			t.Errorf("%s (%.0f kWh): %+v, want %.0f Wh", car.Model, car.Battery, r, want)
		}
	}
	t.Logf("%d cars", cars)
}
