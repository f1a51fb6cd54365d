package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
)

const (
	stationsNumbered  = `SELECT id FROM stations WHERE number = ANY($1) AND deleted_at IS NULL`
	operatorsNumbered = `SELECT id FROM operators WHERE number = ANY($1)`
)

// StationsNumbered gives the ids of the stations that have these numbers and are not removed, in no order.
func (s *Store) StationsNumbered(ctx context.Context, numbers []int64) ([]uuid.UUID, error) {
	return s.numbered(ctx, stationsNumbered, numbers)
}

// OperatorsNumbered gives the ids of the operators that have these numbers, in no order.
func (s *Store) OperatorsNumbered(ctx context.Context, numbers []int64) ([]uuid.UUID, error) {
	return s.numbered(ctx, operatorsNumbered, numbers)
}

func (s *Store) numbered(ctx context.Context, query string, numbers []int64) ([]uuid.UUID, error) {
	ids, err := collect(ctx, s.db, func(rows *sql.Rows) (id uuid.UUID, err error) {
		return id, rows.Scan(&id)
	}, query, pq.Int64Array(numbers))
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("look up numbers: %w", err), nil)
	}
	return ids, nil
}

// OperatorsByID gives the operators of these ids that are there.
func (s *Store) OperatorsByID(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]operator.Operator, error) {
	found, err := collect(ctx, s.db, scanOperator, selectOperators+`WHERE id = ANY($1)`, uuids(ids))
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("operators of stations: %w", err), nil)
	}
	out := make(map[uuid.UUID]operator.Operator, len(found))
	for _, o := range found {
		out[o.ID] = o
	}
	return out, nil
}
