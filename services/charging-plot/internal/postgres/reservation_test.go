package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	libpostgres "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

func TestAReservationFromNowMakesThePlotReserved(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, driver := w.Site(1), uuid.New()
	r, err := w.Reserve(t.Context(), site.PlotIDs[0], driver, time.Hour)
	w.Must(err)
	stored, err := w.Store.GetReservation(t.Context(), r.ID)
	w.Must(err)
	if diff := cmp.Diff(r, stored); diff != "" {
		t.Errorf("what was answered is not what is stored (-answered +stored):\n%s", diff)
	}
	if r.OperatorID != site.Operator.ID || r.StationID != site.ID || r.State != reservation.Reserved {
		t.Errorf("the reservation is %+v", r)
	}
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Reserved || p.StatusSource != status.FromReservation {
		t.Errorf("the plot is %s by %s", p.Status, p.StatusSource)
	}
}

func TestWhatListenersAreToldOfAClaimIsWhatTheyAreToldOtherwise(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(2)
	var before int
	w.Must(w.DB.GetContext(t.Context(), &before, "SELECT count(*) FROM events"))
	w.Clock.Move(1500 * time.Millisecond)
	now, err := w.Reserve(t.Context(), site.PlotIDs[0], uuid.New(), time.Hour)
	w.Must(err)
	later, err := w.ReserveAt(t.Context(), site.PlotIDs[1], uuid.New(), w.Clock.Now().Add(time.Hour), time.Hour)
	w.Must(err)
	p := w.Plot(site.PlotIDs[0])
	var want []string
	for _, r := range []reservation.Reservation{now, later} {
		data, err := json.Marshal(live.ReservationData{
			ID: r.ID, PlotID: r.PlotID, State: string(r.State), StartsAt: r.StartsAt, EndsAt: r.EndsAt, Version: r.Version,
		})
		w.Must(err)
		want = append(want, string(data))
	}
	data, err := json.Marshal(live.StatusData{
		PlotID: p.ID, StationID: p.StationID, Status: string(p.Status), Since: p.StatusSince, Source: string(p.StatusSource), Version: p.Version,
	})
	w.Must(err)
	want = slices.Insert(want, 1, string(data))
	var got []string
	w.Must(w.DB.SelectContext(t.Context(), &got, "SELECT data FROM events ORDER BY xid, seq OFFSET $1", before))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is told (-want +got):\n%s", diff)
	}
}

func TestAClaimDoesNotBeginBeforeTheStatusThatItFollows(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	ahead := w.Clock.Now()
	w.Clock.Move(-time.Minute) // a replica whose clock is behind
	_, err := w.Reserve(t.Context(), site.PlotIDs[0], uuid.New(), time.Hour)
	w.Must(err)
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Reserved || !p.StatusSince.Equal(ahead) {
		t.Errorf("the plot is %s since %v, want RESERVED since %v", p.Status, p.StatusSince, ahead)
	}
}

func TestOverlapsAreRefusedWithTheNextFreeTime(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, noon := w.Site(1), w.Clock.Now()
	for _, from := range []time.Duration{time.Hour, 2 * time.Hour, 4 * time.Hour} { // 13–14, 14–15 and 16–17 h
		_, err := w.ReserveAt(t.Context(), site.PlotIDs[0], uuid.New(), noon.Add(from), time.Hour)
		w.Must(err)
	}
	_, err := w.ReserveAt(t.Context(), site.PlotIDs[0], uuid.New(), noon.Add(90*time.Minute), time.Hour)
	if !errors.Is(err, reservation.ErrTaken) {
		t.Fatalf("an overlap gives %v", err)
	}
	if next := fault.Of(err).Extensions()["next_free_at"]; next != noon.Add(3*time.Hour) {
		t.Errorf("the next free hour is said to be %v, want 15:00", next)
	}
	_, err = w.ReserveAt(t.Context(), site.PlotIDs[0], uuid.New(), noon.Add(90*time.Minute), 2*time.Hour)
	if next := fault.Of(err).Extensions()["next_free_at"]; next != noon.Add(5*time.Hour) {
		t.Errorf("the next two free hours are said to begin at %v, want 17:00", next)
	}
	if _, err = w.ReserveAt(t.Context(), site.PlotIDs[0], uuid.New(), noon.Add(3*time.Hour), time.Hour); err != nil {
		t.Errorf("the hour between two others is refused: %v", err)
	}
}

// The check in code is a courtesy: it is the constraint that refuses.
func TestTheDatabaseItselfRefusesOverlaps(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	r, err := w.Reserve(t.Context(), site.PlotIDs[0], uuid.New(), time.Hour)
	w.Must(err)
	const again = `
INSERT INTO reservations (id, plot_id, station_id, operator_id, driver_id, period, no_show_at, state, state_since, created_at, updated_at, version)
SELECT gen_random_uuid(), plot_id, station_id, operator_id, driver_id, period, no_show_at, $2, state_since, created_at, updated_at, 1
FROM reservations WHERE id = $1`
	for _, state := range []reservation.State{reservation.Pending, reservation.Reserved, reservation.Fulfilled} {
		_, err := w.DB.ExecContext(t.Context(), again, r.ID, string(state))
		if name := libpostgres.Constraint(err); name != "reservations_no_overlap" {
			t.Errorf("a second claim, %s, gives %v", state, err)
		}
	}
	for _, state := range []reservation.State{reservation.NoShow, reservation.Canceled, reservation.Rejected, reservation.Failed} {
		if _, err := w.DB.ExecContext(t.Context(), again, r.ID, string(state)); err != nil {
			t.Errorf("a claim that is over, %s, is refused: %v", state, err)
		}
	}
}

func TestOfManyClaimsOnOneSlotOneWins(t *testing.T) {
	t.Parallel()
	rivals(t, 200, 0)
	rivals(t, 200, time.Hour)
}

// BenchmarkRivals is the same with a thousand.
func BenchmarkRivals(b *testing.B) {
	for b.Loop() {
		won, took := rivals(b, 1000, 0)
		b.ReportMetric(float64(won), "won")
		b.ReportMetric(took.Seconds()*1000, "ms")
	}
}

// rivals has n drivers claim one slot at the same moment, ahead of its beginning, and gives how many have it, which must be one, and the time
// until all know.
func rivals(t testing.TB, n int, ahead time.Duration) (int64, time.Duration) {
	t.Helper()
	w := postgrestest.New(t)
	w.DB.SetMaxOpenConns(16)
	site := w.Site(1)
	var won, taken atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range n {
		wg.Go(func() {
			<-start
			switch _, err := w.ReserveAt(context.WithoutCancel(t.Context()), site.PlotIDs[0], uuid.New(), w.Clock.Now().Add(ahead), time.Hour); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, reservation.ErrTaken):
				taken.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	began := time.Now()
	close(start)
	wg.Wait()
	if won.Load() != 1 || taken.Load() != int64(n-1) {
		t.Errorf("%d claims won and %d were told that it is taken, want 1 and %d", won.Load(), taken.Load(), n-1)
	}
	return won.Load(), time.Since(began)
}

func TestADriverHoldsNoMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	w.DB.SetMaxOpenConns(16)
	site, driver := w.Site(12), uuid.New()
	var won, refused atomic.Int64
	var wg sync.WaitGroup
	for _, id := range site.PlotIDs { // all at once, each on another plot
		wg.Go(func() {
			switch _, err := w.Reserve(t.Context(), id, driver, time.Hour); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, reservation.ErrTooMany):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != int64(postgrestest.Terms.PerDriver) || refused.Load() != 9 {
		t.Errorf("%d claims were granted and %d refused, want 3 and 9", won.Load(), refused.Load())
	}
}

func TestAPlotThatIsNotFreeCannotBeReservedFromNow(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(2)
	noPower := postgrestest.Station(1)
	noPower.EVSEs[0].Reservable = false
	w.Apply(noPower)
	if _, err := w.Reserve(t.Context(), w.Plots(noPower)[0].ID, uuid.New(), time.Hour); !errors.Is(err, reservation.ErrNotReservable) {
		t.Errorf("a plot that cannot be reserved gives %v", err)
	}
	if _, err := w.Reserve(t.Context(), uuid.New(), uuid.New(), time.Hour); !errors.Is(err, plot.ErrNotFound) {
		t.Errorf("a plot that is not there gives %v", err)
	}
	for _, word := range []chargepoint.ConnectorStatus{chargepoint.Preparing, chargepoint.Charging, chargepoint.Unavailable, chargepoint.Faulted} {
		w.Clock.Move(time.Minute)
		w.Report(site, 1, word)
		_, err := w.Reserve(t.Context(), site.PlotIDs[0], uuid.New(), time.Hour)
		if !errors.Is(err, reservation.ErrNotFree) || fault.Of(err).Extensions()["plot_status"] == nil {
			t.Errorf("%s: %v, want plot_not_free with its status", word, err)
		}
	}
	if _, err := w.ReserveAt(t.Context(), site.PlotIDs[0], uuid.New(), w.Clock.Now().Add(24*time.Hour), time.Hour); err != nil {
		t.Errorf("for tomorrow it is refused: %v", err)
	}
}

func TestAFutureReservationBeginsByItself(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	r, err := w.ReserveAt(t.Context(), site.PlotIDs[0], uuid.New(), w.Clock.Now().Add(time.Hour), time.Hour)
	w.Must(err)
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Available {
		t.Errorf("an hour before, the plot is %s", p.Status)
	}
	w.Clock.Move(time.Hour)
	if n, err := w.Store.BeginReservations(t.Context(), 10); err != nil || n != 1 {
		t.Fatalf("%d reservations began (%v)", n, err)
	}
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Reserved {
		t.Errorf("when its time has come, the plot is %s", p.Status)
	}
	if n, err := w.Store.BeginReservations(t.Context(), 10); err != nil || n != 0 {
		t.Errorf("it began %d times more (%v)", n, err)
	}
	w.Clock.Set(r.NoShowAt)
	if n, err := w.Store.GiveUpReservations(t.Context(), 10); err != nil || n != 1 {
		t.Fatalf("%d reservations were given up (%v)", n, err)
	}
	stored, err := w.Store.GetReservation(t.Context(), r.ID)
	w.Must(err)
	if stored.State != reservation.NoShow || stored.Reason != reservation.ReasonNobody {
		t.Errorf("the reservation is %s (%s)", stored.State, stored.Reason)
	}
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Available {
		t.Errorf("after the no-show the plot is %s", p.Status)
	}
}

func TestJobsThatSeveralReplicasRunHappenOnce(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t, postgrestest.Options{PerDriver: 100})
	w.DB.SetMaxOpenConns(12)
	site := w.Site(40)
	for _, id := range site.PlotIDs {
		_, err := w.ReserveAt(t.Context(), id, uuid.New(), w.Clock.Now().Add(time.Hour), time.Hour)
		w.Must(err)
	}
	w.Clock.Move(time.Hour + 20*time.Minute)
	var wg sync.WaitGroup
	for range 4 {
		replica := w.StoreOf(w.DB, postgrestest.Options{})
		wg.Go(func() {
			for range 60 {
				_, err := replica.BeginReservations(t.Context(), 7)
				w.Must(err)
				_, err = replica.GiveUpReservations(t.Context(), 7)
				w.Must(err)
			}
		})
	}
	wg.Wait()
	var events []struct {
		Kind  string `db:"kind"`
		State string `db:"state"`
		N     int    `db:"n"`
	}
	w.Must(w.DB.SelectContext(t.Context(), &events, `
SELECT kind, coalesce(data ->> 'state', data ->> 'status') AS state, count(*) AS n
FROM events WHERE at = $1 GROUP BY 1, 2 ORDER BY 1, 2`, w.Clock.Now()))
	for _, e := range events {
		// Whichever of the two jobs comes to a plot first, it is given up once; it may have begun before, once.
		if e.N > 40 || (e.Kind == "reservation" && e.State == "NO_SHOW" && e.N != 40) {
			t.Errorf("%s %s was told %d times for 40 plots", e.Kind, e.State, e.N)
		}
	}
	for _, id := range site.PlotIDs {
		if p := w.Plot(id); p.Status != status.Available {
			t.Errorf("a plot is %s", p.Status)
		}
	}
}

func TestAFaultFailsTheReservationThatRuns(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, driver := w.Site(2), uuid.New()
	now, err := w.Reserve(t.Context(), site.PlotIDs[0], driver, time.Hour)
	w.Must(err)
	later, err := w.ReserveAt(t.Context(), site.PlotIDs[0], driver, w.Clock.Now().Add(5*time.Hour), time.Hour)
	w.Must(err)
	closed, err := w.Reserve(t.Context(), site.PlotIDs[1], driver, time.Hour)
	w.Must(err)
	w.Clock.Move(time.Minute)
	w.Report(site, 1, chargepoint.Faulted)
	yes := true
	_, err = w.Store.PatchPlot(t.Context(), site.PlotIDs[1], plot.Patch{OutOfService: &yes}, allow)
	w.Must(err)
	for _, c := range []struct {
		id     uuid.UUID
		state  reservation.State
		reason string
	}{
		{now.ID, reservation.Failed, reservation.ReasonFault},
		{later.ID, reservation.Reserved, ""},
		{closed.ID, reservation.Failed, reservation.ReasonClosed},
	} {
		r, err := w.Store.GetReservation(t.Context(), c.id)
		w.Must(err)
		if r.State != c.state || r.Reason != c.reason {
			t.Errorf("a reservation is %s (%s), want %s (%s)", r.State, r.Reason, c.state, c.reason)
		}
	}
}

func TestAReservationIsCanceledMovedAndGuarded(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, driver := w.Site(1), uuid.New()
	r, err := w.ReserveAt(t.Context(), site.PlotIDs[0], driver, w.Clock.Now().Add(2*time.Hour), time.Hour)
	w.Must(err)
	other, err := w.ReserveAt(t.Context(), site.PlotIDs[0], uuid.New(), w.Clock.Now().Add(4*time.Hour), time.Hour)
	w.Must(err)
	move := func(to time.Time) error {
		_, err := w.Store.ChangeReservation(t.Context(), r.ID, func(r reservation.Reservation, _ reservation.OperatorTerms) (reservation.Reservation, error) {
			return postgrestest.Terms.Move(r, to, 0, w.Clock.Now())
		})
		return err
	}
	err = move(other.StartsAt.Add(-time.Minute))
	if !errors.Is(err, reservation.ErrTaken) || fault.Of(err).Extensions()["next_free_at"] != other.EndsAt {
		t.Errorf("moving into another's time gives %v with %v", err, fault.Of(err).Extensions())
	}
	if err := move(r.StartsAt.Add(30 * time.Minute)); err != nil {
		t.Errorf("moving within its own time gives %v", err)
	}
	canceled, err := w.Store.ChangeReservation(t.Context(), r.ID, func(r reservation.Reservation, _ reservation.OperatorTerms) (reservation.Reservation, error) {
		r.State, r.Reason = reservation.Canceled, reservation.ReasonDriver
		return r, nil
	})
	if err != nil || canceled.State != reservation.Canceled || canceled.Version != 3 {
		t.Errorf("canceling gives %+v, %v", canceled, err)
	}
	if _, err := w.ReserveAt(t.Context(), site.PlotIDs[0], uuid.New(), r.StartsAt, time.Hour); err != nil {
		t.Errorf("the freed time is refused: %v", err)
	}
	if _, err := w.Store.GetReservation(t.Context(), uuid.New()); !errors.Is(err, reservation.ErrNotFound) {
		t.Errorf("a reservation that is not there gives %v", err)
	}
}

func TestAPlotStillOccupiedFailsTheReservationThatBegins(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, walkIn, booked := w.Site(1), uuid.New(), uuid.New()
	r, err := w.ReserveAt(t.Context(), site.PlotIDs[0], booked, w.Clock.Now().Add(time.Hour), time.Hour)
	w.Must(err)
	s, _, err := w.Store.OrderSession(t.Context(), session.Order{PlotID: site.PlotIDs[0], DriverID: walkIn})
	w.Must(err)
	start(t, w, site, s)
	w.Clock.Move(time.Hour)
	if n, err := w.Store.BeginReservations(t.Context(), 10); err != nil || n != 1 {
		t.Fatalf("%d began (%v)", n, err)
	}
	if r, err = w.Store.GetReservation(t.Context(), r.ID); err != nil || r.State != reservation.Failed || r.Reason != reservation.ReasonOccupied {
		t.Errorf("the reservation is %s (%s), %v", r.State, r.Reason, err)
	}
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Charging {
		t.Errorf("the plot is %s", p.Status)
	}
}

func TestListsOfReservationsAreNarrowedNewestFirst(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, driver := w.Site(3), uuid.New()
	var made []uuid.UUID
	for i, id := range site.PlotIDs {
		r, err := w.ReserveAt(t.Context(), id, driver, w.Clock.Now().Add(time.Duration(i+1)*time.Hour), time.Hour)
		w.Must(err)
		made = append(made, r.ID)
	}
	_, err := w.Reserve(t.Context(), w.Site(1).PlotIDs[0], uuid.New(), time.Hour)
	w.Must(err)
	for name, c := range map[string]struct {
		sel  access.Selection
		want []uuid.UUID
	}{
		"a driver's":        {access.Selection{Driver: driver, Limit: 9}, []uuid.UUID{made[2], made[1], made[0]}},
		"a station's":       {access.Selection{Station: site.ID, Limit: 2}, []uuid.UUID{made[2], made[1]}},
		"older than one":    {access.Selection{Station: site.ID, Before: made[1], Limit: 9}, []uuid.UUID{made[0]}},
		"a plot's":          {access.Selection{Plot: site.PlotIDs[1], Limit: 9}, []uuid.UUID{made[1]}},
		"in another state":  {access.Selection{Driver: driver, States: []string{"CANCELED"}, Limit: 9}, nil},
		"in one of several": {access.Selection{Plot: site.PlotIDs[0], States: []string{"CANCELED", "RESERVED"}, Limit: 9}, made[:1]},
	} {
		found, err := w.Store.ListReservations(t.Context(), c.sel)
		w.Must(err)
		var got []uuid.UUID
		for _, r := range found {
			got = append(got, r.ID)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
