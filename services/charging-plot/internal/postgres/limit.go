package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// stopAgain is how long a charge point has to obey before it is told once more.
const stopAgain = time.Minute

// Which limit a session has reached; the cost's is noted when the cost is known.
const reachedSQL = `
CASE WHEN s.limit_reached <> '' THEN s.limit_reached
     WHEN s.energy_wh >= s.limit_energy_wh THEN 'energy'
     WHEN s.soc_percent >= s.limit_soc THEN 'soc'
     WHEN s.started_at + s.limit_s * interval '1 second' <= $1 THEN 'time'
     ELSE '' END`

const claimStopsSQL = `
UPDATE sessions s
SET limit_reached = due.reached, stop_requested_at = $1, updated_at = $1, version = s.version + 1
FROM (
    SELECT s.id, ` + reachedSQL + ` AS reached
    FROM sessions s
    WHERE s.state = 'ACTIVE' AND s.limited AND ` + reachedSQL + ` <> ''
      AND (s.stop_requested_at IS NULL OR s.stop_requested_at <= $2)
    ORDER BY s.id
    LIMIT $3
    FOR NO KEY UPDATE SKIP LOCKED
) due
WHERE s.id = due.id
RETURNING ` + sessionColumns

// ClaimStops implements session.Store: it finds up to limit running sessions that have reached what their drivers wanted, notes that their
// stop is asked for, and gives them to whoever asks for it. One whose charge point has not obeyed within a minute is found again.
func (s *Store) ClaimStops(ctx context.Context, limit int) (out []session.Session, err error) {
	now := s.now()
	err = s.write(ctx, func(ctx context.Context, tx txn) error {
		var rows []sessionRow
		if err := tx.SelectContext(ctx, &rows, claimStopsSQL, now, now.Add(-stopAgain), limit); err != nil {
			return fmt.Errorf("find sessions at their limit: %w", err)
		}
		for _, r := range rows {
			out = append(out, r.fromRow())
		}
		return tellSessions(ctx, tx, now, rows...)
	})
	return out, err
}

// Tune lets change decide on the limits and the vehicle of an open session, which it sees locked; its error ends the matter.
func (s *Store) Tune(
	ctx context.Context, id uuid.UUID, change func(session.Session) (session.Session, error),
) (out session.Session, err error) {
	err = s.write(ctx, func(ctx context.Context, tx txn) error {
		row, err := selectSession(ctx, tx, getSessionSQL+" FOR NO KEY UPDATE", id)
		if err != nil {
			return err
		}
		wanted, err := change(row.fromRow())
		if err != nil {
			return err
		}
		row.Vehicle = wanted.Vehicle
		row.setLimits(wanted.Limits)
		if row.LimitReached == string(session.LimitCost) && wanted.Cost != nil && !wanted.Cost.Exceeds(wanted.Limits.Cost) && row.StopRequestedAt == nil {
			row.LimitReached = "" // raised in time
		}
		if err := saveSession(ctx, tx, s.now(), &row); err != nil {
			return err
		}
		out = row.fromRow()
		return nil
	})
	return out, err
}
