package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/event"
)

// Events is the audit log. It only grows: the table refuses updates and deletes.
type Events struct {
	db *pg.DB
}

// NewEvents makes Events.
func NewEvents(db *pg.DB) *Events { return &Events{db: db} }

// Record writes an event that belongs to no other write.
func (s *Events) Record(ctx context.Context, what audit.Event) error {
	return pg.Map(record(ctx, s.db, what), nil)
}

const (
	insertAudit = `INSERT INTO audit_events (id, kind, account_id, actor, session_id, operator_id, network, detail)`
	insertTold  = `INSERT INTO events (id, kind, subject, operator_id, data)`
	// Both in one statement: a record that belongs to no other write needs no transaction.
	insertRecord = `
		WITH told AS (` + insertTold + `
			SELECT told.id, told.kind, $3, $6, told.data::jsonb 
			FROM unnest($9::uuid[], $10::text[], $11::text[]) AS told (id, kind, data))
		` + insertAudit + ` VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
)

// record writes an audit event and what others may be told of it.
func record(ctx context.Context, db sqlx.ExecerContext, what audit.Event) error {
	args, err := recordArgs(what)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, insertRecord, args...); err != nil {
		return fmt.Errorf("record %s: %w", what.Kind, err)
	}
	return nil
}

// recordArgs are the eleven values of a record: those of the audit event, and the columns of the events that follow.
func recordArgs(what audit.Event) ([]any, error) {
	detail, err := jsonOf(what.Detail)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", what.Kind, err)
	}
	var network []byte
	if what.Network != nil {
		network = what.Network[:]
	}
	var ids, kinds, data pq.StringArray
	for _, one := range event.Of(what) {
		text, err := jsonOf(one.Data)
		if err != nil {
			return nil, fmt.Errorf("tell of %s: %w", one.Kind, err)
		}
		ids, kinds, data = append(ids, one.ID.String()), append(kinds, string(one.Kind)), append(data, text)
	}
	return []any{
		what.ID, what.Kind, optional(what.Account), what.Actor, optional(what.Session), optional(what.Operator), network, detail,
		emptied(ids), emptied(kinds), emptied(data),
	}, nil
}

func jsonOf(detail map[string]string) (string, error) {
	if len(detail) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(detail)
	return string(text), err
}

// emptied makes an array without elements of one that is NULL.
func emptied(array pq.StringArray) pq.StringArray {
	if array == nil {
		return pq.StringArray{}
	}
	return array
}
