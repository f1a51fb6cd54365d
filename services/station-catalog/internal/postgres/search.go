package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

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

const hasPlug = `
  AND EXISTS (
      SELECT FROM evses e
      JOIN connectors c ON c.evse_id = e.id%s
      WHERE e.station_id = s.id AND e.removed_at IS NULL%s)`

// parameters collects the values of a query that is put together.
type parameters []any

func (p *parameters) add(value any, kind string) string {
	*p = append(*p, value)
	return "$" + strconv.Itoa(len(*p)) + "::" + kind
}

// Search gives the stations that match: the same ones, in the same order, as the index in memory.
func (s *Store) Search(ctx context.Context, q *find.Query) (find.Found, error) {
	query, params := searchSQL(q)
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
	err := s.reading(ctx, func(tx *sqlx.Tx) error {
		_, err := collect(ctx, tx, scan, query, params...)
		return err
	})
	if err != nil {
		return find.Found{}, postgres.Map(fmt.Errorf("search stations: %w", err), nil)
	}
	return found, nil
}

func searchSQL(q *find.Query) (string, []any) {
	var p parameters
	var from, where strings.Builder
	key := "0::double precision"
	cells := ""
	if q.Near != nil {
		at := search.Unit(q.Near.Latitude, q.Near.Longitude)
		key = fmt.Sprintf(squaredChord, p.add(at.X, "float8"), p.add(at.Y, "float8"), p.add(at.Z, "float8"))
		fmt.Fprintf(&where, "\n  AND %s <= %s", key, p.add(search.Reach(q.Near.RadiusM), "float8"))
		cells = joinCells(&p, around(q.Near))
	}
	if q.Box != nil {
		where.WriteString(inBox(&p, q.Box))
		cells = joinCells(&p, *q.Box)
	}
	if cells != "" {
		from.WriteString(cells)
		where.WriteString(inCells)
	}
	where.WriteString(conditions(&p, q))
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
ORDER BY page.key, page.id`, key, from.String(), where.String(), after, p.add(q.Limit+1, "bigint")), p
}

// conditions are those that have nothing to do with the place.
func conditions(p *parameters, q *find.Query) string {
	var where strings.Builder
	if len(q.Operators) > 0 {
		fmt.Fprintf(&where, "\n  AND s.operator_id = ANY (%s)", p.add(uuids(q.Operators), "uuid[]"))
	}
	if len(q.Countries) > 0 {
		fmt.Fprintf(&where, "\n  AND s.country = ANY (%s)", p.add(pq.StringArray(q.Countries), "text[]"))
	}
	if len(q.Access) > 0 {
		fmt.Fprintf(&where, "\n  AND s.access = ANY (%s)", p.add(pq.StringArray(q.Access), "text[]"))
	}
	if q.IDs != nil {
		fmt.Fprintf(&where, "\n  AND s.id = ANY (%s)", p.add(uuids(q.IDs), "uuid[]"))
	}
	if q.AsksPlug() {
		where.WriteString(plugSQL(p, q))
	}
	return where.String()
}

func plugSQL(p *parameters, q *find.Query) string {
	free, plug := "", ""
	if q.Available {
		free = "\n      JOIN evse_status st ON st.evse_id = e.id AND st.status = 'AVAILABLE'"
	}
	if len(q.Standards) > 0 {
		plug += " AND c.standard = ANY (" + p.add(pq.StringArray(q.Standards), "text[]") + ")"
	}
	if least := q.LeastPowerW(); least > 0 {
		plug += " AND c.max_electric_power >= " + p.add(int64(least), "bigint")
	}
	if q.MaxPowerW > 0 {
		plug += " AND c.max_electric_power <= " + p.add(int64(q.MaxPowerW), "bigint")
	}
	return fmt.Sprintf(hasPlug, free, plug)
}

// inBox is search.Box.Contains.
func inBox(p *parameters, b *find.Box) string {
	south, north := p.add(b.South, "float8"), p.add(b.North, "float8")
	west, east := p.add(b.West, "float8"), p.add(b.East, "float8")
	where := fmt.Sprintf("\n  AND s.latitude BETWEEN %s AND %s", south, north)
	if b.West > b.East {
		return where + fmt.Sprintf(" AND (s.longitude >= %s OR s.longitude <= %s)", west, east)
	}
	return where + fmt.Sprintf(" AND (s.longitude BETWEEN %[1]s AND %[2]s OR s.longitude = -180 AND %[2]s = 180 OR s.longitude = 180 AND %[1]s = -180)", west, east)
}

// The grid of stations.cell.
const (
	cellsPerDegree = 10
	cellsInRow     = 360*cellsPerDegree + 1
	rowsOfCells    = 180*cellsPerDegree + 1
	// mostRows is from where a box is so large that its cells do not narrow anything down.
	mostRows = 500
	// margin widens boxes by what rounding may take off them, and more.
	margin = 1e-6
)

// around is a box that contains the circle.
func around(c *find.Circle) find.Box {
	angle := (c.RadiusM + 1) / search.EarthRadiusM
	degrees := angle * 180 / math.Pi
	box := find.Box{West: -180, South: c.Latitude - degrees, East: 180, North: c.Latitude + degrees}
	// A circle that holds a pole has every longitude.
	if box.South <= -90 || box.North >= 90 {
		return box
	}
	wide := math.Asin(math.Min(1, math.Sin(angle)/math.Cos(c.Latitude*math.Pi/180))) * 180 / math.Pi
	box.West, box.East = c.Longitude-wide, c.Longitude+wide
	if box.West < -180 {
		box.West += 360
	}
	if box.East > 180 {
		box.East -= 360
	}
	if wide >= 180-margin {
		box.West, box.East = -180, 180
	}
	return box
}

// joinCells joins the ranges of cells that a box touches, or gives "" when they are too many to help.
func joinCells(p *parameters, b find.Box) string {
	first, last := rowOf(b.South-margin), rowOf(b.North+margin)
	if last-first > mostRows {
		return ""
	}
	var least, most pq.Int64Array
	for row := first; row <= last; row++ {
		for _, columns := range columnsOf(b.West-margin, b.East+margin) {
			least, most = append(least, row*cellsInRow+columns[0]), append(most, row*cellsInRow+columns[1])
		}
	}
	return fmt.Sprintf("\n    JOIN unnest(%s, %s) AS cells (least, most) ON true", p.add(least, "int[]"), p.add(most, "int[]"))
}

func rowOf(latitude float64) int64 {
	return int64(min(max(math.Floor((latitude+90)*cellsPerDegree), 0), rowsOfCells-1))
}

// columnsOf gives the ranges of columns of a row. The first and the last column are the same meridian, so whoever touches one has
// the other too.
func columnsOf(west, east float64) [][2]int64 {
	const last = cellsInRow - 1
	column := func(longitude float64) int64 {
		return int64(min(max(math.Floor((longitude+180)*cellsPerDegree), 0), last))
	}
	from, to := column(west), column(east)
	switch {
	case west > east && to >= from, from == 0 && to >= last-1:
		return [][2]int64{{0, last}} // ranges must not overlap: a row would come twice
	case west > east:
		return [][2]int64{{0, to}, {from, last}}
	case from == 0:
		return [][2]int64{{0, to}, {last - 1, last}}
	case to >= last-1:
		return [][2]int64{{0, 0}, {from, last}}
	}
	return [][2]int64{{from, to}}
}
