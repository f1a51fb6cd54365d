package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// shownToken is a token that holds at the charge point where it was shown, and the claim on the plot that it comes for.
type shownToken struct {
	token.Token

	claim uuid.UUID
}

// show judges the tag of a transaction that nobody ordered. It returns nil when the tag is no token that holds there, or when the plot
// was somebody else's at the time.
func (s *Store) show(ctx context.Context, tx txn, at time.Time, id, plotID uuid.UUID, idTag string) (*shownToken, error) {
	t, holds, err := tokenAt(ctx, tx, id, idTag)
	if errors.Is(err, token.ErrNotFound) || err == nil && !holds {
		return nil, nil //nolint:nilnil // there is none, and that is an answer
	}
	if err != nil {
		return nil, err
	}
	if err := s.giveUp(ctx, tx, s.now(), []uuid.UUID{plotID}); err != nil {
		return nil, err
	}
	claim, err := s.claimFor(ctx, tx, at, session.Order{PlotID: plotID, DriverID: t.Driver()})
	if errors.Is(err, session.ErrReserved) {
		return nil, nil //nolint:nilnil // as above
	}
	if errors.Is(err, session.ErrTooEarly) {
		return &shownToken{t, uuid.Nil}, nil // it begins all the same, and fulfils the claim when that begins
	}
	return &shownToken{t, claim}, err
}

// begins tells whether the token begins a session that its driver has ordered.
func (t *shownToken) begins(open sessionRow) bool {
	return open.State == string(session.Pending) && t.Driver() != uuid.Nil && orZero(open.DriverID) == t.Driver()
}

// mark writes into a session that the token began it.
func (t *shownToken) mark(row *sessionRow, idTag string) {
	snapshot, err := json.Marshal(t.Snapshot())
	if err != nil {
		panic(err) // a struct of strings
	}
	row.TokenID, row.Token, row.IDTag = &t.ID, snapshot, idTag
}

// known tells whether somebody is known who answers for the session.
func (r sessionRow) known() bool { return r.DriverID != nil || r.TokenID != nil }

const placeSQL = `
SELECT p.station_id, p.operator_id, st.time_zone, e.id AS evse_id, e.connectors, st.tariffs
FROM plots p
JOIN stations st ON st.id = p.station_id
JOIN evses e ON e.id = $2
WHERE p.id = $1`

// unordered is a transaction that no app ordered.
type unordered struct {
	chargePoint, plot, evse uuid.UUID
	start                   chargepoint.TransactionStart
	shown                   *shownToken // a token began it
	claim                   *heldClaim  // the tag of a claim began it; with neither, nobody answers for it
}

// unordered makes the session of a transaction that no app ordered; the caller stores it.
func (s *Store) unordered(ctx context.Context, tx txn, now time.Time, u unordered) (sessionRow, error) {
	row := sessionRow{
		ID: newID(), PlotID: u.plot, EVSEID: u.evse, ChargePointID: u.chargePoint, Connector: u.start.Connector, IDTag: u.start.IDTag,
		State: string(session.Active), StateSince: now, RequestedAt: now, CreatedAt: now, UpdatedAt: now,
	}
	var place outletRow
	if err := tx.GetContext(ctx, &place, placeSQL, u.plot, u.evse); err != nil {
		return row, fmt.Errorf("read the plot: %w", err)
	}
	row.StationID, row.OperatorID, row.TimeZone = place.StationID, place.OperatorID, place.TimeZone
	switch {
	case u.claim != nil:
		row.DriverID, row.ReservationID = &u.claim.DriverID, &u.claim.ID
	case u.shown != nil:
		u.shown.mark(&row, u.start.IDTag)
		row.DriverID, row.ReservationID = orNull(u.shown.Driver()), orNull(u.shown.claim)
	default:
		return row, nil
	}
	price, err := place.tariff(now)
	row.Tariff = postgres.JSON(price)
	return row, err
}
