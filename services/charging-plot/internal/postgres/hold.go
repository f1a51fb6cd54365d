package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
)

var _ reservation.Holds = (*Store)(nil)

// retryHold is when a charge point that could not be reached is told again.
const retryHold = time.Minute

// newHold is what a connector's charge point is to be told of a claim. Numbers are drawn at random, as those of transactions are.
type newHold struct {
	reservation uuid.UUID
	chargePoint uuid.UUID
	connector   int64
}

// mostHolds is more than the connectors of any plot that hold one claim.
const mostHolds = 1000

// newHoldNumber draws the number after which those of a claim's holds follow.
func newHoldNumber() int64 {
	return int64(1 + rand.IntN(math.MaxInt32-mostHolds)) //nolint:gosec // it names a reservation and protects nothing
}

// holdColumns are holds as arrays: charge points, numbers, claims, connectors, tags.
func holdColumns(holds []newHold) []any {
	n := len(holds)
	points, claims, tags := make([]string, n), make([]string, n), make([]string, n)
	numbers, connectors := make([]int64, n), make([]int64, n)
	for i, h := range holds {
		points[i], claims[i], connectors[i], tags[i] = h.chargePoint.String(), h.reservation.String(), h.connector, chargepoint.NewIDTag()
		numbers[i] = newHoldNumber()
	}
	return []any{pq.Array(points), pq.Array(numbers), pq.Array(claims), pq.Array(connectors), pq.Array(tags)}
}

// The connectors at which claims can be held.
const holdersSQL = `
SELECT r.id, cc.charge_point_id, cc.number
FROM reservations r
JOIN plot_evses pe ON pe.plot_id = r.plot_id
JOIN charge_point_connectors cc ON cc.evse_id = pe.evse_id
JOIN charge_points cp ON cp.id = cc.charge_point_id AND cp.reserves
WHERE r.id = ANY($1) AND r.state IN ('PENDING', 'RESERVED')`

const wantHoldsSQL = `
INSERT INTO reservation_holds (charge_point_id, number, reservation_id, connector, id_tag, state, next_at)
SELECT h.*, 'WANTED', $6 FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::integer[], $5::text[]) AS h`

// wantHolds has charge points told of claims that have begun.
func wantHolds(ctx context.Context, tx txn, now time.Time, claims []reservationRow) error {
	if len(claims) == 0 {
		return nil
	}
	list := make([]uuid.UUID, len(claims))
	for i, r := range claims {
		list[i] = r.ID
	}
	var rows []struct {
		ID            uuid.UUID `db:"id"`
		ChargePointID uuid.UUID `db:"charge_point_id"`
		Number        int64     `db:"number"`
	}
	if err := tx.SelectContext(ctx, &rows, holdersSQL, ids(list)); err != nil || len(rows) == 0 {
		return err
	}
	holds := make([]newHold, len(rows))
	for i, r := range rows {
		holds[i] = newHold{r.ID, r.ChargePointID, r.Number}
	}
	_, err := tx.ExecContext(ctx, wantHoldsSQL, append(holdColumns(holds), now)...)
	return err
}

type holdRow struct {
	ChargePointID uuid.UUID  `db:"charge_point_id"`
	Number        int        `db:"number"`
	ReservationID uuid.UUID  `db:"reservation_id"`
	Connector     int        `db:"connector"`
	IDTag         string     `db:"id_tag"`
	State         string     `db:"state"`
	ExpiresAt     *time.Time `db:"expires_at"`
	PlotID        uuid.UUID  `db:"plot_id"`
	NoShowAt      time.Time  `db:"no_show_at"`
	Open          bool       `db:"open"`
}

// step is what there is to do about a hold.
type step uint8

const (
	rest   step = iota // nothing, until the claim changes
	forget             // it is over, and the charge point knows
	ask                // the charge point is to keep the connector, or to keep it until another time
	letGo              // the charge point is to let go
)

func (r holdRow) step(now time.Time) step {
	switch {
	case r.Open && r.State == "HELD" && r.ExpiresAt.Equal(r.NoShowAt):
		return rest
	case r.Open:
		return ask
	case r.State == "WANTED" || !r.ExpiresAt.After(now): // it was never told, or has let go by itself
		return forget
	}
	return letGo
}

// Whoever holds a row is about to do the same.
const dueHoldsSQL = `
SELECT h.charge_point_id, h.number, h.reservation_id, h.connector, h.id_tag, h.state, h.expires_at, r.plot_id, r.no_show_at,
       r.state IN ('PENDING', 'RESERVED') AS open
FROM reservation_holds h
JOIN reservations r ON r.id = h.reservation_id
WHERE h.next_at <= $1
ORDER BY h.next_at
LIMIT $2
FOR NO KEY UPDATE OF h SKIP LOCKED`

const takeHoldSQL = `
UPDATE reservation_holds
SET next_at = $3, state = CASE WHEN $4 THEN 'SENT' ELSE state END, expires_at = CASE WHEN $4 THEN $5 ELSE expires_at END
WHERE charge_point_id = $1 AND number = $2`

// What was read of the claim may be of before the lock: one that has ended or moved meanwhile is looked at again. One that does from here
// on waits for the lock and wakes the hold.
const restHoldSQL = `
UPDATE reservation_holds h
SET next_at = NULL
WHERE charge_point_id = $1 AND number = $2
  AND EXISTS (SELECT FROM reservations r WHERE r.id = h.reservation_id AND r.state IN ('PENDING', 'RESERVED') AND r.no_show_at = $3)`

const forgetHoldSQL = `DELETE FROM reservation_holds WHERE charge_point_id = $1 AND number = $2`

// DueHolds implements reservation.Holds.
func (s *Store) DueHolds(ctx context.Context, lease time.Duration, limit int) (due []reservation.Hold, err error) {
	now := s.now()
	err = s.inTx(ctx, func(ctx context.Context, tx txn) error {
		due = nil
		var rows []holdRow
		if err := tx.SelectContext(ctx, &rows, dueHoldsSQL, now, limit); err != nil {
			return fmt.Errorf("find what charge points are to be told: %w", err)
		}
		for _, r := range rows {
			var err error
			switch what := r.step(now); what {
			case rest:
				_, err = tx.ExecContext(ctx, restHoldSQL, r.ChargePointID, r.Number, r.NoShowAt)
			case forget:
				_, err = tx.ExecContext(ctx, forgetHoldSQL, r.ChargePointID, r.Number)
			case ask, letGo:
				_, err = tx.ExecContext(ctx, takeHoldSQL, r.ChargePointID, r.Number, now.Add(lease), what == ask, r.NoShowAt)
				due = append(due, reservation.Hold{
					ReservationID: r.ReservationID, PlotID: r.PlotID, ChargePointID: r.ChargePointID, Number: r.Number, Connector: r.Connector,
					IDTag: r.IDTag, ExpiresAt: r.NoShowAt.UTC(), Release: what == letGo,
				})
			}
			if err != nil {
				return fmt.Errorf("take what a charge point is to be told: %w", err)
			}
		}
		return nil
	})
	return due, postgres.Map(err, nil)
}

const laterHoldSQL = `UPDATE reservation_holds SET next_at = $3 WHERE charge_point_id = $1 AND number = $2`

const keepHoldSQL = `UPDATE reservation_holds SET state = 'HELD', next_at = $3 WHERE charge_point_id = $1 AND number = $2`

const incapableSQL = `UPDATE charge_points SET reserves = false WHERE id = $1`

// AnswerHold implements reservation.Holds. A claim whose every connector has been refused cannot be kept, unless its driver's session is on
// its way.
func (s *Store) AnswerHold(ctx context.Context, h reservation.Hold, a reservation.Answer, reason string) error {
	now := s.now()
	if h.Release {
		query, args := forgetHoldSQL, []any{h.ChargePointID, h.Number}
		if a == reservation.Unreached {
			query, args = laterHoldSQL, append(args, now.Add(retryHold))
		}
		_, err := s.db.ExecContext(ctx, query, args...)
		return postgres.Map(err, nil)
	}
	return s.write(ctx, func(ctx context.Context, tx txn) error {
		if _, err := lockPlots(ctx, tx, []uuid.UUID{h.PlotID}); err != nil {
			return fmt.Errorf("lock the plot: %w", err)
		}
		var err error
		switch a {
		case reservation.Kept:
			_, err = tx.ExecContext(ctx, keepHoldSQL, h.ChargePointID, h.Number, now) // whether it is still wanted is looked at next
		case reservation.Unreached:
			_, err = tx.ExecContext(ctx, laterHoldSQL, h.ChargePointID, h.Number, now.Add(retryHold))
		case reservation.Incapable:
			if _, err = tx.ExecContext(ctx, incapableSQL, h.ChargePointID); err == nil {
				_, err = tx.ExecContext(ctx, forgetHoldSQL, h.ChargePointID, h.Number)
			}
		case reservation.Refused:
			_, err = tx.ExecContext(ctx, forgetHoldSQL, h.ChargePointID, h.Number)
		}
		if err != nil {
			return fmt.Errorf("keep a charge point's answer: %w", err)
		}
		if a == reservation.Refused {
			if ended, err := s.breakClaim(ctx, tx, now, h.ReservationID, reason); err != nil || ended {
				return errors.Join(err, s.settle(ctx, tx, now, []uuid.UUID{h.PlotID}, nil))
			}
		}
		return confirm(ctx, tx, now, h.ReservationID, a == reservation.Kept)
	})
}

const confirmSQL = `
UPDATE reservations r
SET state = 'RESERVED', state_since = CASE WHEN r.state = 'PENDING' THEN $2 ELSE r.state_since END, held = r.held OR $3, updated_at = $2,
    version = r.version + 1
WHERE r.id = $1 AND (r.state = 'PENDING' OR r.state = 'RESERVED' AND $3 AND NOT r.held)
RETURNING ` + reservationColumnsR

// confirm says of a claim that waited for its charge point that it is the driver's, and of one that it is held there.
func confirm(ctx context.Context, tx txn, now time.Time, claim uuid.UUID, held bool) error {
	var rows []reservationRow
	if err := tx.SelectContext(ctx, &rows, confirmSQL, claim, now, held); err != nil {
		return fmt.Errorf("confirm the reservation: %w", err)
	}
	return tellReservations(ctx, tx, now, rows...)
}

// A claim that another charge point still keeps, or may, is kept.
const breakSQL = `
UPDATE reservations r
SET state = CASE WHEN r.state = 'PENDING' THEN 'REJECTED' ELSE 'FAILED' END, state_since = $2, reason = $3, held = false, updated_at = $2,
    version = r.version + 1
WHERE r.id = $1 AND r.state IN ('PENDING', 'RESERVED')
  AND NOT EXISTS (SELECT FROM reservation_holds h WHERE h.reservation_id = r.id)
  AND NOT EXISTS (SELECT FROM sessions s WHERE s.plot_id = r.plot_id AND s.state = 'PENDING' AND s.reservation_id = r.id)
RETURNING ` + reservationColumnsR

// breakClaim ends a claim that no charge point keeps. The caller settles the plot.
func (s *Store) breakClaim(ctx context.Context, tx txn, now time.Time, claim uuid.UUID, reason string) (bool, error) {
	var rows []reservationRow
	if err := tx.SelectContext(ctx, &rows, breakSQL, claim, now, reason); err != nil {
		return false, fmt.Errorf("end a reservation that is not kept: %w", err)
	}
	return len(rows) > 0, tellReservations(ctx, tx, now, rows...)
}

const holdAtSQL = `
SELECT h.charge_point_id, h.number, h.reservation_id, h.connector, h.id_tag, h.state, h.expires_at, r.plot_id, r.no_show_at,
       r.state IN ('PENDING', 'RESERVED') AS open
FROM reservation_holds h
JOIN reservations r ON r.id = h.reservation_id
WHERE h.charge_point_id = $1 AND h.number = $2`

const lostHoldSQL = `UPDATE reservation_holds SET state = 'SENT', next_at = $3 WHERE charge_point_id = $1 AND number = $2`

// EndHold implements central.Plugs. A claim that a charge point removed cannot be kept. One that expired there ends with its no-show time;
// a charge point whose clock is ahead is told again.
func (s *Store) EndHold(ctx context.Context, id uuid.UUID, number int, removed bool) error {
	var seen holdRow
	err := s.db.GetContext(ctx, &seen, holdAtSQL, id, number)
	if errors.Is(err, sql.ErrNoRows) { // it was let go of, or has begun a session
		return nil
	}
	if err != nil {
		return postgres.Map(fmt.Errorf("read what a charge point holds: %w", err), nil)
	}
	return s.write(ctx, func(ctx context.Context, tx txn) error {
		if _, err := lockPlots(ctx, tx, []uuid.UUID{seen.PlotID}); err != nil {
			return fmt.Errorf("lock the plot: %w", err)
		}
		now, plots := s.now(), []uuid.UUID{seen.PlotID}
		if err := s.giveUp(ctx, tx, now, plots); err != nil {
			return err
		}
		var hold holdRow
		err := tx.GetContext(ctx, &hold, holdAtSQL, id, number)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return s.settle(ctx, tx, now, plots, nil)
		case err != nil:
			return fmt.Errorf("read what a charge point holds: %w", err)
		case hold.Open && !removed:
			_, err = tx.ExecContext(ctx, lostHoldSQL, id, number, now)
		default:
			err = s.loseHold(ctx, tx, now, hold)
		}
		if err != nil {
			return fmt.Errorf("end what a charge point held: %w", err)
		}
		return s.settle(ctx, tx, now, plots, nil)
	})
}

// loseHold ends the claim of a hold that is no more. One whose session is on its way is the network's from here on.
func (s *Store) loseHold(ctx context.Context, tx txn, now time.Time, hold holdRow) error {
	if _, err := tx.ExecContext(ctx, forgetHoldSQL, hold.ChargePointID, hold.Number); err != nil {
		return err
	}
	ended, err := s.breakClaim(ctx, tx, now, hold.ReservationID, reservation.ReasonChargePointRemoved)
	if err != nil || ended {
		return err
	}
	return confirm(ctx, tx, now, hold.ReservationID, false)
}

const heldTagSQL = `
SELECT id_tag FROM reservation_holds
WHERE reservation_id = $1 AND charge_point_id = $2 AND connector = $3`

// A tag that an order was given before, which came to nothing, is the next one's.
const retireTagSQL = `
UPDATE sessions SET id_tag = id_tag || '@' || id
WHERE charge_point_id = $1 AND id_tag = $2 AND driver_id IS NOT NULL AND state = 'INVALID' AND started_at IS NULL`

// tagFor is the tag that a session is ordered with: the one that the charge point holds, or will hold, the claim for, else one of its own.
func tagFor(ctx context.Context, tx txn, claim, chargePoint uuid.UUID, connector int) (string, error) {
	if claim == uuid.Nil {
		return chargepoint.NewIDTag(), nil
	}
	var tag string
	err := tx.GetContext(ctx, &tag, heldTagSQL, claim, chargePoint, connector)
	if errors.Is(err, sql.ErrNoRows) {
		return chargepoint.NewIDTag(), nil
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, retireTagSQL, chargePoint, tag)
	}
	if err != nil {
		return "", fmt.Errorf("find the claim's tag: %w", err)
	}
	return tag, nil
}

const heldForSQL = `
SELECT ` + reservationColumnsR + `, h.id_tag
FROM reservation_holds h
JOIN reservations r ON r.id = h.reservation_id AND r.state IN ('PENDING', 'RESERVED')
WHERE h.charge_point_id = $1 AND (h.id_tag = $2 OR h.number = $3)
ORDER BY h.id_tag = $2 DESC
LIMIT 1`

// heldClaim is an open claim that a charge point holds.
type heldClaim struct {
	reservationRow

	IDTag string `db:"id_tag"`
}

// heldFor gives the open claim that a charge point holds for a tag, or under a number, nil when there is none.
func heldFor(ctx context.Context, q sqlx.QueryerContext, chargePoint uuid.UUID, idTag string, number int) (*heldClaim, error) {
	var claim heldClaim
	err := sqlx.GetContext(ctx, q, &claim, heldForSQL, chargePoint, idTag, number)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // there is none, and that is an answer
	}
	if err != nil {
		return nil, fmt.Errorf("find the claim that a charge point holds: %w", err)
	}
	return &claim, nil
}

// A charge point that begins the session of a claim has used it up.
const usedHoldSQL = `DELETE FROM reservation_holds WHERE reservation_id = $1 AND charge_point_id = $2 AND connector = $3`

// Charge points are surveyed when they have come and nobody has asked them since they booted.
const dueSurveysSQL = `
UPDATE charge_points c
SET surveyed_at = $1
FROM (
    SELECT id FROM charge_points
    WHERE connected_to <> '' AND (surveyed_at IS NULL OR reserves IS NULL AND surveyed_at <= $2)
    ORDER BY surveyed_at NULLS FIRST
    LIMIT $3
    FOR NO KEY UPDATE SKIP LOCKED
) due
WHERE c.id = due.id
RETURNING c.id, c.protocol`

// DueSurveys implements reservation.Holds.
func (s *Store) DueSurveys(ctx context.Context, lease time.Duration, limit int) ([]reservation.Survey, error) {
	now := s.now()
	var rows []struct {
		ID       uuid.UUID `db:"id"`
		Protocol string    `db:"protocol"`
	}
	if err := s.db.SelectContext(ctx, &rows, dueSurveysSQL, now, now.Add(-max(lease, surveyAgain)), limit); err != nil {
		return nil, postgres.Map(fmt.Errorf("find charge points to ask: %w", err), nil)
	}
	out := make([]reservation.Survey, len(rows))
	for i, r := range rows {
		out[i] = reservation.Survey{ChargePointID: r.ID, Protocol: r.Protocol}
	}
	return out, nil
}

// surveyAgain is when a charge point that did not answer is asked again.
const surveyAgain = 10 * time.Minute

const answerSurveySQL = `UPDATE charge_points SET reserves = $2 WHERE id = $1`

// AnswerSurvey implements reservation.Holds.
func (s *Store) AnswerSurvey(ctx context.Context, chargePoint uuid.UUID, reserves bool) error {
	_, err := s.db.ExecContext(ctx, answerSurveySQL, chargePoint, reserves)
	return postgres.Map(err, nil)
}
