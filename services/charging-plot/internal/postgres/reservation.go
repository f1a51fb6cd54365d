package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

type reservationRow struct {
	ID         uuid.UUID `db:"id"`
	PlotID     uuid.UUID `db:"plot_id"`
	StationID  uuid.UUID `db:"station_id"`
	OperatorID uuid.UUID `db:"operator_id"`
	DriverID   uuid.UUID `db:"driver_id"`
	StartsAt   time.Time `db:"starts_at"`
	EndsAt     time.Time `db:"ends_at"`
	NoShowAt   time.Time `db:"no_show_at"`
	State      string    `db:"state"`
	StateSince time.Time `db:"state_since"`
	Reason     string    `db:"reason"`
	CreatedAt  time.Time `db:"created_at"`
	UpdatedAt  time.Time `db:"updated_at"`
	Version    int64     `db:"version"`
}

const reservationColumnsR = `
r.id, r.plot_id, r.station_id, r.operator_id, r.driver_id, lower(r.period) AS starts_at, upper(r.period) AS ends_at, r.no_show_at,
r.state, r.state_since, r.reason, r.created_at, r.updated_at, r.version`

func (r reservationRow) fromRow() reservation.Reservation {
	return reservation.Reservation{
		ID: r.ID, PlotID: r.PlotID, StationID: r.StationID, OperatorID: r.OperatorID, DriverID: r.DriverID,
		StartsAt: r.StartsAt.UTC(), EndsAt: r.EndsAt.UTC(), NoShowAt: r.NoShowAt.UTC(),
		State: reservation.State(r.State), StateSince: r.StateSince.UTC(), Reason: r.Reason,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), Version: r.Version,
	}
}

func tellReservations(ctx context.Context, tx txn, now time.Time, rows ...reservationRow) error {
	events := make([]live.Event, len(rows))
	for i, r := range rows {
		data, err := json.Marshal(live.ReservationData{
			ID: r.ID, PlotID: r.PlotID, State: r.State, Reason: r.Reason,
			StartsAt: r.StartsAt.UTC(), EndsAt: r.EndsAt.UTC(), Version: r.Version,
		})
		if err != nil {
			return fmt.Errorf("write a reservation event: %w", err)
		}
		events[i] = live.Event{
			Kind: live.ReservationChanged, PlotID: r.PlotID, StationID: r.StationID, OperatorID: r.OperatorID, DriverID: r.DriverID, Data: data,
		}
	}
	return tell(ctx, tx, now, events...)
}

// The driver's lock comes first and the plot's second, everywhere: a driver who claims two plots at once is counted once at a time.
const lockForClaimSQL = `
WITH driver AS MATERIALIZED (SELECT pg_advisory_xact_lock($2))
SELECT p.id FROM driver, plots p WHERE p.id = $1 FOR NO KEY UPDATE OF p`

type claimFactsRow struct {
	StationID  uuid.UUID `db:"station_id"`
	OperatorID uuid.UUID `db:"operator_id"`
	Status     string    `db:"status"`
	Reservable bool      `db:"reservable"`
	Removed    bool      `db:"removed"`
	Held       int       `db:"held"`
	Overlaps   bool      `db:"overlaps"`
	Occupied   bool      `db:"occupied"`
	Expired    bool      `db:"expired"`
	Blocked    bool      `db:"blocked"`
	OwnTerms   bool      `db:"own_terms"`
}

// A plot that one of our charge points serves can be reserved by default: we can refuse to charge anyone else there.
const claimFactsSQL = `
SELECT p.station_id, p.operator_id, p.status,
       coalesce(p.reservable, bool_or(e.reservable OR cc.evse_id IS NOT NULL), false) AS reservable,
       coalesce(bool_and(e.removed), true) AS removed,
       (SELECT count(*) FROM reservations r WHERE r.driver_id = $2 AND r.state IN ('PENDING', 'RESERVED')) AS held,
       EXISTS (SELECT FROM reservations r
               WHERE r.plot_id = p.id AND r.state IN ('PENDING', 'RESERVED', 'FULFILLED') AND r.period && tstzrange($3, $4)) AS overlaps,
       EXISTS (SELECT FROM sessions s WHERE s.plot_id = p.id AND s.state IN ('PENDING', 'ACTIVE')) AS occupied,
       EXISTS (SELECT FROM reservations r
               WHERE r.plot_id = p.id AND r.state IN ('PENDING', 'RESERVED') AND r.no_show_at <= $5) AS expired,
       EXISTS (SELECT FROM blocked_drivers b WHERE b.operator_id = p.operator_id AND b.driver_id = $2) AS blocked,
       EXISTS (SELECT FROM reservation_terms t WHERE t.operator_id = p.operator_id) AS own_terms
FROM plots p
LEFT JOIN plot_evses pe ON pe.plot_id = p.id
LEFT JOIN evses e ON e.id = pe.evse_id
LEFT JOIN charge_point_connectors cc ON cc.evse_id = e.id
WHERE p.id = $1
GROUP BY p.id`

const insertReservationSQL = `
INSERT INTO reservations AS r (id, plot_id, station_id, operator_id, driver_id, period, no_show_at, state, state_since, reason, begun,
                               created_at, updated_at, version)
VALUES (:id, :plot_id, :station_id, :operator_id, :driver_id, tstzrange(:starts_at, :ends_at), :no_show_at, :state, :state_since, :reason,
        :begun, :created_at, :updated_at, :version)`

// CreateReservation claims the plot as planned. It returns plot.ErrNotFound and plot.ErrRemoved for plots that are not there,
// reservation.ErrNotReservable, ErrTooMany, ErrTaken (with next_free_at) when another claim overlaps, and ErrNotFree when the claim is
// for now and the plot is not AVAILABLE. With an idempotency key in ctx a repeated request is given the first one's answer.
func (s *Store) CreateReservation(ctx context.Context, r reservation.Reservation) (reservation.Reservation, error) {
	out, _, err := writeOnce(ctx, s, r.DriverID, func(ctx context.Context, tx txn) (reservation.Reservation, error) {
		return s.createReservation(ctx, tx, r)
	})
	if errors.Is(err, reservation.ErrTaken) {
		err = s.offerNext(ctx, r)
	}
	return out, err
}

func (s *Store) createReservation(ctx context.Context, tx txn, r reservation.Reservation) (reservation.Reservation, error) {
	var id uuid.UUID
	err := tx.GetContext(ctx, &id, lockForClaimSQL, r.PlotID, driverLock(r.DriverID))
	if errors.Is(err, sql.ErrNoRows) {
		return r, plot.ErrNotFound
	}
	if err != nil {
		return r, fmt.Errorf("lock the plot: %w", err)
	}
	now := s.now()
	f, err := s.claimFacts(ctx, tx, now, r)
	if err != nil {
		return r, err
	}
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
	case begun && (f.Occupied || f.Status != string(status.Available)):
		return r, reservation.ErrNotFree.Detailf("The plot is %s.", f.Status).With("plot_status", f.Status)
	case f.Held >= s.opt.PerDriver:
		return r, reservation.ErrTooMany.Detailf("You hold %d of %d.", f.Held, s.opt.PerDriver)
	}
	if f.OwnTerms {
		if r, err = holdToTerms(ctx, tx, now, r, f.OperatorID); err != nil {
			return r, err
		}
	}
	r.ID, r.StationID, r.OperatorID = newID(), f.StationID, f.OperatorID
	row := toReservationRow(r)
	args := map[string]any{
		"id": row.ID, "plot_id": row.PlotID, "station_id": row.StationID, "operator_id": row.OperatorID, "driver_id": row.DriverID,
		"starts_at": row.StartsAt, "ends_at": row.EndsAt, "no_show_at": row.NoShowAt, "state": row.State, "state_since": row.StateSince,
		"reason": row.Reason, "begun": begun, "created_at": row.CreatedAt, "updated_at": row.UpdatedAt, "version": row.Version,
	}
	if _, err := tx.NamedExecContext(ctx, insertReservationSQL, args); err != nil {
		return r, fmt.Errorf("store the reservation: %w", err)
	}
	if err := tellReservations(ctx, tx, now, row); err != nil {
		return r, err
	}
	if begun {
		if err := s.settle(ctx, tx, now, []uuid.UUID{r.PlotID}, nil); err != nil {
			return r, err
		}
	}
	return r, nil
}

const heldAtSQL = `
SELECT count(*) FROM reservations r WHERE r.driver_id = $1 AND r.operator_id = $2 AND r.state IN ('PENDING', 'RESERVED')`

// holdToTerms holds a claim to the terms that the plot's operator has of its own.
func holdToTerms(ctx context.Context, tx txn, now time.Time, r reservation.Reservation, operator uuid.UUID) (reservation.Reservation, error) {
	own, err := getTerms(ctx, tx, operator, "")
	if err != nil {
		return r, err
	}
	if own.PerDriver != nil {
		var held int
		if err := tx.GetContext(ctx, &held, heldAtSQL, r.DriverID, operator); err != nil {
			return r, fmt.Errorf("count the driver's reservations: %w", err)
		}
		if held >= *own.PerDriver {
			return r, reservation.ErrTooMany.Detailf("You hold %d of %d at this operator.", held, *own.PerDriver)
		}
	}
	return own.Apply(r, now)
}

// claimFacts reads what decides on a claim. A claim whose driver has not come is given up first, if the scheduler has not come to it yet.
func (s *Store) claimFacts(ctx context.Context, tx txn, now time.Time, r reservation.Reservation) (f claimFactsRow, err error) {
	read := func() error {
		if err := tx.GetContext(ctx, &f, claimFactsSQL, r.PlotID, r.DriverID, r.StartsAt, r.EndsAt, now); err != nil {
			return fmt.Errorf("read the plot: %w", err)
		}
		return nil
	}
	if err := read(); err != nil || !f.Expired {
		return f, err
	}
	if err := s.giveUp(ctx, tx, now, []uuid.UUID{r.PlotID}); err != nil {
		return f, err
	}
	if err := s.settle(ctx, tx, now, []uuid.UUID{r.PlotID}, nil); err != nil {
		return f, err
	}
	return f, read()
}

func toReservationRow(r reservation.Reservation) reservationRow {
	return reservationRow{
		ID: r.ID, PlotID: r.PlotID, StationID: r.StationID, OperatorID: r.OperatorID, DriverID: r.DriverID,
		StartsAt: r.StartsAt, EndsAt: r.EndsAt, NoShowAt: r.NoShowAt, State: string(r.State), StateSince: r.StateSince, Reason: r.Reason,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Version,
	}
}

// driverLock is the number of a driver's advisory lock. Two drivers who share one by chance only wait for each other.
func driverLock(driver uuid.UUID) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("driver"))
	_, _ = h.Write(driver[:])
	return int64(h.Sum64()) //nolint:gosec // every bit pattern is a lock
}

const takenSQL = `
SELECT lower(period) AS starts_at, upper(period) AS ends_at
FROM reservations
WHERE plot_id = $1 AND state IN ('PENDING', 'RESERVED', 'FULFILLED') AND upper(period) > $2 AND lower(period) < $3 AND id <> $4`

// offerHorizon bounds how far ahead the next free slot is looked for.
const offerHorizon = 31 * 24 * time.Hour

// offerNext is ErrTaken with the next time the plot is free for as long as was asked. It is read after the claim has failed, so it may
// be gone by the time somebody asks for it; it is an offer, not a claim. A reservation that is being moved does not stand in its own way.
func (s *Store) offerNext(ctx context.Context, r reservation.Reservation) error {
	taken, err := s.takenSpans(ctx, r.PlotID, r.StartsAt, r.StartsAt.Add(offerHorizon), r.ID)
	if err != nil {
		return err
	}
	next := reservation.NextFree(taken, r.StartsAt, r.EndsAt.Sub(r.StartsAt)).UTC()
	return reservation.ErrTaken.Detailf("It is free again from %s.", next.Format(time.RFC3339)).With("next_free_at", next)
}

// TakenSpans gives when between two times a plot is claimed, in no order.
func (s *Store) TakenSpans(ctx context.Context, plot uuid.UUID, from, to time.Time) ([]reservation.Span, error) {
	return s.takenSpans(ctx, plot, from, to, uuid.Nil)
}

func (s *Store) takenSpans(ctx context.Context, plot uuid.UUID, from, to time.Time, but uuid.UUID) ([]reservation.Span, error) {
	var rows []reservationRow
	if err := s.db.SelectContext(ctx, &rows, takenSQL, plot, from, to, but); err != nil {
		return nil, postgres.Map(fmt.Errorf("read when a plot is taken: %w", err), nil)
	}
	taken := make([]reservation.Span, len(rows))
	for i, row := range rows {
		taken[i] = reservation.Span{From: row.StartsAt.UTC(), Until: row.EndsAt.UTC()}
	}
	return taken, nil
}

const getReservationSQL = `SELECT ` + reservationColumnsR + ` FROM reservations r WHERE r.id = $1`

// GetReservation returns reservation.ErrNotFound when there is none.
func (s *Store) GetReservation(ctx context.Context, id uuid.UUID) (reservation.Reservation, error) {
	return getReservation(ctx, s.db, id, "")
}

func getReservation(ctx context.Context, q sqlx.QueryerContext, id uuid.UUID, lock string) (reservation.Reservation, error) {
	var row reservationRow
	err := sqlx.GetContext(ctx, q, &row, getReservationSQL+lock, id)
	if errors.Is(err, sql.ErrNoRows) {
		return reservation.Reservation{}, reservation.ErrNotFound
	}
	if err != nil {
		return reservation.Reservation{}, postgres.Map(fmt.Errorf("read a reservation: %w", err), nil)
	}
	return row.fromRow(), nil
}

// Newest first; ids are made in order of time.
const listReservationsSQL = `
SELECT ` + reservationColumnsR + `
FROM reservations r
WHERE ($1::uuid IS NULL OR r.driver_id = $1) AND ($2::uuid IS NULL OR r.station_id = $2) AND ($3::uuid IS NULL OR r.plot_id = $3)
  AND ($4::text[] IS NULL OR r.state = ANY($4)) AND ($5::uuid IS NULL OR r.id < $5)
ORDER BY r.id DESC
LIMIT $6`

func selectionArgs(s access.Selection) []any {
	var states any
	if len(s.States) > 0 {
		states = pq.Array(s.States)
	}
	return []any{orNull(s.Driver), orNull(s.Station), orNull(s.Plot), states, orNull(s.Before), s.Limit}
}

// ListReservations gives a selection, newest first.
func (s *Store) ListReservations(ctx context.Context, sel access.Selection) ([]reservation.Reservation, error) {
	var rows []reservationRow
	if err := s.db.SelectContext(ctx, &rows, listReservationsSQL, selectionArgs(sel)...); err != nil {
		return nil, postgres.Map(fmt.Errorf("list reservations: %w", err), nil)
	}
	out := make([]reservation.Reservation, len(rows))
	for i, r := range rows {
		out[i] = r.fromRow()
	}
	return out, nil
}

const updateReservationSQL = `
UPDATE reservations r
SET period = tstzrange($2, $3), no_show_at = $4, state = $5, state_since = $6, reason = $7,
    updated_at = $8, version = r.version + 1
WHERE r.id = $1
RETURNING ` + reservationColumnsR

// ChangeReservation lets change decide what becomes of a reservation, with its plot and itself locked and the terms of its operator, and
// stores that. It returns reservation.ErrNotFound, whatever change returns, and ErrTaken when another claim overlaps.
func (s *Store) ChangeReservation(ctx context.Context, id uuid.UUID, change reservation.Change) (reservation.Reservation, error) {
	seen, err := s.GetReservation(ctx, id)
	if err != nil {
		return reservation.Reservation{}, err
	}
	var out, wanted reservation.Reservation
	err = s.write(ctx, func(ctx context.Context, tx txn) error {
		if _, err := lockPlots(ctx, tx, []uuid.UUID{seen.PlotID}); err != nil {
			return err
		}
		before, err := getReservation(ctx, tx, id, " FOR UPDATE")
		if err != nil {
			return err
		}
		terms, err := getTerms(ctx, tx, before.OperatorID, "")
		if err != nil {
			return err
		}
		if wanted, err = change(before, terms); err != nil {
			return err
		}
		if wanted == before {
			out = before
			return nil
		}
		now := s.now()
		var row reservationRow
		err = tx.GetContext(ctx, &row, updateReservationSQL, id, wanted.StartsAt, wanted.EndsAt, wanted.NoShowAt, string(wanted.State),
			wanted.StateSince, wanted.Reason, now)
		if err != nil {
			return fmt.Errorf("change the reservation: %w", err)
		}
		out = row.fromRow()
		if err := tellReservations(ctx, tx, now, row); err != nil {
			return err
		}
		return s.settle(ctx, tx, now, []uuid.UUID{seen.PlotID}, nil)
	})
	if errors.Is(err, reservation.ErrTaken) {
		err = s.offerNext(ctx, wanted)
	}
	return out, err
}
