package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// sessionReading is a reading of a session.
type sessionReading struct {
	session uuid.UUID
	session.Reading
}

// Two readings of one moment are halves of one: each keeps what it said.
const insertReadingsSQL = `
INSERT INTO meter_values AS m (session_id, at, register_wh, power_w, current_a, voltage_v, soc_percent, other)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::double precision[], $4::double precision[], $5::double precision[],
                     $6::double precision[], $7::double precision[], $8::jsonb[])
ON CONFLICT (session_id, at) DO UPDATE SET
    register_wh = coalesce(m.register_wh, excluded.register_wh), power_w = coalesce(m.power_w, excluded.power_w),
    current_a = coalesce(m.current_a, excluded.current_a), voltage_v = coalesce(m.voltage_v, excluded.voltage_v),
    soc_percent = coalesce(m.soc_percent, excluded.soc_percent), other = coalesce(excluded.other || m.other, m.other, excluded.other)
WHERE (m.register_wh IS NULL AND excluded.register_wh IS NOT NULL) OR (m.power_w IS NULL AND excluded.power_w IS NOT NULL)
   OR (m.current_a IS NULL AND excluded.current_a IS NOT NULL) OR (m.voltage_v IS NULL AND excluded.voltage_v IS NOT NULL)
   OR (m.soc_percent IS NULL AND excluded.soc_percent IS NOT NULL) OR NOT coalesce(m.other, '{}') @> coalesce(excluded.other, '{}')`

// insertReadings stores readings in one statement; what is known already changes nothing.
func insertReadings(ctx context.Context, tx sqlx.ExecerContext, readings []sessionReading) error {
	readings = merge(readings)
	if len(readings) == 0 {
		return nil
	}
	n := len(readings)
	sessions, at, other := make([]string, n), make([]time.Time, n), make([]*string, n)
	register, power, current, voltage, soc := make([]*float64, n), make([]*float64, n), make([]*float64, n), make([]*float64, n), make([]*float64, n)
	for i := range readings {
		r := &readings[i]
		sessions[i], at[i] = r.session.String(), r.At.UTC()
		register[i], power[i], current[i] = known(&r.RegisterWh), known(&r.PowerW), known(&r.CurrentA)
		voltage[i], soc[i] = known(&r.VoltageV), known(&r.SoCPercent)
		if len(r.Other) > 0 {
			document, err := json.Marshal(r.Other)
			if err != nil {
				return fmt.Errorf("write a reading: %w", err)
			}
			text := string(document)
			other[i] = &text
		}
	}
	_, err := tx.ExecContext(ctx, insertReadingsSQL, pq.Array(sessions), pq.Array(at), pq.Array(register), pq.Array(power),
		pq.Array(current), pq.Array(voltage), pq.Array(soc), pq.Array(other))
	if err != nil {
		return fmt.Errorf("store readings: %w", err)
	}
	return nil
}

// known gives nil for what a meter did not say.
func known(v *float64) *float64 {
	if math.IsNaN(*v) {
		return nil
	}
	return v
}

// merge puts readings of one session and moment together, since one statement may touch a row only once.
func merge(readings []sessionReading) []sessionReading {
	type key struct {
		session uuid.UUID
		at      int64
	}
	at := make(map[key]int, len(readings))
	out := make([]sessionReading, 0, len(readings))
	for _, r := range readings {
		k := key{r.session, r.At.UnixMicro()}
		i, twice := at[k]
		if !twice {
			at[k] = len(out)
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

// The open session of a connector stands in where the message names no transaction.
const readSessionsSQL = `
SELECT t.n, s.id, s.plot_id, s.station_id, s.operator_id, s.driver_id, s.state, s.meter_start_wh, s.read_at
FROM unnest($1::uuid[], $2::integer[], $3::text[]) WITH ORDINALITY AS t (charge_point_id, connector, transaction_id, n)
JOIN sessions s ON s.charge_point_id = t.charge_point_id AND
    CASE WHEN t.transaction_id = '' THEN s.connector = t.connector AND s.state = 'ACTIVE' ELSE s.transaction_id = t.transaction_id END
ORDER BY s.id
FOR NO KEY UPDATE OF s`

type readSessionRow struct {
	N            int        `db:"n"`
	ID           uuid.UUID  `db:"id"`
	PlotID       uuid.UUID  `db:"plot_id"`
	StationID    uuid.UUID  `db:"station_id"`
	OperatorID   uuid.UUID  `db:"operator_id"`
	DriverID     *uuid.UUID `db:"driver_id"`
	State        string     `db:"state"`
	MeterStartWh *int64     `db:"meter_start_wh"`
	ReadAt       *time.Time `db:"read_at"`
}

const updateReadSQL = `
UPDATE sessions s
SET energy_wh = coalesce(t.energy_wh, s.energy_wh), power_w = coalesce(t.power_w, s.power_w),
    soc_percent = coalesce(t.soc_percent, s.soc_percent), read_at = t.read_at, updated_at = $6, version = s.version + 1
FROM unnest($1::uuid[], $2::timestamptz[], $3::double precision[], $4::double precision[], $5::double precision[])
     AS t (id, read_at, energy_wh, power_w, soc_percent)
WHERE s.id = t.id AND s.state = 'ACTIVE'`

// StoreReadings implements central.Plugs: one transaction for all that meters say at a moment. Readings of a session that has ended are
// kept and change nothing else; those of a transaction that is not known are logged and dropped, as there is nothing they belong to.
func (s *Store) StoreReadings(ctx context.Context, messages []central.Readings) error {
	points, connectors, transactions := make([]string, len(messages)), make([]int64, len(messages)), make([]string, len(messages))
	for i, m := range messages {
		points[i], connectors[i], transactions[i] = m.ChargePoint.String(), int64(m.Connector), string(m.Transaction)
	}
	return s.write(ctx, func(ctx context.Context, tx txn) error {
		var rows []readSessionRow
		err := tx.SelectContext(ctx, &rows, readSessionsSQL, pq.Array(points), pq.Array(connectors), pq.Array(transactions))
		if err != nil {
			return fmt.Errorf("find the sessions read: %w", err)
		}
		owned := make([]bool, len(messages))
		var readings []sessionReading
		latest := make(map[uuid.UUID]*lastRead)
		for _, row := range rows {
			owned[row.N-1] = true
			if err := adoptStart(ctx, tx, &row, messages[row.N-1].Readings); err != nil {
				return err
			}
			for _, r := range messages[row.N-1].Readings {
				readings = append(readings, sessionReading{row.ID, r})
				if row.State == string(session.Active) && (row.ReadAt == nil || !r.At.Before(*row.ReadAt)) {
					if latest[row.ID] == nil {
						latest[row.ID] = &lastRead{row: row}
					}
					latest[row.ID].add(r)
				}
			}
		}
		for i, found := range owned {
			if !found && transactions[i] != "" {
				s.opt.Log.WarnContext(ctx, "readings of a transaction that is not known", "charge_point_id", points[i], "transaction", transactions[i])
			}
		}
		if err := insertReadings(ctx, tx, readings); err != nil {
			return err
		}
		return s.advance(ctx, tx, latest)
	})
}

const adoptStartSQL = `UPDATE sessions SET meter_start_wh = $2 WHERE id = $1 AND meter_start_wh IS NULL`

// adoptStart takes the first register that is read of a session for the one at its beginning, where that did not read it.
func adoptStart(ctx context.Context, tx txn, row *readSessionRow, readings []session.Reading) error {
	if row.MeterStartWh != nil || row.State != string(session.Active) {
		return nil
	}
	for _, r := range readings {
		if math.IsNaN(r.RegisterWh) {
			continue
		}
		first := int64(math.Round(r.RegisterWh))
		row.MeterStartWh = &first
		if _, err := tx.ExecContext(ctx, adoptStartSQL, row.ID, first); err != nil {
			return fmt.Errorf("note where the register began: %w", err)
		}
		return nil
	}
	return nil
}

// lastRead is the newest that a batch says of a session.
type lastRead struct {
	row                readSessionRow
	at                 time.Time
	energy, power, soc *float64
	energyAt, powerAt  time.Time
	socAt              time.Time
}

func (l *lastRead) add(r session.Reading) {
	if r.At.After(l.at) {
		l.at = r.At
	}
	if !math.IsNaN(r.RegisterWh) && l.row.MeterStartWh != nil && !r.At.Before(l.energyAt) {
		energy := max(0, r.RegisterWh-float64(*l.row.MeterStartWh))
		l.energy, l.energyAt = &energy, r.At
	}
	if !math.IsNaN(r.PowerW) && !r.At.Before(l.powerAt) {
		power := r.PowerW
		l.power, l.powerAt = &power, r.At
	}
	if !math.IsNaN(r.SoCPercent) && !r.At.Before(l.socAt) {
		soc := r.SoCPercent
		l.soc, l.socAt = &soc, r.At
	}
}

// advance brings the sessions' present values up to the newest readings and tells of them.
func (s *Store) advance(ctx context.Context, tx txn, latest map[uuid.UUID]*lastRead) error {
	if len(latest) == 0 {
		return nil
	}
	var list []uuid.UUID
	var at []time.Time
	var energy, power, soc []*float64
	var events []live.Event
	for _, id := range slices.SortedFunc(maps.Keys(latest), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }) {
		l := latest[id]
		list, at = append(list, id), append(at, l.at.UTC())
		energy, power, soc = append(energy, l.energy), append(power, l.power), append(soc, l.soc)
		data, err := json.Marshal(live.MeterData{
			SessionID: id, PlotID: l.row.PlotID, At: l.at.UTC(), PowerKW: kilo(l.power), EnergyKWh: kilo(l.energy), SoCPercent: l.soc,
		})
		if err != nil {
			return fmt.Errorf("write a meter event: %w", err)
		}
		events = append(events, live.Event{
			Kind: live.MeterRead, PlotID: l.row.PlotID, StationID: l.row.StationID, OperatorID: l.row.OperatorID,
			DriverID: private(l.row.DriverID), Data: data,
		})
	}
	now := s.now()
	_, err := tx.ExecContext(ctx, updateReadSQL, ids(list), pq.Array(at), pq.Array(energy), pq.Array(power), pq.Array(soc), now)
	if err != nil {
		return fmt.Errorf("advance the sessions read: %w", err)
	}
	return tell(ctx, tx, now, events...)
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

const listReadingsSQL = `
SELECT at, register_wh, power_w, current_a, voltage_v, soc_percent, other
FROM meter_values
WHERE session_id = $1 AND ($2::timestamptz IS NULL OR at > $2)
ORDER BY at
LIMIT $3`

// ListReadings gives a session's readings after a time, in order; a zero time means from the beginning.
func (s *Store) ListReadings(ctx context.Context, id uuid.UUID, after time.Time, limit int) ([]session.Reading, error) {
	var rows []readingRow
	if err := s.db.SelectContext(ctx, &rows, listReadingsSQL, id, timeOrNull(after), limit); err != nil {
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
	return out, nil
}

// Columns as arrays of whole numbers (microseconds, thousandths of a unit), in the order of the index: a session of ten hours at one
// reading a second is 36,000 rows, and reading those one by one, or as decimal fractions, costs more than everything that is done with
// them after.
const curveReadingsSQL = `
SELECT array_agg(at) AS at, array_agg(register_wh) AS register_wh, array_agg(power_w) AS power_w, array_agg(soc_percent) AS soc_percent
FROM (
    SELECT (date_part('epoch', at) * 1000000)::bigint AS at, (register_wh * 1000)::bigint AS register_wh,
           (power_w * 1000)::bigint AS power_w, (soc_percent * 1000)::bigint AS soc_percent
    FROM meter_values
    WHERE session_id = $1
    ORDER BY meter_values.at
) ordered`

// CurveReadings gives all of a session's readings of register, power and state of charge, in order of time.
func (s *Store) CurveReadings(ctx context.Context, id uuid.UUID) ([]session.Reading, error) {
	readings, err := curveReadings(ctx, s.db, id)
	return readings, postgres.Map(err, nil)
}

func curveReadings(ctx context.Context, q sqlx.QueryerContext, id uuid.UUID) ([]session.Reading, error) {
	var at, register, power, soc []byte
	if err := q.QueryRowxContext(ctx, curveReadingsSQL, id).Scan(&at, &register, &power, &soc); err != nil {
		return nil, fmt.Errorf("read meter values: %w", err)
	}
	times, _ := parseArray(at)
	out := make([]session.Reading, len(times))
	for i, micros := range times {
		nan := math.NaN()
		out[i] = session.Reading{At: time.UnixMicro(micros).UTC(), CurrentA: nan, VoltageV: nan}
	}
	for column, set := range map[*[]byte]func(*session.Reading, float64){
		&register: func(r *session.Reading, v float64) { r.RegisterWh = v },
		&power:    func(r *session.Reading, v float64) { r.PowerW = v },
		&soc:      func(r *session.Reading, v float64) { r.SoCPercent = v },
	} {
		values, missing := parseArray(*column)
		for i := range out {
			v := math.NaN()
			if !missing[i] {
				v = float64(values[i]) / 1000
			}
			set(&out[i], v)
		}
	}
	return out, nil
}
