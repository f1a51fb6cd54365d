package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// Two readings of one moment are halves of one: each keeps what it said.
const joinReadingSQL = `
ON CONFLICT (session_id, at) DO UPDATE SET
    register_wh = coalesce(m.register_wh, excluded.register_wh), power_w = coalesce(m.power_w, excluded.power_w),
    current_a = coalesce(m.current_a, excluded.current_a), voltage_v = coalesce(m.voltage_v, excluded.voltage_v),
    soc_percent = coalesce(m.soc_percent, excluded.soc_percent), other = coalesce(excluded.other || m.other, m.other, excluded.other)
WHERE (m.register_wh IS NULL AND excluded.register_wh IS NOT NULL) OR (m.power_w IS NULL AND excluded.power_w IS NOT NULL)
   OR (m.current_a IS NULL AND excluded.current_a IS NOT NULL) OR (m.voltage_v IS NULL AND excluded.voltage_v IS NOT NULL)
   OR (m.soc_percent IS NULL AND excluded.soc_percent IS NOT NULL) OR NOT coalesce(m.other, '{}') @> coalesce(excluded.other, '{}')`

const insertReadingsSQL = `
INSERT INTO meter_values AS m (session_id, at, register_wh, power_w, current_a, voltage_v, soc_percent, other)
SELECT $1::uuid, at, nullif(register_wh, 'NaN'), nullif(power_w, 'NaN'), nullif(current_a, 'NaN'), nullif(voltage_v, 'NaN'),
       nullif(soc_percent, 'NaN'), nullif(other, '')::jsonb
FROM unnest($2::timestamptz[], $3::double precision[], $4::double precision[], $5::double precision[], $6::double precision[],
            $7::double precision[], $8::text[]) AS r (at, register_wh, power_w, current_a, voltage_v, soc_percent, other)` + joinReadingSQL

// insertReadings stores readings of a session and nothing else; what is known already changes nothing.
func insertReadings(ctx context.Context, tx sqlx.ExecerContext, id uuid.UUID, readings []session.Reading) error {
	var columns readingColumns
	for _, r := range merge(readings) {
		if err := columns.add(r); err != nil {
			return err
		}
	}
	if len(columns.at) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, insertReadingsSQL, append([]any{id}, columns.args()...)...); err != nil {
		return fmt.Errorf("store readings: %w", err)
	}
	return nil
}

// readingColumns are readings by column; NaN, and "" of other, is what a meter did not say.
type readingColumns struct {
	at                                     []time.Time
	register, power, current, voltage, soc []float64
	other                                  []string
}

func (c *readingColumns) add(r session.Reading) error {
	other, err := others(r)
	if err != nil {
		return err
	}
	c.at, c.register, c.power, c.current = append(c.at, r.At), append(c.register, r.RegisterWh), append(c.power, r.PowerW), append(c.current, r.CurrentA)
	c.voltage, c.soc, c.other = append(c.voltage, r.VoltageV), append(c.soc, r.SoCPercent), append(c.other, other)
	return nil
}

func (c *readingColumns) args() []any {
	return []any{
		instants(c.at), pq.Float64Array(c.register), pq.Float64Array(c.power), pq.Float64Array(c.current), pq.Float64Array(c.voltage),
		pq.Float64Array(c.soc), pq.StringArray(c.other),
	}
}

// others writes what only a few meters say, "" when this one did not.
func others(r session.Reading) (string, error) {
	if len(r.Other) == 0 {
		return "", nil
	}
	document, err := json.Marshal(r.Other)
	if err != nil {
		return "", fmt.Errorf("write a reading: %w", err)
	}
	return string(document), nil
}

// known gives nil for what a meter did not say.
func known(v *float64) *float64 {
	if math.IsNaN(*v) {
		return nil
	}
	return v
}

// merge puts readings of one moment together, since one statement may touch a row only once.
func merge(readings []session.Reading) []session.Reading {
	if len(readings) < 2 {
		return readings
	}
	at := make(map[int64]int, len(readings))
	out := make([]session.Reading, 0, len(readings))
	for _, r := range readings {
		i, twice := at[r.At.UnixMicro()]
		if !twice {
			at[r.At.UnixMicro()] = len(out)
			out = append(out, r)
			continue
		}
		first := &out[i]
		for _, pair := range [][2]*float64{
			{&first.RegisterWh, &r.RegisterWh},
			{&first.PowerW, &r.PowerW},
			{&first.CurrentA, &r.CurrentA},
			{&first.VoltageV, &r.VoltageV},
			{&first.SoCPercent, &r.SoCPercent},
		} {
			if math.IsNaN(*pair[0]) {
				*pair[0] = *pair[1]
			}
		}
		if len(r.Other) > 0 {
			both := maps.Clone(r.Other)
			maps.Copy(both, first.Other)
			first.Other = both
		}
	}
	return out
}

// What meters said is written by one statement: the readings, what their sessions have come to, and the live events. Each message names a
// session that no other one of the statement does, and its readings are head to tail of the arrays from $17 on.
//
//   - said: the messages.
//   - meant: their sessions.
//   - read: the same, locked in order of id, with what the session knew before. The first register that is read of a session is taken for
//     the one at its beginning, where that did not read it.
//   - news: what is newer than that. Readings of a session that has ended change nothing but what is to be summed up again.
//   - each: tells of each reading whether it is newer than all that the session was read to, and so a new row; $2 says that it is believed.
const (
	saidSQL = `
WITH said AS (
    SELECT * FROM unnest($4::uuid[], $5::integer[], $6::text[], $7::integer[], $8::integer[], $9::timestamptz[], $10::timestamptz[],
                         $11::text[], $12::double precision[], $13::double precision[], $14::timestamptz[], $15::double precision[], $16::timestamptz[])
        WITH ORDINALITY AS t (subject, connector, transaction_id, head, tail, oldest, newest, newest_text, start_wh, power_w, power_at, soc_percent,
                              soc_at, n)
), meant AS (`

	// The subject is a charge point. The open session of a connector stands in where the message names no transaction. Each half is an
	// index's: together, as one condition, they would go through everything that the charge point ever did.
	byChargePointSQL = `
    SELECT t.*, s.id FROM said t JOIN sessions s ON s.charge_point_id = t.subject AND s.transaction_id = t.transaction_id
    WHERE t.transaction_id <> ''
    UNION ALL
    SELECT t.*, s.id FROM said t JOIN sessions s ON s.charge_point_id = t.subject AND s.connector = t.connector AND s.state = 'ACTIVE'
    WHERE t.transaction_id = ''`

	bySessionSQL = `
    SELECT t.*, t.subject AS id FROM said t`

	advanceSQL = `
), read AS MATERIALIZED (
    SELECT m.*, s.read_at AS known_at, s.state = 'ACTIVE' AS active,
           CASE WHEN s.state = 'ACTIVE' THEN coalesce(s.meter_start_wh, round(nullif(m.start_wh, 'NaN')::numeric)::bigint) ELSE s.meter_start_wh END AS begun_wh
    FROM meant m JOIN sessions s ON s.id = m.id
    ORDER BY s.id
    FOR NO KEY UPDATE OF s
), news AS MATERIALIZED (
    SELECT id, head, tail, oldest, newest_text, begun_wh, active, known_at,
           CASE WHEN active AND newest >= coalesce(known_at, '-infinity') THEN newest END AS read_at,
           CASE WHEN active AND power_at >= coalesce(known_at, '-infinity') THEN nullif(power_w, 'NaN') END AS power_w,
           CASE WHEN active AND soc_at >= coalesce(known_at, '-infinity') THEN nullif(soc_percent, 'NaN') END AS soc_percent,
           CASE WHEN active THEN (
               SELECT r.wh - begun_wh
               FROM (SELECT i, ($17::timestamptz[])[i] AS at, ($18::double precision[])[i] AS wh FROM generate_series(head, tail) AS i) r
               WHERE r.at >= coalesce(known_at, '-infinity') AND r.wh - begun_wh BETWEEN 0 AND $3::double precision
               ORDER BY r.at DESC, r.i DESC
               LIMIT 1) END AS energy_wh
    FROM read
), advanced AS (
    UPDATE sessions s
    SET meter_start_wh = n.begun_wh, energy_wh = coalesce(n.energy_wh, s.energy_wh), power_w = coalesce(n.power_w, s.power_w),
        soc_percent = coalesce(n.soc_percent, s.soc_percent), read_at = greatest(s.read_at, n.read_at),
        roll_from = least(s.roll_from, n.oldest), updated_at = $1, version = s.version + 1
    FROM news n
    WHERE s.id = n.id
    RETURNING s.id, s.plot_id, s.station_id, s.operator_id, s.driver_id, n.read_at, n.newest_text, n.energy_wh, n.power_w, n.soc_percent
), each AS (
    SELECT id, i, coalesce($2::boolean AND active AND ($17)[i] > known_at, false) AS ahead
    FROM (SELECT id, active, known_at, generate_series(head, tail) AS i FROM news) r
), fresh AS (
    INSERT INTO meter_values (session_id, at, register_wh, power_w, current_a, voltage_v, soc_percent, other)` + readingSQL + `
    WHERE ahead
), late AS (
    INSERT INTO meter_values AS m (session_id, at, register_wh, power_w, current_a, voltage_v, soc_percent, other)` + readingSQL + `
    WHERE NOT ahead` + joinReadingSQL + `
), told AS (
    INSERT INTO events (at, kind, plot_id, station_id, operator_id, driver_id, data)
    SELECT $1, 'meter_value', plot_id, station_id, operator_id, coalesce(driver_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
           format('{"session_id":"%s","plot_id":"%s","at":"%s","power_kw":%s,"energy_kwh":%s,"soc_percent":%s}', id, plot_id, newest_text,
                  coalesce((power_w / 1000)::text, 'null'), coalesce((energy_wh / 1000)::text, 'null'), coalesce(soc_percent::text, 'null'))::json
    FROM advanced
    WHERE read_at IS NOT NULL
)
SELECT coalesce(array_agg(n), '{}') FROM said WHERE n NOT IN (SELECT n FROM read)`

	readingSQL = `
    SELECT id, ($17)[i], nullif(($18)[i], 'NaN'), nullif(($19::double precision[])[i], 'NaN'), nullif(($20::double precision[])[i], 'NaN'),
           nullif(($21::double precision[])[i], 'NaN'), nullif(($22::double precision[])[i], 'NaN'), nullif(($23::text[])[i], '')::jsonb
    FROM each`

	chargePointsSaidSQL = saidSQL + byChargePointSQL + advanceSQL
	sessionsSaidSQL     = saidSQL + bySessionSQL + advanceSQL
)

// saidColumns are messages by column. Of each is kept, beside its readings, the newest that it says of power and state of charge.
type saidColumns struct {
	subjects, transactions, newestText pq.StringArray
	connectors, heads, tails           pq.Int64Array
	oldest, newest, powerAt, socAt     []time.Time
	starts, power, soc                 pq.Float64Array
	readings                           readingColumns
}

// add takes a message that says something. adopt lets its first register stand in for the one at the session's beginning.
func (c *saidColumns) add(subject uuid.UUID, connector int, transaction string, readings []session.Reading, adopt bool) error {
	head := len(c.readings.at) + 1
	oldest, newest, start := readings[0].At, readings[0].At, math.NaN()
	var power, soc session.Reading
	power.PowerW, soc.SoCPercent = math.NaN(), math.NaN()
	for _, r := range merge(readings) {
		if r.At.Before(oldest) {
			oldest = r.At
		}
		if r.At.After(newest) {
			newest = r.At
		}
		if adopt && math.IsNaN(start) {
			start = r.RegisterWh
		}
		if !math.IsNaN(r.PowerW) && !r.At.Before(power.At) {
			power = r
		}
		if !math.IsNaN(r.SoCPercent) && !r.At.Before(soc.At) {
			soc = r
		}
		if err := c.readings.add(r); err != nil {
			return err
		}
	}
	c.subjects, c.transactions, c.newestText = append(c.subjects, subject.String()), append(c.transactions, transaction), append(c.newestText, moment(newest))
	c.connectors, c.heads, c.tails = append(c.connectors, int64(connector)), append(c.heads, int64(head)), append(c.tails, int64(len(c.readings.at)))
	c.oldest, c.newest, c.powerAt, c.socAt = append(c.oldest, oldest), append(c.newest, newest), append(c.powerAt, power.At), append(c.socAt, soc.At)
	c.starts, c.power, c.soc = append(c.starts, start), append(c.power, power.PowerW), append(c.soc, soc.SoCPercent)
	return nil
}

// store writes the messages by one of the statements above. fresh takes readings from after all that their session was read to for new
// ones: one that is there already is a unique_violation then. It returns the messages whose session is not known.
func (c *saidColumns) store(ctx context.Context, q getter, query string, now time.Time, fresh bool) (unknown []int64, err error) {
	args := []any{
		now, fresh, float64(session.MostWh), c.subjects, c.connectors, c.transactions, c.heads, c.tails, instants(c.oldest), instants(c.newest), c.newestText,
		c.starts, c.power, instants(c.powerAt), c.soc, instants(c.socAt),
	}
	var strangers pq.Int64Array
	if err := q.GetContext(ctx, &strangers, query, append(args, c.readings.args()...)...); err != nil {
		return nil, fmt.Errorf("store readings: %w", err)
	}
	for i := range strangers {
		strangers[i]-- // they are counted from 1
	}
	return strangers, nil
}

const pushedSessionsSQL = `
SELECT s.id, s.operator_id, coalesce(s.started_at, s.requested_at) AS begun_at, s.ended_at
FROM sessions s
WHERE s.id = ANY($1)
ORDER BY s.id
FOR NO KEY UPDATE`

// PushReadings stores what an operator's back end says its meters read, all of it or nothing: readings of sessions that are not there or
// that may not be written, and of moments outside their session, are named in session.ErrBadReadings.
func (s *Store) PushReadings(ctx context.Context, pushed []session.Pushed, may func(operator uuid.UUID) bool) error {
	return s.write(ctx, func(ctx context.Context, tx txn) error {
		var list []uuid.UUID
		for _, p := range pushed {
			list = append(list, p.SessionID)
		}
		var rows []struct {
			ID         uuid.UUID  `db:"id"`
			OperatorID uuid.UUID  `db:"operator_id"`
			BegunAt    time.Time  `db:"begun_at"`
			EndedAt    *time.Time `db:"ended_at"`
		}
		if err := tx.SelectContext(ctx, &rows, pushedSessionsSQL, ids(list)); err != nil {
			return fmt.Errorf("find the sessions read: %w", err)
		}
		at := make(map[uuid.UUID]int, len(rows))
		said := make([][]session.Reading, len(rows))
		for i, row := range rows {
			at[row.ID] = i
		}
		latest := s.now().Add(time.Minute)
		var faults []fault.Field
		for n, p := range pushed {
			i, known := at[p.SessionID]
			pointer := fmt.Sprintf("/items/%d/", n)
			if !known || !may(rows[i].OperatorID) {
				faults = append(faults, fault.Field{Pointer: pointer + "session_id", Code: "unknown", Detail: "must be a session at a station of yours"})
				continue
			}
			if p.At.Before(rows[i].BegunAt) || p.At.After(latest) || rows[i].EndedAt != nil && p.At.After(*rows[i].EndedAt) {
				faults = append(faults, fault.Field{Pointer: pointer + "at", Code: "range", Detail: "must lie within the session, and not in the future"})
				continue
			}
			said[i] = append(said[i], p.Reading)
		}
		if len(faults) > 0 {
			return session.ErrBadReadings.At(faults...)
		}
		var columns saidColumns
		for i, row := range rows {
			if err := columns.add(row.ID, 0, "", said[i], false); err != nil {
				return err
			}
		}
		_, err := columns.store(ctx, tx, sessionsSaidSQL, s.now(), false)
		return err
	})
}

// StoreReadings implements central.Plugs: one statement for what meters say at a moment, and another where a charge point says more than
// one thing. Readings of a session that has ended are kept and change nothing else; those of a transaction that is not known are logged
// and dropped, as there is nothing they belong to.
func (s *Store) StoreReadings(ctx context.Context, messages []central.Readings) error {
	for len(messages) > 0 {
		speakers := make(map[uuid.UUID]bool, len(messages))
		var now, later []central.Readings
		for _, m := range messages {
			switch {
			case len(m.Readings) == 0:
			case speakers[m.ChargePoint]:
				later = append(later, m)
			default:
				speakers[m.ChargePoint] = true
				now = append(now, m)
			}
		}
		if err := s.storeReadings(ctx, now); err != nil {
			return postgres.Map(err, byConstraint)
		}
		messages = later
	}
	return nil
}

func (s *Store) storeReadings(ctx context.Context, messages []central.Readings) error {
	if len(messages) == 0 {
		return nil
	}
	var columns saidColumns
	for _, m := range messages {
		if err := columns.add(m.ChargePoint, m.Connector, string(m.Transaction), m.Readings, true); err != nil {
			return err
		}
	}
	now := s.now()
	unknown, err := columns.store(ctx, s.statements, chargePointsSaidSQL, now, true)
	if bad, ok := errors.AsType[*pq.Error](err); ok && bad.Code.Name() == "unique_violation" {
		unknown, err = columns.store(ctx, s.statements, chargePointsSaidSQL, now, false) // a back end had pushed one of them
	}
	if err != nil {
		return err
	}
	s.opt.Wake()
	for _, i := range unknown {
		if m := messages[i]; m.Transaction != "" {
			s.opt.Log.WarnContext(ctx, "readings of a transaction that is not known", "charge_point_id", m.ChargePoint, "transaction", string(m.Transaction))
		}
	}
	return nil
}

func kilo(v *float64) *float64 {
	if v == nil {
		return nil
	}
	k := *v / 1000
	return &k
}

type readingRow struct {
	At         time.Time `db:"at"`
	RegisterWh *float64  `db:"register_wh"`
	PowerW     *float64  `db:"power_w"`
	CurrentA   *float64  `db:"current_a"`
	VoltageV   *float64  `db:"voltage_v"`
	SoCPercent *float64  `db:"soc_percent"`
	Other      []byte    `db:"other"`
}

func orNaN(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}
