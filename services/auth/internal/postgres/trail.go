package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
)

const (
	findAudit = `
	SELECT id, at, kind, account_id, actor, session_id, operator_id, detail FROM audit_events
	WHERE (account_id = $1 OR $1 IS NULL) AND (actor = $2 OR $2 = '') AND (kind = $3 OR $3 = '') AND (operator_id = $4 OR $4 IS NULL)
	  AND (at >= $5 OR $5::timestamptz IS NULL) AND (at < $6 OR $6::timestamptz IS NULL)`
	listAudit   = findAudit + ` AND ($7::timestamptz IS NULL OR (at, id) < ($7, $8)) ORDER BY at DESC, id DESC LIMIT $9`
	exportAudit = findAudit + ` ORDER BY at, id`
)

type trailRow struct {
	ID       uuid.UUID     `db:"id"`
	At       time.Time     `db:"at"`
	Kind     string        `db:"kind"`
	Account  uuid.NullUUID `db:"account_id"`
	Actor    string        `db:"actor"`
	Session  uuid.NullUUID `db:"session_id"`
	Operator uuid.NullUUID `db:"operator_id"`
	Detail   []byte        `db:"detail"`
}

func (row trailRow) event() (audit.Event, error) {
	event := audit.Event{
		ID: row.ID, Kind: audit.Kind(row.Kind), Account: row.Account.UUID, Actor: row.Actor, Session: row.Session.UUID,
		Operator: row.Operator.UUID, At: row.At,
	}
	if err := json.Unmarshal(row.Detail, &event.Detail); err != nil {
		return audit.Event{}, fmt.Errorf("read an event: %w", err)
	}
	return event, nil
}

func filterArgs(f audit.Filter) []any {
	return []any{optional(f.Account), f.Actor, f.Kind, optional(f.Operator), optionalTime(f.From), optionalTime(f.To)}
}

func optionalTime(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

// List returns events older than a place, newest first.
func (s *Events) List(ctx context.Context, f audit.Filter, before audit.Place, limit int) ([]audit.Event, error) {
	var rows []trailRow
	if err := s.db.SelectContext(ctx, &rows, listAudit, append(filterArgs(f), optionalTime(before.At), before.ID, limit)...); err != nil {
		return nil, pg.Map(fmt.Errorf("list events: %w", err), nil)
	}
	events := make([]audit.Event, len(rows))
	for i, row := range rows {
		event, err := row.event()
		if err != nil {
			return nil, err
		}
		events[i] = event
	}
	return events, nil
}

// Each calls each for every event, oldest first, in constant memory.
func (s *Events) Each(ctx context.Context, f audit.Filter, each func(audit.Event) error) error {
	rows, err := s.db.QueryxContext(ctx, exportAudit, filterArgs(f)...)
	if err != nil {
		return pg.Map(fmt.Errorf("read the events: %w", err), nil)
	}
	defer rows.Close()
	for rows.Next() {
		var row trailRow
		if err := rows.StructScan(&row); err != nil {
			return fmt.Errorf("read the events: %w", err)
		}
		event, err := row.event()
		if err != nil {
			return err
		}
		if err := each(event); err != nil {
			return err
		}
	}
	return pg.Map(rows.Err(), nil)
}

var _ audit.Trail = (*Events)(nil)
