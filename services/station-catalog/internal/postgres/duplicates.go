package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

const (
	// scannedStations is how many stations are held against their neighbours at once.
	scannedStations = 1000
	// pairsAtOnce is how many pairs of neighbours are judged at once.
	pairsAtOnce = 500
	// mostBatches is how many times stations are held against their neighbours for a page that does not fill.
	mostBatches = 30
)

// Neighbours are looked for in the index of squares of a thousandth of a degree: in three rows of them, each as wide as the reach is at
// that latitude, beyond the antimeridian too. OFFSET 0 keeps the planner from sorting the whole catalogue by squares for each batch.
// Each pair comes once, or from the side of the operator that asks.
const nearPairs = `
WITH batch AS MATERIALIZED (
    SELECT id, operator_id, latitude, longitude, x, y, z,
           least(179.999, $7 / greatest(cosd(least(90, abs(latitude) + $7)), 1e-9)) AS width
    FROM stations
    WHERE deleted_at IS NULL AND id >= $1 AND ($3::uuid IS NULL OR operator_id = $3)
    ORDER BY id LIMIT $4
), pairs AS (
    SELECT a.id AS a, b.id AS b,
           EXISTS (SELECT FROM evses ea JOIN evses eb ON eb.station_id = b.id AND eb.removed_at IS NULL
                       AND replace(eb.evse_id, '*', '') = replace(ea.evse_id, '*', '')
                   WHERE ea.station_id = a.id AND ea.removed_at IS NULL AND ea.evse_id <> '') AS shared
    FROM batch a
    CROSS JOIN generate_series(-1, 1) AS row
    JOIN (VALUES (0), (-360), (360)) AS turns (turn) ON turn = 0 OR abs(a.longitude) + a.width > 180
    CROSS JOIN LATERAL (
        SELECT id, operator_id, x, y, z
        FROM stations
        WHERE deleted_at IS NULL AND floor(latitude * 1000)::integer = floor(a.latitude * 1000)::integer + row
          AND floor(longitude * 1000)::integer BETWEEN floor((a.longitude + turn - a.width) * 1000)::integer
              AND floor((a.longitude + turn + a.width) * 1000)::integer
        OFFSET 0) AS b
    WHERE b.id <> a.id AND (b.id > a.id OR $3::uuid IS NOT NULL AND b.operator_id <> $3) AND (a.id, b.id) > ($1, $2)
      AND (a.x - b.x) ^ 2 + (a.y - b.y) ^ 2 + (a.z - b.z) ^ 2 <= $6
    ORDER BY a.id, b.id
    LIMIT $5)
SELECT a, b, shared, (SELECT count(*) FROM batch), (SELECT id FROM batch ORDER BY id DESC LIMIT 1)
FROM (SELECT 1) AS always LEFT JOIN pairs ON true
ORDER BY a, b`

const alikeByID = `
SELECT s.id, s.name, s.address, s.latitude, s.longitude, s.source, s.source_id, o.id, o.name, o.country_code, o.party_id, s.updated_at,
       (SELECT count(*) FROM evses e WHERE e.station_id = s.id AND e.removed_at IS NULL)
FROM stations s
JOIN operators o ON o.id = s.operator_id
WHERE s.id = ANY($1)`

// nearbyDegrees is station.Nearby along a meridian, and a little more.
const nearbyDegrees = 1.001 * station.Nearby / search.EarthRadiusM * 180 / math.Pi

type nearPair struct {
	a, b   uuid.UUID
	shared bool
}

// Duplicates gives pairs of stations behind a place that look like one, and the place to go on from; nil at the end. With an operator
// only pairs with a station of its own are given. It gives fewer than the limit at the end alone, or when it has looked at mostBatches of
// scannedStations: in a large catalogue pairs may be far between.
func (s *Store) Duplicates(ctx context.Context, operator *uuid.UUID, after station.PairPlace, limit int) ([]station.Duplicate, *station.PairPlace, error) {
	var out []station.Duplicate
	next := &after
	err := s.reading(ctx, func(tx *sqlx.Tx) error {
		// One more than asked for tells whether the page is the last.
		for batch := 0; next != nil && len(out) <= limit && batch < mostBatches; batch++ {
			found, on, err := duplicatesBehind(ctx, tx, operator, *next)
			if err != nil {
				return err
			}
			out, next = append(out, found...), on
		}
		return nil
	})
	if err != nil {
		return nil, nil, postgres.Map(fmt.Errorf("duplicates: %w", err), nil)
	}
	if len(out) > limit {
		out = out[:limit]
		last := out[limit-1].Stations
		next = &station.PairPlace{A: last[0].ID, B: last[1].ID}
	}
	return out, next, nil
}

// duplicatesBehind gives those of some stations behind a place, and the place behind these.
func duplicatesBehind(ctx context.Context, tx *sqlx.Tx, operator *uuid.UUID, after station.PairPlace) ([]station.Duplicate, *station.PairPlace, error) {
	var pairs []nearPair
	scanned, last := 0, (*uuid.UUID)(nil)
	_, err := collect(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
		var a, b *uuid.UUID
		var shared *bool
		err := rows.Scan(&a, &b, &shared, &scanned, &last)
		if a != nil && b != nil {
			pairs = append(pairs, nearPair{*a, *b, *shared})
		}
		return struct{}{}, err
	}, nearPairs, after.A, after.B, operator, scannedStations, pairsAtOnce, search.Reach(station.Nearby), nearbyDegrees)
	if err != nil {
		return nil, nil, err
	}
	var next *station.PairPlace
	switch {
	case len(pairs) == pairsAtOnce:
		next = &station.PairPlace{A: pairs[pairsAtOnce-1].a, B: pairs[pairsAtOnce-1].b}
	case scanned == scannedStations:
		next = &station.PairPlace{A: *last, B: uuid.Max}
	}
	out, err := judge(ctx, tx, pairs)
	return out, next, err
}

func judge(ctx context.Context, tx *sqlx.Tx, pairs []nearPair) ([]station.Duplicate, error) {
	var ids []uuid.UUID
	for _, p := range pairs {
		ids = append(ids, p.a, p.b)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	all := map[uuid.UUID]station.Alike{}
	found, err := collect(ctx, tx, scanAlike, alikeByID, uuids(ids))
	if err != nil {
		return nil, err
	}
	for _, a := range found {
		all[a.ID] = a
	}
	var out []station.Duplicate
	for _, p := range pairs {
		a, b := all[p.a], all[p.b]
		distance := search.DistanceM(a.Latitude, a.Longitude, b.Latitude, b.Longitude)
		if d, ok := station.Judge(a, b, distance, p.shared); ok {
			out = append(out, d)
		}
	}
	return out, nil
}

func scanAlike(rows *sql.Rows) (station.Alike, error) {
	var a station.Alike
	err := rows.Scan(&a.ID, &a.Name, &a.Address, &a.Latitude, &a.Longitude, &a.Source, &a.SourceID, &a.Operator.ID, &a.Operator.Name,
		&a.Operator.CountryCode, &a.Operator.PartyID, &a.UpdatedAt, &a.EVSEs)
	a.UpdatedAt = a.UpdatedAt.UTC()
	return a, err
}
