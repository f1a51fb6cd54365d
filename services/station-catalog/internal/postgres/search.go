package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// squaredChord is search.Chord2 in the same order of operations, which gives the same bits.
const squaredChord = `((s.x-%[1]s)*(s.x-%[1]s) + (s.y-%[2]s)*(s.y-%[2]s)) + (s.z-%[3]s)*(s.z-%[3]s)`

// The plan to have: a nested loop of the ranges of cells over stations_cell_idx, and evses_station_idx and connectors_pkey for what
// is asked of a plug.
const inCells = `
  AND s.cell BETWEEN cells.least AND cells.most`

// parameters collects the values of a query that is put together.
type parameters []any

func (p *parameters) add(value any, kind string) string {
	*p = append(*p, value)
	return "$" + strconv.Itoa(len(*p)) + "::" + kind
}

// Search gives the stations that match: the same ones, in the same order, as the index in memory. Circles and boxes are left to the
// database; polygons and routes are only narrowed down by it.
func (s *Store) Search(ctx context.Context, q *find.Query) (find.Found, error) {
	if q.Place != nil && (q.Place.Polygon != nil || q.Place.Route != nil) {
		return s.searchMatches(ctx, q)
	}
	query, params, err := s.searchSQL(ctx, q)
	if err != nil {
		return find.Found{}, err
	}
	var found find.Found
	scan := func(rows *sql.Rows) (bool, error) {
		var id uuid.NullUUID
		var key sql.NullFloat64
		if err := rows.Scan(&found.Total, &id, &key); err != nil {
			return false, err
		}
		switch {
		case !id.Valid:
		case len(found.IDs) == q.Limit:
			found.More = true
		default:
			found.IDs = append(found.IDs, id.UUID)
			found.Last = search.Cursor{Key: key.Float64, ID: search.ID(id.UUID)}
		}
		return id.Valid, nil
	}
	err = s.reading(ctx, func(tx *sqlx.Tx) error {
		_, err := collect(ctx, tx, scan, query, params...)
		return err
	})
	if err != nil {
		return find.Found{}, postgres.Map(fmt.Errorf("search stations: %w", err), nil)
	}
	return found, nil
}

func (s *Store) searchSQL(ctx context.Context, q *find.Query) (string, []any, error) {
	var p parameters
	key, from, where, err := s.matching(ctx, &p, q)
	if err != nil {
		return "", nil, err
	}
	after := ""
	if q.After != nil {
		after = fmt.Sprintf("\n    WHERE (key, id) > (%s, %s)", p.add(q.After.Key, "float8"), p.add(q.After.ID.String(), "uuid"))
	}
	return fmt.Sprintf(`
WITH matches AS MATERIALIZED (
    SELECT s.id, %s AS key
    FROM stations s%s
    WHERE s.deleted_at IS NULL%s)
SELECT (SELECT count(*) FROM matches), page.id, page.key
FROM (VALUES (true)) AS one
LEFT JOIN (
    SELECT id, key FROM matches%s
    ORDER BY key, id
    LIMIT %s) AS page ON true
ORDER BY page.key, page.id`, key, from, where, after, p.add(q.Limit+1, "bigint")), p, nil
}

// matching gives the key that a query sorts by, and what is to be joined and to hold of the stations s. A polygon or a route may keep
// more than lies within.
func (s *Store) matching(ctx context.Context, p *parameters, q *find.Query) (key, from, where string, err error) {
	key = sortKey(p, q)
	var boxes []find.Box
	switch at := q.Place; {
	case at == nil:
	case at.Near != nil:
		centre := search.Unit(at.Near.Latitude, at.Near.Longitude)
		distance := fmt.Sprintf(squaredChord, p.add(centre.X, "float8"), p.add(centre.Y, "float8"), p.add(centre.Z, "float8"))
		if q.Sort == find.ByPlace {
			key = distance
		}
		where = fmt.Sprintf("\n  AND %s <= %s", distance, p.add(search.Reach(at.Near.RadiusM), "float8"))
		boxes = []find.Box{around(*at.Near)}
	case at.Box != nil:
		where = inBox(p, at.Box)
		boxes = []find.Box{*at.Box}
	case at.Polygon != nil:
		boxes = aroundAll(at.Polygon.Caps())
	case at.Route != nil:
		boxes = aroundAll(at.Route.Caps())
	}
	if from = joinCells(p, boxes); from != "" {
		where += inCells
	}
	more, err := s.conditions(ctx, p, q)
	return key, from, where + more, err
}

// searchMatches is Search for places that only we can tell: it reads all that may match.
func (s *Store) searchMatches(ctx context.Context, q *find.Query) (find.Found, error) {
	all, err := s.matches(ctx, q)
	if err != nil {
		return find.Found{}, err
	}
	if q.Place.Route != nil && q.Sort == find.ByPlace {
		for i := range all {
			_, all[i].key = q.Place.Route.Place(all[i].Latitude, all[i].Longitude)
		}
	}
	slices.SortFunc(all, func(a, b match) int { return a.compare(b.key, search.ID(b.ID)) })
	found := find.Found{Total: len(all)}
	if q.After != nil {
		first, known := slices.BinarySearchFunc(all, *q.After, func(m match, c search.Cursor) int { return m.compare(c.Key, c.ID) })
		if known {
			first++
		}
		all = all[first:]
	}
	if found.More = len(all) > q.Limit; found.More {
		all = all[:q.Limit]
	}
	for _, m := range all {
		found.IDs = append(found.IDs, m.ID)
		found.Last = search.Cursor{Key: m.key, ID: search.ID(m.ID)}
	}
	return found, nil
}

// match is a station that matches, and what it is sorted by.
type match struct {
	find.Match
	key float64
}

func (m match) compare(key float64, id search.ID) int {
	return cmp.Or(cmp.Compare(m.key, key), search.ID(m.ID).Compare(id))
}

// Matches gives every station that matches, in no order.
func (s *Store) Matches(ctx context.Context, q *find.Query) ([]find.Match, error) {
	all, err := s.matches(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]find.Match, len(all))
	for i := range all {
		out[i] = all[i].Match
	}
	return out, nil
}

func (s *Store) matches(ctx context.Context, q *find.Query) (all []match, err error) {
	var p parameters
	key, from, where, err := s.matching(ctx, &p, q)
	if err != nil {
		return nil, err
	}
	query := fmt.Sprintf("SELECT s.id, s.latitude, s.longitude, %s FROM stations s%s\n  WHERE s.deleted_at IS NULL%s", key, from, where)
	scan := func(rows *sql.Rows) (match, error) {
		var m match
		err := rows.Scan(&m.ID, &m.Latitude, &m.Longitude, &m.key)
		return m, err
	}
	err = s.reading(ctx, func(tx *sqlx.Tx) error {
		all, err = collect(ctx, tx, scan, query, p...)
		return err
	})
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("stations that match: %w", err), nil)
	}
	return slices.DeleteFunc(all, func(m match) bool { return !q.Place.Contains(m.Latitude, m.Longitude) }), nil
}
