package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/erasure"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
)

const (
	claimedPlotsSQL = `SELECT plot_id FROM reservations WHERE driver_id = $1 AND state IN ('PENDING', 'RESERVED')`

	endClaimsSQL = `
UPDATE reservations r
SET driver_id = $2, state = $3, state_since = $4, reason = $5, updated_at = $4, version = r.version + 1
WHERE r.driver_id = $1 AND r.state IN ('PENDING', 'RESERVED')
RETURNING ` + reservationColumnsR
)

// forgetSQL is what becomes of the rest. Reservations and sessions stay, since bills refer to them. What a card said goes from sessions,
// but not that one was shown; the tag of an order was made for its session and names nobody.
var forgetSQL = []string{
	`UPDATE reservations SET driver_id = :nobody, updated_at = :now, version = version + 1 WHERE driver_id = :person`,
	`UPDATE sessions
SET driver_id = :nobody, updated_at = :now, version = version + 1,
    id_tag = CASE WHEN token_id IS NULL THEN id_tag ELSE CAST(id AS text) END,
    token_id = CASE WHEN token_id IS NULL THEN NULL ELSE CAST(:nobody AS uuid) END,
    token = token - 'group_id' || jsonb_build_object('uid', CAST(:nobody AS text), 'contract_id', CAST(:nobody AS text))
WHERE driver_id = :person`,
	`DELETE FROM tokens WHERE driver_id = :person`,
	`DELETE FROM blocked_drivers WHERE driver_id = :person`,
	`UPDATE charge_point_commands SET asked_by = :nobody WHERE asked_by = :person`,
}

// Forget removes what is held about a person who was erased: coming reservations end, tokens, webhooks and blocks go, and in everything
// else erasure.Anonymous stands for the person. A charge that runs goes on and is billed. Bills stay as they are. The second time there
// is nothing left to do.
func (s *Store) Forget(ctx context.Context, person uuid.UUID) error {
	return s.write(ctx, func(ctx context.Context, tx txn) error {
		now := s.now()
		var plots []uuid.UUID
		if err := tx.SelectContext(ctx, &plots, claimedPlotsSQL, person); err != nil {
			return fmt.Errorf("find a person's reservations: %w", err)
		}
		if _, err := lockPlots(ctx, tx, plots); err != nil {
			return err
		}
		var ended []reservationRow
		err := tx.SelectContext(ctx, &ended, endClaimsSQL, person, erasure.Anonymous, string(reservation.Canceled), now, reservation.ReasonErased)
		if err != nil {
			return fmt.Errorf("end a person's reservations: %w", err)
		}
		if err := tellReservations(ctx, tx, now, ended...); err != nil {
			return err
		}
		args := map[string]any{"person": person, "nobody": erasure.Anonymous, "now": now}
		for _, statement := range forgetSQL {
			if _, err := tx.NamedExecContext(ctx, statement, args); err != nil {
				return fmt.Errorf("forget a person: %w", err)
			}
		}
		if err := webhook.Forget(ctx, tx, person); err != nil {
			return err
		}
		if err := idempotency.Forget(ctx, tx, person.String()); err != nil {
			return err
		}
		return s.settle(ctx, tx, now, plots, nil)
	})
}
