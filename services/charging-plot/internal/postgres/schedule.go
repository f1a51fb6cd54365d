package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// The jobs below are what time itself does to plots. Any replica may run any of them at any moment: each takes the locks of the plots that
// are due, skips those that somebody else holds (who may be doing the same, or something that makes it needless; the next run sees),
// and then acts on rows that are still due. So each thing happens once, however many replicas try.

// dueSQL locks plots that a query finds due.
func dueSQL(due string) string {
	return `SELECT p.id FROM plots p WHERE p.id IN (` + due + `) ORDER BY p.id FOR NO KEY UPDATE SKIP LOCKED`
}

// due runs act on the plots that are due and free, and settles them. It returns how many they were.
func (s *Store) due(
	ctx context.Context, query string, limit int, act func(ctx context.Context, tx txn, now time.Time, plots []uuid.UUID) error,
) (n int, err error) {
	now := s.now()
	err = s.write(ctx, func(ctx context.Context, tx txn) error {
		var plots []uuid.UUID
		if err := tx.SelectContext(ctx, &plots, query, now, limit); err != nil {
			return fmt.Errorf("find plots that are due: %w", err)
		}
		if n = len(plots); n == 0 {
			return nil
		}
		if err := act(ctx, tx, now, plots); err != nil {
			return err
		}
		return s.settle(ctx, tx, now, plots, nil)
	})
	return n, err
}

var toBeginSQL = dueSQL(`
    SELECT plot_id FROM reservations
    WHERE state IN ('PENDING', 'RESERVED') AND NOT begun AND lower(period) <= $1
    ORDER BY lower(period) LIMIT $2`)

// A plot that another car holds when the time comes cannot be given: the claim fails. One that the driver's own session holds is
// fulfilled.
const beginReservationsSQL = `
UPDATE reservations r
SET begun = true, updated_at = $2, version = r.version + 1,
    state = CASE WHEN o.mine IS NULL THEN r.state WHEN o.mine THEN 'FULFILLED' ELSE 'FAILED' END,
    reason = CASE WHEN o.mine IS NULL THEN r.reason WHEN o.mine THEN $3 ELSE $4 END,
    state_since = CASE WHEN o.mine IS NULL THEN r.state_since ELSE $2 END
FROM (
    SELECT d.id, s.driver_id IS NOT DISTINCT FROM d.driver_id AND s.id IS NOT NULL AS mine, s.id AS session_id
    FROM reservations d
    JOIN sessions s ON s.plot_id = d.plot_id AND s.state IN ('PENDING', 'ACTIVE')
    WHERE d.plot_id = ANY($1) AND d.state IN ('PENDING', 'RESERVED') AND NOT d.begun AND lower(d.period) <= $2
    UNION ALL
    SELECT d.id, NULL, NULL
    FROM reservations d
    WHERE d.plot_id = ANY($1) AND d.state IN ('PENDING', 'RESERVED') AND NOT d.begun AND lower(d.period) <= $2
      AND NOT EXISTS (SELECT FROM sessions s WHERE s.plot_id = d.plot_id AND s.state IN ('PENDING', 'ACTIVE'))
) o
WHERE r.id = o.id
RETURNING ` + reservationColumnsR

// BeginReservations lets claims begin whose time has come: from here on the plot is RESERVED.
func (s *Store) BeginReservations(ctx context.Context, limit int) (int, error) {
	return s.due(ctx, toBeginSQL, limit, func(ctx context.Context, tx txn, now time.Time, plots []uuid.UUID) error {
		// Whoever was before and has not come makes way first.
		if err := s.giveUp(ctx, tx, now, plots); err != nil {
			return err
		}
		var rows []reservationRow
		err := tx.SelectContext(ctx, &rows, beginReservationsSQL, ids(plots), now, reservation.ReasonFulfilled, reservation.ReasonOccupied)
		if err != nil {
			return fmt.Errorf("begin reservations: %w", err)
		}
		if err := wantHolds(ctx, tx, now, rows); err != nil {
			return fmt.Errorf("have charge points told: %w", err)
		}
		return tellReservations(ctx, tx, now, rows...)
	})
}

// A driver whose session has been ordered is on the spot; the claim waits for what becomes of it.
const noShowCondition = `
    r.state IN ('PENDING', 'RESERVED') AND r.no_show_at <= $1
    AND NOT EXISTS (SELECT FROM sessions s WHERE s.plot_id = r.plot_id AND s.state = 'PENDING' AND s.reservation_id = r.id)`

var toGiveUpSQL = dueSQL(`SELECT r.plot_id FROM reservations r WHERE ` + noShowCondition + ` ORDER BY r.no_show_at LIMIT $2`)

const giveUpSQL = `
UPDATE reservations r
SET state = 'NO_SHOW', state_since = $1, reason = $3, updated_at = $1, version = r.version + 1
WHERE r.plot_id = ANY($2) AND ` + noShowCondition + `
RETURNING ` + reservationColumnsR

// GiveUpReservations ends claims whose driver has not come.
func (s *Store) GiveUpReservations(ctx context.Context, limit int) (int, error) {
	return s.due(ctx, toGiveUpSQL, limit, s.giveUp)
}

// giveUp ends the claims on plots whose drivers have not come, and bills what the tariff wants for that.
func (s *Store) giveUp(ctx context.Context, tx txn, now time.Time, plots []uuid.UUID) error {
	var rows []reservationRow
	if err := tx.SelectContext(ctx, &rows, giveUpSQL, now, ids(plots), reservation.ReasonNobody); err != nil {
		return fmt.Errorf("give up reservations: %w", err)
	}
	if err := s.billNoShows(ctx, tx, now, rows); err != nil {
		return err
	}
	return tellReservations(ctx, tx, now, rows...)
}

var toTimeOutSQL = dueSQL(`SELECT plot_id FROM sessions WHERE state = 'PENDING' AND start_by <= $1 ORDER BY start_by LIMIT $2`)

const timedOutSQL = `
SELECT ` + sessionColumns + ` FROM sessions s WHERE s.plot_id = ANY($1) AND s.state = 'PENDING' AND s.start_by <= $2 FOR UPDATE`

// TimeOutSessions gives up ordered sessions that have not begun in time.
func (s *Store) TimeOutSessions(ctx context.Context, limit int) (int, error) {
	return s.due(ctx, toTimeOutSQL, limit, func(ctx context.Context, tx txn, now time.Time, plots []uuid.UUID) error {
		var rows []sessionRow
		if err := tx.SelectContext(ctx, &rows, timedOutSQL, ids(plots), now); err != nil {
			return fmt.Errorf("read sessions that are due: %w", err)
		}
		for i := range rows {
			row := &rows[i]
			row.State, row.StateSince, row.Reason, row.EndedAt = string(session.Invalid), now, session.ReasonTimeout, &now
			if err := saveSession(ctx, tx, now, row); err != nil {
				return err
			}
		}
		return nil
	})
}

var staleSQL = dueSQL(`
    SELECT id FROM plots WHERE status_source = 'push' AND pushed_at <= $1::timestamptz - $3::double precision * interval '1 second'
    ORDER BY pushed_at LIMIT $2`)

// ExpirePushes stops believing what operators' back ends said too long ago.
func (s *Store) ExpirePushes(ctx context.Context, limit int) (n int, err error) {
	now := s.now()
	err = s.write(ctx, func(ctx context.Context, tx txn) error {
		var plots []uuid.UUID
		if err := tx.SelectContext(ctx, &plots, staleSQL, now, limit, s.opt.PushTTL.Seconds()); err != nil {
			return fmt.Errorf("find statuses that have grown old: %w", err)
		}
		n = len(plots)
		return s.settle(ctx, tx, now, plots, nil)
	})
	return n, err
}

// PurgeAnswers forgets idempotency keys that have expired.
func (s *Store) PurgeAnswers(ctx context.Context) (int64, error) { return idempotency.Purge(ctx, s.db) }
