package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Operators does what those do who run the service, by its command line.
type Operators struct {
	db *pg.DB
}

// NewOperators makes Operators.
func NewOperators(db *pg.DB) *Operators { return &Operators{db: db} }

const (
	switchAccount = `UPDATE accounts SET disabled_at = CASE WHEN $2 THEN now() END WHERE id = $1 AND (disabled_at IS NOT NULL) <> $2`
	liveSessions  = `
		SELECT id, client_id, device_name, auth_time, last_used_at, expires_at FROM sessions
		WHERE account_id = $1 AND ended_at IS NULL AND expires_at > now() ORDER BY id`
)

// Switch switches an account off, which ends its sessions and makes its mailed tokens void, or on. It reports whether it was not
// so before.
func (s *Operators) Switch(ctx context.Context, id uuid.UUID, off bool, event audit.Event) (changed bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, switchAccount, id, off)
		if err != nil {
			return fmt.Errorf("switch an account: %w", err)
		}
		n, err := result.RowsAffected()
		if err != nil || n == 0 {
			return err
		}
		changed = true
		if off {
			if _, err := tx.ExecContext(ctx, endSessions, id, nil, session.Revoked); err != nil {
				return fmt.Errorf("end sessions: %w", err)
			}
			if _, err := tx.ExecContext(ctx, voidTokens, id); err != nil {
				return fmt.Errorf("void mailed tokens: %w", err)
			}
		}
		return record(ctx, tx, event)
	})
	return changed, err
}

// Sessions returns an account's sessions that go on, oldest first.
func (s *Operators) Sessions(ctx context.Context, id uuid.UUID) ([]session.Device, error) {
	var rows []struct {
		ID       uuid.UUID `db:"id"`
		Client   string    `db:"client_id"`
		Name     string    `db:"device_name"`
		Began    time.Time `db:"auth_time"`
		LastUsed time.Time `db:"last_used_at"`
		Expires  time.Time `db:"expires_at"`
	}
	if err := s.db.SelectContext(ctx, &rows, liveSessions, id); err != nil {
		return nil, pg.Map(fmt.Errorf("list sessions: %w", err), nil)
	}
	all := make([]session.Device, len(rows))
	for i, row := range rows {
		all[i] = session.Device{Session: row.ID, Client: row.Client, Name: row.Name, Began: row.Began, LastUsed: row.LastUsed, Expires: row.Expires}
	}
	return all, nil
}

// EndSessions ends them and returns how many there were.
func (s *Operators) EndSessions(ctx context.Context, id uuid.UUID, event audit.Event) (ended int64, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, endSessions, id, nil, session.Revoked)
		if err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		if ended, err = result.RowsAffected(); err != nil || ended == 0 {
			return err
		}
		return record(ctx, tx, event)
	})
	return ended, err
}

// SetClientSecret gives a service client another secret, or returns client.ErrAbsent.
func (s *Operators) SetClientSecret(ctx context.Context, id string, secret token.Hash, event audit.Event) error {
	return s.changeClient(ctx, event, `UPDATE service_clients SET secret_hash = $2, updated_at = now() WHERE id = $1`, id, secret[:])
}

// RemoveClient removes a service client, or returns client.ErrAbsent.
func (s *Operators) RemoveClient(ctx context.Context, id string, event audit.Event) error {
	return s.changeClient(ctx, event, `DELETE FROM service_clients WHERE id = $1`, id)
}

func (s *Operators) changeClient(ctx context.Context, event audit.Event, statement string, args ...any) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, statement, args...)
		if err != nil {
			return fmt.Errorf("change a client: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(client.ErrAbsent, err)
		}
		return record(ctx, tx, event)
	})
}

// auditRow is a row of the audit log.
type auditRow struct {
	ID      uuid.UUID     `db:"id"`
	At      time.Time     `db:"at"`
	Kind    string        `db:"kind"`
	Account uuid.NullUUID `db:"account_id"`
	Actor   string        `db:"actor"`
	Session uuid.NullUUID `db:"session_id"`
	Detail  []byte        `db:"detail"`
}

// Audit calls each for every record of a time, oldest first, of one account or of all, in constant memory. The times hold since
// and not until.
func (s *Operators) Audit(ctx context.Context, of uuid.UUID, since, until time.Time, each func(audit.Event) error) error {
	rows, err := s.db.QueryxContext(ctx, `
		SELECT id, at, kind, account_id, actor, session_id, detail FROM audit_events
		WHERE at >= $1 AND at < $2 AND (account_id = $3 OR $3 IS NULL) ORDER BY at, id`, since, until, optional(of))
	if err != nil {
		return pg.Map(fmt.Errorf("read the audit log: %w", err), nil)
	}
	defer rows.Close()
	for rows.Next() {
		var row auditRow
		if err := rows.StructScan(&row); err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
		event := audit.Event{ID: row.ID, At: row.At, Kind: audit.Kind(row.Kind), Account: row.Account.UUID, Actor: row.Actor, Session: row.Session.UUID}
		if err := json.Unmarshal(row.Detail, &event.Detail); err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
		if err := each(event); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Factors are counted for the command that shows an account.
func (s *Operators) Factors(ctx context.Context, id uuid.UUID) (apps, passkeys int, err error) {
	all, err := NewFactors(s.db).Overview(ctx, id)
	return len(all.Apps), all.Passkeys, err
}
