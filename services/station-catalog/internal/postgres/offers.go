package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
)

// The plan to have: for a tile of the whole world each table read once, for a small one the indexes of stations, EVSEs and connectors.
const offers = `
WITH matches AS MATERIALIZED (
    SELECT s.id, s.latitude, s.longitude
    FROM stations s%s
    WHERE s.deleted_at IS NULL%s)
SELECT m.id, m.latitude, m.longitude, count(DISTINCT coalesce(st.plot_id, e.id)),
       count(DISTINCT st.plot_id) FILTER (WHERE st.status = 'AVAILABLE'), coalesce(max(c.max_electric_power), 0)
FROM matches m
LEFT JOIN evses e ON e.station_id = m.id AND e.removed_at IS NULL
LEFT JOIN evse_status st ON st.evse_id = e.id
LEFT JOIN connectors c ON c.evse_id = e.id
GROUP BY m.id, m.latitude, m.longitude`

// Offers gives every station that matches and what it offers, in no order.
func (s *Store) Offers(ctx context.Context, q *find.Query) ([]find.Offered, error) {
	unsorted := *q
	unsorted.Sort = find.ByPlace // another order has parameters, which nothing here would name
	var p parameters
	_, from, where, err := s.matching(ctx, &p, &unsorted)
	if err != nil {
		return nil, err
	}
	scan := func(rows *sql.Rows) (o find.Offered, err error) {
		err = rows.Scan(&o.ID, &o.Latitude, &o.Longitude, &o.Plots, &o.Available, &o.MaxPowerW)
		return o, err
	}
	var all []find.Offered
	err = s.reading(ctx, func(tx *sqlx.Tx) error {
		all, err = collect(ctx, tx, scan, fmt.Sprintf(offers, from, where), p...)
		return err
	})
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("what matching stations offer: %w", err), nil)
	}
	return slices.DeleteFunc(all, func(o find.Offered) bool { return !q.Place.Contains(o.Latitude, o.Longitude) }), nil
}

// provenance walks from one source to the next: stations are many, and sources few. A source that no import knows names the format itself.
const provenance = `
WITH RECURSIVE sources (name) AS (
    (SELECT source FROM stations ORDER BY source LIMIT 1)
    UNION ALL
    SELECT (SELECT source FROM stations WHERE source > sources.name ORDER BY source LIMIT 1)
    FROM sources WHERE sources.name IS NOT NULL)
SELECT DISTINCT coalesce(i.format, s.name)
FROM sources s
LEFT JOIN imports i ON i.source = s.name AND NOT i.dry_run
WHERE s.name IS NOT NULL`

// Provenance gives the formats that stations came in.
func (s *Store) Provenance(ctx context.Context) ([]string, error) {
	formats, err := collect(ctx, s.db, func(rows *sql.Rows) (format string, err error) {
		err = rows.Scan(&format)
		return format, err
	}, provenance)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("where stations came from: %w", err), nil)
	}
	return formats, nil
}
