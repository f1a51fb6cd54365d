package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
)

type termsRow struct {
	OperatorID  uuid.UUID `db:"operator_id"`
	MinDuration *int      `db:"min_duration_min"`
	MaxDuration *int      `db:"max_duration_min"`
	MaxAhead    *int      `db:"max_ahead_min"`
	NoShow      *int      `db:"no_show_min"`
	CancelUntil *int      `db:"cancel_until_min"`
	ChangeUntil *int      `db:"change_until_min"`
	PerDriver   *int      `db:"per_driver"`
	EarlyStart  *int      `db:"early_start_min"`
	Version     int64     `db:"version"`
	UpdatedAt   time.Time `db:"updated_at"`
}

func minutes(n *int) *time.Duration {
	if n == nil {
		return nil
	}
	d := time.Duration(*n) * time.Minute
	return &d
}

func inMinutes(d *time.Duration) *int {
	if d == nil {
		return nil
	}
	n := int(*d / time.Minute)
	return &n
}

func (r termsRow) fromRow() reservation.OperatorTerms {
	return reservation.OperatorTerms{
		OperatorID: r.OperatorID, MinDuration: minutes(r.MinDuration), MaxDuration: minutes(r.MaxDuration), MaxAhead: minutes(r.MaxAhead),
		NoShowAfter: minutes(r.NoShow), CancelUntil: minutes(r.CancelUntil), ChangeUntil: minutes(r.ChangeUntil), PerDriver: r.PerDriver,
		EarlyStart: minutes(r.EarlyStart), Version: r.Version, UpdatedAt: r.UpdatedAt.UTC(),
	}
}

const termsColumns = `operator_id, min_duration_min, max_duration_min, max_ahead_min, no_show_min, cancel_until_min, change_until_min,
per_driver, early_start_min, version, updated_at`

const getTermsSQL = `SELECT ` + termsColumns + ` FROM reservation_terms WHERE operator_id = $1`

const knowsOperatorSQL = `
SELECT EXISTS (SELECT FROM reservation_terms WHERE operator_id = $1) OR EXISTS (SELECT FROM stations WHERE operator_id = $1)`

// KnowsOperator tells whether an operator has had a station here, or has set terms.
func (s *Store) KnowsOperator(ctx context.Context, operator uuid.UUID) (bool, error) {
	var known bool
	err := s.db.GetContext(ctx, &known, knowsOperatorSQL, operator)
	return known, postgres.Map(err, nil)
}

// GetTerms gives an operator's terms. One who has never said anything has those of version 0, which ask nothing.
func (s *Store) GetTerms(ctx context.Context, operator uuid.UUID) (reservation.OperatorTerms, error) {
	return getTerms(ctx, s.db, operator, "")
}

func getTerms(ctx context.Context, q sqlx.QueryerContext, operator uuid.UUID, lock string) (reservation.OperatorTerms, error) {
	var row termsRow
	err := sqlx.GetContext(ctx, q, &row, getTermsSQL+lock, operator)
	if errors.Is(err, sql.ErrNoRows) {
		return reservation.OperatorTerms{OperatorID: operator}, nil
	}
	if err != nil {
		return reservation.OperatorTerms{}, postgres.Map(fmt.Errorf("read reservation terms: %w", err), nil)
	}
	return row.fromRow(), nil
}

const putTermsSQL = `
INSERT INTO reservation_terms (operator_id, min_duration_min, max_duration_min, max_ahead_min, no_show_min, cancel_until_min,
                               change_until_min, per_driver, early_start_min, version, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $10, 1, $9)
ON CONFLICT (operator_id) DO UPDATE SET
    min_duration_min = $2, max_duration_min = $3, max_ahead_min = $4, no_show_min = $5, cancel_until_min = $6, change_until_min = $7,
    per_driver = $8, early_start_min = $10, version = reservation_terms.version + 1, updated_at = $9
RETURNING ` + termsColumns

// PutTerms takes the place of an operator's terms. check judges those there are; its error is returned. Claims that are made already
// stay as they are.
func (s *Store) PutTerms(
	ctx context.Context, t reservation.OperatorTerms, check func(reservation.OperatorTerms) error,
) (reservation.OperatorTerms, error) {
	var row termsRow
	err := s.inTx(ctx, func(ctx context.Context, tx txn) error {
		// Two who write at once take turns, the first time as well.
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('terms of ' || $1::text, 0))`, t.OperatorID); err != nil {
			return err
		}
		before, err := getTerms(ctx, tx, t.OperatorID, " FOR UPDATE")
		if err != nil {
			return err
		}
		if err := check(before); err != nil {
			return err
		}
		return tx.GetContext(ctx, &row, putTermsSQL, t.OperatorID, inMinutes(t.MinDuration), inMinutes(t.MaxDuration), inMinutes(t.MaxAhead),
			inMinutes(t.NoShowAfter), inMinutes(t.CancelUntil), inMinutes(t.ChangeUntil), t.PerDriver, s.now(),
			inMinutes(t.EarlyStart))
	})
	return row.fromRow(), postgres.Map(err, nil)
}

const blockSQL = `
INSERT INTO blocked_drivers (operator_id, driver_id, reason, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (operator_id, driver_id) DO UPDATE SET reason = $3`

// BlockDriver keeps a driver from reserving at an operator's plots. Claims that are made already stay.
func (s *Store) BlockDriver(ctx context.Context, operator, driver uuid.UUID, reason string) error {
	_, err := s.db.ExecContext(ctx, blockSQL, operator, driver, reason, s.now())
	return postgres.Map(err, nil)
}

const unblockSQL = `DELETE FROM blocked_drivers WHERE operator_id = $1 AND driver_id = $2`

// UnblockDriver lets a driver reserve again; one who may is left as they are.
func (s *Store) UnblockDriver(ctx context.Context, operator, driver uuid.UUID) error {
	_, err := s.db.ExecContext(ctx, unblockSQL, operator, driver)
	return postgres.Map(err, nil)
}

const listBlockedSQL = `
SELECT driver_id, reason, created_at FROM blocked_drivers WHERE operator_id = $1 AND driver_id > $2 ORDER BY driver_id LIMIT $3`

// ListBlocked gives up to limit drivers whom an operator has blocked, after an id, in order of id.
func (s *Store) ListBlocked(ctx context.Context, operator, after uuid.UUID, limit int) ([]reservation.Blocked, error) {
	var rows []struct {
		DriverID  uuid.UUID `db:"driver_id"`
		Reason    string    `db:"reason"`
		CreatedAt time.Time `db:"created_at"`
	}
	if err := s.db.SelectContext(ctx, &rows, listBlockedSQL, operator, after, limit); err != nil {
		return nil, postgres.Map(fmt.Errorf("list blocked drivers: %w", err), nil)
	}
	out := make([]reservation.Blocked, len(rows))
	for i, r := range rows {
		out[i] = reservation.Blocked{DriverID: r.DriverID, Reason: r.Reason, CreatedAt: r.CreatedAt.UTC()}
	}
	return out, nil
}
