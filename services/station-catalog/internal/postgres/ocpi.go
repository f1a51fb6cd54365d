package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// All stations, when no time narrows the list: removed ones are not told of.
const locationIDs = `
SELECT s.id, false, count(*) OVER ()
FROM stations s
WHERE s.deleted_at IS NULL AND ($1::uuid IS NULL OR s.operator_id = $1)
ORDER BY s.id
OFFSET $2 LIMIT $3`

const countLocations = `SELECT count(*) FROM stations s WHERE s.deleted_at IS NULL AND ($1::uuid IS NULL OR s.operator_id = $1)`

// A location was updated when its station or the status of one of its EVSEs was. The two indices by time find the few that were since
// a time; without a first time the whole catalogue is looked through.
const locationIDsSince = `
WITH touched AS (
    SELECT id FROM stations WHERE updated_at >= $2
    UNION
    SELECT e.station_id FROM evse_status es JOIN evses e ON e.id = es.evse_id WHERE es.told_at >= $2
), dated AS (
    SELECT s.id, s.deleted_at IS NOT NULL AS removed, greatest(s.updated_at, (
        SELECT max(es.told_at) FROM evses e JOIN evse_status es ON es.evse_id = e.id WHERE e.station_id = s.id
    )) AS last_updated
    FROM touched t JOIN stations s ON s.id = t.id
    WHERE $1::uuid IS NULL OR s.operator_id = $1
)
SELECT id, removed, count(*) OVER () FROM dated WHERE last_updated >= $2 AND last_updated < $3 ORDER BY id OFFSET $4 LIMIT $5`

const countLocationsSince = `SELECT count(*) FROM (` + locationIDsSince + `) AS listed`

type listedRow struct {
	id      uuid.UUID
	removed bool
	total   int
}

func scanListed(rows *sql.Rows) (listedRow, error) {
	var r listedRow
	err := rows.Scan(&r.id, &r.removed, &r.total)
	return r, err
}

// Locations gives a page of stations in order of id, and how many there are.
func (s *Store) Locations(ctx context.Context, sel station.Span) (out []station.Listed, total int, err error) {
	err = s.reading(ctx, func(tx *sqlx.Tx) error {
		var rows []listedRow
		var err error
		if sel.Whole() {
			rows, err = collect(ctx, tx, scanListed, locationIDs, sel.Operator, sel.Offset, sel.Limit)
		} else {
			rows, err = collect(ctx, tx, scanListed, locationIDsSince, sel.Operator, sel.From, until(sel.To), sel.Offset, sel.Limit)
		}
		if err != nil {
			return err
		}
		if len(rows) == 0 && sel.Offset > 0 { // nothing is left to say the total
			if sel.Whole() {
				return tx.GetContext(ctx, &total, countLocations, sel.Operator)
			}
			return tx.GetContext(ctx, &total, countLocationsSince, sel.Operator, sel.From, until(sel.To), 0, nil)
		}
		ids, removed := make([]uuid.UUID, len(rows)), make(map[uuid.UUID]bool)
		for i, r := range rows {
			ids[i], removed[r.id], total = r.id, r.removed, r.total
		}
		found, err := load(ctx, tx, selectAnyStations+`s.id = ANY($1) ORDER BY s.id`, uuids(ids))
		for _, st := range found {
			out = append(out, station.Listed{Station: st, Removed: removed[st.ID]})
		}
		return err
	})
	if err != nil {
		return nil, 0, postgres.Map(fmt.Errorf("list locations: %w", err), nil)
	}
	return out, total, nil
}

// farOff is the end of a list that has none.
var farOff = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func until(t time.Time) time.Time {
	if t.IsZero() {
		return farOff
	}
	return t
}

// Location gives a station, also one that was removed. It returns station.ErrNotFound when there never was one.
func (s *Store) Location(ctx context.Context, id uuid.UUID) (out station.Listed, err error) {
	err = s.reading(ctx, func(tx *sqlx.Tx) error {
		found, err := load(ctx, tx, selectAnyStations+`s.id = $1`, id)
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return station.ErrNotFound
		}
		out.Station = found[0]
		return tx.GetContext(ctx, &out.Removed, `SELECT deleted_at IS NOT NULL FROM stations WHERE id = $1`, id)
	})
	return out, postgres.Map(err, nil)
}

const datedTariffs = `
SELECT t.document, o.country_code, o.party_id, t.updated_at, count(*) OVER ()
FROM tariffs t JOIN operators o ON o.id = t.operator_id
WHERE t.deleted_at IS NULL AND ($1::uuid IS NULL OR t.operator_id = $1) AND t.updated_at >= $2 AND t.updated_at < $3
ORDER BY t.id
OFFSET $4 LIMIT $5`

const countTariffs = `
SELECT count(*) FROM tariffs t
WHERE t.deleted_at IS NULL AND ($1::uuid IS NULL OR t.operator_id = $1) AND t.updated_at >= $2 AND t.updated_at < $3`

// DatedTariffs gives a page of tariffs in order of id, and how many there are.
func (s *Store) DatedTariffs(ctx context.Context, sel station.Span) (out []operator.DatedTariff, total int, err error) {
	err = s.reading(ctx, func(tx *sqlx.Tx) error {
		var err error
		out, err = collect(ctx, tx, func(rows *sql.Rows) (operator.DatedTariff, error) {
			var t operator.DatedTariff
			var document []byte
			var country, code string
			if err := rows.Scan(&document, &country, &code, &t.UpdatedAt, &total); err != nil {
				return t, err
			}
			if err := json.Unmarshal(document, &t.Tariff); err != nil {
				return t, fmt.Errorf("a tariff: %w", err)
			}
			t.Tariff.CountryCode, t.Tariff.PartyID = country, code
			return t, nil
		}, datedTariffs, sel.Operator, sel.From, until(sel.To), sel.Offset, sel.Limit)
		if err != nil || len(out) > 0 || sel.Offset == 0 {
			return err
		}
		return tx.GetContext(ctx, &total, countTariffs, sel.Operator, sel.From, until(sel.To))
	})
	if err != nil {
		return nil, 0, postgres.Map(fmt.Errorf("list tariffs: %w", err), nil)
	}
	return out, total, nil
}
