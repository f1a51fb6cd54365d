package session_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

func TestReadingsAreMarkedAndPutRight(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given []session.Reading
		want  []float64 // registers, -1: not known
		marks string    // of all readings, comma-joined
	}{
		"as they should be":                 {[]session.Reading{reading(1, 1100, -1), reading(2, 1200, -1)}, []float64{1100, 1200}, ","},
		"one in kWh":                        {[]session.Reading{reading(1, 500_100, -1), reading(2, 500.2, -1), reading(3, 500_300, -1)}, []float64{500_100, 500_200, 500_300}, ",unit,"},
		"one a thousand times too high":     {[]session.Reading{reading(1, 500_100, -1), reading(2, 500_200_000, -1)}, []float64{500_100, 500_200}, ",unit"},
		"a reset":                           {[]session.Reading{reading(1, 501_000, -1), reading(2, 0, -1), reading(3, 250, -1)}, []float64{501_000, 501_000, 501_250}, ",reset,"},
		"one that ran backwards":            {[]session.Reading{reading(1, 501_000, -1), reading(2, 499_000, -1), reading(3, 502_000, -1)}, []float64{501_000, -1, 502_000}, ",backwards,"},
		"one that jumped":                   {[]session.Reading{reading(1, 501_000, -1), reading(2, 900_000_001, -1), reading(3, 502_000, -1)}, []float64{501_000, -1, 502_000}, ",jump,"},
		"one that stays where it jumped to": {[]session.Reading{reading(1, 501_000, -1), reading(2, 900_000_001, -1), reading(3, 900_001_001, -1)}, []float64{501_000, 501_000, 502_000}, ",jump,"},
		"a gap":                             {[]session.Reading{reading(1, 1100, -1), reading(2, 1200, -1), reading(40, 1300, -1)}, []float64{1100, 1200, 1300}, ",,gap"},
		"a slow meter has none":             {[]session.Reading{reading(1, 1100, -1), reading(16, 1200, -1), reading(31, 1300, -1)}, []float64{1100, 1200, 1300}, ",,"},
	} {
		first := 1000.0
		if c.given[0].RegisterWh > 10_000 {
			first = 500_000
		}
		got := session.Judge(noon, first, c.given)
		words := make([]string, len(got))
		for i, r := range got {
			words[i] = strings.Join(r.Marks.Names(), "+")
			if r.RegisterWh != c.want[i] && !(math.IsNaN(r.RegisterWh) && c.want[i] < 0) {
				t.Errorf("%s: register %d is %g, want %g", name, i, r.RegisterWh, c.want[i])
			}
		}
		if got := strings.Join(words, ","); got != c.marks {
			t.Errorf("%s: marked %q, want %q", name, got, c.marks)
		}
	}
}

func TestAPowerInKilowattsIsKnownByTheRegister(t *testing.T) {
	t.Parallel()
	got := session.Judge(noon, 1000, []session.Reading{reading(6, 2100, 11), reading(12, 3200, 11_000)})
	if got[0].PowerW != 11_000 || got[0].Marks != session.MarkUnit || got[1].PowerW != 11_000 || got[1].Marks != 0 {
		t.Errorf("%+v", got)
	}
}

func TestAJudgedRegisterNeverFallsAndAGoodOneIsLeftAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var good, bad []session.Reading
		at, register := 0.0, 1000.0
		for range rapid.IntRange(1, 60).Draw(t, "readings") {
			at += rapid.Float64Range(0.1, 9).Draw(t, "minutes")
			register += rapid.Float64Range(0, 2000).Draw(t, "gained")
			good = append(good, reading(at, register, -1))
			bad = append(bad, reading(at, rapid.Float64Range(0, 1e9).Draw(t, "nonsense"), -1))
		}
		for i, r := range session.Judge(noon, 1000, good) {
			if r.RegisterWh != good[i].RegisterWh || r.Marks != 0 {
				t.Fatalf("a good reading %+v became %+v", good[i], r)
			}
		}
		last := 1000.0
		for _, r := range session.Judge(noon, 1000, bad) {
			if r.RegisterWh < last {
				t.Fatalf("the register fell from %g to %g", last, r.RegisterWh)
			}
			if !math.IsNaN(r.RegisterWh) {
				last = r.RegisterWh
			}
		}
	})
	if session.Judge(noon, math.NaN(), nil) == nil {
		t.Error("no readings are judged as nil")
	}
}
