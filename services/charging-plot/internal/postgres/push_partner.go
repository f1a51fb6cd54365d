package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/roaming"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// pushLease is how long a replica may take to tell what it has taken; then another may.
const pushLease = 5 * time.Minute

// A bill waits until where its charge stands has been told, and the bills before it.
const takePushesSQL = `
UPDATE partner_pushes p
SET leased_until = $2
FROM (
    SELECT partner_id, kind, object_id FROM partner_pushes c
    WHERE c.due_at <= $1 AND c.leased_until <= $1
      AND (c.kind = 'SESSION' OR NOT EXISTS (
          SELECT FROM partner_pushes b
          WHERE b.session_id = c.session_id AND b.partner_id = c.partner_id AND b.due_at IS NOT NULL
            AND (b.kind = 'SESSION' OR b.object_id < c.object_id)))
    ORDER BY c.due_at
    LIMIT $3
    FOR UPDATE SKIP LOCKED
) due
WHERE p.partner_id = due.partner_id AND p.kind = due.kind AND p.object_id = due.object_id
RETURNING p.partner_id, p.kind, p.object_id, p.revision, p.tries`

// TakePushes gives what partners are to be told now, to this caller alone for a while.
func (s *Store) TakePushes(ctx context.Context, limit int) ([]roaming.Push, error) {
	var rows []struct {
		Partner  uuid.UUID `db:"partner_id"`
		Kind     string    `db:"kind"`
		Object   uuid.UUID `db:"object_id"`
		Revision int64     `db:"revision"`
		Tries    int       `db:"tries"`
	}
	now := s.now()
	if err := s.db.SelectContext(ctx, &rows, takePushesSQL, now, now.Add(pushLease), limit); err != nil {
		return nil, postgres.Map(fmt.Errorf("take what partners are to be told: %w", err), nil)
	}
	out := make([]roaming.Push, len(rows))
	for i, r := range rows {
		out[i] = roaming.Push{Partner: r.Partner, Kind: roaming.PushKind(r.Kind), Object: r.Object, Revision: r.Revision, Tries: r.Tries}
	}
	return out, nil
}

const pushedSQL = `
UPDATE partner_pushes
SET sent = $4, tries = 0, answer = $5, leased_until = '-infinity', changed_at = $6, due_at = CASE WHEN revision > $4 THEN due_at END
WHERE partner_id = $1 AND kind = $2 AND object_id = $3`

// Pushed notes that a partner took something. What has changed since is told again.
func (s *Store) Pushed(ctx context.Context, p roaming.Push, answer string) error {
	_, err := s.db.ExecContext(ctx, pushedSQL, p.Partner, string(p.Kind), p.Object, p.Revision, answer, s.now())
	return postgres.Map(err, nil)
}

const pushFailedSQL = `
UPDATE partner_pushes
SET tries = tries + 1, answer = $4, leased_until = '-infinity', changed_at = $5, due_at = $6
WHERE partner_id = $1 AND kind = $2 AND object_id = $3`

// PushFailed notes that a partner did not take something, which is tried again when Push.Retry says.
func (s *Store) PushFailed(ctx context.Context, p roaming.Push, answer string) error {
	now := s.now()
	var again *time.Time
	if at := p.Retry(now); !at.IsZero() {
		again = &at
	}
	_, err := s.db.ExecContext(ctx, pushFailedSQL, p.Partner, string(p.Kind), p.Object, answer, now, again)
	return postgres.Map(err, nil)
}

const trimPushesSQL = `DELETE FROM partner_pushes WHERE due_at IS NULL AND changed_at < $1`

// TrimPushes forgets what partners were told before a time.
func (s *Store) TrimPushes(ctx context.Context, before time.Time) error {
	_, err := s.db.ExecContext(ctx, trimPushesSQL, before)
	return postgres.Map(err, nil)
}

const chargeSQL = `
SELECT ` + sessionColumns + `, ` + placeColumns + `
FROM sessions s
JOIN stations st ON st.id = s.station_id
LEFT JOIN evses e ON e.id = s.evse_id
WHERE s.id = $1`

// Charge gives a session with where it is, session.ErrNotFound when there is none.
func (s *Store) Charge(ctx context.Context, id uuid.UUID) (roaming.Charge, error) {
	var row struct {
		sessionRow
		siteRow
	}
	if err := s.db.GetContext(ctx, &row, chargeSQL, id); errors.Is(err, sql.ErrNoRows) {
		return roaming.Charge{}, session.ErrNotFound
	} else if err != nil {
		return roaming.Charge{}, postgres.Map(fmt.Errorf("read a charge: %w", err), nil)
	}
	place, err := row.siteRow.fromRow()
	return roaming.Charge{Session: row.sessionRow.fromRow(), Place: place}, err
}

const billSQL = `SELECT document FROM cdrs WHERE id = $1`

// Bill gives a record by its own id, session.ErrNotFound when there is none.
func (s *Store) Bill(ctx context.Context, id uuid.UUID) (out session.CDR, err error) {
	var document []byte
	if err := s.db.GetContext(ctx, &document, billSQL, id); errors.Is(err, sql.ErrNoRows) {
		return out, session.ErrNotFound
	} else if err != nil {
		return out, postgres.Map(fmt.Errorf("read a CDR: %w", err), nil)
	}
	return s.readBill(ctx, document)
}

// readBill reads a record. One from before the place was kept in it gets the station's present one.
func (s *Store) readBill(ctx context.Context, document []byte) (out session.CDR, err error) {
	if err := json.Unmarshal(document, &out); err != nil {
		return out, fmt.Errorf("read a CDR: %w", err)
	}
	if out.Place == nil {
		out.Place, err = placeOf(ctx, s.db, out.StationID, uuid.Nil)
	}
	return out, postgres.Map(err, nil)
}
