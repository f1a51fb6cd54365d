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

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

const stayPlaceSQL = `
SELECT st.name, st.address, st.operator_name FROM stations st WHERE st.id = $1`

const insertCDRSQL = `
INSERT INTO cdrs (id, session_id, driver_id, operator_id, document, created_at, credits, follows) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// bill makes the CDR of a session that is being completed; the caller stores it. A tariff that cannot be priced must not keep a charge
// point from ending its transaction: the record is then without a price, and the log says why.
func (s *Store) bill(ctx context.Context, tx txn, now time.Time, done session.Session) (session.CDR, error) {
	stay, err := wholeStay(ctx, tx, done)
	if err != nil {
		return session.CDR{}, err
	}
	cdr, err := session.Finish(done, stay, newID(), now)
	if err != nil {
		s.opt.Log.ErrorContext(ctx, "a session could not be priced", "session_id", done.ID, "error", err)
		done.Tariff = nil
		cdr, err = session.Finish(done, stay, newID(), now)
	}
	return cdr, err
}

// wholeStay reads what the bill of a session is made from.
func wholeStay(ctx context.Context, tx txn, done session.Session) (session.Stay, error) {
	stay, err := stayAt(ctx, tx, done.PlotID, done.StationID)
	if err != nil {
		return stay, err
	}
	from, until := done.Window()
	if stay.Readings, err = curveReadings(ctx, tx, done.ID, from, until); err != nil {
		return stay, err
	}
	if stay.Held, err = held(ctx, tx, done); err != nil {
		return stay, err
	}
	stay.Place, err = placeOf(ctx, tx, done.StationID, done.EVSEID)
	return stay, err
}

// storeCDR keeps a record of a session.
func storeCDR(ctx context.Context, tx txn, cdr session.CDR) error {
	document, err := json.Marshal(cdr)
	if err != nil {
		return fmt.Errorf("write the CDR: %w", err)
	}
	if _, err := tx.ExecContext(ctx, insertCDRSQL, cdr.ID, cdr.SessionID, orNull(cdr.DriverID), cdr.OperatorID, postgres.JSON(document), cdr.CreatedAt,
		orNull(cdr.Credits), orNull(cdr.Follows)); err != nil {
		return fmt.Errorf("store the CDR: %w", err)
	}
	return nil
}

// costOf is what a session came to by its record, nil when no tariff says it.
func costOf(cdr session.CDR) ([]byte, error) {
	if cdr.Currency == "" {
		return nil, nil
	}
	cost, err := json.Marshal(session.Cost{
		Currency: cdr.Currency, TotalExclTax: cdr.TotalExclTax, TotalInclTax: cdr.TotalInclTax, At: cdr.EndedAt,
	})
	if err != nil {
		return nil, fmt.Errorf("write the cost: %w", err)
	}
	return cost, nil
}

// storeBill keeps another record of a session that has ended, and what the session came to by it.
func storeBill(ctx context.Context, tx txn, cdr session.CDR) error {
	if err := storeCDR(ctx, tx, cdr); err != nil {
		return err
	}
	cost, err := costOf(cdr)
	if err != nil || cost == nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, setCostSQL, cdr.SessionID, postgres.JSON(cost)); err != nil {
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

const getCDRSQL = `SELECT document FROM cdrs WHERE session_id = $1 ORDER BY id DESC LIMIT 1`

// GetCDR gives the last record of a session: the bill, or what took it back. It returns session.ErrUnbilled when the session has none.
func (s *Store) GetCDR(ctx context.Context, id uuid.UUID) (session.CDR, error) {
	cdr, err := lastCDR(ctx, s.db, id)
	return cdr, postgres.Map(err, nil)
}

func lastCDR(ctx context.Context, q sqlx.QueryerContext, id uuid.UUID) (session.CDR, error) {
	var document []byte
	err := sqlx.GetContext(ctx, q, &document, getCDRSQL, id)
	if errors.Is(err, sql.ErrNoRows) {
		return session.CDR{}, session.ErrUnbilled
	}
	if err != nil {
		return session.CDR{}, fmt.Errorf("read the CDR: %w", err)
	}
	var cdr session.CDR
	if err := json.Unmarshal(document, &cdr); err != nil {
		return session.CDR{}, fmt.Errorf("read the CDR: %w", err)
	}
	return cdr, nil
}

const stationTariffsSQL = `SELECT tariffs FROM stations WHERE id = $1`

// CreditBill takes back the bill of a session by a record of its own and, when a tariff is named, makes another bill by that tariff of
// the station's. It gives the last record. It returns session.ErrUnbilled, session.ErrCredited when the bill was taken back already, and
// session.ErrNoTariff when the station has no such tariff.
func (s *Store) CreditBill(ctx context.Context, id uuid.UUID, remark, tariffID string) (out session.CDR, err error) {
	err = s.write(ctx, func(ctx context.Context, tx txn) error {
		row, err := selectSession(ctx, tx, getSessionSQL+" FOR UPDATE", id)
		if err != nil {
			return err
		}
		bill, err := lastCDR(ctx, tx, id)
		if err != nil {
			return err
		}
		if bill.Credits != uuid.Nil {
			return session.ErrCredited
		}
		now := s.now()
		credit := bill.Credit(newID(), now, remark)
		if err := storeBill(ctx, tx, credit); err != nil {
			return err
		}
		if out = credit; tariffID == "" {
			return nil
		}
		done := row.fromRow()
		if done.Tariff, err = tariffOf(ctx, tx, done.StationID, tariffID); err != nil {
			return err
		}
		stay, err := wholeStay(ctx, tx, done)
		if err != nil {
			return err
		}
		if bill.Place != nil {
			stay.Place = bill.Place
		}
		if out, err = session.Finish(done, stay, newID(), now); err != nil {
			return err
		}
		out.Follows = credit.ID
		return storeBill(ctx, tx, out)
	})
	return out, err
}

// tariffOf gives a tariff of a station's.
func tariffOf(ctx context.Context, q sqlx.QueryerContext, station uuid.UUID, id string) (json.RawMessage, error) {
	var document []byte
	if err := sqlx.GetContext(ctx, q, &document, stationTariffsSQL, station); err != nil {
		return nil, fmt.Errorf("read the station's tariffs: %w", err)
	}
	var tariffs []json.RawMessage
	if err := json.Unmarshal(document, &tariffs); err != nil {
		return nil, fmt.Errorf("read the station's tariffs: %w", err)
	}
	for _, raw := range tariffs {
		var t tariff.Tariff
		if json.Unmarshal(raw, &t) == nil && t.ID == id {
			return raw, nil
		}
	}
	return nil, session.ErrNoTariff.At(fault.Field{Pointer: "/tariff_id", Code: "unknown", Detail: "must be a tariff of the station"})
}
