package vehicle_test

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
)

func TestTheBuiltInTableIsWhole(t *testing.T) {
	t.Parallel()
	all := vehicle.BuiltIn().Find("")
	curves := 0
	for _, v := range all {
		if len(v.Curve) > 0 {
			curves++
		}
	}
	if len(all) < 280 || curves < 170 {
		t.Errorf("there are %d vehicles, %d with a curve", len(all), curves)
	}
	if found := vehicle.BuiltIn().Find("aiways u5"); len(found) == 0 || found[0].UsableKWh != 63 {
		t.Errorf("found %+v", found)
	}
	if _, err := vehicle.BuiltIn().Get("nothing"); !errors.Is(err, vehicle.ErrUnknown) {
		t.Errorf("an unknown vehicle: %v", err)
	}
}

func TestACurveIsReadBetweenItsPoints(t *testing.T) {
	t.Parallel()
	v := vehicle.Vehicle{Curve: []vehicle.Power{{SoCPercent: 10, KW: 100}, {SoCPercent: 50, KW: 100}, {SoCPercent: 100, KW: 20}}}
	for soc, want := range map[float64]float64{0: 100, 10: 100, 30: 100, 75: 60, 100: 20} {
		if got := v.At(soc); math.Abs(got-want) > 1e-9 {
			t.Errorf("at %g %% it draws %g, want %g", soc, got, want)
		}
	}
	if !math.IsNaN((vehicle.Vehicle{}).At(50)) {
		t.Error("without a curve there is a power")
	}
}

func TestTablesThatAreWrongAreRefused(t *testing.T) {
	t.Parallel()
	const head = "id,name,year,usable_kwh,max_ac_kw,plugs,measured,dc_curve\n"
	if c, err := vehicle.Read(strings.NewReader(head + "a,A,,50,11,,true,0:50 80:40\n")); err != nil || len(c.Find("a")) != 1 {
		t.Errorf("a good one: %v", err)
	}
	for name, text := range map[string]string{
		"empty": "", "no head": "a,A,,50,11,,true,0:50\n", "no id": head + ",A,,50,11,,true,\n", "no battery": head + "a,A,,0,11,,true,\n",
		"not a number": head + "a,A,,NaN,11,,true,\n", "twice": head + "a,A,,50,11,,true,\na,A,,50,11,,true,\n",
		"curve": head + "a,A,,50,11,,true,0:50 0:40\n", "pairs": head + "a,A,,50,11,,true,0-50\n", "beyond": head + "a,A,,50,11,,true,101:50\n",
		"no power": head + "a,A,,50,NaN,,true,\n", "a minus": head + "a,A,,50,-1,,true,\n", "endless": head + "a,A,,50,11,,true,0:Inf\n",
		"columns": head + "a,A\n",
	} {
		if _, err := vehicle.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func TestPlugs(t *testing.T) {
	t.Parallel()
	leaf, err := vehicle.BuiltIn().Get("77028f96-eb9b-4c65-b452-c92011b1fc1c")
	if err != nil || !leaf.Takes("CHADEMO") || leaf.Takes("IEC_62196_T2_COMBO") || leaf.MaxDCKW() != 45 || leaf.Title() != "Nissan Leaf 40 kWh (2018)" {
		t.Errorf("the car is %+v (%v)", leaf, err)
	}
	if unknown := (vehicle.Vehicle{Name: "A"}); !unknown.Takes("CHADEMO") || unknown.MaxDCKW() != 0 || unknown.Title() != "A" {
		t.Errorf("of a car without plugs: %+v", unknown)
	}
}

func TestTablesOfFiles(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "vehicles.csv")
	if _, err := vehicle.Open(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	const table = "id,name,year,usable_kwh,max_ac_kw,plugs,measured,dc_curve\na,A,,50,11,CHADEMO,true,0:50\n"
	if err := os.WriteFile(name, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := vehicle.Open(name); err != nil || len(c.Find("")) != 1 {
		t.Errorf("a file: %v", err)
	}
	if c, err := vehicle.Open(""); err != nil || len(c.Find("")) < 280 {
		t.Errorf("no file: %v", err)
	}
}

func TestEstimates(t *testing.T) {
	t.Parallel()
	c := vehicle.BuiltIn()
	flat := vehicle.Vehicle{UsableKWh: 60, Curve: []vehicle.Power{{SoCPercent: 0, KW: 100}, {SoCPercent: 100, KW: 100}}}
	free, err := c.Estimate(&flat, vehicle.Now{SoCPercent: 20, PowerKW: 98}, 80)
	if want := 36 / 0.93 / 100 * 3600; err != nil || math.Abs(free.Duration.Seconds()-want) > 1 || free.Basis != vehicle.ByReference {
		t.Errorf("%+v, want %g s (%v)", free, want, err)
	}
	slow, err := c.Estimate(&flat, vehicle.Now{SoCPercent: 20, PowerKW: 50}, 80)
	if err != nil || math.Abs(slow.Duration.Seconds()/free.Duration.Seconds()-2) > 0.01 {
		t.Errorf("at an outlet of half the power it takes %s, else %s (%v)", slow.Duration, free.Duration, err)
	}
	if there, err := c.Estimate(&flat, vehicle.Now{SoCPercent: 81}, 80); err != nil || there.Duration != 0 || there.EnergyKWh != 0 {
		t.Errorf("already there: %+v (%v)", there, err)
	}
	if e, err := c.Estimate(nil, vehicle.Now{SoCPercent: 20, PowerKW: 50, BatteryKWh: 60}, 80); err != nil || e.Basis != vehicle.ByTypical || e.Duration < 30*time.Minute {
		t.Errorf("of an unknown car: %+v (%v)", e, err)
	}
	if e, err := c.Estimate(nil, vehicle.Now{SoCPercent: 20, PowerKW: 11, BatteryKWh: 60}, 80); err != nil || math.Abs(e.Duration.Hours()-36/0.93/11) > 0.01 {
		t.Errorf("of alternating current: %+v (%v)", e, err)
	}
	fast, err := c.Estimate(nil, vehicle.Now{SoCPercent: 20, PowerKW: 100, MaxKW: 100, BatteryKWh: 60}, 80)
	if half, err2 := c.Estimate(nil, vehicle.Now{SoCPercent: 20, PowerKW: 50 * vehicle.Typical(100.0/60, 20), MaxKW: 100, BatteryKWh: 60}, 80); err != nil || err2 != nil || math.Abs(half.Duration.Seconds()/fast.Duration.Seconds()-2) > 0.01 {
		t.Errorf("of a car that draws half of what cars do it takes %s, else %s (%v, %v)", half.Duration, fast.Duration, err, err2)
	}
	if got := vehicle.Battery(10, 20, 30); math.Abs(got-93) > 1e-9 || vehicle.Battery(1, 20, 22) != 0 || vehicle.Battery(1, math.NaN(), 22) != 0 {
		t.Errorf("10 kWh for a tenth are a battery of %g kWh", got)
	}
	for _, now := range []vehicle.Now{{SoCPercent: 20, PowerKW: 50}, {SoCPercent: 20, BatteryKWh: 50}, {}} {
		if _, err := c.Estimate(nil, now, 80); !errors.Is(err, vehicle.ErrNoEstimate) {
			t.Errorf("of nothing: %v", err)
		}
	}
}
