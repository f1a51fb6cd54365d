package postgres_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// listener is every charge point of a world: it keeps what it is told and answers as it is set.
type listener struct {
	mu     sync.Mutex
	told   []chargepoint.Command
	answer func(chargepoint.Command) (chargepoint.Outcome, error)
}

func (l *listener) Send(_ context.Context, _ uuid.UUID, command chargepoint.Command) (chargepoint.Outcome, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, command)
	return l.answer(command)
}

func (l *listener) answers(word chargepoint.CommandStatus, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = func(chargepoint.Command) (chargepoint.Outcome, error) { return chargepoint.Outcome{Status: word}, err }
}

// kinds takes what was told since it was called last.
func (l *listener) kinds() []chargepoint.CommandKind {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []chargepoint.CommandKind
	for _, c := range l.told {
		out = append(out, c.Kind)
	}
	l.told = nil
	return out
}

// reserving is a world with a charge point that takes reservations, and a herald that tells it of them.
type reserving struct {
	*postgrestest.World
	listener

	site   postgrestest.Site
	herald *reservation.Herald
}

func newReserving(t *testing.T, plots int) *reserving {
	t.Helper()
	w := &reserving{World: postgrestest.New(t)}
	w.site = w.Site(plots)
	_, err := w.Store.DueSurveys(t.Context(), time.Minute, 10)
	w.Must(err)
	w.Must(w.Store.AnswerSurvey(t.Context(), w.site.ChargePoint.ID, true))
	w.answers(chargepoint.CommandAccepted, nil)
	w.herald = reservation.NewHerald(w.Store, w, time.Second, slog.New(slog.DiscardHandler))
	return w
}

// tell has told what is due, and waits for the answers.
func (w *reserving) tell() []chargepoint.CommandKind {
	w.T.Helper()
	w.Must(w.herald.Tell(w.T.Context()))
	w.herald.Wait()
	return w.kinds()
}

func (w *reserving) claim(at time.Duration) reservation.Reservation {
	w.T.Helper()
	r, err := w.ReserveAt(w.T.Context(), w.site.PlotIDs[0], uuid.New(), w.Clock.Now().Add(at), time.Hour)
	w.Must(err)
	return r
}

func (w *reserving) is(id uuid.UUID, state reservation.State, held bool, reason string) {
	w.T.Helper()
	r, err := w.Store.GetReservation(w.T.Context(), id)
	w.Must(err)
	if r.State != state || r.Held != held || r.Reason != reason {
		w.T.Errorf("the claim is %s, held %t, because %q; want %s, %t, %q", r.State, r.Held, r.Reason, state, held, reason)
	}
}

func (w *reserving) cancel(id uuid.UUID) {
	w.T.Helper()
	_, err := w.Store.ChangeReservation(w.T.Context(), id, func(r reservation.Reservation, _ reservation.OperatorTerms) (reservation.Reservation, error) {
		r.State, r.StateSince, r.Reason = reservation.Canceled, w.Clock.Now(), reservation.ReasonDriver
		return r, nil
	})
	w.Must(err)
}

func TestAClaimFromNowIsWhatItsChargePointAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		word   chargepoint.CommandStatus
		err    error
		state  reservation.State
		held   bool
		reason string
		plot   status.Status
	}{
		{chargepoint.CommandAccepted, nil, reservation.Reserved, true, "", status.Reserved},
		{chargepoint.CommandOccupied, nil, reservation.Rejected, false, reservation.ReasonChargePointOccupied, status.Available},
		{chargepoint.CommandFaulted, nil, reservation.Rejected, false, reservation.ReasonChargePointFaulted, status.Available},
		{chargepoint.CommandUnavailable, nil, reservation.Rejected, false, reservation.ReasonChargePointUnavailable, status.Available},
		{chargepoint.CommandRejected, nil, reservation.Rejected, false, reservation.ReasonChargePointRejected, status.Available},
		{chargepoint.CommandNotSupported, nil, reservation.Reserved, false, "", status.Reserved},
		{"", chargepoint.ErrNotConnected, reservation.Reserved, false, "", status.Reserved},
		{"", chargepoint.ErrNoAnswer, reservation.Reserved, false, "", status.Reserved},
		{"", chargepoint.ErrCommandFailed, reservation.Reserved, false, "", status.Reserved},
	} {
		w := newReserving(t, 1)
		r := w.claim(0)
		if r.State != reservation.Pending {
			t.Errorf("before the answer the claim is %s", r.State)
		}
		w.answers(c.word, c.err)
		w.tell()
		w.is(r.ID, c.state, c.held, c.reason)
		if p := w.Plot(w.site.PlotIDs[0]); p.Status != c.plot {
			t.Errorf("after %q, %v the plot is %s, want %s", c.word, c.err, p.Status, c.plot)
		}
		// Whoever cannot be reached is told again, and nobody else.
		w.Clock.Move(61 * time.Second)
		if again := len(w.tell()); (again == 1) != (c.err != nil) || again > 1 {
			t.Errorf("after %q, %v it is told %d times more", c.word, c.err, again)
		}
	}
}

func TestAChargePointLetsGoOfAClaimThatIsOver(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*reserving, reservation.Reservation){
		"canceled": func(w *reserving, r reservation.Reservation) { w.cancel(r.ID) },
		"failed":   func(w *reserving, _ reservation.Reservation) { w.Report(w.site, 1, chargepoint.Faulted) },
	} {
		w := newReserving(t, 1)
		r := w.claim(0)
		w.Must(w.herald.Tell(t.Context()))
		w.herald.Wait()
		number := w.told[0].ReservationID
		w.kinds()
		if rest := w.tell(); len(rest) != 0 {
			t.Errorf("%s: a claim that holds is told as %v", name, rest)
		}
		end(w, r)
		w.answers("", chargepoint.ErrNotConnected)
		if told := w.tell(); !slices.Equal(told, []chargepoint.CommandKind{chargepoint.CancelReservation}) {
			t.Errorf("%s: the end is told as %v", name, told)
		}
		w.answers(chargepoint.CommandRejected, nil) // it knows no such reservation
		w.Clock.Move(time.Minute)
		w.Must(w.herald.Tell(t.Context()))
		w.herald.Wait()
		if len(w.told) != 1 || w.told[0].ReservationID != number {
			t.Errorf("%s: told again as %+v, want the number %d", name, w.told, number)
		}
		w.Clock.Move(time.Hour)
		if more := w.kinds(); len(w.tell()) != 0 {
			t.Errorf("%s: told a third time after %v", name, more)
		}
	}
}

// A charge point that expires a claim by itself, at the time it was told, need not be told to.
func TestAClaimThatNobodyUsedExpiresThere(t *testing.T) {
	t.Parallel()
	w := newReserving(t, 1)
	r := w.claim(0)
	w.tell()
	w.Clock.Set(r.NoShowAt)
	_, err := w.Store.GiveUpReservations(t.Context(), 10)
	w.Must(err)
	if told := w.tell(); len(told) != 0 {
		t.Errorf("the expiry is told as %v", told)
	}
	w.is(r.ID, reservation.NoShow, true, reservation.ReasonNobody)
}

func TestAClaimForLaterIsToldWhenItBegins(t *testing.T) {
	t.Parallel()
	for word, want := range map[chargepoint.CommandStatus]reservation.State{
		chargepoint.CommandAccepted: reservation.Reserved, chargepoint.CommandOccupied: reservation.Failed,
	} {
		w := newReserving(t, 1)
		w.answers(word, nil)
		r := w.claim(time.Hour)
		if told := w.tell(); r.State != reservation.Reserved || len(told) != 0 {
			t.Errorf("an hour before, it is %s and told as %v", r.State, told)
		}
		w.Clock.Move(time.Hour)
		_, err := w.Store.BeginReservations(t.Context(), 10)
		w.Must(err)
		w.Must(w.herald.Tell(t.Context()))
		w.herald.Wait()
		if len(w.told) != 1 || w.told[0].Kind != chargepoint.ReserveNow || !w.told[0].ExpiresAt.Equal(r.NoShowAt) || w.told[0].Connector != 1 {
			t.Errorf("when it begins, the charge point is told %+v", w.told)
		}
		stored, err := w.Store.GetReservation(t.Context(), r.ID)
		w.Must(err)
		if stored.State != want {
			t.Errorf("after %s it is %s, want %s", word, stored.State, want)
		}
	}
}

// Several replicas look at once, again and again; and one that dies before it has told anything is stood in for.
func TestEachClaimIsToldOnce(t *testing.T) {
	t.Parallel()
	const claims = 24
	w := newReserving(t, claims)
	for _, id := range w.site.PlotIDs {
		_, err := w.Reserve(t.Context(), id, uuid.New(), time.Hour)
		w.Must(err)
	}
	died, err := w.Store.DueHolds(t.Context(), time.Minute, 4)
	w.Must(err)
	var replicas sync.WaitGroup
	for range 4 {
		herald := reservation.NewHerald(w.StoreOf(w.DB, postgrestest.Options{}), w, time.Second, slog.New(slog.DiscardHandler))
		replicas.Go(func() {
			for range 3 {
				if err := herald.Tell(t.Context()); err != nil {
					t.Error(err)
				}
			}
			herald.Wait()
		})
	}
	replicas.Wait()
	numbers := map[int]int{}
	for _, c := range w.told {
		numbers[c.ReservationID]++
	}
	if len(died) != 4 || len(w.told) != claims-4 || len(numbers) != claims-4 {
		t.Errorf("%d were told, under %d numbers, while %d are another replica's", len(w.told), len(numbers), len(died))
	}
	w.kinds()
	w.Clock.Move(time.Minute)
	if told := w.tell(); len(told) != 4 {
		t.Errorf("of the dead replica's, %d were told", len(told))
	}
}

func TestASessionOfAHeldClaimShowsItsTag(t *testing.T) {
	t.Parallel()
	w := newReserving(t, 1)
	r := w.claim(0)
	w.Must(w.herald.Tell(t.Context()))
	w.herald.Wait()
	tag := w.told[0].IDTag
	if word, err := w.Store.Authorize(t.Context(), w.site.ChargePoint.ID, tag); err != nil || word != chargepoint.Accepted {
		t.Errorf("the claim's tag is %s, %v", word, err)
	}
	var ordered session.Session
	for range 2 { // the first order comes to nothing
		var err error
		ordered, _, err = w.Store.OrderSession(t.Context(), session.Order{PlotID: r.PlotID, DriverID: r.DriverID})
		w.Must(err)
		if ordered.IDTag != tag || ordered.ReservationID != r.ID {
			t.Fatalf("the order shows %s for claim %s, want %s", ordered.IDTag, ordered.ReservationID, tag)
		}
		w.Clock.Move(3 * time.Minute)
		_, err = w.Store.TimeOutSessions(t.Context(), 10)
		w.Must(err)
	}
	// Neither order has begun, but the car is there: whoever shows the tag is the claim's driver.
	_, err := w.Store.StartTransaction(t.Context(), w.site.ChargePoint.ID, chargepoint.TransactionStart{
		Connector: 1, IDTag: tag, ReservationID: w.told[0].ReservationID, At: w.Clock.Now(),
	}, w.Clock.Now())
	w.Must(err)
	w.is(r.ID, reservation.Fulfilled, true, reservation.ReasonFulfilled)
	w.kinds()
	if told := w.tell(); len(told) != 0 {
		t.Errorf("a claim that is used up is told as %v", told)
	}
	if s, err := w.Store.GetSession(t.Context(), ordered.ID); err != nil || s.State != session.Active {
		t.Errorf("the session is %+v, %v", s, err)
	}
}

func TestTheTagOfAClaimBeginsASessionThatNobodyOrdered(t *testing.T) {
	t.Parallel()
	w := newReserving(t, 1)
	r := w.claim(0)
	w.Must(w.herald.Tell(t.Context()))
	w.herald.Wait()
	started, err := w.Store.StartTransaction(t.Context(), w.site.ChargePoint.ID, chargepoint.TransactionStart{
		Connector: 1, IDTag: w.told[0].IDTag, At: w.Clock.Now(),
	}, w.Clock.Now())
	w.Must(err)
	if started.Authorization != chargepoint.Accepted {
		t.Errorf("the start is %s", started.Authorization)
	}
	w.is(r.ID, reservation.Fulfilled, true, reservation.ReasonFulfilled)
}

func TestAChargePointThatLetsGoOfAClaim(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		removed bool
		after   time.Duration
		state   reservation.State
		reason  string
		told    int
	}{
		{"removes it", true, time.Minute, reservation.Failed, reservation.ReasonChargePointRemoved, 0},
		{"has a clock that is ahead", false, time.Minute, reservation.Reserved, "", 1},
		{"says that nobody came", false, 15 * time.Minute, reservation.NoShow, reservation.ReasonNobody, 0},
	} {
		w := newReserving(t, 1)
		r := w.claim(0)
		w.Must(w.herald.Tell(t.Context()))
		w.herald.Wait()
		number := w.told[0].ReservationID
		w.kinds()
		w.Clock.Move(c.after)
		for range 2 { // it may say so twice
			w.Must(w.Store.EndHold(t.Context(), w.site.ChargePoint.ID, number, c.removed))
		}
		w.is(r.ID, c.state, !c.removed, c.reason)
		if told := w.tell(); len(told) != c.told {
			t.Errorf("%s: it is told %v", c.name, told)
		}
	}
}

func TestAChargePointThatBootsIsToldAndAskedAgain(t *testing.T) {
	t.Parallel()
	w := newReserving(t, 1)
	w.claim(0)
	w.tell()
	w.Must(w.Store.Booted(t.Context(), w.site.ChargePoint.ID, chargepoint.BootInfo{}))
	told := w.tell()
	slices.Sort(told)
	if !slices.Equal(told, []chargepoint.CommandKind{chargepoint.GetConfiguration, chargepoint.ReserveNow}) {
		t.Errorf("it is told %v", told)
	}
}

func TestChargePointsAreAskedWhetherTheyTakeReservations(t *testing.T) {
	t.Parallel()
	value := func(component, name, value string) chargepoint.Variable {
		return chargepoint.Variable{Component: component, Name: name, Value: value}
	}
	for _, c := range []struct {
		protocol string
		says     []chargepoint.Variable
		takes    bool
	}{
		{"ocpp1.6", []chargepoint.Variable{value("", "SupportedFeatureProfiles", "Core, Reservation,SmartCharging")}, true},
		{"ocpp1.6", []chargepoint.Variable{value("", "SupportedFeatureProfiles", "Core,SmartCharging")}, false},
		{"ocpp1.6", nil, false},
		{"ocpp2.0.1", []chargepoint.Variable{value("ReservationCtrlr", "Available", "true"), value("ReservationCtrlr", "Enabled", "true")}, true},
		{"ocpp2.0.1", []chargepoint.Variable{value("ReservationCtrlr", "Available", "true"), value("ReservationCtrlr", "Enabled", "false")}, false},
	} {
		w := &reserving{World: postgrestest.New(t)}
		w.site = w.Site(1)
		w.Must(w.Store.Connected(t.Context(), w.site.ChargePoint.ID, chargepoint.Connection{ID: uuid.New(), Protocol: c.protocol}, postgrestest.Replica))
		w.herald = reservation.NewHerald(w.Store, w, time.Second, slog.New(slog.DiscardHandler))
		w.answer = func(chargepoint.Command) (chargepoint.Outcome, error) {
			return chargepoint.Outcome{Status: chargepoint.CommandAccepted, Variables: c.says}, nil
		}
		if told := w.tell(); !slices.Equal(told, []chargepoint.CommandKind{chargepoint.GetConfiguration}) {
			t.Errorf("%s: it is asked %v", c.protocol, told)
		}
		if told := w.tell(); len(told) != 0 {
			t.Errorf("%s: it is asked again: %v", c.protocol, told)
		}
		want := reservation.Reserved
		if c.takes {
			want = reservation.Pending
		}
		if r := w.claim(0); r.State != want {
			t.Errorf("%s that says %v: a claim is %s, want %s", c.protocol, c.says, r.State, want)
		}
	}
}

// TestAClaimThatEndsWhileItsHoldIsLaidToRest has a driver cancel between the look at a hold that rests and its commit.
func TestAClaimThatEndsWhileItsHoldIsLaidToRest(t *testing.T) {
	t.Parallel()
	w := newReserving(t, 1)
	claim, err := w.Reserve(t.Context(), w.site.PlotIDs[0], uuid.New(), time.Hour)
	w.Must(err)
	due, err := w.Store.DueHolds(t.Context(), time.Minute, 1)
	if w.Must(err); len(due) != 1 {
		t.Fatalf("%d holds are due", len(due))
	}
	w.Must(w.Store.AnswerHold(t.Context(), due[0], reservation.Kept, ""))
	looking, err := w.DB.BeginTxx(t.Context(), nil)
	w.Must(err)
	defer func() { _ = looking.Rollback() }() // it is over when it is committed
	_, err = looking.ExecContext(t.Context(), `UPDATE reservation_holds SET next_at = NULL WHERE reservation_id = $1`, claim.ID)
	w.Must(err)
	canceled := make(chan error, 1)
	go func() {
		_, err := w.Store.ChangeReservation(t.Context(), claim.ID, func(r reservation.Reservation, _ reservation.OperatorTerms) (reservation.Reservation, error) {
			r.State, r.Reason = reservation.Canceled, reservation.ReasonDriver
			return r, nil
		})
		canceled <- err
	}()
	for waits := false; !waits && len(canceled) == 0; { // it waits for the look, or was done without one
		w.Must(w.DB.GetContext(t.Context(), &waits, `
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`))
	}
	w.Must(looking.Commit())
	w.Must(<-canceled)
	if told := w.tell(); !slices.Contains(told, chargepoint.CancelReservation) {
		t.Errorf("the charge point was told %v, and keeps the plot for a claim that has ended", told)
	}
}
