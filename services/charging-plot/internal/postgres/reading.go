package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
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
	times, _ := parseArray(at)
	out := make([]session.Reading, len(times))
	for i, micros := range times {
		out[i].At = time.UnixMicro(micros).UTC()
	}
	for column, value := range map[*[]byte]func(*session.Reading) *float64{
		&register: func(r *session.Reading) *float64 { return &r.RegisterWh },
		&power:    func(r *session.Reading) *float64 { return &r.PowerW },
		&current:  func(r *session.Reading) *float64 { return &r.CurrentA },
		&voltage:  func(r *session.Reading) *float64 { return &r.VoltageV },
		&soc:      func(r *session.Reading) *float64 { return &r.SoCPercent },
	} {
		values, missing := parseArray(*column)
		for i := range out {
			*value(&out[i]) = math.NaN()
			if !missing[i] {
				*value(&out[i]) = float64(values[i]) / 1000
			}
		}
	}
	return out, nil
}

const (
	// manyReadings are so many that a curve is drawn from minutes, where those are fine enough.
	manyReadings = 2000
	// perMinute is how many points a minute gives at least.
	perMinute = 2
)

const rolledUpSQL = `
SELECT coalesce(sum(m.readings), 0) AS readings, count(m.*) AS minutes,
       coalesce(bool_and(m.register_last_wh IS NOT NULL), false) AS registers
FROM meter_minutes m
WHERE m.session_id = $1 AND m.at < $2`

const rolledUntilSQL = `SELECT date_trunc('minute', roll_from) FROM sessions WHERE id = $1`

const earlyMinutesSQL = `
SELECT session_id, last_at, readings, register_last_wh, register_last_at, power_min_w, power_min_at, power_max_w, power_max_at, current_a,
    voltage_v, soc_percent
FROM meter_minutes
WHERE session_id = $1 AND at < $2
ORDER BY at`

// CurveReadings gives what a curve of so many points is made from: all of a session's readings, or, where they are many more than that,
// of each minute those that matter (its lowest and highest power and its last word). total is how many readings there are.
func (s *Store) CurveReadings(ctx context.Context, of session.Session, points int) (readings []session.Reading, total int, err error) {
	from, until := of.Window()
	var rolled *time.Time
	if err := s.db.GetContext(ctx, &rolled, rolledUntilSQL, of.ID); err != nil {
		return nil, 0, postgres.Map(fmt.Errorf("read meter values: %w", err), nil)
	}
	if rolled == nil {
		rolled = &until
	}
	var sum struct {
		Readings  int  `db:"readings"`
		Minutes   int  `db:"minutes"`
		Registers bool `db:"registers"`
	}
	if err := s.db.GetContext(ctx, &sum, rolledUpSQL, of.ID, *rolled); err != nil {
		return nil, 0, postgres.Map(fmt.Errorf("read meter values: %w", err), nil)
	}
	// Without a register energy is worked out from every power there is.
	if sum.Readings < manyReadings || !sum.Registers || sum.Minutes*perMinute < points {
		readings, err = curveReadings(ctx, s.db, of.ID, from, until)
		return readings, len(readings), postgres.Map(err, nil)
	}
	var minutes []minuteRow
	if err := s.db.SelectContext(ctx, &minutes, earlyMinutesSQL, of.ID, *rolled); err != nil {
		return nil, 0, postgres.Map(fmt.Errorf("read minutes: %w", err), nil)
	}
	readings = make([]session.Reading, 0, 3*len(minutes))
	for _, m := range minutes {
		readings = m.readings(readings)
	}
	late, err := curveReadings(ctx, s.db, of.ID, *rolled, until)
	return append(readings, late...), sum.Readings + len(late), postgres.Map(err, nil)
}
