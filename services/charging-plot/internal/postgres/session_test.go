package postgres_test

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// start has the charge point begin an ordered session with its register at 1 MWh.
func start(t *testing.T, w *postgrestest.World, site postgrestest.Site, s session.Session) chargepoint.TransactionStarted {
	t.Helper()
	started, err := w.Store.StartTransaction(t.Context(), site.ChargePoint.ID, chargepoint.TransactionStart{
		Connector: s.Connector, IDTag: s.IDTag, MeterWh: 1_000_000, At: w.Clock.Now(),
	}, w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return started
}

func stop(t *testing.T, w *postgrestest.World, site postgrestest.Site, id chargepoint.TransactionID, meterWh int64) {
	t.Helper()
	err := w.Store.StopTransaction(t.Context(), site.ChargePoint.ID, chargepoint.TransactionStop{
		Transaction: id, MeterWh: meterWh, At: w.Clock.Now(), Reason: "Remote",
	}, w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, w *postgrestest.World, site postgrestest.Site, id chargepoint.TransactionID, registerWh, powerW, soc float64) {
	t.Helper()
	nan := math.NaN()
	err := w.Store.StoreReadings(t.Context(), []central.Readings{{
		ChargePoint: site.ChargePoint.ID, Connector: 1, Transaction: id, Readings: []session.Reading{{
			At: w.Clock.Now(), RegisterWh: registerWh, PowerW: powerW, SoCPercent: soc, CurrentA: nan, VoltageV: nan,
			Other: map[string]float64{"Temperature": 31},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func order(t *testing.T, w *postgrestest.World, plotID, driver uuid.UUID) session.Session {
	t.Helper()
	s, fresh, err := w.Store.OrderSession(t.Context(), session.Order{PlotID: plotID, DriverID: driver})
	if err != nil || !fresh {
		t.Fatalf("ordering a session: %v, fresh %t", err, fresh)
	}
	return s
}

func get(t *testing.T, w *postgrestest.World, id uuid.UUID) session.Session {
	t.Helper()
	s, err := w.Store.GetSession(t.Context(), id)
	w.Must(err)
	return s
}

func TestASessionFromOrderToReceipt(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, driver := w.Site(1), uuid.New()
	plotID := site.PlotIDs[0]
	r, err := w.Reserve(t.Context(), plotID, driver, time.Hour)
	w.Must(err)
	w.Clock.Move(5 * time.Minute)
	s := order(t, w, plotID, driver)
	if s.State != session.Pending || s.ReservationID != r.ID || len(s.IDTag) != 20 || s.Connector != 1 {
		t.Errorf("the order is %+v", s)
	}
	if p := w.Plot(plotID); p.Status != status.Reserved || p.StatusSource != status.FromSession {
		t.Errorf("while the charge point is told, the plot is %s by %s", p.Status, p.StatusSource)
	}
	w.Clock.Move(10 * time.Second)
	started := start(t, w, site, s)
	number, err := strconv.Atoi(string(started.Transaction))
	if err != nil || number < 1 || number > math.MaxInt32 || started.Authorization != chargepoint.Accepted {
		t.Errorf("the start was answered %+v", started)
	}
	if r, err = w.Store.GetReservation(t.Context(), r.ID); err != nil || r.State != reservation.Fulfilled {
		t.Errorf("the reservation is %s (%v)", r.State, err)
	}
	if p := w.Plot(plotID); p.Status != status.Charging || p.StatusSource != status.FromSession {
		t.Errorf("the plot is %s by %s", p.Status, p.StatusSource)
	}
	for i := range 4 {
		w.Clock.Move(15 * time.Minute)
		read(t, w, site, started.Transaction, 1_000_000+float64(i+1)*5000, 20_000, 20+float64(i)*15)
	}
	running := get(t, w, s.ID)
	if *running.EnergyWh != 20_000 || *running.PowerW != 20_000 || *running.SoCPercent != 65 || !running.ReadAt.Equal(w.Clock.Now()) {
		t.Errorf("while it runs the session is %+v", running)
	}
	w.Clock.Move(time.Second)
	w.Report(site, 1, chargepoint.Charging)
	stop(t, w, site, started.Transaction, 1_020_000)
	stop(t, w, site, started.Transaction, 1_999_999) // a repeat, and a wrong one
	done := get(t, w, s.ID)
	if done.State != session.Completed || done.Reason != "Remote" || *done.EnergyWh != 20_000 || done.PowerW != nil {
		t.Errorf("the session is %+v", done)
	}
	if p := w.Plot(plotID); p.Status != status.Blocked {
		t.Errorf("until the car has left the plot is %s, want BLOCKED", p.Status)
	}
	w.Clock.Move(time.Second)
	w.Report(site, 1, chargepoint.Available)
	if p := w.Plot(plotID); p.Status != status.Available {
		t.Errorf("after the car has left the plot is %s", p.Status)
	}
	cdr, err := w.Store.GetCDR(t.Context(), s.ID)
	w.Must(err)
	if cdr.EnergyKWh != "20" || cdr.TotalExclTax != "5.00" || cdr.TotalInclTax != "5.50" || cdr.Currency != "EUR" || len(cdr.Lines) != 1 {
		t.Errorf("the CDR is %+v", cdr)
	}
	if cdr.StationName != "Test Station" || cdr.Address != "1 Test Street, 12345 Testville, DE" || cdr.PlotLabel != "P1" || cdr.ReservationS != 310 {
		t.Errorf("the CDR says of the place %+v", cdr)
	}
}

func TestACDRNeverChanges(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	s := order(t, w, site.PlotIDs[0], uuid.New())
	started := start(t, w, site, s)
	stop(t, w, site, started.Transaction, 1_000_500)
	for _, query := range []string{"UPDATE cdrs SET document = '{}'", "DELETE FROM cdrs"} {
		if _, err := w.DB.ExecContext(t.Context(), query); err == nil {
			t.Errorf("%s: the database allowed it", query)
		}
	}
}

func TestARepeatedStartFindsItsTransaction(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	w.DB.SetMaxOpenConns(8)
	site := w.Site(1)
	s := order(t, w, site.PlotIDs[0], uuid.New())
	said := w.Clock.Now()
	first := start(t, w, site, s)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			again, err := w.Store.StartTransaction(t.Context(), site.ChargePoint.ID, chargepoint.TransactionStart{
				Connector: 1, IDTag: s.IDTag, MeterWh: 1_000_000, At: said,
			}, said)
			if err != nil || again != first {
				t.Errorf("the repeat was answered %+v (%v), the first %+v", again, err, first)
			}
		})
	}
	wg.Wait()
}

func TestTwoSessionsNeverHoldOnePlot(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	w.DB.SetMaxOpenConns(16)
	site := w.Site(1)
	var won, refused atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			switch _, _, err := w.Store.OrderSession(t.Context(), session.Order{PlotID: site.PlotIDs[0], DriverID: uuid.New()}); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, session.ErrOccupied):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || refused.Load() != 99 {
		t.Errorf("%d sessions were ordered and %d refused, want 1 and 99", won.Load(), refused.Load())
	}
}

func TestAPlotOfSomebodyElseCannotBeUsed(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, owner, other := w.Site(4), uuid.New(), uuid.New()
	now, err := w.Reserve(t.Context(), site.PlotIDs[0], owner, time.Hour)
	w.Must(err)
	_, err = w.ReserveAt(t.Context(), site.PlotIDs[1], owner, w.Clock.Now().Add(10*time.Minute), time.Hour)
	w.Must(err)
	_, err = w.ReserveAt(t.Context(), site.PlotIDs[2], owner, w.Clock.Now().Add(time.Hour), time.Hour)
	w.Must(err)
	w.Report(site, 4, chargepoint.Faulted)
	foreign := postgrestest.Station(1)
	w.Apply(foreign)
	for _, c := range []struct {
		name  string
		order session.Order
		want  error
	}{
		{"reserved now", session.Order{PlotID: site.PlotIDs[0], DriverID: other}, session.ErrReserved},
		{"reserved in ten minutes", session.Order{PlotID: site.PlotIDs[1], DriverID: other}, session.ErrReserved},
		{"by somebody else's reservation", session.Order{PlotID: site.PlotIDs[0], DriverID: other, ReservationID: now.ID}, session.ErrReserved},
		{"by a reservation of another plot", session.Order{PlotID: site.PlotIDs[2], DriverID: owner, ReservationID: now.ID}, session.ErrWrongReservation},
		{"broken", session.Order{PlotID: site.PlotIDs[3], DriverID: other}, session.ErrUnusable},
		{"served by nobody", session.Order{PlotID: w.Plots(foreign)[0].ID, DriverID: other}, session.ErrNoChargePoint},
		{"reserved in an hour, for a walk-in", session.Order{PlotID: site.PlotIDs[2], DriverID: other}, nil},
		{"reserved for the driver himself", session.Order{PlotID: site.PlotIDs[0], DriverID: owner, ReservationID: now.ID}, nil},
	} {
		if _, _, err := w.Store.OrderSession(t.Context(), c.order); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	w.Must(w.Store.Disconnected(t.Context(), site.ChargePoint.ID, site.Connection))
	if _, _, err := w.Store.OrderSession(t.Context(), session.Order{PlotID: site.PlotIDs[1], DriverID: owner}); !errors.Is(err, chargepoint.ErrNotConnected) {
		t.Errorf("a charge point that is not connected gives %v", err)
	}
}

func TestAnOrderThatNothingComesOfIsGivenUp(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, driver := w.Site(1), uuid.New()
	r, err := w.Reserve(t.Context(), site.PlotIDs[0], driver, time.Hour)
	w.Must(err)
	s := order(t, w, site.PlotIDs[0], driver)
	w.Clock.Move(2*time.Minute - time.Second)
	if n, err := w.Store.TimeOutSessions(t.Context(), 10); err != nil || n != 0 {
		t.Fatalf("%d were given up too early (%v)", n, err)
	}
	w.Clock.Move(time.Second)
	if n, err := w.Store.TimeOutSessions(t.Context(), 10); err != nil || n != 1 {
		t.Fatalf("%d were given up (%v), want one", n, err)
	}
	if s = get(t, w, s.ID); s.State != session.Invalid || s.Reason != session.ReasonTimeout {
		t.Errorf("the session is %s (%s)", s.State, s.Reason)
	}
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Reserved || p.StatusSource != status.FromReservation {
		t.Errorf("the plot is %s by %s, want still the driver's own reservation", p.Status, p.StatusSource)
	}
	// The charge point begins after all.
	if started := start(t, w, site, s); started.Authorization != chargepoint.Accepted {
		t.Errorf("the late start was answered %+v", started)
	}
	if s = get(t, w, s.ID); s.State != session.Active || s.Reason != "" {
		t.Errorf("the session is %s (%s), want ACTIVE again", s.State, s.Reason)
	}
	if r, err = w.Store.GetReservation(t.Context(), r.ID); err != nil || r.State != reservation.Fulfilled {
		t.Errorf("the reservation is %s (%v)", r.State, err)
	}
}

func TestEnergyThatNobodyOrderedIsKeptAndNotBilled(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	held, err := w.Reserve(t.Context(), site.PlotIDs[0], uuid.New(), time.Hour)
	w.Must(err)
	w.Clock.Move(time.Minute)
	started, err := w.Store.StartTransaction(t.Context(), site.ChargePoint.ID, chargepoint.TransactionStart{
		Connector: 1, IDTag: "RFID-1", MeterWh: 10, At: w.Clock.Now(),
	}, w.Clock.Now())
	if err != nil || started.Authorization != chargepoint.Invalid || started.Transaction == "" {
		t.Fatalf("an unknown tag was answered %+v (%v)", started, err)
	}
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Charging {
		t.Errorf("the plot is %s", p.Status)
	}
	if held, err = w.Store.GetReservation(t.Context(), held.ID); err != nil || held.State != reservation.Failed {
		t.Errorf("the reservation of the plot that was taken is %s (%v)", held.State, err)
	}
	w.Clock.Move(time.Minute)
	stop(t, w, site, started.Transaction, 510)
	var s struct {
		ID     uuid.UUID `db:"id"`
		State  string    `db:"state"`
		Energy float64   `db:"energy_wh"`
	}
	w.Must(w.DB.GetContext(t.Context(), &s, "SELECT id, state, energy_wh FROM sessions"))
	if s.State != "INVALID" || s.Energy != 500 {
		t.Errorf("the session is %+v", s)
	}
	if _, err := w.Store.GetCDR(t.Context(), s.ID); !errors.Is(err, session.ErrUnbilled) {
		t.Errorf("its receipt gives %v", err)
	}
}

// Until the scheduler has looked, a claim that is over still stands in its row.
func TestAClaimThatIsOverHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(4)
	for i, begin := range []func(){
		func() { order(t, w, site.PlotIDs[0], uuid.New()) },
		func() {
			_, err := w.Store.StartTransaction(t.Context(), site.ChargePoint.ID, chargepoint.TransactionStart{
				Connector: 2, IDTag: "RFID", At: w.Clock.Now(),
			}, w.Clock.Now())
			w.Must(err)
		},
		func() {
			_, err := w.Reserve(t.Context(), site.PlotIDs[2], uuid.New(), time.Hour)
			w.Must(err)
		},
		func() {
			n, err := w.Store.BeginReservations(t.Context(), 10)
			if err != nil || n != 1 {
				t.Errorf("%d reservations began (%v)", n, err)
			}
		},
	} {
		if i == 3 { // somebody comes after
			_, err := w.ReserveAt(t.Context(), site.PlotIDs[i], uuid.New(), w.Clock.Now().Add(10*time.Minute+time.Second), time.Hour)
			w.Must(err)
		}
		r, err := w.Reserve(t.Context(), site.PlotIDs[i], uuid.New(), 10*time.Minute)
		w.Must(err)
		w.Clock.Move(11 * time.Minute)
		begin()
		if r, err = w.Store.GetReservation(t.Context(), r.ID); err != nil || r.State != reservation.NoShow || r.Reason != reservation.ReasonNobody {
			t.Errorf("the claim is %s (%s), %v", r.State, r.Reason, err)
		}
	}
}

func TestANewTransactionEndsTheOneThatWasLost(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	lost := order(t, w, site.PlotIDs[0], uuid.New())
	started := start(t, w, site, lost)
	w.Clock.Move(time.Hour)
	read(t, w, site, started.Transaction, 1_007_000, 7000, math.NaN())
	w.Clock.Move(time.Hour)
	_, err := w.Store.StartTransaction(t.Context(), site.ChargePoint.ID, chargepoint.TransactionStart{
		Connector: 1, IDTag: "RFID-2", MeterWh: 1_009_000, At: w.Clock.Now(),
	}, w.Clock.Now())
	w.Must(err)
	if lost = get(t, w, lost.ID); lost.State != session.Completed || lost.Reason != session.ReasonSuperseded || *lost.EnergyWh != 9000 {
		t.Errorf("the lost session is %s (%s) with %g Wh", lost.State, lost.Reason, *lost.EnergyWh)
	}
	if cdr, err := w.Store.GetCDR(t.Context(), lost.ID); err != nil || cdr.EnergyKWh != "9" {
		t.Errorf("its CDR is of %s kWh (%v)", cdr.EnergyKWh, err)
	}
	// The stop of the lost one comes late.
	stop(t, w, site, started.Transaction, 1_007_500)
	if lost = get(t, w, lost.ID); *lost.EnergyWh != 9000 {
		t.Errorf("a late stop changed the energy to %g", *lost.EnergyWh)
	}
}

func TestAStopWithoutAStartIsAccepted(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	stop(t, w, site, "4711", 5)
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Available {
		t.Errorf("the plot is %s", p.Status)
	}
}

func TestReadingsAreStoredOnce(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	s := order(t, w, site.PlotIDs[0], uuid.New())
	started := start(t, w, site, s)
	w.Clock.Move(time.Minute)
	nan := math.NaN()
	for range 2 {
		read(t, w, site, started.Transaction, 1_000_100, 6000, nan)
	}
	read(t, w, site, started.Transaction, nan, nan, 42) // the other half of the same moment
	w.Clock.Move(-30 * time.Second)
	read(t, w, site, "", 1_000_050, 6000, nan) // late, and known by its connector
	read(t, w, site, "9999", 5, 5, 5)          // of nobody
	readings, err := w.Store.ListReadings(t.Context(), get(t, w, s.ID), time.Time{}, 10)
	w.Must(err)
	if len(readings) != 3 {
		t.Fatalf("%d readings, want the first, the late and the last: %+v", len(readings), readings)
	}
	last := readings[2]
	if last.RegisterWh != 1_000_100 || last.SoCPercent != 42 || !math.IsNaN(last.VoltageV) || last.Other["Temperature"] != 31 {
		t.Errorf("the last reading is %+v", last)
	}
	if s = get(t, w, s.ID); *s.EnergyWh != 100 {
		t.Errorf("the late reading set the energy back to %g", *s.EnergyWh)
	}
	whole, _, err := w.Store.CurveReadings(t.Context(), get(t, w, s.ID), 600)
	w.Must(err)
	if len(whole) != 3 || !whole[1].At.Equal(readings[1].At) || whole[2].SoCPercent != 42 || !math.IsNaN(whole[0].PowerW) {
		t.Errorf("for the curve they are %+v", whole)
	}
}

// eventually reads the events from the first of a session on, once there are n: they can be read when every transaction that was under way
// when they were written has ended, in whichever database of the server.
func eventually(t *testing.T, w *postgrestest.World, after live.Position, n int) []live.Event {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		events, err := w.Store.Events().After(t.Context(), after, 100)
		w.Must(err)
		for len(events) > 0 && events[0].Kind != live.SessionChanged {
			events = events[1:]
		}
		if len(events) >= n {
			return events
		}
		select {
		case <-deadline.C:
			t.Fatalf("%d events, want %d", len(events), n)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestLiveEventsAreToldInOrderAndToWhomTheyConcern(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, driver := w.Site(1), uuid.New()
	log := w.Store.Events()
	head, err := log.Head(t.Context())
	w.Must(err)
	s := order(t, w, site.PlotIDs[0], driver)
	started := start(t, w, site, s)
	w.Clock.Move(time.Minute)
	read(t, w, site, started.Transaction, 1_000_100, 6000, 50)
	stop(t, w, site, started.Transaction, 1_000_200)
	events := eventually(t, w, head, 7)
	var told []string
	for i, e := range events {
		word := string(e.Kind)
		var data struct {
			State, Status string
		}
		w.Must(json.Unmarshal(e.Data, &data))
		if data.State+data.Status != "" {
			word += " " + data.State + data.Status
		}
		told = append(told, word)
		if (e.DriverID == driver) != (e.Kind != "status") {
			t.Errorf("%s concerns %s", word, e.DriverID)
		}
		if i > 0 && !events[i-1].Position.Before(e.Position) {
			t.Errorf("%s comes at %s after %s", word, e.Position, events[i-1].Position)
		}
	}
	want := []string{"session PENDING", "status RESERVED", "session ACTIVE", "status CHARGING", "meter_value", "session COMPLETED", "status AVAILABLE"}
	if len(told) != len(want) {
		t.Fatalf("told %q, want %q", told, want)
	}
	for i := range want {
		if told[i] != want[i] {
			t.Errorf("event %d is %q, want %q", i, told[i], want[i])
		}
	}
	w.Clock.Move(time.Hour)
	if n, err := w.Store.TrimEvents(t.Context(), w.Clock.Now()); err != nil || n != 0 {
		t.Errorf("%d events were trimmed before webhooks heard of them (%v)", n, err)
	}
	handed, err := w.Store.Dispatch(webhook.NewStore(w.DB, webhook.StoreOptions{Key: []byte("test")})).DispatchWebhooks(t.Context(), 500)
	if err != nil || handed < len(events) {
		t.Errorf("%d of %d events were handed on (%v)", handed, len(events), err)
	}
	if n, err := w.Store.TrimEvents(t.Context(), w.Clock.Now()); err != nil || n == 0 {
		t.Errorf("%d events were trimmed (%v)", n, err)
	}
	if _, some, err := log.Oldest(t.Context()); err != nil || some {
		t.Errorf("after trimming there is an oldest event: %t (%v)", some, err)
	}
}
