package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// rollEvery is how long the readings of a running session may wait to be summed up, and its cost with them.
const rollEvery = 10 * time.Second

// roll_from is where summing up goes on: from there on something may be new. While a charge runs it stays, so that readings do not change it,
// and whether anything is new the version says.
const dueRollsSQL = `
SELECT ` + sessionColumns + `
FROM sessions s
WHERE s.roll_from IS NOT NULL
  AND (s.state <> 'ACTIVE' OR s.rolled_at IS NULL OR s.rolled_at <= $1 AND s.rolled_version IS DISTINCT FROM s.version)
ORDER BY s.id
LIMIT $2
FOR NO KEY UPDATE SKIP LOCKED`

// A minute is summed up anew from all its readings, so that doing it twice, or again when a late one comes, is right.
const rollMinutesSQL = `
INSERT INTO meter_minutes (session_id, at, readings, last_at, register_first_wh, register_last_wh, register_last_at, power_avg_w,
    power_min_w, power_min_at, power_max_w, power_max_at, current_a, voltage_v, soc_percent)
SELECT m.session_id, date_trunc('minute', m.at), count(*), max(m.at),
    (array_agg(m.register_wh ORDER BY m.at) FILTER (WHERE m.register_wh IS NOT NULL))[1],
    (array_agg(m.register_wh ORDER BY m.at DESC) FILTER (WHERE m.register_wh IS NOT NULL))[1],
    max(m.at) FILTER (WHERE m.register_wh IS NOT NULL), avg(m.power_w),
    min(m.power_w), (array_agg(m.at ORDER BY m.power_w, m.at) FILTER (WHERE m.power_w IS NOT NULL))[1],
    max(m.power_w), (array_agg(m.at ORDER BY m.power_w DESC, m.at) FILTER (WHERE m.power_w IS NOT NULL))[1],
    avg(m.current_a), avg(m.voltage_v),
    (array_agg(m.soc_percent ORDER BY m.at DESC) FILTER (WHERE m.soc_percent IS NOT NULL))[1]
FROM unnest($1::uuid[], $2::timestamptz[]) AS d (id, since)
JOIN meter_values m ON m.session_id = d.id AND m.at >= date_trunc('minute', d.since)
GROUP BY m.session_id, date_trunc('minute', m.at)
ON CONFLICT (session_id, at) DO UPDATE SET
    readings = excluded.readings, last_at = excluded.last_at, register_first_wh = excluded.register_first_wh,
    register_last_wh = excluded.register_last_wh, register_last_at = excluded.register_last_at, power_avg_w = excluded.power_avg_w,
    power_min_w = excluded.power_min_w, power_min_at = excluded.power_min_at, power_max_w = excluded.power_max_w,
    power_max_at = excluded.power_max_at, current_a = excluded.current_a, voltage_v = excluded.voltage_v,
    soc_percent = excluded.soc_percent`

const rollQuartersSQL = `
INSERT INTO meter_quarters (session_id, at, readings, register_first_wh, register_last_wh, power_avg_w, power_min_w, power_max_w, soc_percent)
SELECT m.session_id, date_bin('15 minutes', m.at, 'epoch'), sum(m.readings),
    (array_agg(m.register_first_wh ORDER BY m.at) FILTER (WHERE m.register_first_wh IS NOT NULL))[1],
    (array_agg(m.register_last_wh ORDER BY m.at DESC) FILTER (WHERE m.register_last_wh IS NOT NULL))[1],
    avg(m.power_avg_w), min(m.power_min_w), max(m.power_max_w),
    (array_agg(m.soc_percent ORDER BY m.at DESC) FILTER (WHERE m.soc_percent IS NOT NULL))[1]
FROM unnest($1::uuid[], $2::timestamptz[]) AS d (id, since)
JOIN meter_minutes m ON m.session_id = d.id AND m.at >= date_bin('15 minutes', d.since, 'epoch')
GROUP BY m.session_id, date_bin('15 minutes', m.at, 'epoch')
ON CONFLICT (session_id, at) DO UPDATE SET
    readings = excluded.readings, register_first_wh = excluded.register_first_wh, register_last_wh = excluded.register_last_wh,
    power_avg_w = excluded.power_avg_w, power_min_w = excluded.power_min_w, power_max_w = excluded.power_max_w,
    soc_percent = excluded.soc_percent`

const rolledSQL = `
UPDATE sessions s
SET roll_from = CASE WHEN s.state = 'ACTIVE' THEN greatest(s.roll_from, date_trunc('minute', s.read_at)) END,
    rolled_at = $5, rolled_version = s.version + t.news::int, cost = t.cost, idle_since = t.idle_since, limit_reached = t.limit_reached,
    updated_at = CASE WHEN t.news THEN $5 ELSE s.updated_at END, version = s.version + t.news::int
FROM unnest($1::uuid[], $2::jsonb[], $3::timestamptz[], $4::text[], $6::boolean[]) AS t (id, cost, idle_since, limit_reached, news)
WHERE s.id = t.id`

// RollUp sums up the readings of up to limit sessions by the minute and the quarter of an hour, and brings what a running one costs, and
// since when its car is idle, up to them. It returns how many there were. A session that somebody else works on is left for the next time.
func (s *Store) RollUp(ctx context.Context, limit int) (n int, err error) {
	now := s.now()
	err = s.write(ctx, func(ctx context.Context, tx txn) error {
		var rows []sessionRow
		if err := tx.SelectContext(ctx, &rows, dueRollsSQL, now.Add(-rollEvery), limit); err != nil {
			return fmt.Errorf("find the readings to sum up: %w", err)
		}
		if n = len(rows); n == 0 {
			return nil
		}
		list, since := make([]uuid.UUID, n), make([]time.Time, n)
		for i, r := range rows {
			list[i], since[i] = r.ID, r.RollFrom.UTC()
		}
		for _, query := range []string{rollMinutesSQL, rollQuartersSQL} {
			if _, err := tx.ExecContext(ctx, query, ids(list), pq.Array(since)); err != nil {
				return fmt.Errorf("sum up readings: %w", err)
			}
		}
		return s.advanceCosts(ctx, tx, now, rows, list)
	})
	return n, err
}

// advanceCosts writes what running sessions cost by now and tells of what is new.
func (s *Store) advanceCosts(ctx context.Context, tx txn, now time.Time, rows []sessionRow, list []uuid.UUID) error {
	readings, err := minuteReadings(ctx, tx, list)
	if err != nil {
		return err
	}
	n := len(rows)
	costs, idle, reached, news := make([]*string, n), make([]*time.Time, n), make([]string, n), make([]bool, n)
	var told []sessionRow
	for i := range rows {
		row := &rows[i]
		if row.State == string(session.Active) {
			if news[i], err = s.stand(ctx, tx, row, readings[row.ID]); err != nil {
				return err
			}
		}
		if row.Cost != nil {
			text := string(row.Cost)
			costs[i] = &text
		}
		idle[i], reached[i] = row.IdleSince, row.LimitReached
		if news[i] {
			row.Version++
			told = append(told, *row)
		}
	}
	_, err = tx.ExecContext(ctx, rolledSQL, ids(list), pq.Array(costs), pq.Array(idle), pq.Array(reached), now, pq.Array(news))
	if err != nil {
		return fmt.Errorf("note what is summed up: %w", err)
	}
	return tellSessions(ctx, tx, now, told...)
}

// stand brings a running session's row up to its readings, and reports whether that says anything new.
func (s *Store) stand(ctx context.Context, tx txn, row *sessionRow, readings []session.Reading) (bool, error) {
	before := row.fromRow()
	claim, err := held(ctx, tx, before)
	if err != nil {
		return false, err
	}
	cost, idleSince, err := session.Running(before, claim, readings)
	if err != nil { // a tariff that cannot be priced: the receipt will say so
		s.opt.Log.WarnContext(ctx, "a running session could not be priced", "session_id", row.ID, "error", err)
	}
	news := !idleSince.Equal(before.IdleSince)
	row.IdleSince = timeOrNull(idleSince)
	if cost != nil {
		news = news || before.Cost == nil || cost.TotalExclTax != before.Cost.TotalExclTax || cost.TotalInclTax != before.Cost.TotalInclTax
		if row.Cost, err = json.Marshal(cost); err != nil {
			return false, fmt.Errorf("write the cost: %w", err)
		}
		if row.LimitReached == "" && cost.Exceeds(before.Limits.Cost) {
			row.LimitReached, news = string(session.LimitCost), true
		}
	}
	return news, nil
}

type minuteRow struct {
	SessionID  uuid.UUID  `db:"session_id"`
	LastAt     time.Time  `db:"last_at"`
	RegisterWh *float64   `db:"register_last_wh"`
	RegisterAt *time.Time `db:"register_last_at"`
	PowerMinW  *float64   `db:"power_min_w"`
	PowerMinAt *time.Time `db:"power_min_at"`
	PowerMaxW  *float64   `db:"power_max_w"`
	PowerMaxAt *time.Time `db:"power_max_at"`
	CurrentA   *float64   `db:"current_a"`
	VoltageV   *float64   `db:"voltage_v"`
	SoCPercent *float64   `db:"soc_percent"`
}

const minutesSQL = `
SELECT session_id, last_at, register_last_wh, register_last_at, power_min_w, power_min_at, power_max_w, power_max_at, current_a,
    voltage_v, soc_percent
FROM meter_minutes
WHERE session_id = ANY($1)
ORDER BY session_id, at`

// minuteReadings gives sessions' readings as their minutes keep them: of each minute the moments of the lowest and the highest power and
// the last word of everything.
func minuteReadings(ctx context.Context, q sqlx.QueryerContext, list []uuid.UUID) (map[uuid.UUID][]session.Reading, error) {
	var rows []minuteRow
	if err := sqlx.SelectContext(ctx, q, &rows, minutesSQL, ids(list)); err != nil {
		return nil, fmt.Errorf("read minutes: %w", err)
	}
	out := make(map[uuid.UUID][]session.Reading, len(list))
	for i := range rows {
		out[rows[i].SessionID] = rows[i].readings(out[rows[i].SessionID])
	}
	return out, nil
}

// readings appends the minute's readings, in order of time.
func (r minuteRow) readings(out []session.Reading) []session.Reading {
	nan := math.NaN()
	last := session.Reading{
		At: r.LastAt.UTC(), RegisterWh: nan, PowerW: nan, CurrentA: orNaN(r.CurrentA), VoltageV: orNaN(r.VoltageV), SoCPercent: orNaN(r.SoCPercent),
	}
	if r.RegisterAt != nil && r.RegisterAt.Equal(r.LastAt) {
		last.RegisterWh = *r.RegisterWh
	}
	var between []session.Reading // before the last
	moment := func(at *time.Time, set func(*session.Reading)) {
		if at == nil {
			return
		}
		if at.Equal(r.LastAt) {
			set(&last)
			return
		}
		for i := range between {
			if between[i].At.Equal(*at) {
				set(&between[i])
				return
			}
		}
		m := session.Reading{At: at.UTC(), RegisterWh: nan, PowerW: nan, CurrentA: nan, VoltageV: nan, SoCPercent: nan}
		set(&m)
		between = append(between, m)
	}
	moment(r.PowerMinAt, func(m *session.Reading) { m.PowerW = *r.PowerMinW })
	moment(r.PowerMaxAt, func(m *session.Reading) { m.PowerW = *r.PowerMaxW })
	moment(r.RegisterAt, func(m *session.Reading) { m.RegisterWh = *r.RegisterWh })
	for i := range between { // two or three
		for k := i; k > 0 && between[k].At.Before(between[k-1].At); k-- {
			between[k], between[k-1] = between[k-1], between[k]
		}
	}
	return append(append(out, between...), last)
}
