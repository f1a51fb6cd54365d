package curve_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart/charttest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/curve"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

var start = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// charge is a fast charge of n readings a step apart: power rises within a minute, holds, and falls with the state of charge, with a
// little noise and one dip.
func charge(n int, step time.Duration) []session.Reading {
	noise := rand.New(rand.NewPCG(1, 2))
	out := make([]session.Reading, n)
	energy := 0.0
	for i := range out {
		part := float64(i) / float64(n)
		soc := 10 + 75*math.Sqrt(part)
		power := 150_000 * math.Min(1, float64(i)*step.Seconds()/60)
		if soc > 45 {
			power *= math.Max(0.15, 1-(soc-45)/50)
		}
		if part > 0.4 && part < 0.42 {
			power = 20_000
		}
		power *= 1 + 0.02*noise.NormFloat64()
		energy += power * step.Hours()
		out[i] = session.Reading{
			At: start.Add(time.Duration(i) * step), RegisterWh: 500_000 + energy, PowerW: power, SoCPercent: soc,
			CurrentA: math.NaN(), VoltageV: math.NaN(),
		}
	}
	return out
}

// full is a charge of which everything was read.
func full() []session.Reading {
	out := charge(600, 3*time.Second)
	for i := range out {
		out[i].VoltageV = 380 + float64(i)/20
		out[i].CurrentA = out[i].PowerW / out[i].VoltageV
	}
	return out
}

func TestFromWorksOutWhatTheMeterDidNotSay(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	read := func(minutes int, register, power float64) session.Reading {
		return session.Reading{At: start.Add(time.Duration(minutes) * time.Minute), RegisterWh: register, PowerW: power, SoCPercent: nan}
	}
	byRegister := curve.From(start, 1000, []session.Reading{read(0, 1000, nan), read(6, 2000, nan), read(12, 2500, nan), read(100, 9000, nan)})
	for i, want := range []float64{nan, 10, 5, nan} { // the last gap is too long to say
		if got := byRegister.Points[i].PowerKW; got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("power at %s is %g kW, want %g", byRegister.Points[i].Elapsed, got, want)
		}
	}
	if got := byRegister.Points[3].EnergyKWh; got != 8 {
		t.Errorf("energy is %g kWh, want 8", got)
	}
	byPower := curve.From(start, nan, []session.Reading{read(0, nan, 0), read(30, nan, 10_000), read(60, nan, 10_000)})
	for i, want := range []float64{0, 2.5, 7.5} {
		if got := byPower.Points[i].EnergyKWh; math.Abs(got-want) > 1e-9 {
			t.Errorf("energy at %s is %g kWh, want %g", byPower.Points[i].Elapsed, got, want)
		}
	}
	whole := curve.From(start, 1000, []session.Reading{read(0, 1000, 0), read(15, nan, 10_000), read(30, nan, 10_000), read(60, 6000, 10_000), read(90, nan, 10_000)})
	for i, want := range []float64{0, 0.714, 2.143, 5, 10} { // by the power 1.25, 3.75, 8.75 kWh, which the register stretches
		if got := whole.Points[i].EnergyKWh; math.Abs(got-want) > 0.001 {
			t.Errorf("between two registers energy at %s is %g kWh, want %g", whole.Points[i].Elapsed, got, want)
		}
	}
	late := curve.From(start, nan, []session.Reading{read(0, nan, 10_000), read(30, nan, 10_000), read(60, 9000, 10_000), read(90, 12_000, nan)})
	for i, want := range []float64{0, 5, 10, 13} { // what went before the first register counts
		if got := late.Points[i].EnergyKWh; math.Abs(got-want) > 0.001 {
			t.Errorf("with a register that is read late energy at %s is %g kWh, want %g", late.Points[i].Elapsed, got, want)
		}
	}
	backwards := curve.From(start, 1000, []session.Reading{read(1, 1500, nan), read(2, 1400, nan), read(3, 1600, nan)})
	for i, want := range []float64{0.5, 0.5, 0.6} {
		if got := backwards.Points[i].EnergyKWh; math.Abs(got-want) > 1e-9 || backwards.Points[i].PowerKW < 0 {
			t.Errorf("with a register that runs backwards energy is %g kWh, want %g", got, want)
		}
	}
}

func TestThinKeepsPeaksTroughsAndBothEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := curve.Curve{Start: start}
		for i := range rapid.IntRange(0, 500).Draw(t, "readings") {
			p := curve.Point{Elapsed: time.Duration(i) * time.Second, PowerKW: rapid.Float64Range(0, 350).Draw(t, "power"), EnergyKWh: float64(i)}
			if rapid.IntRange(0, 9).Draw(t, "known") == 0 {
				p.PowerKW = math.NaN()
			}
			c.Points = append(c.Points, p)
		}
		n := rapid.IntRange(1, 120).Draw(t, "points")
		thin := c.Thin(n)
		if len(thin.Points) > max(n, 4) || len(c.Points) <= max(n, 4) && len(thin.Points) != len(c.Points) {
			t.Fatalf("%d points of %d, at most %d", len(thin.Points), len(c.Points), n)
		}
		if len(c.Points) == 0 {
			return
		}
		extremes := func(c curve.Curve) (low, high float64) {
			low, high = math.Inf(1), math.Inf(-1)
			for i, p := range c.Points {
				if i > 0 && c.Points[i-1].Elapsed >= p.Elapsed {
					t.Fatalf("point %d is out of order", i)
				}
				if !math.IsNaN(p.PowerKW) {
					low, high = math.Min(low, p.PowerKW), math.Max(high, p.PowerKW)
				}
			}
			return low, high
		}
		low, high := extremes(c)
		thinLow, thinHigh := extremes(thin)
		if low != thinLow || high != thinHigh {
			t.Fatalf("power went from %g to %g and is drawn from %g to %g", low, high, thinLow, thinHigh)
		}
		if thin.Points[0].Elapsed != c.Points[0].Elapsed || thin.Points[len(thin.Points)-1].Elapsed != c.Points[len(c.Points)-1].Elapsed {
			t.Fatal("an end is missing")
		}
	})
}

// The golden pictures are looked at whenever they are written anew.
func TestPicturesAreAsTheyWereLookedAt(t *testing.T) {
	t.Parallel()
	slow := charge(400, 90*time.Second)
	for i := range slow {
		slow[i].PowerW, slow[i].SoCPercent = math.NaN(), math.NaN()
	}
	for name, c := range map[string]curve.Curve{
		"fast":  curve.From(start, 500_000, charge(1800, time.Second)),
		"slow":  curve.From(start, 500_000, slow),
		"short": curve.From(start, 500_000, charge(5, 10*time.Second)),
		"empty": curve.From(start, math.NaN(), nil),
		"full":  curve.From(start, 500_000, full()),
	} {
		thin := c.Thin(200)
		charttest.Looked(t, name, charttest.Picture{SVG: thin.SVG, PNG: thin.PNG})
	}
}

func TestPowerOverChargeIsAsItWasLookedAt(t *testing.T) {
	t.Parallel()
	car := &curve.Reference{Name: "Acme One", Points: []curve.ReferencePoint{{SoCPercent: 0, PowerKW: 160}, {SoCPercent: 45, PowerKW: 170}, {SoCPercent: 80, PowerKW: 60}, {SoCPercent: 100, PowerKW: 10}}}
	c := curve.From(start, 500_000, charge(1800, time.Second))
	for name, b := range map[string]curve.BySoC{
		"soc":      {Curve: c.Thin(200), Reference: car},
		"socalone": {Curve: c.Thin(200)},
		"socempty": {Curve: curve.From(start, math.NaN(), nil)},
	} {
		charttest.Looked(t, name, charttest.Picture{SVG: b.SVG, PNG: b.PNG})
	}
}

func TestChargeBetweenReadingsIsWorkedOut(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	point := func(minutes int, kw, soc float64) curve.Point {
		return curve.Point{Elapsed: time.Duration(minutes) * time.Minute, PowerKW: kw, SoCPercent: soc}
	}
	b := curve.BySoC{Curve: curve.Curve{Points: []curve.Point{point(0, 50, nan), point(1, 60, 20), point(2, 70, nan), point(3, nan, nan), point(5, 80, 40), point(6, 90, nan)}}}
	got := b.Points()
	if len(got) != 3 || got[0].SoCPercent != 20 || got[1].SoCPercent != 25 || got[1].PowerKW != 70 || got[2].SoCPercent != 40 {
		t.Errorf("the points are %+v", got)
	}
}

func TestAVegaLiteDocumentHoldsThePanelsAndThePoints(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := curve.From(start, 500_000, full()).Thin(50).VegaLite(&out, chart.Dark); err != nil {
		t.Fatal(err)
	}
	var document struct {
		Schema string `json:"$schema"`
		Data   struct{ Values []map[string]any }
		Panels []struct {
			Encoding struct{ Y struct{ Field, Title string } }
		} `json:"vconcat"`
	}
	if err := json.Unmarshal(out.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, p := range document.Panels {
		names += p.Encoding.Y.Title + ", "
	}
	if names != "Power (kW), Energy (kWh), Charge (%), Voltage (V), Current (A), " || len(document.Data.Values) != 50 || document.Data.Values[10]["power_kw"] == nil {
		t.Errorf("it holds %s and %d points such as %v", names, len(document.Data.Values), document.Data.Values[10])
	}
}

func TestAVegaLiteDocumentOverTheChargeHoldsBothLines(t *testing.T) {
	t.Parallel()
	car := &curve.Reference{Name: "Acme One", Points: []curve.ReferencePoint{{SoCPercent: 0, PowerKW: 160}, {SoCPercent: 100, PowerKW: 10}}}
	for _, c := range []struct {
		b    curve.BySoC
		want []int // points of each line
	}{
		{curve.BySoC{Curve: curve.From(start, 500_000, full()).Thin(50), Reference: car}, []int{2, 50}},
		{curve.BySoC{Curve: curve.From(start, math.NaN(), nil)}, []int{0}},
	} {
		var out bytes.Buffer
		if err := c.b.VegaLite(&out, chart.Light); err != nil {
			t.Fatal(err)
		}
		var document struct {
			Layer []struct {
				Data     struct{ Values []map[string]any }
				Encoding struct {
					X, Y  struct{ Title string }
					Color struct{ Scale struct{ Domain []string } }
				}
			}
		}
		if err := json.Unmarshal(out.Bytes(), &document); err != nil {
			t.Fatal(err)
		}
		if len(document.Layer) != len(c.want) {
			t.Fatalf("it has %d lines", len(document.Layer))
		}
		for i, l := range document.Layer {
			if len(l.Data.Values) != c.want[i] || l.Encoding.X.Title != "State of charge (%)" || l.Encoding.Y.Title != "Power (kW)" || len(l.Encoding.Color.Scale.Domain) != len(c.want) {
				t.Errorf("line %d is %+v", i, l)
			}
		}
		if c.b.Reference != nil {
			for _, member := range []string{"soc_percent", "power_kw", "voltage_v", "current_a", "energy_kwh", "minutes"} {
				if document.Layer[1].Data.Values[20][member] == nil {
					t.Errorf("a point of the charge lacks %s", member)
				}
			}
		}
	}
}

// TestEnergyByIntegrationIsThatOfTheRegister integrates the power of charges that were read every so often, where meters say the register
// beside it never, at start and stop, or every quarter of an hour. The charge goes in steps of a second and has a dip of 24 seconds to five
// minutes: of one that falls between two readings the register alone knows, so that power alone, read more seldom than that, is measured
// and held to nothing, and what the register stretches may stand wrong on the way by as much as the dip.
func TestEnergyByIntegrationIsThatOfTheRegister(t *testing.T) {
	t.Parallel()
	for name, register := range map[string]time.Duration{
		"power alone": 0, "register at start and stop": 24 * time.Hour, "register every quarter of an hour": 15 * time.Minute,
	} {
		for _, every := range []int{1, 10, 30, 60} {
			whole, anywhere := 0.0, 0.0
			for _, minutes := range []int{20, 60, 240} {
				w, a := integrate(charge(minutes*60+1, time.Second), every, register)
				whole, anywhere = max(whole, w), max(anywhere, a)
			}
			t.Logf("%s, read every %d s: %.3f %% off the register in all, %.3f %% of the whole at worst on the way", name, every, 100*whole, 100*anywhere)
			if fine := every <= 10; (fine || register > 0) && whole > 0.005 || fine && anywhere > 0.005 || register > 0 && anywhere > 0.02 {
				t.Errorf("%s, read every %d s: %.3f %% off the register in all, %.3f %% on the way", name, every, 100*whole, 100*anywhere)
			}
		}
	}
}

// integrate gives how far the energy of a charge read every so many seconds is from the register: in all, and at worst on the way, both as
// shares of the whole.
func integrate(all []session.Reading, every int, register time.Duration) (whole, anywhere float64) {
	var readings []session.Reading
	var truth []float64
	for i := 0; i < len(all); i += every {
		readings, truth = append(readings, all[i]), append(truth, (all[i].RegisterWh-all[0].RegisterWh)/1000)
	}
	last := len(readings) - 1
	next := register
	for i := range readings {
		elapsed := readings[i].At.Sub(start)
		switch {
		case register > 0 && (i == 0 || i == last):
		case register > 0 && elapsed >= next:
			next += register
		default:
			readings[i].RegisterWh = math.NaN()
		}
	}
	points := curve.From(start, readings[0].RegisterWh, readings).Points
	for i, p := range points {
		anywhere = max(anywhere, math.Abs(p.EnergyKWh-truth[i])/truth[last])
	}
	return math.Abs(points[last].EnergyKWh-truth[last]) / truth[last], anywhere
}

// TestWhatPowerAloneCannotKnow makes two charges whose readings are the same, and whose energies are not: one has a dip that falls between
// two readings. Whoever is told the readings alone is wrong about one of the two by at least half of what they differ by, whatever the
// method. Read every ten seconds that is less than the half per cent which integration is held to; at 30 and 60 s it is more.
func TestWhatPowerAloneCannotKnow(t *testing.T) {
	t.Parallel()
	for _, every := range []int{10, 30, 60} {
		bound := unknowable(every)
		t.Logf("power read every %d s: no method is within %.2f %% of both", every, 100*bound)
		if (bound > 0.005) != (every > 10) {
			t.Errorf("power read every %d s can be off by %.3f %% unnoticed", every, 100*bound)
		}
	}
}

// unknowable gives half of the difference of two charges that look the same, as a share of the greater.
func unknowable(every int) float64 {
	const half = 10 * 60
	flat, dip := 0.0, 0.0
	for _, r := range charge(20*60+1, time.Second)[1:] {
		flat += r.PowerW
		second := int(r.At.Sub(start).Seconds())
		if power := r.PowerW; second > half && second < half+every {
			dip += math.Min(power, 20_000)
		} else {
			dip += power
		}
	}
	return (flat - dip) / 2 / flat
}

// BenchmarkEnergyByIntegration prints how far energies by integration are from the register, in per cent, at worst of three charges; and
// what no method can know of one that is read every minute.
func BenchmarkEnergyByIntegration(b *testing.B) {
	for b.Loop() {
		for unit, c := range map[string]struct {
			every    int
			register time.Duration
		}{"%-60s-registers": {60, 24 * time.Hour}, "%-10s-power": {10, 0}, "%-60s-power": {60, 0}} {
			worst := 0.0
			for _, minutes := range []int{20, 60, 240} {
				whole, _ := integrate(charge(minutes*60+1, time.Second), c.every, c.register)
				worst = max(worst, whole)
			}
			b.ReportMetric(100*worst, unit)
		}
		b.ReportMetric(100*unknowable(60), "%-60s-unknowable")
	}
}

func BenchmarkSVGOfTenHours(b *testing.B) {
	readings := charge(36_000, time.Second)
	b.ReportAllocs()
	for b.Loop() {
		var buf bytes.Buffer
		if err := curve.From(start, 500_000, readings).Thin(600).SVG(&buf, chart.Light); err != nil {
			b.Fatal(err)
		}
	}
}
