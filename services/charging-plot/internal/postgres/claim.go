package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// A claim is two round trips: one reads what decides on it, without a lock; one writes it, if the plot has not changed since and nobody
// else has the span or the driver's place, and does nothing otherwise. Then it is read again. Whatever decides on a claim and can change
// under another's hand is one of these three: the plot's version (its status, and so its sessions and the claims that run there; who may
// reserve it; whether it is removed), the exclusion constraint on spans, the unique index on places.

// claimFactsRow is what decides on a claim.
type claimFactsRow struct {
	StationID   uuid.UUID      `db:"station_id"`
	OperatorID  uuid.UUID      `db:"operator_id"`
	Status      string         `db:"status"`
	StatusSince time.Time      `db:"status_since"`
	Version     int64          `db:"version"`
	Reservable  bool           `db:"reservable"`
	Removed     bool           `db:"removed"`
	Held        int            `db:"held"`
	HeldHere    int            `db:"held_here"` // at the plot's operator
	Places      pq.Int64Array  `db:"places"`
	Overlaps    bool           `db:"overlaps"`
	Expired     bool           `db:"expired"`
	Blocked     bool           `db:"blocked"`
	Holders     pq.StringArray `db:"holders"` // charge points that take reservations, and the connectors of the plot there
	Connectors  pq.Int64Array  `db:"connectors"`
	Listening   bool           `db:"listening"` // one of them is connected

	MinDuration *int `db:"min_duration_min"`
	MaxDuration *int `db:"max_duration_min"`
	MaxAhead    *int `db:"max_ahead_min"`
	NoShow      *int `db:"no_show_min"`
	PerDriver   *int `db:"per_driver"`
}

// A plot that one of our charge points serves can be reserved by default: we can refuse to charge anyone else there.
const claimFactsSQL = `
SELECT p.station_id, p.operator_id, p.status, p.status_since, p.version, coalesce(p.reservable, o.reservable, false) AS reservable,
       coalesce(o.removed, true) AS removed, d.held, d.held_here, d.places, o.holders, o.connectors,
       coalesce(o.listening, false) AS listening,
       EXISTS (SELECT FROM reservations r
               WHERE r.plot_id = p.id AND r.state IN ('PENDING', 'RESERVED', 'FULFILLED') AND r.period && tstzrange($3, $4)) AS overlaps,
       EXISTS (SELECT FROM reservations r
               WHERE r.plot_id = p.id AND r.state IN ('PENDING', 'RESERVED') AND r.no_show_at <= $5
                 AND NOT EXISTS (SELECT FROM sessions s WHERE s.plot_id = p.id AND s.state = 'PENDING' AND s.reservation_id = r.id)) AS expired,
       EXISTS (SELECT FROM blocked_drivers b WHERE b.operator_id = p.operator_id AND b.driver_id = $2) AS blocked,
       t.min_duration_min, t.max_duration_min, t.max_ahead_min, t.no_show_min, t.per_driver
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
    WHERE r.driver_id = $2 AND r.state IN ('PENDING', 'RESERVED')
) d
WHERE p.id = $1`

// judge says why a claim cannot be, or gives it as it is written.
func (f claimFactsRow) judge(r reservation.Reservation, now time.Time, perDriver int) (reservation.Reservation, error) {
	begun := !r.StartsAt.After(now)
	switch {
	case f.Removed:
		return r, plot.ErrRemoved
	case f.Blocked:
		return r, reservation.ErrBlocked
	case !f.Reservable:
		return r, reservation.ErrNotReservable
	case f.Overlaps:
		return r, reservation.ErrTaken
	case begun && f.Status != string(status.Available):
		return r, reservation.ErrNotFree.Detailf("The plot is %s.", f.Status).With("plot_status", f.Status)
	case f.Held >= perDriver:
		return r, reservation.ErrTooMany.Detailf("You hold %d of %d.", f.Held, perDriver)
	case f.PerDriver != nil && f.HeldHere >= *f.PerDriver:
		return r, reservation.ErrTooMany.Detailf("You hold %d of %d at this operator.", f.HeldHere, *f.PerDriver)
	}
	own := reservation.OperatorTerms{
		MinDuration: minutes(f.MinDuration), MaxDuration: minutes(f.MaxDuration), MaxAhead: minutes(f.MaxAhead), NoShowAfter: minutes(f.NoShow),
	}
	r, err := own.Apply(r, now)
	r.StationID, r.OperatorID = f.StationID, f.OperatorID
	if begun && f.Listening {
		r.State = reservation.Pending
	}
	return r, err
}

// place is the first of a driver's places that is free.
func (f claimFactsRow) place() int64 {
	for n := int64(1); ; n++ {
		if !slices.Contains(f.Places, n) {
			return n
		}
	}
}

// A claim from now on makes a plot RESERVED that was AVAILABLE: nothing that is known of it outranks a reservation, else it would not have
// been (package status), so that the verdict needs no settling.
const writeClaimSQL = `
WITH plot AS MATERIALIZED (
    SELECT id FROM plots WHERE id = $2 AND version = $3 FOR NO KEY UPDATE
), claim AS (
    INSERT INTO reservations (id, plot_id, station_id, operator_id, driver_id, period, no_show_at, state, state_since, begun, place,
                              created_at, updated_at, version)
    SELECT $1::uuid, plot.id, $4::uuid, $5::uuid, $6::uuid, tstzrange($7, $8), $9::timestamptz, $10, $11::timestamptz, $12::boolean,
           $13::integer, $14::timestamptz, $14, 1
    FROM plot
    ON CONFLICT DO NOTHING
    RETURNING id, plot_id
), wanted AS (
    INSERT INTO reservation_holds (charge_point_id, number, reservation_id, connector, id_tag, state, next_at)
    SELECT h.*, 'WANTED', $15::timestamptz FROM claim, unnest($16::uuid[], $17::integer[], $18::uuid[], $19::integer[], $20::text[]) AS h
), taken AS (
    UPDATE plots p
    SET status = 'RESERVED', status_source = 'reservation', status_since = $21::timestamptz, version = p.version + 1, updated_at = $15
    FROM claim WHERE p.id = claim.plot_id AND $12
    RETURNING p.id, p.version
), history AS (
    INSERT INTO plot_history (plot_id, since, version, status, source) SELECT id, $21, version, 'RESERVED', 'reservation' FROM taken
), changed AS (
    INSERT INTO plot_changes (entity_id, op, version) SELECT id, 'upsert', version FROM taken
), told AS (
    INSERT INTO events (at, kind, plot_id, station_id, operator_id, driver_id, data)
    SELECT $15, 'reservation', claim.plot_id, $4, $5, $6, $22::json FROM claim
    UNION ALL
    SELECT $15, 'status', taken.id, $4, $5, NULL, $23::json FROM taken
)
SELECT EXISTS (SELECT FROM claim) AND (SELECT count(pg_notify('` + ChangeLog + `', '')) FROM taken) >= 0`

// write stores a claim that was judged by the facts, and tells whether it did: not if something that they say has changed meanwhile.
func (f claimFactsRow) write(ctx context.Context, q getter, r reservation.Reservation, now time.Time) (done bool, err error) {
	begun := !r.StartsAt.After(now)
	told, err := toReservationRow(r).event()
	if err != nil {
		return false, err
	}
	since := now
	if f.StatusSince.After(since) {
		since = f.StatusSince
	}
	reserved, err := json.Marshal(live.StatusData{
		PlotID: r.PlotID, StationID: r.StationID, Status: string(status.Reserved), Since: since.UTC(), Source: string(status.FromReservation),
		Version: f.Version + 1,
	})
	if err != nil {
		return false, fmt.Errorf("write a status event: %w", err)
	}
	var holds []newHold
	if begun {
		for i, id := range f.Holders {
			point, err := uuid.Parse(id)
			if err != nil {
				return false, fmt.Errorf("read a charge point's id: %w", err)
			}
			holds = append(holds, newHold{r.ID, point, f.Connectors[i]})
		}
	}
	args := []any{
		r.ID, r.PlotID, f.Version, r.StationID, r.OperatorID, r.DriverID, r.StartsAt, r.EndsAt, r.NoShowAt, string(r.State), r.StateSince, begun,
		f.place(), r.CreatedAt, now,
	}
	args = append(args, holdColumns(holds)...)
	args = append(args, since, string(told.Data), string(reserved))
	if err := q.GetContext(ctx, &done, writeClaimSQL, args...); err != nil {
		return false, fmt.Errorf("store the reservation: %w", err)
	}
	return done, nil
}

// errBusy is a claim on a plot that changes all the time.
var errBusy = fault.Define(fault.Unavailable, "plot_busy", "The plot changes too fast at the moment").After(time.Second)

// claimTries bounds how often a claim is judged anew. Each time somebody else's has come to its end.
const claimTries = 50

// claim judges and writes a claim. makeWay ends claims whose drivers have not come, if the scheduler has not come to them yet.
func (s *Store) claim(
	ctx context.Context, q getter, r reservation.Reservation, makeWay func(now time.Time) error,
) (reservation.Reservation, error) {
	for range claimTries {
		now := s.now()
		var f claimFactsRow
		err := q.GetContext(ctx, &f, claimFactsSQL, r.PlotID, r.DriverID, r.StartsAt, r.EndsAt, now)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return r, plot.ErrNotFound
		case err != nil:
			return r, fmt.Errorf("read the plot: %w", err)
		case f.Expired:
			if err := makeWay(now); err != nil {
				return r, err
			}
			continue
		}
		planned, err := f.judge(r, now, s.opt.PerDriver)
		if err != nil {
			return r, err
		}
		planned.ID = newID()
		if done, err := f.write(ctx, q, planned, now); err != nil || done {
			return planned, err
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
