package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
)

// FirstVersion stands above every version: the newest are before it.
const FirstVersion = math.MaxInt64

const createOperator = `
INSERT INTO operators AS o (id, country_code, party_id, name, website, phone, email)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT ON CONSTRAINT operators_party_key DO UPDATE
SET name = excluded.name, website = excluded.website, phone = excluded.phone, email = excluded.email, deleted_at = NULL,
    version = o.version + 1, updated_at = now()
WHERE o.deleted_at IS NOT NULL
RETURNING id, number, name, country_code, party_id, website, phone, email, version, updated_at`

// CreateOperator makes an operator, or brings back one that was removed; operator.ErrTaken when it is there.
func (s *Store) CreateOperator(ctx context.Context, by history.Author, o operator.Operator) (operator.Operator, error) {
	out, _, err := idempotency.Do(ctx, s.db, by.Subject, func(ctx context.Context, tx *sqlx.Tx) (operator.Operator, error) {
		if faults := o.Validate(); len(faults) > 0 {
			return o, operator.ErrInvalid.At(faults...)
		}
		id, err := uuid.NewV7()
		if err != nil {
			return o, fmt.Errorf("id of an operator: %w", err)
		}
		made, err := collect(ctx, tx, scanOperator, createOperator, id, o.CountryCode, o.PartyID, o.Name, o.Website, o.Phone, o.Email)
		switch {
		case err != nil:
			return o, fmt.Errorf("create operator: %w", err)
		case len(made) == 0:
			return o, operator.ErrTaken
		}
		action := history.Created
		if made[0].ID != id {
			action = history.Restored
		}
		return made[0], record(ctx, tx, by, []happened{{ofOperator, made[0].ID, made[0].Version, action, nil}})
	})
	return out, postgres.Map(err, constraints)
}

const lockOperator = selectOperators + `WHERE id = $1 AND deleted_at IS NULL FOR UPDATE`

func operatorForUpdate(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (operator.Operator, error) {
	found, err := collect(ctx, tx, scanOperator, lockOperator, id)
	switch {
	case err != nil:
		return operator.Operator{}, fmt.Errorf("lock operator: %w", err)
	case len(found) == 0:
		return operator.Operator{}, operator.ErrNotFound
	}
	return found[0], nil
}

const updateOperator = `
UPDATE operators SET name = $2, website = $3, phone = $4, email = $5, version = version + 1, updated_at = now() WHERE id = $1
RETURNING id, number, name, country_code, party_id, website, phone, email, version, updated_at`

const sourcesOfOperator = `
SELECT DISTINCT source FROM stations WHERE operator_id = $1 AND deleted_at IS NULL`

const renameOperator = `
UPDATE stations SET version = version + 1, updated_at = now() WHERE operator_id = $1 AND deleted_at IS NULL RETURNING id, version`

// UpdateOperator changes an operator by a function that gets it as it is. A new name gives every station of the operator a new
// version, since their documents show it.
func (s *Store) UpdateOperator(
	ctx context.Context, by history.Author, id uuid.UUID, change func(operator.Operator) (operator.Operator, error),
) (operator.Operator, error) {
	var out operator.Operator
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		p := &putting{tx: tx, by: by}
		if err := p.lockSourcesOf(ctx, sourcesOfOperator, id); err != nil {
			return err
		}
		before, err := operatorForUpdate(ctx, tx, id)
		if err != nil {
			return err
		}
		after, err := change(before)
		if err != nil {
			return err
		}
		if faults := after.Validate(); len(faults) > 0 {
			return operator.ErrInvalid.At(faults...)
		}
		if after == before {
			out = before
			return nil
		}
		made, err := collect(ctx, tx, scanOperator, updateOperator, id, after.Name, after.Website, after.Phone, after.Email)
		if err != nil || len(made) != 1 {
			return errors.Join(err, fmt.Errorf("update operator %s", id))
		}
		out = made[0]
		changes, err := history.Diff(before.Told(), after.Told(), nil)
		if err != nil {
			return err
		}
		p.happened = append(p.happened, happened{ofOperator, id, out.Version, history.Changed, changes})
		if after.Name != before.Name {
			if err := p.raise(ctx, history.OperatorChanged, renameOperator, id); err != nil {
				return err
			}
		}
		return p.publish(ctx)
	})
	return out, postgres.Map(err, constraints)
}

// lockSourcesOf makes writers of the sources that a query gives take turns with us.
func (p *putting) lockSourcesOf(ctx context.Context, query string, args ...any) error {
	sources, err := collect(ctx, p.tx, func(rows *sql.Rows) (string, error) {
		var source string
		err := rows.Scan(&source)
		return source, err
	}, query, args...)
	if err != nil {
		return fmt.Errorf("sources to lock: %w", err)
	}
	return p.lockSources(ctx, sources)
}

const operatorInUse = `
SELECT EXISTS (SELECT FROM stations WHERE operator_id = $1 AND deleted_at IS NULL)`

const removeOperator = `
UPDATE operators SET deleted_at = now(), version = version + 1, updated_at = now() WHERE id = $1 RETURNING version`

// RemoveOperator removes an operator that the function lets go; operator.ErrInUse while it has stations.
func (s *Store) RemoveOperator(ctx context.Context, by history.Author, id uuid.UUID, allow func(operator.Operator) error) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		o, err := operatorForUpdate(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := allow(o); err != nil {
			return err
		}
		var used bool
		if err := tx.GetContext(ctx, &used, operatorInUse, id); err != nil {
			return fmt.Errorf("stations of the operator: %w", err)
		}
		if used {
			return operator.ErrInUse
		}
		gone := happened{entity: ofOperator, id: id, action: history.Removed}
		if err := tx.GetContext(ctx, &gone.version, removeOperator, id); err != nil {
			return fmt.Errorf("remove operator: %w", err)
		}
		return record(ctx, tx, by, []happened{gone})
	})
	return postgres.Map(err, constraints)
}

// OperatorHistory gives the versions of an operator before one, newest first.
func (s *Store) OperatorHistory(ctx context.Context, id uuid.UUID, before int64, limit int) ([]history.Entry, error) {
	return s.historyOf(ctx, ofOperator, id, before, limit)
}
