package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// The faults of writing tariffs.
var (
	ErrTariffInvalid = fault.Define(fault.Invalid, "invalid_tariff", "The tariff is not valid")
	ErrTariffTaken   = fault.Define(fault.Conflict, "tariff_taken", "The operator has a tariff of this id")
	ErrTariffInUse   = fault.Define(fault.Conflict, "tariff_in_use", "Connectors refer to the tariff")
)

const tariffsAfter = `
SELECT id, document
FROM tariffs
WHERE id > $1 AND deleted_at IS NULL AND ($2::uuid IS NULL OR operator_id = $2)
ORDER BY id
LIMIT $3`

// Tariffs gives tariffs by id, behind one; those of an operator, or of all.
func (s *Store) Tariffs(ctx context.Context, operatorID *uuid.UUID, after uuid.UUID, limit int) ([]tariff.Tariff, error) {
	rows, err := collect(ctx, s.db, scanTariff, tariffsAfter, after, operatorID, limit)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("list tariffs: %w", err), nil)
	}
	out := make([]tariff.Tariff, len(rows))
	for i, r := range rows {
		out[i] = r.tariff
	}
	return out, nil
}

const partyID = `
SELECT id, country_code, party_id FROM operators
WHERE deleted_at IS NULL AND (id = $1 OR $1 IS NULL AND country_code = $2 AND party_id = $3)`

const createTariff = `
INSERT INTO tariffs AS t (id, operator_id, currency, document, content_hash)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT ON CONSTRAINT tariffs_pkey DO UPDATE
SET currency = excluded.currency, document = excluded.document, content_hash = excluded.content_hash, version = t.version + 1,
    updated_at = now(), deleted_at = NULL
WHERE t.deleted_at IS NOT NULL AND t.operator_id = excluded.operator_id
RETURNING version`

// CreateTariff makes a tariff of an operator, or of the one that it names when own is nil. It gives it as it is known from then on,
// with its version. It returns operator.ErrNotFound, station.ErrForeign, ErrTariffInvalid and ErrTariffTaken.
func (s *Store) CreateTariff(ctx context.Context, by history.Author, own *uuid.UUID, t tariff.Tariff) (tariff.Tariff, int64, error) {
	type made struct {
		Tariff  tariff.Tariff `json:"tariff"`
		Version int64         `json:"version"`
	}
	out, _, err := idempotency.Do(ctx, s.db, by.Subject, func(ctx context.Context, tx *sqlx.Tx) (made, error) {
		var operatorID uuid.UUID
		var country, code string
		err := tx.QueryRowContext(ctx, partyID, own, t.CountryCode, t.PartyID).Scan(&operatorID, &country, &code)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return made{}, operator.ErrNotFound
		case err != nil:
			return made{}, fmt.Errorf("operator of the tariff: %w", err)
		case t.CountryCode != "" && t.CountryCode != country, t.PartyID != "" && t.PartyID != code:
			return made{}, station.ErrForeign.At(fault.Field{Pointer: "/party_id", Code: "foreign", Detail: "must be your own operator"})
		}
		fresh := t
		fresh.CountryCode, fresh.PartyID, fresh.LastUpdated = country, code, time.Now().UTC().Truncate(time.Second)
		if faults := fresh.Validate(); len(faults) > 0 {
			return made{}, ErrTariffInvalid.At(faults...)
		}
		id := station.TariffID(country, code, t.ID)
		fresh.ID = id.String()
		text, sum, err := tariffDocument(fresh)
		if err != nil {
			return made{}, err
		}
		out := made{Tariff: fresh}
		err = tx.GetContext(ctx, &out.Version, createTariff, id, operatorID, fresh.Currency, text, sum)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return made{}, ErrTariffTaken
		case err != nil:
			return made{}, fmt.Errorf("create tariff: %w", err)
		}
		action := history.Created
		if out.Version > 1 {
			action = history.Restored
		}
		return out, record(ctx, tx, by, []happened{{ofTariff, id, out.Version, action, nil}})
	})
	return out.Tariff, out.Version, postgres.Map(err, constraints)
}

// tariffDocument is what is stored of a tariff, and its fingerprint, for which the members of its texts stand in one order: the database
// gives them in an order of its own.
func tariffDocument(t tariff.Tariff) (document string, hash []byte, err error) {
	if len(t.AltText) > 0 {
		var texts any
		in := json.NewDecoder(bytes.NewReader(t.AltText))
		in.UseNumber()
		if err = in.Decode(&texts); err == nil {
			t.AltText, err = json.Marshal(texts)
		}
	}
	var text []byte
	if err == nil {
		text, err = json.Marshal(t)
	}
	if err != nil {
		return "", nil, fmt.Errorf("tariff %s: %w", t.ID, err)
	}
	sum := sha256.Sum256(text)
	return string(text), sum[:], nil
}

const lockTariff = `
SELECT operator_id, version, document FROM tariffs WHERE id = $1 AND deleted_at IS NULL FOR UPDATE`

const sourcesOfTariff = `
SELECT DISTINCT s.source
FROM connector_tariffs t
JOIN evses e ON e.id = t.evse_id
JOIN stations s ON s.id = e.station_id
WHERE t.tariff_id = $1 AND s.deleted_at IS NULL`

func tariffForUpdate(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (operator.OwnedTariff, error) {
	var out operator.OwnedTariff
	var document []byte
	err := tx.QueryRowContext(ctx, lockTariff, id).Scan(&out.Operator, &out.Version, &document)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return out, ErrNoTariff
	case err != nil:
		return out, fmt.Errorf("lock tariff: %w", err)
	}
	if err := json.Unmarshal(document, &out.Tariff); err != nil {
		return out, fmt.Errorf("tariff %s: %w", id, err)
	}
	return out, nil
}

const updateTariff = `
UPDATE tariffs SET currency = $2, document = $3, content_hash = $4, version = version + 1, updated_at = now() WHERE id = $1
RETURNING version`

// UpdateTariff changes a tariff by a function that gets it as it is. Every station that shows it gets a new version.
func (s *Store) UpdateTariff(
	ctx context.Context, by history.Author, id uuid.UUID, change func(operator.OwnedTariff) (tariff.Tariff, error),
) (tariff.Tariff, int64, error) {
	var out operator.OwnedTariff
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		p := &putting{tx: tx, by: by}
		if err := p.lockSourcesOf(ctx, sourcesOfTariff, id); err != nil {
			return err
		}
		before, err := tariffForUpdate(ctx, tx, id)
		if err != nil {
			return err
		}
		after, err := change(before)
		if err != nil {
			return err
		}
		after.ID, after.CountryCode, after.PartyID = before.Tariff.ID, before.Tariff.CountryCode, before.Tariff.PartyID
		if faults := after.Validate(); len(faults) > 0 {
			return ErrTariffInvalid.At(faults...)
		}
		changes, err := history.Diff(before.Tariff, after, nil)
		if err != nil {
			return err
		}
		if out = before; len(changes) == 0 {
			return nil
		}
		after.LastUpdated = time.Now().UTC().Truncate(time.Second)
		text, sum, err := tariffDocument(after)
		if err != nil {
			return err
		}
		out.Tariff = after
		if err := tx.GetContext(ctx, &out.Version, updateTariff, id, after.Currency, text, sum); err != nil {
			return fmt.Errorf("update tariff: %w", err)
		}
		p.happened = append(p.happened, happened{ofTariff, id, out.Version, history.Changed, changes})
		if err := p.touch(ctx, []uuid.UUID{id}, nil); err != nil {
			return err
		}
		return p.publish(ctx)
	})
	return out.Tariff, out.Version, postgres.Map(err, constraints)
}

const tariffInUse = `
SELECT count(*)
FROM connector_tariffs t
JOIN evses e ON e.id = t.evse_id AND e.removed_at IS NULL
JOIN stations s ON s.id = e.station_id AND s.deleted_at IS NULL
WHERE t.tariff_id = $1`

const removeTariff = `
UPDATE tariffs SET deleted_at = now(), version = version + 1, updated_at = now() WHERE id = $1 RETURNING version`

// RemoveTariff removes a tariff that the function lets go; ErrTariffInUse while a connector refers to it.
func (s *Store) RemoveTariff(ctx context.Context, by history.Author, id uuid.UUID, allow func(operator.OwnedTariff) error) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		there, err := tariffForUpdate(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := allow(there); err != nil {
			return err
		}
		var used int
		if err := tx.GetContext(ctx, &used, tariffInUse, id); err != nil {
			return fmt.Errorf("connectors of the tariff: %w", err)
		}
		if used > 0 {
			return ErrTariffInUse.Detailf("%d connectors refer to it", used)
		}
		gone := happened{entity: ofTariff, id: id, action: history.Removed}
		if err := tx.GetContext(ctx, &gone.version, removeTariff, id); err != nil {
			return fmt.Errorf("remove tariff: %w", err)
		}
		return record(ctx, tx, by, []happened{gone})
	})
	return postgres.Map(err, constraints)
}

const tariffOperator = `
SELECT operator_id FROM tariffs WHERE id = $1`

// TariffHistory gives the versions of a tariff before one, newest first, and whose it is.
func (s *Store) TariffHistory(ctx context.Context, id uuid.UUID, before int64, limit int) ([]history.Entry, uuid.UUID, error) {
	owner, err := collect(ctx, s.db, scanID, tariffOperator, id)
	switch {
	case err != nil:
		return nil, uuid.Nil, postgres.Map(fmt.Errorf("operator of tariff: %w", err), nil)
	case len(owner) == 0:
		return nil, uuid.Nil, ErrNoTariff
	}
	found, err := s.historyOf(ctx, ofTariff, id, before, limit)
	return found, owner[0], err
}
