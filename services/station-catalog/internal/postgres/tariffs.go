package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// ErrNoTariff says that there is no such tariff.
var ErrNoTariff = fault.Define(fault.NotFound, "tariff_not_found", "There is no such tariff")

const getTariff = `
SELECT document, version FROM tariffs WHERE id = $1 AND deleted_at IS NULL`

// Tariff gives a tariff and its version.
func (s *Store) Tariff(ctx context.Context, id uuid.UUID) (tariff.Tariff, int64, error) {
	var document []byte
	var version int64
	err := s.db.QueryRowxContext(ctx, getTariff, id).Scan(&document, &version)
	switch {
	case err == sql.ErrNoRows: //nolint:errorlint // Scan returns it bare
		return tariff.Tariff{}, 0, ErrNoTariff
	case err != nil:
		return tariff.Tariff{}, 0, postgres.Map(fmt.Errorf("get tariff: %w", err), nil)
	}
	var t tariff.Tariff
	if err := json.Unmarshal(document, &t); err != nil {
		return t, 0, fmt.Errorf("tariff %s: %w", id, err)
	}
	return t, version, nil
}

// A tariff of another operator stays as it is, and is told by its absence from what is returned.
const upsertTariffs = `
INSERT INTO tariffs (id, operator_id, currency, document, content_hash)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::bytea[])
ON CONFLICT ON CONSTRAINT tariffs_pkey DO UPDATE
SET currency = excluded.currency, document = excluded.document, content_hash = excluded.content_hash,
    version = tariffs.version + 1, updated_at = now(), deleted_at = NULL
WHERE tariffs.operator_id = excluded.operator_id AND (tariffs.content_hash <> excluded.content_hash OR tariffs.deleted_at IS NOT NULL)
RETURNING id, version`

const foreignTariffs = `
SELECT t.id
FROM unnest($1::uuid[], $2::uuid[]) AS wanted (id, operator_id)
JOIN tariffs t ON t.id = wanted.id AND t.operator_id <> wanted.operator_id`

// writeTariffs writes the tariffs of the stations. Other stations that refer to a tariff that has changed get a new version, since
// their documents contain it.
func (p *putting) writeTariffs(ctx context.Context, writes []write) error {
	var ids, operators, currencies, documents pq.StringArray
	var hashes pq.ByteaArray
	seen := make(map[string]bool)
	for i := range writes {
		for _, t := range writes[i].entry.Station.Tariffs {
			if seen[t.ID] {
				continue
			}
			seen[t.ID] = true
			document, hash, err := tariffDocument(t)
			if err != nil {
				return err
			}
			ids, operators = append(ids, t.ID), append(operators, writes[i].operator.String())
			currencies, documents, hashes = append(currencies, t.Currency), append(documents, document), append(hashes, hash)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	foreign, err := collect(ctx, p.tx, scanID, foreignTariffs, ids, operators)
	if err != nil {
		return fmt.Errorf("owners of tariffs: %w", err)
	}
	if len(foreign) > 0 {
		return station.ErrForeign.Detailf("the tariff %s belongs to another operator", foreign[0])
	}
	changed, err := collect(ctx, p.tx, func(rows *sql.Rows) (uuid.UUID, error) {
		var id uuid.UUID
		var version int64
		if err := rows.Scan(&id, &version); err != nil {
			return uuid.Nil, err
		}
		if version == 1 {
			p.happened = append(p.happened, happened{ofTariff, id, version, history.Created, nil})
			return uuid.Nil, nil
		}
		p.happened = append(p.happened, happened{ofTariff, id, version, history.Changed, nil})
		return id, nil
	}, upsertTariffs, ids, operators, currencies, documents, hashes)
	if err != nil {
		return fmt.Errorf("write tariffs: %w", err)
	}
	return p.touch(ctx, changed, writes)
}

const touchStations = `
UPDATE stations s
SET version = s.version + 1, updated_at = now()
WHERE s.deleted_at IS NULL AND s.id <> ALL ($2) AND EXISTS (
    SELECT FROM connector_tariffs t JOIN evses e ON e.id = t.evse_id WHERE e.station_id = s.id AND t.tariff_id = ANY ($1))
RETURNING s.id, s.version`

// touch raises the version of stations with these tariffs that are not written anyway.
func (p *putting) touch(ctx context.Context, tariffs []uuid.UUID, writes []write) error {
	var ids, written []uuid.UUID
	for _, id := range tariffs {
		if id != uuid.Nil {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	for i := range writes {
		written = append(written, writes[i].id)
	}
	return p.raise(ctx, history.TariffChanged, touchStations, uuids(ids), uuids(written))
}

// raise tells of the new versions that a statement gives to stations.
func (p *putting) raise(ctx context.Context, action history.Action, statement string, args ...any) error {
	_, err := collect(ctx, p.tx, func(rows *sql.Rows) (struct{}, error) {
		change := feed.Change{Op: feed.Upsert}
		err := rows.Scan(&change.ID, &change.Version)
		p.changes = append(p.changes, change)
		p.note(change.ID, change.Version, action)
		return struct{}{}, err
	}, statement, args...)
	if err != nil {
		return fmt.Errorf("stations whose documents change: %w", err)
	}
	return nil
}

func scanID(rows *sql.Rows) (uuid.UUID, error) {
	var id uuid.UUID
	err := rows.Scan(&id)
	return id, err
}
