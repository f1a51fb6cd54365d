package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// Count is how many there are of something.
type Count struct {
	Name  string
	Count int64
}

const countAll = `
SELECT 'operators', count(*) FROM operators
UNION ALL SELECT 'stations', count(*) FROM stations WHERE deleted_at IS NULL
UNION ALL SELECT 'stations removed', count(*) FROM stations WHERE deleted_at IS NOT NULL
UNION ALL SELECT 'EVSEs', count(*) FROM evses e JOIN stations s ON s.id = e.station_id WHERE e.removed_at IS NULL AND s.deleted_at IS NULL
UNION ALL SELECT 'connectors', count(*) FROM connectors c JOIN evses e ON e.id = c.evse_id WHERE e.removed_at IS NULL
UNION ALL SELECT 'tariffs', count(*) FROM tariffs
UNION ALL SELECT 'plots with a status', count(DISTINCT plot_id) FROM evse_status WHERE status <> 'UNKNOWN'
UNION ALL SELECT 'plots free', count(DISTINCT plot_id) FROM evse_status WHERE status = 'AVAILABLE'`

// Counts counts what is in the catalogue.
func (s *Store) Counts(ctx context.Context) ([]Count, error) {
	counts, err := collect(ctx, s.db, func(rows *sql.Rows) (Count, error) {
		var c Count
		err := rows.Scan(&c.Name, &c.Count)
		return c, err
	}, countAll)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("count the catalogue: %w", err), nil)
	}
	return counts, nil
}

// EVSEs that are not removed are of the plot that they serve, or by themselves where none is known; a plot's class is the last of the
// limits that its strongest connector reaches.
const stats = `
WITH units AS MATERIALIZED (
    SELECT e.id, e.station_id, coalesce(st.plot_id, e.id) AS plot, coalesce(st.status = 'AVAILABLE', false)::int AS free,
           (SELECT max(c.max_electric_power) FROM connectors c WHERE c.evse_id = e.id) AS power
    FROM evses e
    LEFT JOIN evse_status st ON st.evse_id = e.id
    WHERE e.removed_at IS NULL),
plots AS MATERIALIZED (
    SELECT plot, station_id, max(free) AS free, max(power) AS power FROM units GROUP BY plot, station_id),
sites AS MATERIALIZED (
    SELECT s.id, s.country, s.operator_id, count(p.plot) AS plots, coalesce(sum(p.free), 0) AS free
    FROM stations s
    LEFT JOIN plots p ON p.station_id = s.id
    WHERE s.deleted_at IS NULL
    GROUP BY s.id)
SELECT 'all', '', count(*), coalesce(sum(plots), 0)::bigint, coalesce(sum(free), 0)::bigint FROM sites
UNION ALL SELECT 'country', country, count(*), sum(plots)::bigint, sum(free)::bigint FROM sites GROUP BY country
UNION ALL SELECT 'operator', operator_id::text, count(*), sum(plots)::bigint, sum(free)::bigint FROM sites GROUP BY operator_id
UNION ALL SELECT 'connector', c.standard, count(DISTINCT p.station_id), count(*), sum(p.free)::bigint
FROM plots p
JOIN sites ON sites.id = p.station_id
JOIN (SELECT DISTINCT u.plot, u.station_id, c.standard FROM units u JOIN connectors c ON c.evse_id = u.id) AS c
  ON c.plot = p.plot AND c.station_id = p.station_id
GROUP BY c.standard
UNION ALL SELECT 'power', (coalesce(width_bucket(p.power, $1::int[]), 0) - 1)::text, count(DISTINCT p.station_id), count(*), sum(p.free)::bigint
FROM plots p
JOIN sites ON sites.id = p.station_id
GROUP BY 2`

// Stats counts the catalogue as the index in memory does.
func (s *Store) Stats(ctx context.Context) (search.Stats, error) {
	var out search.Stats
	scan := func(rows *sql.Rows) (kind string, err error) {
		var t search.Tally[string]
		if err := rows.Scan(&kind, &t.Of, &t.Stations, &t.Plots, &t.Available); err != nil {
			return kind, err
		}
		switch kind {
		case "all":
			out.Stations, out.Plots, out.Available = t.Stations, t.Plots, t.Available
		case "country":
			out.Countries = append(out.Countries, t)
		case "connector":
			out.Connector = append(out.Connector, t)
		case "operator":
			var id uuid.UUID
			id, err = uuid.Parse(t.Of)
			out.Operators = append(out.Operators, search.Tally[search.ID]{Of: search.ID(id), Stations: t.Stations, Plots: t.Plots, Available: t.Available})
		case "power":
			var class int
			class, err = strconv.Atoi(t.Of)
			out.PowerClass = append(out.PowerClass, search.Tally[int]{Of: class, Stations: t.Stations, Plots: t.Plots, Available: t.Available})
		}
		return kind, err
	}
	classes := make(pq.Int64Array, len(search.PowerClasses))
	for i, least := range search.PowerClasses {
		classes[i] = int64(least)
	}
	err := s.reading(ctx, func(tx *sqlx.Tx) error {
		_, err := collect(ctx, tx, scan, stats, classes)
		return err
	})
	if err != nil {
		return search.Stats{}, postgres.Map(fmt.Errorf("statistics: %w", err), nil)
	}
	slices.SortFunc(out.Countries, func(a, b search.Tally[string]) int { return strings.Compare(a.Of, b.Of) })
	slices.SortFunc(out.Connector, func(a, b search.Tally[string]) int { return strings.Compare(a.Of, b.Of) })
	slices.SortFunc(out.Operators, func(a, b search.Tally[search.ID]) int { return a.Of.Compare(b.Of) })
	slices.SortFunc(out.PowerClass, func(a, b search.Tally[int]) int { return a.Of - b.Of })
	return out, nil
}
