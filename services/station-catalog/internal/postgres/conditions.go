package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

const hasPlug = `
  AND EXISTS (
      SELECT FROM evses e
      JOIN connectors c ON c.evse_id = e.id%s
      WHERE e.station_id = s.id AND e.removed_at IS NULL%s)`

// plots counts the plots of a station: EVSEs that serve the same one count once, and one whose plot is not known by itself.
const plots = `(SELECT count(DISTINCT coalesce(st.plot_id, e.id)) FROM evses e LEFT JOIN evse_status st ON st.evse_id = e.id
       WHERE e.station_id = s.id AND e.removed_at IS NULL)`

const isFree = `coalesce(s.payment->>'free' = 'true', false)`

// priceFrom is station.PriceFrom, as long as it is in the currency.
const priceFrom = `(
      SELECT CASE WHEN least.currency = %s THEN least.amount::float8 END
      FROM (
          SELECT t.currency, min((c->>'price')::numeric * 0.01 *
                 CASE WHEN t.document->>'tax_included' IN ('YES', 'N/A') THEN 100 ELSE 100 + coalesce((c->>'vat')::numeric, 0) END) AS amount
          FROM evses e
          JOIN connector_tariffs ct ON ct.evse_id = e.id
          JOIN tariffs t ON t.id = ct.tariff_id,
              jsonb_array_elements(t.document->'elements') AS element,
              jsonb_array_elements(element->'price_components') AS c
          WHERE e.station_id = s.id AND e.removed_at IS NULL AND c->>'type' = 'ENERGY' AND element->'restrictions'->>'reservation' IS NULL
          GROUP BY t.currency
          ORDER BY t.currency COLLATE "C"
          LIMIT 1) AS least)`

// sortKey is what a query sorts by where that is not a place; what is not there is behind everything else.
func sortKey(p *parameters, q *find.Query) string {
	const absent = math.MaxFloat64
	switch q.Sort {
	case find.ByPower:
		return fmt.Sprintf(`coalesce((SELECT -max(coalesce(c.max_electric_power, 0))::float8 FROM evses e JOIN connectors c ON c.evse_id = e.id
        WHERE e.station_id = s.id AND e.removed_at IS NULL), %s)`, p.add(absent, "float8"))
	case find.ByPrice:
		return fmt.Sprintf("CASE WHEN %s THEN 0 ELSE coalesce(%s, %s) END", isFree, fmt.Sprintf(priceFrom, p.add(q.Currency, "text")), p.add(absent, "float8"))
	case find.ByUpdated:
		return "-(extract(epoch FROM s.updated_at) * 1000000)::float8"
	case find.ByOldest:
		return "(extract(epoch FROM s.updated_at) * 1000000)::float8"
	case find.ByNumber:
		return "s.number::float8"
	case find.ByHighest:
		return "-s.number::float8"
	case find.ByRating:
		return fmt.Sprintf("coalesce((SELECT -r.average FROM station_ratings r WHERE r.station_id = s.id), %s)", p.add(absent, "float8"))
	case find.ByPlace:
	}
	return "0::double precision"
}

// conditions are those that have nothing to do with the place.
func (s *Store) conditions(ctx context.Context, p *parameters, q *find.Query) (string, error) {
	var where strings.Builder
	hold := func(condition string, values ...any) { fmt.Fprintf(&where, "\n  AND "+condition, values...) }
	anyOf := func(column string, values []string) {
		if len(values) > 0 {
			hold(column+" = ANY (%s)", p.add(pq.StringArray(values), "text[]"))
		}
	}
	if len(q.Operators) > 0 {
		hold("s.operator_id = ANY (%s)", p.add(uuids(q.Operators), "uuid[]"))
	}
	anyOf("s.country", q.Countries)
	anyOf("s.access", q.Access)
	anyOf("s.parking_type", q.ParkingTypes)
	if len(q.Facilities) > 0 {
		hold("s.facilities && %s", p.add(pq.StringArray(q.Facilities), "text[]"))
	}
	if q.IDs != nil {
		hold("s.id = ANY (%s)", p.add(uuids(q.IDs), "uuid[]"))
	}
	for _, word := range q.Words {
		like := p.add("% "+word+"%", "text") // a word is letters and digits: nothing in it needs an escape
		hold("(s.words LIKE %[1]s OR s.operator_id IN (SELECT id FROM operators WHERE station_words(name) LIKE %[1]s))", like)
	}
	if q.MinPlots > 0 {
		hold(plots+" >= %s", p.add(q.MinPlots, "bigint"))
	}
	if q.Free {
		hold(isFree)
	}
	if q.MaxPrice != nil {
		hold("(%s OR %s <= %s)", isFree, fmt.Sprintf(priceFrom, p.add(q.Currency, "text")), p.add(*q.MaxPrice, "float8"))
	}
	if q.MinRating > 0 {
		hold("EXISTS (SELECT FROM station_ratings r WHERE r.station_id = s.id AND r.average >= %s)", p.add(q.MinRating, "float8"))
	}
	if !q.UpdatedSince.IsZero() {
		hold("s.updated_at >= %s", p.add(q.UpdatedSince, "timestamptz"))
	}
	if q.NumberAbove > 0 {
		hold("s.number > %s", p.add(q.NumberAbove, "bigint"))
	}
	if q.AsksPlug() {
		where.WriteString(plugSQL(p, q))
	}
	if !q.OpenAt.IsZero() {
		open, err := s.openSQL(ctx, p, q.OpenAt)
		if err != nil {
			return "", err
		}
		where.WriteString(open)
	}
	return where.String(), nil
}

func plugSQL(p *parameters, q *find.Query) string {
	status, plug := "", ""
	if q.Available {
		status = "\n      JOIN evse_status st ON st.evse_id = e.id AND st.status = 'AVAILABLE'"
	}
	if q.NoFaults {
		plug += " AND NOT EXISTS (SELECT FROM evse_status f WHERE f.evse_id = e.id AND f.status IN ('INOPERATIVE', 'OUTOFORDER'))"
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
	if len(q.Capabilities) > 0 {
		plug += " AND e.capabilities @> " + p.add(pq.StringArray(q.Capabilities), "text[]")
	}
	if q.Reservable {
		plug += " AND e.reservable"
	}
	return fmt.Sprintf(hasPlug, status, plug)
}

// zones walks from one name of the index to the next: stations are many, and zones few.
const zones = `
WITH RECURSIVE zone (name) AS (
    (SELECT time_zone FROM stations WHERE opening IS NOT NULL ORDER BY time_zone LIMIT 1)
    UNION ALL
    SELECT (SELECT time_zone FROM stations WHERE opening IS NOT NULL AND time_zone > zone.name ORDER BY time_zone LIMIT 1)
    FROM zone WHERE zone.name IS NOT NULL)
SELECT name FROM zone WHERE name IS NOT NULL`

// isOpen is openinghours.Schedule.Open. What the clocks say is told by us, so that both have the same rules of summer time.
const isOpen = `
  AND s.opening IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM jsonb_array_elements(s.opening->'exceptional_closings') AS c
      WHERE (c->>'period_begin')::timestamptz <= %[1]s AND %[1]s < (c->>'period_end')::timestamptz)
  AND EXISTS (
      SELECT FROM unnest(%[2]s, %[3]s, %[4]s) AS clock (zone, weekday, minute)
      WHERE clock.zone = s.time_zone AND (
          (s.opening->>'twentyfourseven')::boolean
          OR EXISTS (
              SELECT FROM jsonb_array_elements(s.opening->'exceptional_openings') AS o
              WHERE (o->>'period_begin')::timestamptz <= %[1]s AND %[1]s < (o->>'period_end')::timestamptz)
          OR EXISTS (
              SELECT FROM jsonb_array_elements(s.opening->'regular_hours') AS r
              WHERE (r->>'weekday')::int = clock.weekday AND r->>'period_begin' <= clock.minute AND clock.minute < r->>'period_end')))`

func (s *Store) openSQL(ctx context.Context, p *parameters, at time.Time) (string, error) {
	names, err := collect(ctx, s.db, func(rows *sql.Rows) (name string, err error) {
		err = rows.Scan(&name)
		return name, err
	}, zones)
	if err != nil {
		return "", postgres.Map(fmt.Errorf("time zones of stations: %w", err), nil)
	}
	at = at.UTC().Truncate(time.Minute)
	var known, minutes pq.StringArray
	var weekdays pq.Int64Array
	for _, name := range names {
		zone, err := station.Zone(name)
		if err != nil {
			continue // a station of an unknown zone is never known to be open
		}
		local := at.In(zone)
		known, minutes = append(known, name), append(minutes, local.Format("15:04"))
		weekdays = append(weekdays, int64(local.Weekday()+6)%7+1)
	}
	return fmt.Sprintf(isOpen, p.add(at, "timestamptz"), p.add(known, "text[]"), p.add(weekdays, "int[]"), p.add(minutes, "text[]")), nil
}
