package postgres_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// running is a session that has just begun, with its limits.
func running(t *testing.T, w *postgrestest.World, limits session.Limits) (session.Session, postgrestest.Site, chargepoint.TransactionID) {
	t.Helper()
	site := w.Site(1)
	s, _, err := w.Store.OrderSession(t.Context(), session.Order{PlotID: site.PlotIDs[0], DriverID: uuid.New(), Limits: limits})
	w.Must(err)
	w.Clock.Move(time.Second)
	return s, site, start(t, w, site, s).Transaction
}

func TestASessionIsStoppedAtItsLimit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits session.Limits
		want   session.Limit
	}{
		"energy": {session.Limits{EnergyWh: 5000}, session.LimitEnergy},
		"soc":    {session.Limits{SoCPercent: 50}, session.LimitSoC},
		"time":   {session.Limits{Duration: 15 * time.Minute}, session.LimitTime},
		"cost":   {session.Limits{Cost: "1.37"}, session.LimitCost}, // 5 kWh at 0.25 and 10 %: 1.375, which is 1.38
		"first":  {session.Limits{EnergyWh: 1 << 40, SoCPercent: 50}, session.LimitSoC},
		"none":   {session.Limits{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := postgrestest.New(t)
			s, site, transaction := running(t, w, c.limits)
			at := func(minutes time.Duration, wh, soc float64) []session.Session {
				w.Clock.Move(minutes * time.Minute)
				read(t, w, site, transaction, 1_000_000+wh, 20_000, soc)
				_, err := w.Store.RollUp(t.Context(), 10)
				w.Must(err)
				due, err := w.Store.ClaimStops(t.Context(), 10)
				w.Must(err)
				return due
			}
			if due := at(14, 4900, 49); len(due) != 0 {
				t.Fatalf("short of the limit, %+v is to be stopped", due)
			}
			due := at(1, 5000, 50)
			if c.want == "" {
				if len(due) != 0 {
					t.Fatalf("without a limit, %+v is to be stopped", due)
				}
				return
			}
			if len(due) != 1 || due[0].ID != s.ID || due[0].LimitReached != c.want || due[0].Transaction != transaction {
				t.Fatalf("at the limit, %+v is to be stopped", due)
			}
			if due, err := w.Store.ClaimStops(t.Context(), 10); err != nil || len(due) != 0 {
				t.Errorf("it is stopped twice: %+v (%v)", due, err)
			}
			if due := at(1, 5100, 51); len(due) != 1 {
				t.Errorf("a minute after it was not heeded, %+v is to be stopped", due)
			}
			stop(t, w, site, transaction, 1_005_100)
			if done := get(t, w, s.ID); done.Reason != session.ReasonLimit+string(c.want) || done.State != session.Completed {
				t.Errorf("it ended %s by %s", done.State, done.Reason)
			}
		})
	}
}

func TestARunningSessionKnowsItsCostAndWhetherItIsIdle(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	s, site, transaction := running(t, w, session.Limits{})
	for i := range 20 {
		w.Clock.Move(time.Minute)
		read(t, w, site, transaction, 1_000_000+float64(i+1)*1000, 60_000, 50)
	}
	_, err := w.Store.RollUp(t.Context(), 10)
	w.Must(err)
	charged := w.Clock.Now()
	if got := get(t, w, s.ID); got.Cost == nil || got.Cost.TotalExclTax != "5.00" || got.Cost.TotalInclTax != "5.50" || !got.IdleSince.IsZero() {
		t.Errorf("after 20 kWh it stands at %+v, idle since %s", got.Cost, got.IdleSince)
	}
	for range 6 {
		w.Clock.Move(time.Minute)
		read(t, w, site, transaction, 1_020_000, 0, 100)
	}
	if n, err := w.Store.RollUp(t.Context(), 10); err != nil || n != 1 {
		t.Fatalf("%d sessions were summed up (%v)", n, err)
	}
	if got := get(t, w, s.ID); !got.IdleSince.Equal(charged) {
		t.Errorf("idle since %s, want %s", got.IdleSince, charged)
	}
	if n, err := w.Store.RollUp(t.Context(), 10); err != nil || n != 0 {
		t.Errorf("with nothing new, %d sessions were summed up (%v)", n, err)
	}
}

// What a back end pushed before the charge began stands at moments that the charge point's readings come to later.
func TestReadingsThatWerePushedAheadAreOnesTheMeterSaysToo(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	s, _, err := w.Store.OrderSession(t.Context(), session.Order{PlotID: site.PlotIDs[0], DriverID: uuid.New()})
	w.Must(err)
	nan := math.NaN()
	reading := func(at time.Time, register, soc float64) session.Reading {
		return session.Reading{At: at, RegisterWh: register, PowerW: nan, CurrentA: nan, VoltageV: nan, SoCPercent: soc}
	}
	ahead := w.Clock.Now().Add(30 * time.Second)
	w.Must(w.Store.PushReadings(t.Context(), []session.Pushed{{SessionID: s.ID, Reading: reading(ahead, nan, 40)}}, func(uuid.UUID) bool { return true }))
	w.Clock.Move(time.Second)
	transaction := start(t, w, site, s).Transaction
	said := central.Readings{ChargePoint: site.ChargePoint.ID, Connector: 1, Transaction: transaction}
	for i := range 40 {
		said.Readings = append(said.Readings, reading(ahead.Add(time.Duration(i-20)*time.Second), 1_000_000+float64(i), nan))
	}
	w.Clock.Move(time.Hour)
	for range 2 { // told twice, it is stored once
		w.Must(w.Store.StoreReadings(t.Context(), []central.Readings{said}))
	}
	got, err := w.Store.ListReadings(t.Context(), get(t, w, s.ID), time.Time{}, 100)
	w.Must(err)
	both := 0
	for _, r := range got {
		if r.At.Equal(ahead) && r.RegisterWh == 1_000_020 && r.SoCPercent == 40 {
			both++
		}
	}
	if len(got) != 41 || both != 1 { // and the one at the start
		t.Errorf("there are %d readings, %d of them both pushed and said", len(got), both)
	}
}

// What a charge point has said twice waits together when the database is slow: by the transaction and by the connector it is one session.
func TestWhatAChargePointSaysTwiceAtOnceIsStoredInOrder(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	ordered, site, transaction := running(t, w, session.Limits{})
	w.Clock.Move(time.Hour)
	nan, at := math.NaN(), w.Clock.Now().Add(-time.Minute)
	say := func(transaction chargepoint.TransactionID, second int, register, power float64) central.Readings {
		return central.Readings{ChargePoint: site.ChargePoint.ID, Connector: 1, Transaction: transaction, Readings: []session.Reading{{
			At: at.Add(time.Duration(second) * time.Second), RegisterWh: register, PowerW: power, CurrentA: nan, VoltageV: nan, SoCPercent: nan,
		}}}
	}
	w.Must(w.Store.StoreReadings(t.Context(), []central.Readings{
		say(transaction, 10, 1_000_100, 7000), say("", 20, 1_000_250, nan), say(transaction, 0, 1_000_050, 3000), say("of nobody", 30, 1_000_300, 1),
	}))
	s := get(t, w, ordered.ID)
	if *s.EnergyWh != 250 || *s.PowerW != 7000 || !s.ReadAt.Equal(at.Add(20*time.Second)) {
		t.Errorf("the session was read to %v, %v Wh at %v W", s.ReadAt, *s.EnergyWh, *s.PowerW)
	}
	got, err := w.Store.ListReadings(t.Context(), s, time.Time{}, 100)
	w.Must(err)
	if len(got) != 4 { // one at the start
		t.Errorf("there are %d readings", len(got))
	}
}

// With such an index each reading would change a dozen of them, and not one page.
func TestNoIndexOfSessionsHoldsWhatAReadingChanges(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	var held []string
	w.Must(w.DB.SelectContext(t.Context(), &held, `
SELECT d.objid::regclass || ' holds ' || a.attname
FROM pg_depend d
JOIN pg_index i ON i.indexrelid = d.objid
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
WHERE i.indrelid = 'sessions'::regclass AND d.refobjid = i.indrelid
  AND a.attname IN ('energy_wh', 'power_w', 'soc_percent', 'read_at', 'updated_at', 'version', 'rolled_version', 'rolled_at', 'cost')`))
	if len(held) > 0 {
		t.Errorf("%q", held)
	}
	_, site, transaction := running(t, w, session.Limits{})
	from := func() (at time.Time) {
		w.Must(w.DB.GetContext(t.Context(), &at, `SELECT roll_from FROM sessions`))
		return at
	}
	say := func() {
		w.Clock.Move(11 * time.Second)
		w.Must(w.Store.StoreReadings(t.Context(), []central.Readings{{
			ChargePoint: site.ChargePoint.ID, Connector: 1, Transaction: transaction,
			Readings: []session.Reading{{At: w.Clock.Now(), RegisterWh: 1_000_010, PowerW: 7000, CurrentA: math.NaN(), VoltageV: math.NaN(), SoCPercent: math.NaN()}},
		}}))
	}
	say()
	_, err := w.Store.RollUp(t.Context(), 10)
	w.Must(err)
	before := from() // an index tells whether it is there
	say()
	if after := from(); !after.Equal(before) {
		t.Errorf("a reading moved where summing up goes on from %v to %v", before, after)
	}
}

func TestMinutesAreWhatTheReadingsComeTo(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	_, site, transaction := running(t, w, session.Limits{})
	w.Clock.Move(30 * time.Minute)
	base := w.Clock.Now().Truncate(15 * time.Minute).Add(-15 * time.Minute)
	nan := math.NaN()
	say := func(second int, register, power float64) {
		t.Helper()
		w.Must(w.Store.StoreReadings(t.Context(), []central.Readings{{
			ChargePoint: site.ChargePoint.ID, Connector: 1, Transaction: transaction, Readings: []session.Reading{{
				At: base.Add(time.Duration(second) * time.Second), RegisterWh: register, PowerW: power, CurrentA: nan, VoltageV: 400, SoCPercent: nan,
			}},
		}}))
	}
	say(0, 1_000_100, 10_000)
	say(20, nan, 50_000)
	say(40, 1_000_300, 20_000)
	say(60, 1_000_400, 20_000)
	_, err := w.Store.RollUp(t.Context(), 10)
	w.Must(err)
	type sum struct {
		Readings int       `db:"readings"`
		First    float64   `db:"register_first_wh"`
		Last     float64   `db:"register_last_wh"`
		Min      float64   `db:"power_min_w"`
		Max      float64   `db:"power_max_w"`
		MaxAt    time.Time `db:"power_max_at"`
		Voltage  float64   `db:"voltage_v"`
	}
	minute := func() (m sum) {
		t.Helper()
		w.Must(w.DB.GetContext(t.Context(), &m,
			`SELECT readings, register_first_wh, register_last_wh, power_min_w, power_max_w, power_max_at, voltage_v FROM meter_minutes WHERE at = $1`, base))
		return m
	}
	if m := minute(); m.Readings != 3 || m.First != 1_000_100 || m.Last != 1_000_300 || m.Min != 10_000 || m.Max != 50_000 ||
		!m.MaxAt.Equal(base.Add(20*time.Second)) || m.Voltage != 400 {
		t.Errorf("the minute is %+v", m)
	}
	say(50, 1_000_350, 60_000) // late
	w.Clock.Move(time.Minute)
	if n, err := w.Store.RollUp(t.Context(), 10); err != nil || n != 1 {
		t.Fatalf("after a late reading %d sessions were summed up (%v)", n, err)
	}
	if m := minute(); m.Readings != 4 || m.Last != 1_000_350 || m.Max != 60_000 {
		t.Errorf("after a late reading the minute is %+v", m)
	}
	var quarter struct {
		Readings int     `db:"readings"`
		Last     float64 `db:"register_last_wh"`
		Max      float64 `db:"power_max_w"`
	}
	w.Must(w.DB.GetContext(t.Context(), &quarter, `SELECT readings, register_last_wh, power_max_w FROM meter_quarters WHERE at = $1`, base))
	if quarter.Readings != 5 || quarter.Last != 1_000_400 || quarter.Max != 60_000 {
		t.Errorf("the quarter is %+v", quarter)
	}
}

func TestACurveOfMinutesLosesNoPeak(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	s, site, transaction := running(t, w, session.Limits{})
	begun := w.Clock.Now()
	m := central.Readings{ChargePoint: site.ChargePoint.ID, Connector: 1, Transaction: transaction}
	nan := math.NaN()
	for i := 1; i <= 2*3600; i++ {
		power := 50_000 + 1000*math.Sin(float64(i)/100)
		if i == 3333 {
			power = 151_000
		}
		m.Readings = append(m.Readings, session.Reading{
			At: begun.Add(time.Duration(i) * time.Second), RegisterWh: 1_000_000 + float64(i)*14, PowerW: power, CurrentA: nan, VoltageV: nan, SoCPercent: 20,
		})
	}
	w.Clock.Move(2 * time.Hour)
	w.Must(w.Store.StoreReadings(t.Context(), []central.Readings{m}))
	raw, total, err := w.Store.CurveReadings(t.Context(), s, 100)
	if err != nil || total != 7201 || len(raw) != total {
		t.Fatalf("before it is summed up there are %d of %d readings (%v)", len(raw), total, err)
	}
	_, err = w.Store.RollUp(t.Context(), 10)
	w.Must(err)
	w.Clock.Move(time.Second)
	read(t, w, site, transaction, 1_000_000+7201*14, 60_000, 21) // not summed up yet
	s = get(t, w, s.ID)
	few, total, err := w.Store.CurveReadings(t.Context(), s, 100)
	if err != nil || total != 7202 || len(few) > 500 {
		t.Fatalf("of %d readings %d are drawn (%v)", total, len(few), err)
	}
	peak, last := 0.0, few[len(few)-1]
	for i, r := range few {
		if !math.IsNaN(r.PowerW) {
			peak = max(peak, r.PowerW)
		}
		if i > 0 && !r.At.After(few[i-1].At) {
			t.Fatalf("reading %d is out of order", i)
		}
	}
	if peak != 151_000 || !last.At.Equal(w.Clock.Now()) || last.PowerW != 60_000 {
		t.Errorf("the peak is %g, the last %+v", peak, last)
	}
	if all, _, err := w.Store.CurveReadings(t.Context(), s, 50_000); err != nil || len(all) != 7202 {
		t.Errorf("asked for all, %d are given (%v)", len(all), err)
	}
}

func TestReadingsHaveATableAWeek(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	s, site, transaction := running(t, w, session.Limits{})
	read(t, w, site, transaction, 1_000_100, 10_000, 20) // this week's, into the rest
	w.Must(w.Store.EnsurePartitions(t.Context()))
	w.Must(w.Store.EnsurePartitions(t.Context()))
	weeks := func() (n int) {
		t.Helper()
		w.Must(w.DB.GetContext(t.Context(), &n, `SELECT count(*) FROM pg_inherits WHERE inhparent = 'meter_values'::regclass`))
		return n
	}
	if n := weeks(); n != 1+4 { // the rest, and four weeks to come
		t.Errorf("there are %d tables", n)
	}
	w.Clock.Move(8 * 24 * time.Hour)
	read(t, w, site, transaction, 1_000_200, 10_000, 20)
	var n int
	w.Must(w.DB.GetContext(t.Context(), &n, `SELECT count(*) FROM meter_values_w20260511`))
	if n != 1 {
		t.Errorf("next week's table has %d readings", n)
	}
	found, err := w.Store.ListReadings(t.Context(), get(t, w, s.ID), time.Time{}, 10)
	if err != nil || len(found) != 2 {
		t.Errorf("there are %d readings (%v)", len(found), err)
	}
	_, err = w.Store.RollUp(t.Context(), 10)
	w.Must(err)
	dropped, rows, err := w.Store.DropReadings(t.Context(), w.Clock.Now(), 10)
	if err != nil || dropped != 0 || rows != 1 {
		t.Errorf("a week later %d weeks and %d readings are gone (%v)", dropped, rows, err)
	}
	w.Clock.Move(30 * 24 * time.Hour)
	if dropped, _, err = w.Store.DropReadings(t.Context(), w.Clock.Now(), 10); err != nil || dropped != 4 || weeks() != 1 {
		t.Errorf("a month later %d weeks are gone (%v)", dropped, err)
	}
	w.Must(w.DB.GetContext(t.Context(), &n, `SELECT count(*) FROM meter_minutes`))
	if n == 0 {
		t.Error("what the readings were summed up to is gone too")
	}
	for what, drop := range map[string]func(context.Context, time.Time, int) (int64, error){"minutes": w.Store.DropMinutes, "quarters": w.Store.DropQuarters} {
		if none, err := drop(t.Context(), w.Clock.Now().AddDate(0, -2, 0), 10); err != nil || none != 0 {
			t.Errorf("%d %s are gone that were kept (%v)", none, what, err)
		}
		if one, err := drop(t.Context(), w.Clock.Now(), 1); err != nil || one != 1 {
			t.Errorf("%d %s are gone, want one at a time (%v)", one, what, err)
		}
	}
}
