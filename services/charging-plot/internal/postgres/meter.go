package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
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
		var err error
		if other[i], err = r.others(); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, insertReadingsSQL, pq.Array(sessions), pq.Array(at), pq.Array(register), pq.Array(power),
		pq.Array(current), pq.Array(voltage), pq.Array(soc), pq.Array(other))
	if err != nil {
		return fmt.Errorf("store readings: %w", err)
	}
	return nil
}

var readingColumns = []string{"session_id", "at", "register_wh", "power_w", "current_a", "voltage_v", "soc_percent", "other"}

// appendReadings stores readings by COPY, in half the time; one that is there already fails the transaction (unique_violation).
func appendReadings(ctx context.Context, tx txn, readings []sessionReading) error {
	readings = merge(readings)
	_, err := postgres.CopyFrom(ctx, tx.Tx, "meter_values", readingColumns, func(yield func([]any, error) bool) {
		for i := range readings {
			r := &readings[i]
			other, err := r.others()
			row := []any{
				r.session, r.At.UTC(), known(&r.RegisterWh), known(&r.PowerW), known(&r.CurrentA), known(&r.VoltageV), known(&r.SoCPercent), other,
			}
			if !yield(row, err) {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("store readings: %w", err)
	}
	return nil
}

// others writes what only a few meters say, nil when this one did not.
func (r *sessionReading) others() (*string, error) {
	if len(r.Other) == 0 {
		return nil, nil //nolint:nilnil // NULL
	}
	document, err := json.Marshal(r.Other)
	if err != nil {
		return nil, fmt.Errorf("write a reading: %w", err)
	}
	text := string(document)
	return &text, nil
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

// The open session of a connector stands in where the message names no transaction. Each half is an index's: together, as one condition,
// they would go through everything that the charge point ever did.
const readSessionsSQL = `
WITH said AS (
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[]) WITH ORDINALITY AS t (charge_point_id, connector, transaction_id, n)
), meant AS (
    SELECT t.n, s.id FROM said t JOIN sessions s ON s.charge_point_id = t.charge_point_id AND s.transaction_id = t.transaction_id
    WHERE t.transaction_id <> ''
    UNION ALL
    SELECT t.n, s.id FROM said t JOIN sessions s ON s.charge_point_id = t.charge_point_id AND s.connector = t.connector AND s.state = 'ACTIVE'
    WHERE t.transaction_id = ''
)
SELECT m.n, s.id, s.plot_id, s.station_id, s.operator_id, s.driver_id, s.state, s.meter_start_wh, s.read_at
FROM meant m JOIN sessions s ON s.id = m.id
ORDER BY s.id
FOR NO KEY UPDATE OF s`

const pushedSessionsSQL = `
SELECT s.id, s.plot_id, s.station_id, s.operator_id, s.driver_id, s.state, s.meter_start_wh, s.read_at,
    coalesce(s.started_at, s.requested_at) AS begun_at, s.ended_at
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
			readSessionRow

			BegunAt time.Time  `db:"begun_at"`
			EndedAt *time.Time `db:"ended_at"`
		}
		if err := tx.SelectContext(ctx, &rows, pushedSessionsSQL, ids(list)); err != nil {
			return fmt.Errorf("find the sessions read: %w", err)
		}
		at := make(map[uuid.UUID]int, len(rows))
		said := make([]saidReadings, len(rows))
		for i, row := range rows {
			at[row.ID], said[i].row = i, row.readSessionRow
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
			said[i].readings = append(said[i].readings, p.Reading)
		}
		if len(faults) > 0 {
			return session.ErrBadReadings.At(faults...)
		}
		return s.storeSaid(ctx, tx, said, false)
	})
}

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

// Readings of a session that has ended change nothing but what is to be summed up again.
const updateReadSQL = `
UPDATE sessions s
SET energy_wh = CASE WHEN s.state = 'ACTIVE' THEN coalesce(t.energy_wh, s.energy_wh) ELSE s.energy_wh END,
    power_w = CASE WHEN s.state = 'ACTIVE' THEN coalesce(t.power_w, s.power_w) ELSE s.power_w END,
    soc_percent = CASE WHEN s.state = 'ACTIVE' THEN coalesce(t.soc_percent, s.soc_percent) ELSE s.soc_percent END,
    read_at = greatest(s.read_at, t.read_at), roll_from = least(s.roll_from, t.roll_from), updated_at = $7, version = s.version + 1
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::double precision[], $5::double precision[], $6::double precision[])
     AS t (id, roll_from, read_at, energy_wh, power_w, soc_percent)
WHERE s.id = t.id`

// StoreReadings implements central.Plugs: one transaction for all that meters say at a moment. Readings of a session that has ended are
// kept and change nothing else; those of a transaction that is not known are logged and dropped, as there is nothing they belong to.
func (s *Store) StoreReadings(ctx context.Context, messages []central.Readings) error {
	err := s.storeReadings(ctx, messages, true)
	if bad, ok := errors.AsType[*pq.Error](err); ok && bad.Code.Name() == "unique_violation" {
		return s.storeReadings(ctx, messages, false) // a back end had pushed one of them
	}
	return err
}

// storeReadings takes readings from after all that their session was read to for new ones when fresh is set.
func (s *Store) storeReadings(ctx context.Context, messages []central.Readings, fresh bool) error {
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
		said := make([]saidReadings, len(rows))
		for i, row := range rows {
			owned[row.N-1] = true
			if err := adoptStart(ctx, tx, &row, messages[row.N-1].Readings); err != nil {
				return err
			}
			said[i] = saidReadings{row, messages[row.N-1].Readings}
		}
		for i, found := range owned {
			if !found && transactions[i] != "" {
				s.opt.Log.WarnContext(ctx, "readings of a transaction that is not known", "charge_point_id", points[i], "transaction", transactions[i])
			}
		}
		return s.storeSaid(ctx, tx, said, fresh)
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

// saidReadings are readings with the session they are of, which is locked.
type saidReadings struct {
	row      readSessionRow
	readings []session.Reading
}

// storeSaid stores readings and brings their sessions up to them. With fresh, many that are newer than what their sessions were read to
// are taken for new.
func (s *Store) storeSaid(ctx context.Context, tx txn, said []saidReadings, fresh bool) error {
	var late, ahead []sessionReading
	latest := make(map[uuid.UUID]*lastRead)
	for _, m := range said {
		for _, r := range m.readings {
			if m.row.State == string(session.Active) && m.row.ReadAt != nil && r.At.After(*m.row.ReadAt) {
				ahead = append(ahead, sessionReading{m.row.ID, r})
			} else {
				late = append(late, sessionReading{m.row.ID, r})
			}
			if latest[m.row.ID] == nil {
				latest[m.row.ID] = &lastRead{row: m.row, from: r.At}
			}
			latest[m.row.ID].add(r)
		}
	}
	if fresh && len(ahead) >= copyFrom {
		if err := appendReadings(ctx, tx, ahead); err != nil {
			return err
		}
	} else {
		late = append(late, ahead...)
	}
	if err := insertReadings(ctx, tx, late); err != nil {
		return err
	}
	return s.advance(ctx, tx, latest)
}

// lastRead is the newest that a batch says of a session.
type lastRead struct {
	row                readSessionRow
	from               time.Time // the oldest
	at                 time.Time // the newest, zero when the session knows a newer one
	energy, power, soc *float64
	energyAt, powerAt  time.Time
	socAt              time.Time
}

func (l *lastRead) add(r session.Reading) {
	if r.At.Before(l.from) {
		l.from = r.At
	}
	if l.row.State != string(session.Active) || l.row.ReadAt != nil && r.At.Before(*l.row.ReadAt) {
		return
	}
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
	var from []time.Time
	var at []*time.Time
	var energy, power, soc []*float64
	var events []live.Event
	for _, id := range slices.SortedFunc(maps.Keys(latest), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }) {
		l := latest[id]
		list, from, at = append(list, id), append(from, l.from.UTC()), append(at, timeOrNull(l.at.UTC()))
		energy, power, soc = append(energy, l.energy), append(power, l.power), append(soc, l.soc)
		if l.at.IsZero() {
			continue
		}
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
	_, err := tx.ExecContext(ctx, updateReadSQL, ids(list), pq.Array(from), pq.Array(at), pq.Array(energy), pq.Array(power), pq.Array(soc), now)
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
