package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
)

// A claim that is begun early holds the time before it from then on, so that nobody else can claim it; somebody may have already.
const fulfillSQL = `
UPDATE reservations r
SET period = tstzrange(least(lower(r.period), greatest($4, (
        SELECT max(upper(o.period)) FROM reservations o
        WHERE o.plot_id = r.plot_id AND o.id <> r.id AND o.state IN ('PENDING', 'RESERVED', 'FULFILLED') AND upper(o.period) <= lower(r.period)
    ))), upper(r.period)),
    state = 'FULFILLED', state_since = $2, reason = $3, begun = true, updated_at = $2, version = r.version + 1
WHERE r.id = $1 AND r.state IN ('PENDING', 'RESERVED')
RETURNING ` + reservationColumnsR

// The rest of a claim goes back when its session has ended: the plot is free for the next driver, not only when the span is over.
const releaseSQL = `
UPDATE reservations r
SET period = tstzrange(lower(r.period), greatest($2, lower(r.period) + interval '1 second')), updated_at = $2, version = r.version + 1
WHERE r.id = $1 AND r.state = 'FULFILLED' AND upper(r.period) > greatest($2, lower(r.period) + interval '1 second')
RETURNING ` + reservationColumnsR

// A claim that should have been given up by now, and only waits for the scheduler to say so, ends as it would have ended.
const displaceSQL = `
UPDATE reservations r
SET state = CASE WHEN r.no_show_at <= $2 THEN 'NO_SHOW' ELSE 'FAILED' END, state_since = $2,
    reason = CASE WHEN r.no_show_at <= $2 THEN $4 ELSE $3 END, updated_at = $2, version = r.version + 1
WHERE r.plot_id = $1 AND r.state IN ('PENDING', 'RESERVED') AND lower(r.period) <= $2
RETURNING ` + reservationColumnsR

func fulfill(ctx context.Context, tx txn, now, at time.Time, claim uuid.UUID) error {
	var rows []reservationRow
	if err := tx.SelectContext(ctx, &rows, fulfillSQL, claim, now, reservation.ReasonFulfilled, at); err != nil {
		return fmt.Errorf("fulfil the reservation: %w", err)
	}
	return tellReservations(ctx, tx, now, rows...)
}

func release(ctx context.Context, tx txn, now time.Time, claim uuid.UUID) error {
	var rows []reservationRow
	if err := tx.SelectContext(ctx, &rows, releaseSQL, claim, now); err != nil {
		return fmt.Errorf("release the reservation: %w", err)
	}
	return tellReservations(ctx, tx, now, rows...)
}

// displace ends the claims that have begun on a plot which somebody else's car has taken.
func (s *Store) displace(ctx context.Context, tx txn, now time.Time, plotID uuid.UUID) error {
	var rows []reservationRow
	err := tx.SelectContext(ctx, &rows, displaceSQL, plotID, now, reservation.ReasonOccupied, reservation.ReasonNobody)
	if err != nil {
		return fmt.Errorf("fail the displaced reservations: %w", err)
	}
	if err := s.billNoShows(ctx, tx, now, rows); err != nil {
		return err
	}
	return tellReservations(ctx, tx, now, rows...)
}
