package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

func TestADriverMayBeginAsEarlyAsTheOperatorLets(t *testing.T) {
	t.Parallel()
	minutes := func(n int) *time.Duration {
		d := time.Duration(n) * time.Minute
		return &d
	}
	for _, c := range []struct {
		name   string
		terms  *time.Duration
		before time.Duration // how long before its beginning
		rival  time.Duration // how long before its beginning somebody else's ends, of half an hour; 0: nobody's
		named  bool
		used   bool
		err    error
	}{
		{"within the guard time, when nothing is said", nil, 15 * time.Minute, 0, false, true, nil},
		{"before it, like anybody", nil, 16 * time.Minute, 0, false, false, nil},
		{"before it, by name", nil, 16 * time.Minute, 0, true, false, session.ErrTooEarly},
		{"an hour before, where that is allowed", minutes(60), time.Hour, 0, false, true, nil},
		{"not before its time, where that is not allowed", minutes(0), time.Minute, 0, false, false, session.ErrTooEarly},
		{"while somebody else's is near", minutes(60), 50 * time.Minute, 10 * time.Minute, false, false, session.ErrReserved},
		{"while somebody else's lies between", minutes(120), 2 * time.Hour, 10 * time.Minute, false, false, nil},
		{"while somebody else's lies between, by name", minutes(120), 2 * time.Hour, 10 * time.Minute, true, false, session.ErrWrongReservation},
	} {
		w := postgrestest.New(t)
		site, driver := w.Site(1), uuid.New()
		if c.terms != nil {
			_, err := w.Store.PutTerms(t.Context(), reservation.OperatorTerms{OperatorID: site.Operator.ID, EarlyStart: c.terms},
				func(reservation.OperatorTerms) error { return nil })
			w.Must(err)
		}
		begins := w.Clock.Now().Add(c.before)
		r, err := w.ReserveAt(t.Context(), site.PlotIDs[0], driver, begins, time.Hour)
		w.Must(err)
		if c.rival > 0 {
			_, err = w.ReserveAt(t.Context(), site.PlotIDs[0], uuid.New(), begins.Add(-c.rival-30*time.Minute), 30*time.Minute)
			w.Must(err)
		}
		order := session.Order{PlotID: site.PlotIDs[0], DriverID: driver}
		if c.named {
			order.ReservationID = r.ID
		}
		ordered, _, err := w.Store.OrderSession(t.Context(), order)
		if !errors.Is(err, c.err) || (ordered.ReservationID == r.ID) != c.used {
			t.Errorf("%s: claim %s, %v; want it used %t, %v", c.name, ordered.ReservationID, err, c.used, c.err)
		}
		if !c.used {
			continue
		}
		w.Clock.Move(time.Second)
		_, err = w.Store.StartTransaction(t.Context(), site.ChargePoint.ID, chargepoint.TransactionStart{Connector: 1, IDTag: ordered.IDTag, At: w.Clock.Now()}, w.Clock.Now())
		w.Must(err)
		begun, err := w.Store.GetReservation(t.Context(), r.ID)
		w.Must(err)
		if begun.State != reservation.Fulfilled || !begun.StartsAt.Equal(w.Clock.Now()) || !begun.EndsAt.Equal(r.EndsAt) {
			t.Errorf("%s: it is %s from %s to %s", c.name, begun.State, begun.StartsAt, begun.EndsAt)
		}
		// The time before is the driver's now.
		if _, err := w.ReserveAt(t.Context(), site.PlotIDs[0], uuid.New(), begins.Add(-10*time.Minute), 5*time.Minute); !errors.Is(err, reservation.ErrTaken) {
			t.Errorf("%s: the time before can still be claimed: %v", c.name, err)
		}
	}
}
