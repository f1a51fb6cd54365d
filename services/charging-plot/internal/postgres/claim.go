package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// A claim is one round trip: the statement reads what decides on it, without a lock, and writes it if nothing speaks against it, if the plot
// has not changed since it was read, and if nobody else has the span or the driver's place; else it does nothing, and what decides is read
// again to say why. Whatever decides on a claim and can change under another's hand is one of these three: the plot's version (its status,
// and so its sessions and the claims that run there; who may reserve it; whether it is removed), the exclusion constraint on spans, the
// unique index on places.

// claimFactsRow is what decides on a claim.
type claimFactsRow struct {
	Status     string `db:"status"`
	Reservable bool   `db:"reservable"`
	Removed    bool   `db:"removed"`
	Held       int    `db:"held"`
	HeldHere   int    `db:"held_here"` // at the plot's operator
	Overlaps   bool   `db:"overlaps"`
	Expired    bool   `db:"expired"`
	Blocked    bool   `db:"blocked"`

	MinDuration *int `db:"min_duration_min"`
	MaxDuration *int `db:"max_duration_min"`
	MaxAhead    *int `db:"max_ahead_min"`
	PerDriver   *int `db:"per_driver"`
}

// claimFactsFrom is what is known of a plot ($2) to a driver ($3): the plot, its operator's terms, its EVSEs with their charge points, and
// the driver's open claims. A plot that one of our charge points serves can be reserved by default: we can refuse to charge anyone else
// there. holders are the charge points that take reservations, with the plot's connectors there; listening says that one is connected.
const claimFactsFrom = `
FROM plots p
LEFT JOIN reservation_terms t ON t.operator_id = p.operator_id
CROSS JOIN LATERAL (
    SELECT bool_or(e.reservable OR cc.evse_id IS NOT NULL) AS reservable, bool_and(e.removed) AS removed,
           array_agg(cc.charge_point_id) FILTER (WHERE cp.reserves) AS holders, array_agg(cc.number) FILTER (WHERE cp.reserves) AS connectors,
           bool_or(cp.reserves AND cp.connected_to <> '') AS listening
    FROM plot_evses pe
    JOIN evses e ON e.id = pe.evse_id
    LEFT JOIN charge_point_connectors cc ON cc.evse_id = e.id
    LEFT JOIN charge_points cp ON cp.id = cc.charge_point_id
    WHERE pe.plot_id = p.id
) o
CROSS JOIN LATERAL (
    SELECT count(*) AS held, count(*) FILTER (WHERE r.operator_id = p.operator_id) AS held_here, array_agg(coalesce(r.place, 0)) AS places
    FROM reservations r
    WHERE r.driver_id = $3 AND r.state IN ('PENDING', 'RESERVED')
) d
WHERE p.id = $2`

const claimFactsSQL = `
SELECT p.status, coalesce(p.reservable, o.reservable, false) AS reservable, coalesce(o.removed, true) AS removed, d.held, d.held_here,
       EXISTS (SELECT FROM reservations r
               WHERE r.plot_id = p.id AND r.state IN ('PENDING', 'RESERVED', 'FULFILLED') AND r.period && tstzrange($4, $5)) AS overlaps,
       EXISTS (SELECT FROM reservations r
               WHERE r.plot_id = p.id AND r.state IN ('PENDING', 'RESERVED') AND r.no_show_at <= $1
                 AND NOT EXISTS (SELECT FROM sessions s WHERE s.plot_id = p.id AND s.state = 'PENDING' AND s.reservation_id = r.id)) AS expired,
       EXISTS (SELECT FROM blocked_drivers b WHERE b.operator_id = p.operator_id AND b.driver_id = $3) AS blocked,
       t.min_duration_min, t.max_duration_min, t.max_ahead_min, t.per_driver` + claimFactsFrom

// judge says why a claim cannot be, nil when it can: then it only came too late for what changed meanwhile. It says of each of the
// conditions of writeClaimSQL what it means.
func (f claimFactsRow) judge(r reservation.Reservation, now time.Time, perDriver int) error {
	begun := !r.StartsAt.After(now)
	switch {
	case f.Removed:
		return plot.ErrRemoved
	case f.Blocked:
		return reservation.ErrBlocked
	case !f.Reservable:
		return reservation.ErrNotReservable
	case f.Overlaps:
		return reservation.ErrTaken
	case begun && f.Status != string(status.Available):
		return reservation.ErrNotFree.Detailf("The plot is %s.", f.Status).With("plot_status", f.Status)
	case f.Held >= perDriver:
		return reservation.ErrTooMany.Detailf("You hold %d of %d.", f.Held, perDriver)
	case f.PerDriver != nil && f.HeldHere >= *f.PerDriver:
		return reservation.ErrTooMany.Detailf("You hold %d of %d at this operator.", f.HeldHere, *f.PerDriver)
	}
	own := reservation.OperatorTerms{MinDuration: minutes(f.MinDuration), MaxDuration: minutes(f.MaxDuration), MaxAhead: minutes(f.MaxAhead)}
	_, err := own.Apply(r, now)
	return err
}

// The conditions are those of judge. A claim from now on makes a plot RESERVED that was AVAILABLE: nothing that is known of it outranks a
// reservation, else it would not have been (package status), so that the verdict needs no settling. The driver's place is the first that
// is free. What listeners are told is live.ReservationData and live.StatusData, with the times as Go writes them ($12 to $14); only a status
// that began in what is the future to us has another.
const writeClaimSQL = `
WITH facts AS MATERIALIZED (
    SELECT p.id, p.version, p.station_id, p.operator_id, greatest(p.status_since, $7::timestamptz) AS since, o.holders, o.connectors,
           CASE WHEN $8::boolean AND o.listening THEN 'PENDING' ELSE 'RESERVED' END AS state,
           CASE WHEN t.no_show_min IS NULL THEN $6::timestamptz
                ELSE least($4::timestamptz + make_interval(mins => t.no_show_min), $5::timestamptz) END AS no_show_at,
           CASE WHEN d.held = 0 THEN 1
                ELSE (SELECT min(n) FROM generate_series(1, d.held + 1) AS n WHERE n <> ALL (d.places)) END AS place` + claimFactsFrom + `
      AND NOT coalesce(o.removed, true) AND coalesce(p.reservable, o.reservable, false) AND (NOT $8 OR p.status = 'AVAILABLE')
      AND d.held < $9::bigint AND d.held_here < coalesce(t.per_driver, $9)
      AND coalesce($5::timestamptz - $4 >= make_interval(mins => t.min_duration_min), true)
      AND coalesce($5 - $4 <= make_interval(mins => t.max_duration_min), true)
      AND coalesce($4 <= $7 + make_interval(mins => t.max_ahead_min), true)
      AND NOT EXISTS (SELECT FROM blocked_drivers b WHERE b.operator_id = p.operator_id AND b.driver_id = $3)
), plot AS MATERIALIZED (
    SELECT facts.* FROM plots p JOIN facts ON facts.id = p.id AND facts.version = p.version FOR NO KEY UPDATE OF p
), claim AS (
    INSERT INTO reservations (id, plot_id, station_id, operator_id, driver_id, period, no_show_at, state, state_since, begun, place,
                              created_at, updated_at, version)
    SELECT $1::uuid, id, station_id, operator_id, $3::uuid, tstzrange($4, $5), no_show_at, state, $7, $8, place, $7, $7, 1 FROM plot
    ON CONFLICT DO NOTHING
    RETURNING *
), wanted AS (
    INSERT INTO reservation_holds (charge_point_id, number, reservation_id, connector, id_tag, state, next_at)
    SELECT h.charge_point_id, $10::integer + h.n, claim.id, h.connector, $11::text, 'WANTED', $7
    FROM claim, plot, unnest(plot.holders, plot.connectors) WITH ORDINALITY AS h (charge_point_id, connector, n)
    WHERE $8
), taken AS (
    UPDATE plots p
    SET status = 'RESERVED', status_source = 'reservation', status_since = plot.since, version = p.version + 1, updated_at = $7
    FROM claim, plot WHERE p.id = claim.plot_id AND $8
    RETURNING p.id, p.station_id, p.operator_id, p.status_since, p.version
), history AS (
    INSERT INTO plot_history (plot_id, since, version, status, source) SELECT id, status_since, version, 'RESERVED', 'reservation' FROM taken
), changed AS (
    INSERT INTO plot_changes (entity_id, op, version) SELECT id, 'upsert', version FROM taken
), told AS (
    INSERT INTO events (at, kind, plot_id, station_id, operator_id, driver_id, data)
    SELECT $7, 'reservation', plot_id, station_id, operator_id, driver_id,
           format('{"id":"%s","plot_id":"%s","state":"%s","reason":"","starts_at":"%s","ends_at":"%s","version":1}',
                  id, plot_id, state, $12::text, $13::text)::json
    FROM claim
    UNION ALL
    SELECT $7, 'status', id, station_id, operator_id, NULL,
           format('{"plot_id":"%s","station_id":"%s","status":"RESERVED","status_since":"%s","status_source":"reservation","version":%s}',
                  id, station_id,
                  CASE WHEN status_since = $7 THEN $14::text ELSE to_char(status_since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END,
                  version)::json
    FROM taken
)
SELECT ` + reservationColumnsR + ` FROM claim r WHERE (SELECT count(pg_notify('` + ChangeLog + `', '')) FROM taken) >= 0`

// errBusy is a claim on a plot that changes all the time.
var errBusy = fault.Define(fault.Unavailable, "plot_busy", "The plot changes too fast at the moment").After(time.Second)

// claimTries bounds how often a claim is judged anew. Each time somebody else's has come to its end.
const claimTries = 50

// moment writes a time as JSON has it.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// claim writes a claim, or says why it cannot be. makeWay ends claims whose drivers have not come, if the scheduler has not come to them yet.
func (s *Store) claim(
	ctx context.Context, q getter, r reservation.Reservation, makeWay func(now time.Time) error,
) (reservation.Reservation, error) {
	for range claimTries {
		now := s.now()
		var row reservationRow
		err := q.GetContext(ctx, &row, writeClaimSQL, newID(), r.PlotID, r.DriverID, r.StartsAt, r.EndsAt, r.NoShowAt, now, !r.StartsAt.After(now),
			s.opt.PerDriver, newHoldNumber(), chargepoint.NewIDTag(), moment(r.StartsAt), moment(r.EndsAt), moment(now))
		if !errors.Is(err, sql.ErrNoRows) {
			if err != nil {
				return r, fmt.Errorf("store the reservation: %w", err)
			}
			return row.fromRow(), nil
		}
		var f claimFactsRow
		err = q.GetContext(ctx, &f, claimFactsSQL, now, r.PlotID, r.DriverID, r.StartsAt, r.EndsAt)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return r, plot.ErrNotFound
		case err != nil:
			return r, fmt.Errorf("read the plot: %w", err)
		case f.Expired:
			err = makeWay(now)
		default:
			err = f.judge(r, now, s.opt.PerDriver)
		}
		if err != nil {
			return r, err
		}
	}
	return r, errBusy
}

// CreateReservation claims the plot as planned. It returns plot.ErrNotFound and plot.ErrRemoved for plots that are not there,
// reservation.ErrNotReservable, ErrBlocked, ErrTooMany, what the operator's terms refuse, ErrTaken (with next_free_at) when another claim
// overlaps, and ErrNotFree when the claim is for now and the plot is not AVAILABLE. A claim for now on a plot whose charge point takes
// reservations and is connected comes back PENDING. With an idempotency key in ctx a repeated request is given the first one's answer.
func (s *Store) CreateReservation(ctx context.Context, r reservation.Reservation) (reservation.Reservation, error) {
	claim := s.claimAlone
	if idempotency.Keyed(ctx) {
		claim = s.claimOnce
	}
	out, err := claim(ctx, r)
	if errors.Is(err, reservation.ErrTaken) {
		err = s.offerNext(ctx, r)
	}
	return out, err
}

// claimAlone claims without a transaction: what is written is one statement.
func (s *Store) claimAlone(ctx context.Context, r reservation.Reservation) (reservation.Reservation, error) {
	out, err := s.claim(ctx, s.statements, r, func(now time.Time) error {
		return s.write(ctx, func(ctx context.Context, tx txn) error { return s.makeWay(ctx, tx, now, r.PlotID) })
	})
	if err == nil {
		s.opt.Wake()
	}
	return out, postgres.Map(err, byConstraint)
}

// claimOnce claims in the transaction that keeps the answer.
func (s *Store) claimOnce(ctx context.Context, r reservation.Reservation) (reservation.Reservation, error) {
	out, _, err := writeOnce(ctx, s, r.DriverID, func(ctx context.Context, tx txn) (reservation.Reservation, error) {
		return s.claim(ctx, tx, r, func(now time.Time) error { return s.makeWay(ctx, tx, now, r.PlotID) })
	})
	return out, err
}

// makeWay ends the claims on a plot whose drivers have not come.
func (s *Store) makeWay(ctx context.Context, tx txn, now time.Time, plotID uuid.UUID) error {
	if _, err := lockPlots(ctx, tx, []uuid.UUID{plotID}); err != nil {
		return fmt.Errorf("lock the plot: %w", err)
	}
	if err := s.giveUp(ctx, tx, now, []uuid.UUID{plotID}); err != nil {
		return err
	}
	return s.settle(ctx, tx, now, []uuid.UUID{plotID}, nil)
}
