package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// step is one thing that somebody does. Numbers are taken modulo how many there are.
type step struct {
	What   string
	Plot   int
	Driver int
	N      int
}

var stepGen = rapid.Custom(func(t *rapid.T) step {
	return step{
		What: rapid.SampledFrom([]string{
			"reserve", "reserve", "reserve later", "cancel", "move", "order", "order", "start", "start", "start", "stop", "stop",
			"fault", "repair", "repair", "foreign start", "time", "begin", "give up", "time out",
			"answer", "answer", "answer", "let go", "start by tag", "boot", "terms", "block", "unblock", "order by name",
		}).Draw(t, "what"),
		Plot: rapid.IntRange(0, 2).Draw(t, "plot"), Driver: rapid.IntRange(0, 3).Draw(t, "driver"), N: rapid.IntRange(0, 40).Draw(t, "n"),
	}
})

// schedules plays steps against a world. Whatever the rules refuse is part of the play; anything else is a failure.
type schedules struct {
	*postgrestest.World

	site    postgrestest.Site
	drivers []uuid.UUID
	workers []*postgres.Store
}

func (s *schedules) play(ctx context.Context, st step) error {
	plotID, driver := s.site.PlotIDs[st.Plot], s.drivers[st.Driver]
	var err error
	switch st.What {
	case "answer", "let go", "start by tag", "boot":
		err = s.hardware(ctx, st)
	case "terms":
		d, places := time.Duration(st.N)*time.Minute, 1+st.N%3
		_, err = s.Store.PutTerms(ctx, reservation.OperatorTerms{OperatorID: s.site.Operator.ID, EarlyStart: &d, PerDriver: &places},
			func(reservation.OperatorTerms) error { return nil })
	case "block":
		err = s.Store.BlockDriver(ctx, s.site.Operator.ID, driver, "")
	case "unblock":
		err = s.Store.UnblockDriver(ctx, s.site.Operator.ID, driver)
	case "order by name":
		err = s.orderByName(ctx, st, plotID)
	case "reserve":
		_, err = s.Reserve(ctx, plotID, driver, time.Duration(5+st.N)*time.Minute)
	case "reserve later":
		at := s.Clock.Now().Add(time.Duration(st.N) * time.Minute)
		_, err = s.ReserveAt(ctx, plotID, driver, at, time.Duration(5+st.N)*time.Minute)
	case "cancel", "move":
		err = s.change(ctx, st, plotID)
	case "order":
		_, _, err = s.Store.OrderSession(ctx, session.Order{PlotID: plotID, DriverID: driver})
	case "start", "stop":
		err = s.transact(ctx, st, plotID)
	case "foreign start":
		_, err = s.Store.StartTransaction(ctx, s.site.ChargePoint.ID, chargepoint.TransactionStart{
			Connector: st.Plot + 1, IDTag: "RFID-" + strconv.Itoa(st.N), MeterWh: int64(st.N), At: s.Clock.Now(),
		}, s.Clock.Now())
	case "fault", "repair":
		word := chargepoint.Faulted
		if st.What == "repair" {
			word = chargepoint.Available
		}
		err = s.Store.ReportStatuses(ctx, []central.Report{{
			ChargePoint:  s.site.ChargePoint.ID,
			StatusReport: chargepoint.StatusReport{Connector: st.Plot + 1, Status: word, At: s.Clock.Now()},
		}})
	case "time":
		s.Clock.Move(time.Duration(st.N) * 20 * time.Second)
	case "begin":
		_, err = s.worker(st).BeginReservations(ctx, 2)
	case "give up":
		_, err = s.worker(st).GiveUpReservations(ctx, 2)
	case "time out":
		_, err = s.worker(st).TimeOutSessions(ctx, 2)
	}
	if err == nil {
		return nil
	}
	switch fault.Of(err).Kind() { //nolint:exhaustive // everything else is unexpected
	case fault.Conflict, fault.Invalid, fault.NotFound, fault.Forbidden:
		return nil
	}
	return err
}

// worker is the replica that does a step.
func (s *schedules) worker(st step) *postgres.Store { return s.workers[st.N%len(s.workers)] }

// hardware is what the charge point does by itself, and what it answers when it is told of a claim.
func (s *schedules) hardware(ctx context.Context, st step) error {
	if st.What == "boot" {
		return s.worker(st).Booted(ctx, s.site.ChargePoint.ID, chargepoint.BootInfo{})
	}
	if st.What == "answer" {
		due, err := s.worker(st).DueHolds(ctx, time.Minute, 2)
		for _, hold := range due {
			answer := []reservation.Answer{reservation.Kept, reservation.Kept, reservation.Refused, reservation.Unreached}[st.N%4]
			err = errors.Join(err, s.worker(st).AnswerHold(ctx, hold, answer, reservation.ReasonChargePointOccupied))
		}
		return err
	}
	var held []struct {
		Number    int    `db:"number"`
		Connector int    `db:"connector"`
		IDTag     string `db:"id_tag"`
	}
	err := s.DB.SelectContext(ctx, &held, `SELECT number, connector, id_tag FROM reservation_holds WHERE state <> 'WANTED' ORDER BY number LIMIT 3`)
	if err != nil || len(held) == 0 {
		return err
	}
	hold := held[st.N%len(held)]
	if st.What == "let go" {
		return s.worker(st).EndHold(ctx, s.site.ChargePoint.ID, hold.Number, st.N%2 == 0)
	}
	_, err = s.worker(st).StartTransaction(ctx, s.site.ChargePoint.ID, chargepoint.TransactionStart{
		Connector: hold.Connector, IDTag: hold.IDTag, ReservationID: hold.Number, MeterWh: int64(st.N), At: s.Clock.Now(),
	}, s.Clock.Now())
	return err
}

// orderByName has the driver of some claim order its session, however early.
func (s *schedules) orderByName(ctx context.Context, st step, plotID uuid.UUID) error {
	found, err := s.Store.ListReservations(ctx, access.Selection{Plot: plotID, States: []string{"PENDING", "RESERVED"}, Limit: 3})
	if err != nil || len(found) == 0 {
		return err
	}
	claim := found[st.N%len(found)]
	_, _, err = s.Store.OrderSession(ctx, session.Order{PlotID: plotID, DriverID: claim.DriverID, ReservationID: claim.ID})
	return err
}

// change cancels or moves some reservation of the plot.
func (s *schedules) change(ctx context.Context, st step, plotID uuid.UUID) error {
	found, err := s.Store.ListReservations(ctx, access.Selection{Plot: plotID, States: []string{"PENDING", "RESERVED"}, Limit: 3})
	if err != nil || len(found) == 0 {
		return err
	}
	_, err = s.Store.ChangeReservation(ctx, found[st.N%len(found)].ID, func(r reservation.Reservation, _ reservation.OperatorTerms) (reservation.Reservation, error) {
		if st.What == "move" {
			return postgrestest.Terms.Move(r, s.Clock.Now().Add(time.Duration(st.N)*time.Minute), 0, s.Clock.Now())
		}
		if !r.State.CanBecome(reservation.Canceled) {
			return r, reservation.ErrEnded
		}
		r.State, r.Reason = reservation.Canceled, reservation.ReasonDriver
		return r, nil
	})
	return err
}

// transact starts or stops the latest session of the plot, whatever has become of it.
func (s *schedules) transact(ctx context.Context, st step, plotID uuid.UUID) error {
	found, err := s.Store.ListSessions(ctx, access.Selection{Plot: plotID, Limit: 2})
	if err != nil || len(found) == 0 {
		return err
	}
	latest := found[st.N%len(found)]
	if st.What == "start" {
		_, err = s.Store.StartTransaction(ctx, s.site.ChargePoint.ID, chargepoint.TransactionStart{
			Connector: st.Plot + 1, IDTag: latest.IDTag, MeterWh: int64(st.N), At: s.Clock.Now(),
		}, s.Clock.Now())
		return err
	}
	return s.Store.StopTransaction(ctx, s.site.ChargePoint.ID, chargepoint.TransactionStop{
		Transaction: latest.Transaction, MeterWh: int64(100 + st.N), At: s.Clock.Now(),
	}, s.Clock.Now())
}

// A plot's owners are whoever has a claim on it that has begun and still stands, and whoever has a session open there. It may be the
// same driver twice, and never two.
const twoOwnersSQL = `
SELECT plot_id::text || ' belongs to ' || string_agg(DISTINCT owner, ' and ')
FROM (
    SELECT plot_id, driver_id::text AS owner FROM reservations WHERE state IN ('PENDING', 'RESERVED') AND begun
    UNION ALL
    SELECT plot_id, coalesce(driver_id::text, id_tag) FROM sessions WHERE state IN ('PENDING', 'ACTIVE')
) owners
GROUP BY plot_id
HAVING count(DISTINCT owner) > 1`

// What must be so whenever nothing is under way.
var brokenSQL = map[string]string{
	"a completed session has a record, and no other has": `
SELECT s.id::text FROM sessions s LEFT JOIN cdrs c ON c.session_id = s.id WHERE (s.state = 'COMPLETED') <> (c.id IS NOT NULL)`,
	"a plot's history ends in its status": `
SELECT p.id::text FROM plots p
WHERE (p.status, p.status_source) IS DISTINCT FROM (
    SELECT (h.status, h.source) FROM plot_history h WHERE h.plot_id = p.id ORDER BY h.since DESC, h.version DESC LIMIT 1)`,
	"the change feed ends in every plot's version": `
SELECT p.id::text FROM plots p WHERE p.version <> (SELECT max(version) FROM plot_changes c WHERE c.entity_id = p.id)`,
	"a claim that is over says why": `
SELECT id::text FROM reservations WHERE (state IN ('PENDING', 'RESERVED')) <> (reason = '')`,
	"no driver holds more than they may": `
SELECT driver_id::text FROM reservations WHERE state IN ('PENDING', 'RESERVED') GROUP BY driver_id HAVING count(*) > 3`,
	"a session's claim is its driver's, on its plot, and no longer waits": `
SELECT s.id::text FROM sessions s JOIN reservations r ON r.id = s.reservation_id
WHERE s.driver_id IS DISTINCT FROM r.driver_id OR s.plot_id <> r.plot_id OR s.state = 'ACTIVE' AND r.state IN ('PENDING', 'RESERVED')`,
	"a claim that waits for a charge point has been told to one, or will be": `
SELECT r.id::text FROM reservations r
WHERE r.state = 'PENDING' AND NOT EXISTS (SELECT FROM reservation_holds h WHERE h.reservation_id = r.id AND h.next_at IS NOT NULL)`,
	"a charge point is left alone only with a claim that it holds": `
SELECT h.number::text FROM reservation_holds h JOIN reservations r ON r.id = h.reservation_id
WHERE h.next_at IS NULL AND (h.state <> 'HELD' OR r.state NOT IN ('PENDING', 'RESERVED'))`,
}

func (s *schedules) violations(ctx context.Context) ([]string, error) {
	for busy := true; busy; { // what is due by now
		busy = false
		for _, job := range []func(context.Context, int) (int, error){
			s.Store.BeginReservations, s.Store.GiveUpReservations, s.Store.TimeOutSessions,
		} {
			n, err := job(ctx, 100)
			if err != nil {
				return nil, err
			}
			busy = busy || n > 0
		}
	}
	found, err := s.Store.Disagreements(ctx, s.site.PlotIDs, s.Clock.Now())
	if err != nil {
		return nil, err
	}
	for promise, query := range brokenSQL {
		var broken []string
		if err := s.DB.SelectContext(ctx, &broken, query); err != nil {
			return nil, fmt.Errorf("%s: %w", promise, err)
		}
		for _, id := range broken {
			found = append(found, "not true: "+promise+": "+id)
		}
	}
	return found, nil
}

// Four people act at once, in any order that the database allows, while a fifth looks. Every round goes on from where the last one ended.
func TestNoInterleavingLeavesAPlotWithTwoOwners(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	w.DB.SetMaxOpenConns(8)
	s := &schedules{World: w, site: w.Site(3), drivers: []uuid.UUID{uuid.New(), uuid.New(), uuid.New(), uuid.New()}}
	w.Must(w.Store.AnswerSurvey(t.Context(), s.site.ChargePoint.ID, true))
	s.workers = []*postgres.Store{w.Store, w.StoreOf(w.DB, postgrestest.Options{}), w.StoreOf(w.DB, postgrestest.Options{})}
	steps, rounds := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		lists := make([][]step, 4)
		for i := range lists {
			lists[i] = rapid.SliceOfN(stepGen, 3, 6).Draw(rt, "steps")
			steps += len(lists[i])
		}
		rounds++
		ctx, done := context.WithCancel(t.Context())
		defer done()
		failures := make(chan error, 64)
		var actors, watcher sync.WaitGroup
		watcher.Go(func() {
			for ctx.Err() == nil {
				var two []string
				if err := w.DB.SelectContext(ctx, &two, twoOwnersSQL); err != nil && ctx.Err() == nil {
					failures <- err
				}
				for _, text := range two {
					failures <- errors.New(text)
				}
			}
		})
		for _, list := range lists {
			actors.Go(func() {
				for _, st := range list {
					if err := s.play(t.Context(), st); err != nil {
						failures <- fmt.Errorf("%+v: %w", st, err)
					}
				}
			})
		}
		actors.Wait()
		done()
		watcher.Wait()
		found, err := s.violations(t.Context())
		if err != nil {
			rt.Fatal(err)
		}
		close(failures)
		for err := range failures {
			rt.Error(err)
		}
		for _, text := range found {
			rt.Error(text)
		}
	})
	t.Logf("%d steps in %d rounds of four at once", steps, rounds)
}
