package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
)

const tellSQL = `
INSERT INTO events (at, kind, plot_id, station_id, operator_id, driver_id, data)
SELECT $1, e.kind, e.plot_id, e.station_id, e.operator_id, e.driver_id, e.data
FROM unnest($2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::json[])
     AS e (kind, plot_id, station_id, operator_id, driver_id, data)`

// copyFrom is how many rows are written by COPY rather than by a statement: COPY fills whole pages at a time, and for a few rows the
// statement is as quick.
const copyFrom = 16

var eventColumns = []string{"at", "kind", "plot_id", "station_id", "operator_id", "driver_id", "data"}

// tell appends live events in the transaction that makes them true.
func tell(ctx context.Context, tx txn, now time.Time, events ...live.Event) error {
	if len(events) == 0 {
		return nil
	}
	if len(events) >= copyFrom {
		_, err := postgres.CopyFrom(ctx, tx.Tx, "events", eventColumns, func(yield func([]any, error) bool) {
			for _, e := range events {
				if !yield([]any{now, string(e.Kind), e.PlotID, e.StationID, e.OperatorID, orNull(e.DriverID), string(e.Data)}, nil) {
					return
				}
			}
		})
		if err != nil {
			return fmt.Errorf("tell live events: %w", err)
		}
		return nil
	}
	if _, err := tx.ExecContext(ctx, tellSQL, eventArgs(now, events)...); err != nil {
		return fmt.Errorf("tell live events: %w", err)
	}
	return nil
}

// eventArgs are the arguments of tellSQL.
func eventArgs(now time.Time, events []live.Event) []any {
	n := len(events)
	kinds, plots, stations, operators, data := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	drivers := make([]*string, n)
	for i, e := range events {
		kinds[i], data[i] = string(e.Kind), string(e.Data)
		plots[i], stations[i], operators[i] = e.PlotID.String(), e.StationID.String(), e.OperatorID.String()
		if e.DriverID != uuid.Nil {
			id := e.DriverID.String()
			drivers[i] = &id
		}
	}
	return []any{now, pq.Array(kinds), pq.Array(plots), pq.Array(stations), pq.Array(operators), pq.Array(drivers), pq.Array(data)}
}

// EventLog is the live event log.
type EventLog struct{ db *postgres.DB }

// Events gives the live event log of a database.
func Events(db *postgres.DB) EventLog { return EventLog{db} }

// Events gives the live event log.
func (s *Store) Events() EventLog { return Events(s.db) }

var _ live.Log = EventLog{}

const headSQL = `SELECT pg_snapshot_xmin(pg_current_snapshot())::text`

// Head gives the position before everything that is not readable yet: every event to come lies after it.
func (l EventLog) Head(ctx context.Context) (live.Position, error) {
	var xmin string
	if err := l.db.GetContext(ctx, &xmin, headSQL); err != nil {
		return live.Position{}, postgres.Map(err, nil)
	}
	xid, err := strconv.ParseUint(xmin, 10, 64)
	return live.Position{XID: xid}, err
}

type eventRow struct {
	XID        string     `db:"xid"`
	Seq        int64      `db:"seq"`
	At         time.Time  `db:"at"`
	Kind       string     `db:"kind"`
	PlotID     uuid.UUID  `db:"plot_id"`
	StationID  uuid.UUID  `db:"station_id"`
	OperatorID uuid.UUID  `db:"operator_id"`
	DriverID   *uuid.UUID `db:"driver_id"`
	Data       []byte     `db:"data"`
}

// Below the oldest running transaction nothing can appear any more between two events that were read; see libs/feed.
const afterSQL = `
SELECT xid::text AS xid, seq, at, kind, plot_id, station_id, operator_id, driver_id, data
FROM events
WHERE (xid, seq) > ($1::text::xid8, $2::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY events.xid, seq
LIMIT $3`

// After gives the events after a position, in order.
func (l EventLog) After(ctx context.Context, after live.Position, limit int) ([]live.Event, error) {
	return eventsAfter(ctx, l.db, strconv.FormatUint(after.XID, 10), after.Seq, limit)
}

func eventsAfter(ctx context.Context, q sqlx.QueryerContext, xid string, seq int64, limit int) ([]live.Event, error) {
	var rows []eventRow
	if err := sqlx.SelectContext(ctx, q, &rows, afterSQL, xid, seq, limit); err != nil {
		return nil, postgres.Map(err, nil)
	}
	out := make([]live.Event, len(rows))
	for i, r := range rows {
		xid, err := strconv.ParseUint(r.XID, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read an event's position: %w", err)
		}
		out[i] = live.Event{
			Position: live.Position{XID: xid, Seq: r.Seq}, At: r.At.UTC(), Kind: live.Kind(r.Kind),
			PlotID: r.PlotID, StationID: r.StationID, OperatorID: r.OperatorID, DriverID: orZero(r.DriverID), Data: r.Data,
		}
	}
	return out, nil
}

const oldestSQL = `SELECT xid::text AS xid, seq FROM events ORDER BY events.xid, seq LIMIT 1`

// Oldest gives the position of the oldest event that is kept.
func (l EventLog) Oldest(ctx context.Context) (live.Position, bool, error) {
	var rows []eventRow
	if err := l.db.SelectContext(ctx, &rows, oldestSQL); err != nil || len(rows) == 0 {
		return live.Position{}, false, postgres.Map(err, nil)
	}
	xid, err := strconv.ParseUint(rows[0].XID, 10, 64)
	return live.Position{XID: xid, Seq: rows[0].Seq}, err == nil, err
}

const trimEventsSQL = `
DELETE FROM events WHERE at < $1 AND (xid, seq) <= (SELECT d.xid, d.seq FROM webhook_dispatch d)`

// TrimEvents deletes the events from before the time, but for those that webhooks have not been given yet.
func (s *Store) TrimEvents(ctx context.Context, before time.Time) (int64, error) {
	result, err := s.db.ExecContext(ctx, trimEventsSQL, before)
	if err != nil {
		return 0, postgres.Map(err, nil)
	}
	return result.RowsAffected()
}
