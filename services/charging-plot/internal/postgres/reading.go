package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// The span lets the planner leave out the weeks that a session has nothing in.
const listReadingsSQL = `
SELECT at, register_wh, power_w, current_a, voltage_v, soc_percent, other
FROM meter_values
WHERE session_id = $1 AND at > $2 AND at < $3
ORDER BY at
LIMIT $4`

// The register before a time, by which the next is judged.
const registerBeforeSQL = `
SELECT at, register_wh
FROM meter_values
WHERE session_id = $1 AND at > $2 AND at <= $3 AND register_wh IS NOT NULL
ORDER BY at DESC
LIMIT 1`

// ListReadings gives a session's readings after a time, in order, as they were said, with the marks of what is wrong with them; a zero
// time means from the beginning.
func (s *Store) ListReadings(ctx context.Context, of session.Session, after time.Time, limit int) ([]session.Reading, error) {
	from, until := of.Window()
	start, register := of.StartedAt, math.NaN()
	if of.MeterStartWh != nil {
		register = float64(*of.MeterStartWh)
	}
	if after.After(from) {
		var before []readingRow
		if err := s.db.SelectContext(ctx, &before, registerBeforeSQL, of.ID, from, after); err != nil {
			return nil, postgres.Map(fmt.Errorf("read meter values: %w", err), nil)
		}
		if len(before) > 0 {
			start, register = before[0].At.UTC(), *before[0].RegisterWh
		}
		from = after
	}
	var rows []readingRow
	if err := s.db.SelectContext(ctx, &rows, listReadingsSQL, of.ID, from, until, limit); err != nil {
		return nil, postgres.Map(fmt.Errorf("read meter values: %w", err), nil)
	}
	out := make([]session.Reading, len(rows))
	for i, r := range rows {
		out[i] = session.Reading{
			At: r.At.UTC(), RegisterWh: orNaN(r.RegisterWh), PowerW: orNaN(r.PowerW), CurrentA: orNaN(r.CurrentA),
			VoltageV: orNaN(r.VoltageV), SoCPercent: orNaN(r.SoCPercent),
		}
		if r.Other != nil {
			if err := json.Unmarshal(r.Other, &out[i].Other); err != nil {
				return nil, fmt.Errorf("read a meter value: %w", err)
			}
		}
	}
	for i, judged := range session.Judge(start, register, out) {
		out[i].Marks = judged.Marks
	}
	return out, nil
}

// Columns as arrays of whole numbers (microseconds, thousandths of a unit), in the order of the index: reading rows one by one, or as
// decimal fractions, costs more than everything that is done with them after.
const curveReadingsSQL = `
SELECT array_agg(at) AS at, array_agg(register_wh) AS register_wh, array_agg(power_w) AS power_w, array_agg(current_a) AS current_a,
       array_agg(voltage_v) AS voltage_v, array_agg(soc_percent) AS soc_percent
FROM (
    SELECT (date_part('epoch', at) * 1000000)::bigint AS at, (register_wh * 1000)::bigint AS register_wh,
           (power_w * 1000)::bigint AS power_w, (current_a * 1000)::bigint AS current_a, (voltage_v * 1000)::bigint AS voltage_v,
           (soc_percent * 1000)::bigint AS soc_percent
    FROM meter_values
    WHERE session_id = $1 AND at >= $2 AND at < $3
    ORDER BY meter_values.at
) ordered`

// curveReadings gives a session's readings within a span, in order of time, without what only a few meters say.
func curveReadings(ctx context.Context, q sqlx.QueryerContext, id uuid.UUID, from, until time.Time) ([]session.Reading, error) {
	var at, register, power, current, voltage, soc []byte
	err := q.QueryRowxContext(ctx, curveReadingsSQL, id, from, until).Scan(&at, &register, &power, &current, &voltage, &soc)
	if err != nil {
		return nil, fmt.Errorf("read meter values: %w", err)
	}
	times := moments(at)
	registers, powers, currents, voltages, socs := thousandths(register), thousandths(power), thousandths(current), thousandths(voltage), thousandths(soc)
	out := make([]session.Reading, len(times))
	for i := range out {
		out[i] = session.Reading{At: times[i], RegisterWh: registers[i], PowerW: powers[i], CurrentA: currents[i], VoltageV: voltages[i], SoCPercent: socs[i]}
	}
	return out, nil
}

const (
	// manyReadings are so many that a curve is drawn from minutes, where those are fine enough.
	manyReadings = 2000
	// perMinute is how many points a minute gives at least.
	perMinute = 2
)

// Columns as arrays, as above. What is not summed up yet is left out.
const curveMinutesSQL = `
WITH rolled AS (SELECT date_trunc('minute', roll_from) AS until FROM sessions WHERE id = $1)
SELECT (SELECT until FROM rolled) AS until, array_agg(m.readings) AS readings, array_agg(last_at) AS last_at,
    array_agg(register_last_wh) AS register_wh, array_agg(register_last_at) AS register_at, array_agg(power_min_w) AS power_min_w,
    array_agg(power_min_at) AS power_min_at, array_agg(power_max_w) AS power_max_w, array_agg(power_max_at) AS power_max_at,
    array_agg(current_a) AS current_a, array_agg(voltage_v) AS voltage_v, array_agg(soc_percent) AS soc_percent
FROM (
    SELECT readings, (date_part('epoch', last_at) * 1000000)::bigint AS last_at, (register_last_wh * 1000)::bigint AS register_last_wh,
           (date_part('epoch', register_last_at) * 1000000)::bigint AS register_last_at, (power_min_w * 1000)::bigint AS power_min_w,
           (date_part('epoch', power_min_at) * 1000000)::bigint AS power_min_at, (power_max_w * 1000)::bigint AS power_max_w,
           (date_part('epoch', power_max_at) * 1000000)::bigint AS power_max_at, (current_a * 1000)::bigint AS current_a,
           (voltage_v * 1000)::bigint AS voltage_v, (soc_percent * 1000)::bigint AS soc_percent
    FROM meter_minutes
    WHERE session_id = $1 AND at < coalesce((SELECT until FROM rolled), 'infinity')
    ORDER BY at
) m`

// curveMinutes are the minutes of a session that are summed up.
type curveMinutes struct {
	until *time.Time // where they end; nil: they are all there is
	rows  []minuteRow
	total int // readings in them
}

func (s *Store) curveMinutes(ctx context.Context, id uuid.UUID) (out curveMinutes, err error) {
	var readings, lastAt, register, registerAt, minW, minAt, maxW, maxAt, current, voltage, soc []byte
	err = s.db.QueryRowxContext(ctx, curveMinutesSQL, id).Scan(
		&out.until, &readings, &lastAt, &register, &registerAt, &minW, &minAt, &maxW, &maxAt, &current, &voltage, &soc)
	if err != nil {
		return out, fmt.Errorf("read minutes: %w", err)
	}
	counts, _ := parseArray(readings)
	last, registerAts, minAts, maxAts := moments(lastAt), moments(registerAt), moments(minAt), moments(maxAt)
	registers, mins, maxs := thousandths(register), thousandths(minW), thousandths(maxW)
	currents, voltages, socs := thousandths(current), thousandths(voltage), thousandths(soc)
	out.rows = make([]minuteRow, len(counts))
	for i := range out.rows {
		out.total += int(counts[i])
		out.rows[i] = minuteRow{
			LastAt: last[i], RegisterWh: known(&registers[i]), RegisterAt: timeOrNull(registerAts[i]), PowerMinW: known(&mins[i]),
			PowerMinAt: timeOrNull(minAts[i]), PowerMaxW: known(&maxs[i]), PowerMaxAt: timeOrNull(maxAts[i]), CurrentA: known(&currents[i]),
			VoltageV: known(&voltages[i]), SoCPercent: known(&socs[i]),
		}
	}
	return out, nil
}

// enough tells whether a curve of so many points is made from the minutes: there are many readings, and fine enough minutes. Without a
// register energy is worked out from every power there is.
func (m curveMinutes) enough(points int) bool {
	return m.total >= manyReadings && len(m.rows)*perMinute >= points &&
		!slices.ContainsFunc(m.rows, func(r minuteRow) bool { return r.RegisterWh == nil })
}

// CurveReadings gives what a curve of so many points is made from: all of a session's readings, or, where they are many more than that,
// of each minute those that matter (its lowest and highest power and its last word). total is how many readings there are.
func (s *Store) CurveReadings(ctx context.Context, of session.Session, points int) (readings []session.Reading, total int, err error) {
	from, until := of.Window()
	minutes, err := s.curveMinutes(ctx, of.ID)
	if err != nil {
		return nil, 0, postgres.Map(err, nil)
	}
	if !minutes.enough(points) {
		readings, err = curveReadings(ctx, s.db, of.ID, from, until)
		return readings, len(readings), postgres.Map(err, nil)
	}
	readings = make([]session.Reading, 0, 3*len(minutes.rows))
	for _, m := range minutes.rows {
		readings = m.readings(readings)
	}
	if minutes.until == nil {
		return readings, minutes.total, nil
	}
	late, err := curveReadings(ctx, s.db, of.ID, *minutes.until, until)
	return append(readings, late...), minutes.total + len(late), postgres.Map(err, nil)
}
