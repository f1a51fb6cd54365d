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
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

const stayPlaceSQL = `
SELECT st.name, st.address, st.operator_name FROM stations st WHERE st.id = $1`

const insertCDRSQL = `
INSERT INTO cdrs (id, session_id, driver_id, operator_id, document, created_at) VALUES ($1, $2, $3, $4, $5, $6)`

// bill makes the CDR of a session that has just been completed. A tariff that cannot be priced must not keep a charge point from ending
// its transaction: the record is then without a price, and the log says why.
func (s *Store) bill(ctx context.Context, tx txn, now time.Time, done session.Session) error {
	var stay session.Stay
	var place struct {
		Name         string `db:"name"`
		Address      string `db:"address"`
		OperatorName string `db:"operator_name"`
	}
	if err := tx.GetContext(ctx, &place, stayPlaceSQL, done.StationID); err != nil {
		return fmt.Errorf("read the station: %w", err)
	}
	p, err := getPlot(ctx, tx, done.PlotID)
	if err != nil {
		return err
	}
	stay.StationName, stay.Address, stay.OperatorName, stay.PlotLabel = place.Name, place.Address, place.OperatorName, p.Label
	if stay.Readings, err = curveReadings(ctx, tx, done.ID); err != nil {
		return err
	}
	if done.ReservationID != uuid.Nil {
		claim, err := getReservation(ctx, tx, done.ReservationID, "")
		if err != nil {
			return err
		}
		if claim.StartsAt.Before(done.StartedAt) {
			stay.Held = &tariff.Reservation{From: claim.StartsAt, Until: done.StartedAt}
		}
	}
	cdr, err := session.Finish(done, stay, newID(), now)
	if err != nil {
		s.opt.Log.ErrorContext(ctx, "a session could not be priced", "session_id", done.ID, "error", err)
		done.Tariff = nil
		if cdr, err = session.Finish(done, stay, newID(), now); err != nil {
			return err
		}
	}
	document, err := json.Marshal(cdr)
	if err != nil {
		return fmt.Errorf("write the CDR: %w", err)
	}
	if _, err := tx.ExecContext(ctx, insertCDRSQL, cdr.ID, done.ID, orNull(done.DriverID), done.OperatorID, document, now); err != nil {
		return fmt.Errorf("store the CDR: %w", err)
	}
	return nil
}

const getCDRSQL = `SELECT document FROM cdrs WHERE session_id = $1`

// GetCDR returns session.ErrUnbilled when the session has none.
func (s *Store) GetCDR(ctx context.Context, id uuid.UUID) (session.CDR, error) {
	var document []byte
	err := s.db.GetContext(ctx, &document, getCDRSQL, id)
	if errors.Is(err, sql.ErrNoRows) {
		return session.CDR{}, session.ErrUnbilled
	}
	if err != nil {
		return session.CDR{}, postgres.Map(fmt.Errorf("read the CDR: %w", err), nil)
	}
	var cdr session.CDR
	if err := json.Unmarshal(document, &cdr); err != nil {
		return session.CDR{}, fmt.Errorf("read the CDR: %w", err)
	}
	return cdr, nil
}
