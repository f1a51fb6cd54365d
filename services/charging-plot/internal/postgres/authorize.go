package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

const tagSQL = `
SELECT state FROM sessions WHERE charge_point_id = $1 AND id_tag = $2 AND driver_id IS NOT NULL AND token_id IS NULL`

// Authorize implements central.Plugs: a tag that was made for a session that waits or runs is accepted, or for a claim that the charge
// point holds, and so is a token that holds at the charge point.
func (s *Store) Authorize(ctx context.Context, id uuid.UUID, idTag string) (chargepoint.Authorization, error) {
	var state session.State
	switch err := s.db.GetContext(ctx, &state, tagSQL, id, idTag); {
	case err == nil && state.Open():
		return chargepoint.Accepted, nil
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return "", postgres.Map(fmt.Errorf("read a tag: %w", err), nil)
	}
	claim, err := heldFor(ctx, s.db, id, idTag, 0)
	switch {
	case err != nil:
		return "", postgres.Map(err, nil)
	case claim != nil:
		return chargepoint.Accepted, nil
	case state != "":
		return chargepoint.Expired, nil
	}
	_, holds, err := tokenAt(ctx, s.db, id, idTag)
	switch {
	case errors.Is(err, token.ErrNotFound):
		if yes, err := proves(ctx, s.db, id, idTag); err != nil || yes {
			return chargepoint.Accepted, postgres.Map(err, nil)
		}
		return chargepoint.Invalid, nil
	case err != nil:
		return "", postgres.Map(err, nil)
	case !holds:
		return chargepoint.Blocked, nil
	}
	return chargepoint.Accepted, nil
}
