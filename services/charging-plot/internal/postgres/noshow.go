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
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

const insertNoShowSQL = `
INSERT INTO cdrs (id, reservation_id, driver_id, operator_id, document, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (reservation_id) WHERE session_id IS NULL DO NOTHING`

// billNoShows makes the records of those reservations among the rows whose drivers have not come, where the tariff wants something for
// that. A tariff that cannot be priced costs nothing, and the log says why: nobody's claim is held up by it.
func (s *Store) billNoShows(ctx context.Context, tx txn, now time.Time, rows []reservationRow) error {
	for _, row := range rows {
		if row.State != string(reservation.NoShow) {
			continue
		}
		var outlet outletRow
		if err := tx.GetContext(ctx, &outlet, outletsSQL, row.PlotID); err != nil {
			return fmt.Errorf("find the plot's outlet: %w", err)
		}
		price, err := outlet.tariff(row.StartsAt)
		if err != nil {
			return err
		}
		place, err := stayAt(ctx, tx, row.PlotID, row.StationID)
		if err != nil {
			return err
		}
		cdr, billed, err := session.NoShow(session.Unused{
			ReservationID: row.ID, DriverID: row.DriverID, OperatorID: row.OperatorID, PlotID: row.PlotID, StationID: row.StationID,
			From: row.StartsAt.UTC(), Until: row.NoShowAt.UTC(), Tariff: price, TimeZone: outlet.TimeZone,
		}, place, newID(), now)
		if err != nil {
			s.opt.Log.ErrorContext(ctx, "a reservation that nobody used could not be priced", "reservation_id", row.ID, "error", err)
		}
		if err != nil || !billed {
			continue
		}
		document, err := json.Marshal(cdr)
		if err != nil {
			return fmt.Errorf("write the CDR: %w", err)
		}
		if _, err := tx.ExecContext(ctx, insertNoShowSQL, cdr.ID, row.ID, row.DriverID, row.OperatorID, postgres.JSON(document), now); err != nil {
			return fmt.Errorf("store the CDR: %w", err)
		}
	}
	return nil
}

const getNoShowSQL = `SELECT document FROM cdrs WHERE reservation_id = $1 AND session_id IS NULL`

// GetNoShowCDR returns session.ErrUnbilled when the reservation costs nothing by itself.
func (s *Store) GetNoShowCDR(ctx context.Context, reservation uuid.UUID) (cdr session.CDR, err error) {
	var document []byte
	err = s.db.GetContext(ctx, &document, getNoShowSQL, reservation)
	if errors.Is(err, sql.ErrNoRows) {
		return cdr, session.ErrUnbilled
	}
	if err != nil {
		return cdr, postgres.Map(fmt.Errorf("read the CDR: %w", err), nil)
	}
	if err := json.Unmarshal(document, &cdr); err != nil {
		return cdr, fmt.Errorf("read the CDR: %w", err)
	}
	return cdr, nil
}
