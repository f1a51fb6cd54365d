package vehicle_test

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
)

var update = flag.Bool("update", false, "write typical.csv anew")

// charge is a real fast charge: minutes, kWh from the outlet, the highest kW, and states of charge in percent.
type charge struct{ stay, energy, most, from, to, arrival float64 }

func (c charge) battery() float64 { return vehicle.Battery(c.energy, c.from, c.to) }

// charges reads the fast charges of the EPFL, those that tell anything, in order of time. The data says stays in whole minutes, and a stay
// goes on when the car is done.
func charges(t testing.TB) (out []charge, all int) {
	t.Helper()
	file, err := os.Open("../../../shared/data/epfl_dc_sessions.csv.gz")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("NOT CHECKED: the real charges are not next to the checkout (../shared/data)")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	packed, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(packed).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		number := func(i int) float64 {
			v, _ := strconv.ParseFloat(row[i], 64)
			return v
		}
		c := charge{stay: number(4), energy: number(5) / 1000, most: number(6) / 1000, from: number(11), to: number(12), arrival: number(2)}
		if c.to-c.from >= 5 && c.stay > 0 && c.energy > 0 && c.most > 0 {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b charge) int { return int(math.Copysign(1, a.arrival-b.arrival)) })
	return out, len(rows) - 1
}

// Classes of cars by the highest power for their battery, and the tenths of a battery.
var classes = []float64{1, 1.5, 2, math.Inf(1)}

const tenths = 10

func (c charge) class() int {
	return slices.IndexFunc(classes, func(below float64) bool { return c.most/c.battery() < below })
}

// minutes is how long the charge would take in each tenth at its highest power: its stay is their sum, each divided by a share.
func (c charge) minutes() (out [tenths]float64) {
	for i := range out {
		low, high := float64(i)*100/tenths, float64(i+1)*100/tenths
		out[i] = c.energy * 60 / c.most * max(0, min(c.to, high)-max(c.from, low)) / (c.to - c.from)
	}
	return out
}

func (c charge) estimated(slowness [tenths]float64) float64 {
	sum := 0.0
	for i, m := range c.minutes() {
		sum += m * slowness[i]
	}
	return sum
}

// fit gives how many times longer than at the highest power the tenths take: what makes the sum of the relative errors of the stays least
// (iteratively reweighted least squares), held gently to a prior and to its neighbours, since some tenths have few charges.
func fit(of []charge, prior [tenths]float64) [tenths]float64 {
	const toPrior, toNeighbour = 1, 3
	x := prior
	for range 30 {
		var a [tenths][tenths + 1]float64
		for _, c := range of {
			m := c.minutes()
			weight := 1 / c.stay / max(math.Abs(c.estimated(x)-c.stay), 0.02*c.stay)
			for i := range m {
				for k := range m {
					a[i][k] += weight * m[i] * m[k]
				}
				a[i][tenths] += weight * m[i] * c.stay
			}
		}
		for i := range a {
			a[i][i] += toPrior
			a[i][tenths] += toPrior * prior[i]
			if i > 0 {
				a[i][i] += toNeighbour
				a[i-1][i-1] += toNeighbour
				a[i][i-1] -= toNeighbour
				a[i-1][i] -= toNeighbour
			}
		}
		x = solve(a)
	}
	return x
}

// solve solves a symmetric, positive system by elimination.
func solve(a [tenths][tenths + 1]float64) (x [tenths]float64) {
	for i := range a {
		for row := i + 1; row < tenths; row++ {
			factor := a[row][i] / a[i][i]
			for k := i; k <= tenths; k++ {
				a[row][k] -= factor * a[i][k]
			}
		}
	}
	for i := tenths - 1; i >= 0; i-- {
		x[i] = a[i][tenths]
		for k := i + 1; k < tenths; k++ {
			x[i] -= a[i][k] * x[k]
		}
		x[i] /= a[i][i]
	}
	return x
}

// fitClasses fits each class, with what fits all of them as its prior.
func fitClasses(of []charge) [][tenths]float64 {
	var even [tenths]float64
	for i := range even {
		even[i] = 1.3
	}
	all := fit(of, even)
	out := make([][tenths]float64, len(classes))
	for i := range out {
		out[i] = fit(slices.DeleteFunc(slices.Clone(of), func(c charge) bool { return c.class() != i }), all)
	}
	return out
}

func table(slowness [][tenths]float64) string {
	var out strings.Builder
	out.WriteString("below_c")
	for i := range tenths {
		fmt.Fprintf(&out, ",soc_%d", i*100/tenths)
	}
	for i, row := range slowness {
		fmt.Fprintf(&out, "\n%g", classes[i])
		for _, s := range row {
			fmt.Fprintf(&out, ",%.3f", 1/s)
		}
	}
	return out.String() + "\n"
}

func TestTheTypicalPowersAreThoseOfTheRealCharges(t *testing.T) {
	t.Parallel()
	of, _ := charges(t)
	want := table(fitClasses(of))
	if *update {
		if err := os.WriteFile("typical.csv", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("typical.csv")
	if err != nil || string(got) != want {
		t.Errorf("typical.csv is not what the charges come to (%v):\n%s", err, want)
	}
}

// quantiles are the median, three of four and nine of ten.
func quantiles(wrong []float64) [3]float64 {
	slices.Sort(wrong)
	return [3]float64{wrong[len(wrong)/2], wrong[len(wrong)*3/4], wrong[len(wrong)*9/10]}
}

// TestEstimatesOfRealCharges estimates the time of real fast charges from what is known when they begin: battery, states of charge, and the
// highest power, which the car asks for early. Each half of them, by time, is estimated by what was fitted to the other; then all by the
// table that the program has, and by the highest power held throughout, which is what a charge point's display does.
func TestEstimatesOfRealCharges(t *testing.T) {
	t.Parallel()
	of, all := charges(t)
	unseen, built, naive := mistakes(t, of)
	for name, wrong := range map[string][]float64{"fitted to the other half": unseen, "by the program's table": built, "at the highest power throughout": naive} {
		q := quantiles(wrong)
		t.Logf("%d of %d charges, %s: the error of the time is %.1f %% in the median, %.1f %% for three of four, %.1f %% for nine of ten",
			len(wrong), all, name, 100*q[0], 100*q[1], 100*q[2])
	}
	if q, n := quantiles(unseen), quantiles(naive); all != 1878 || q[0] > 0.11 || q[2] > 0.31 || q[0] > n[0]/3 || quantiles(built)[0] > 0.11 {
		t.Errorf("of %d charges that were not seen the error is %.3f, at the highest power %.3f", all, q, n)
	}
}

// mistakes gives how far estimates of real charges' times are off, as shares of these: by what was fitted to the other half of them, by the
// program's table, and at the highest power throughout.
func mistakes(t testing.TB, of []charge) (unseen, built, naive []float64) {
	t.Helper()
	early, late := of[:len(of)/2], of[len(of)/2:]
	off := func(c charge, minutes float64) float64 { return math.Abs(minutes-c.stay) / c.stay }
	for _, half := range [][2][]charge{{early, late}, {late, early}} {
		fitted := fitClasses(half[0])
		for _, c := range half[1] {
			unseen = append(unseen, off(c, c.estimated(fitted[c.class()])))
		}
	}
	catalogue := vehicle.BuiltIn()
	for _, c := range of {
		e, err := catalogue.Estimate(nil, vehicle.Now{SoCPercent: c.from, PowerKW: c.most, MaxKW: c.most, BatteryKWh: c.battery()}, c.to)
		if err != nil {
			t.Fatal(err)
		}
		built, naive = append(built, off(c, e.Duration.Minutes())), append(naive, off(c, c.energy/c.most*60))
	}
	return unseen, built, naive
}

// BenchmarkEstimates prints how far the time to a state of charge is off for real charges that were not fitted to.
func BenchmarkEstimates(b *testing.B) {
	of, _ := charges(b)
	for b.Loop() {
		unseen, _, naive := mistakes(b, of)
		q := quantiles(unseen)
		b.ReportMetric(100*q[0], "median-%")
		b.ReportMetric(100*q[2], "p90-%")
		b.ReportMetric(100*quantiles(naive)[0], "naive-median-%")
	}
}
