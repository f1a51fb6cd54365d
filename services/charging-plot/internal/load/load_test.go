package load_test

import (
	"io"
	"math"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart/charttest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/load"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func at(minutes float64) time.Time { return noon.Add(time.Duration(minutes * float64(time.Minute))) }

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

func TestSumFollowsPowerAndRegister(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	said := load.Session{ // 60 kW from 12:01 on, 30 from 12:03, ends within 12:05
		Start: at(1), End: at(5.5), MeterStartWh: nan, MeterStopWh: nan,
		Readings: []load.Reading{{At: at(1), PowerW: 60_000, RegisterWh: nan}, {At: at(3), PowerW: 30_000, RegisterWh: nan}},
	}
	counted := load.Session{ // 1 kWh between 12:00 and 12:06, said by the register alone
		Start: at(0), End: at(6), MeterStartWh: 500, MeterStopWh: nan,
		Readings: []load.Reading{{At: at(5), PowerW: nan, RegisterWh: 1500, RegisterAt: at(6)}},
	}
	elsewhere := load.Session{Start: at(-30), End: at(30), MeterStartWh: 0, MeterStopWh: 7000} // no readings at all
	l := load.Sum([]load.Session{said, counted, elsewhere}, at(0), at(8), time.Minute)
	for i, want := range []float64{10 + 7, 60 + 10 + 7, 60 + 10 + 7, 30 + 10 + 7, 30 + 10 + 7, 15 + 10 + 7, 7, 7} {
		near(t, l.Points[i].At.Format("15:04"), l.Points[i].PowerKW, want)
	}
	if n := l.Points[2].Sessions; n != 3 {
		t.Errorf("%d sessions at 12:02, want 3", n)
	}
	near(t, "the energy", l.EnergyKWh(), 60*2/60.0+30*2.5/60+1+7*8/60.0)
	if peak, some := l.Peak(); !some || !peak.At.Equal(at(1)) {
		t.Errorf("the peak is %+v", peak)
	}
}

func TestASilentMeterIsBelievedForAnHour(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	s := load.Session{Start: at(0), MeterStartWh: nan, MeterStopWh: nan, Readings: []load.Reading{
		{At: at(0), PowerW: 10_000, RegisterWh: nan}, {At: at(180), PowerW: 20_000, RegisterWh: nan},
	}}
	l := load.Sum([]load.Session{s}, at(0), at(240), load.Quarter)
	for i, want := range map[int]float64{0: 10, 3: 10, 4: 0, 11: 0, 12: 20, 13: 0} {
		near(t, l.Points[i].At.Format("15:04"), l.Points[i].PowerKW, want)
	}
	if n := l.Points[15].Sessions; n != 1 {
		t.Errorf("a session that runs is counted %d times at the end", n)
	}
}

func TestStepsAreFullAndNeverTooMany(t *testing.T) {
	t.Parallel()
	for span, want := range map[time.Duration]time.Duration{
		time.Minute: time.Minute, 6 * time.Hour: time.Minute, 7 * time.Hour: 5 * time.Minute, 48 * time.Hour: 5 * time.Minute,
		49 * time.Hour: load.Quarter, load.MaxSpan: load.Quarter,
	} {
		if got := load.Resolution(span); got != want {
			t.Errorf("%s is cut into steps of %s, want %s", span, got, want)
		}
	}
	l := load.Sum(nil, at(7.5), at(7.5).Add(load.MaxSpan), load.Quarter)
	if !l.From.Equal(noon) || len(l.Points) != 2977 || l.To.Before(at(7.5).Add(load.MaxSpan)) {
		t.Errorf("%d steps from %s to %s", len(l.Points), l.From, l.To)
	}
}

func TestPicturesAreAsTheyWereLookedAt(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	var sessions []load.Session
	for i := range 40 {
		start := noon.Add(time.Duration(i*i%37) * 36 * time.Minute)
		s := load.Session{Start: start, End: start.Add(time.Duration(30+i) * time.Minute), MeterStartWh: nan, MeterStopWh: nan}
		for k := range 30 + i {
			power := 150_000 * math.Exp(-float64(k)/30)
			s.Readings = append(s.Readings, load.Reading{At: start.Add(time.Duration(k) * time.Minute), PowerW: power, RegisterWh: nan})
		}
		sessions = append(sessions, s)
	}
	for name, l := range map[string]load.Load{
		"day":   load.Sum(sessions, noon, noon.Add(24*time.Hour), 5*time.Minute),
		"days":  load.Sum(sessions, noon.AddDate(0, 0, -2), noon.AddDate(0, 0, 2), load.Quarter),
		"empty": load.Sum(nil, noon, noon.Add(2*time.Hour), time.Minute),
	} {
		charttest.Looked(t, name, charttest.Picture{
			SVG: func(w io.Writer, theme chart.Theme) error { return l.SVG(w, theme, zone) },
			PNG: func(w io.Writer, theme chart.Theme) error { return l.PNG(w, theme, zone) },
		})
	}
}
