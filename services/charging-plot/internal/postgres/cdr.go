package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

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
	stay, err := stayAt(ctx, tx, done.PlotID, done.StationID)
	if err != nil {
		return err
	}
	from, until := done.Window()
	if stay.Readings, err = curveReadings(ctx, tx, done.ID, from, until); err != nil {
		return err
	}
	if stay.Held, err = held(ctx, tx, done); err != nil {
		return err
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
	if cdr.Currency == "" {
		return nil
	}
	cost, err := json.Marshal(session.Cost{
		Currency: cdr.Currency, TotalExclTax: cdr.TotalExclTax, TotalInclTax: cdr.TotalInclTax, At: done.EndedAt,
	})
	if err != nil {
		return fmt.Errorf("write the cost: %w", err)
	}
	if _, err := tx.ExecContext(ctx, setCostSQL, done.ID, cost); err != nil {
		return fmt.Errorf("store the cost: %w", err)
	}
	return nil
}

// stayAt says where a stay was.
func stayAt(ctx context.Context, q sqlx.QueryerContext, plotID, station uuid.UUID) (stay session.Stay, err error) {
	var place struct {
		Name         string `db:"name"`
		Address      string `db:"address"`
		OperatorName string `db:"operator_name"`
	}
	if err := sqlx.GetContext(ctx, q, &place, stayPlaceSQL, station); err != nil {
		return stay, fmt.Errorf("read the station: %w", err)
	}
	p, err := getPlot(ctx, q, plotID)
	if err != nil {
		return stay, err
	}
	stay.StationName, stay.Address, stay.OperatorName, stay.PlotLabel = place.Name, place.Address, place.OperatorName, p.Label
	return stay, nil
}

const setCostSQL = `UPDATE sessions SET cost = $2 WHERE id = $1`

// held gives the time for which the plot was held before a session began, nil without a reservation.
func held(ctx context.Context, q sqlx.QueryerContext, s session.Session) (*tariff.Reservation, error) {
	if s.ReservationID == uuid.Nil {
		return nil, nil //nolint:nilnil // there is none, and that is an answer
	}
	claim, err := getReservation(ctx, q, s.ReservationID, "")
	if err != nil || !claim.StartsAt.Before(s.StartedAt) {
		return nil, err
	}
	return &tariff.Reservation{From: claim.StartsAt, Until: s.StartedAt}, nil
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
