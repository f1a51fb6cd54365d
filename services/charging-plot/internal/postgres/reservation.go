package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
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
	Held       bool      `db:"held"`
	Reason     string    `db:"reason"`
	CreatedAt  time.Time `db:"created_at"`
	UpdatedAt  time.Time `db:"updated_at"`
	Version    int64     `db:"version"`
}

const reservationColumnsR = `
r.id, r.plot_id, r.station_id, r.operator_id, r.driver_id, lower(r.period) AS starts_at, upper(r.period) AS ends_at, r.no_show_at,
r.state, r.state_since, r.held, r.reason, r.created_at, r.updated_at, r.version`

func (r reservationRow) fromRow() reservation.Reservation {
	return reservation.Reservation{
		ID: r.ID, PlotID: r.PlotID, StationID: r.StationID, OperatorID: r.OperatorID, DriverID: r.DriverID,
		StartsAt: r.StartsAt.UTC(), EndsAt: r.EndsAt.UTC(), NoShowAt: r.NoShowAt.UTC(),
		State: reservation.State(r.State), StateSince: r.StateSince.UTC(), Held: r.Held, Reason: r.Reason,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), Version: r.Version,
	}
}

// event is what listeners are told of the reservation.
func (r reservationRow) event() (live.Event, error) {
	data, err := json.Marshal(live.ReservationData{
		ID: r.ID, PlotID: r.PlotID, State: r.State, Reason: r.Reason, StartsAt: r.StartsAt.UTC(), EndsAt: r.EndsAt.UTC(), Version: r.Version,
	})
	if err != nil {
		return live.Event{}, fmt.Errorf("write a reservation event: %w", err)
	}
	return live.Event{
		Kind: live.ReservationChanged, PlotID: r.PlotID, StationID: r.StationID, OperatorID: r.OperatorID, DriverID: r.DriverID, Data: data,
	}, nil
}

// What charge points were told of a claim is looked at again when the claim has changed.
const tellReservationsSQL = `
WITH woken AS (UPDATE reservation_holds SET next_at = coalesce(next_at, $1) WHERE reservation_id = ANY($8))` + tellSQL

// tellReservations tells of reservations that have changed.
func tellReservations(ctx context.Context, tx txn, now time.Time, rows ...reservationRow) error {
	if len(rows) == 0 {
		return nil
	}
	events, claims := make([]live.Event, len(rows)), make([]uuid.UUID, len(rows))
	for i, r := range rows {
		var err error
		if events[i], err = r.event(); err != nil {
			return err
		}
		claims[i] = r.ID
	}
	if _, err := tx.ExecContext(ctx, tellReservationsSQL, append(eventArgs(now, events), ids(claims))...); err != nil {
		return fmt.Errorf("tell of reservations: %w", err)
	}
	return nil
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
