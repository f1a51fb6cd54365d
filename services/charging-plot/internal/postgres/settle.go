package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// factsRow is what is known of a plot, beside what its status is at present.
type factsRow struct {
	ID           uuid.UUID  `db:"id"`
	StationID    uuid.UUID  `db:"station_id"`
	OperatorID   uuid.UUID  `db:"operator_id"`
	Status       string     `db:"status"`
	StatusSource string     `db:"status_source"`
	StatusSince  time.Time  `db:"status_since"`
	Version      int64      `db:"version"`
	OutOfService bool       `db:"out_of_service"`
	PushedStatus *string    `db:"pushed_status"`
	PushedAt     *time.Time `db:"pushed_at"`
	Removed      bool       `db:"removed"`
	SessionState *string    `db:"session_state"`
	Reserved     bool       `db:"reserved"`

	Wholes     pq.StringArray `db:"wholes"`
	Connectors pq.StringArray `db:"connectors"`
	Silents    pq.BoolArray   `db:"silents"`
}

// The lists have one entry per EVSE of the plot that a charge point of ours serves.
const factsSQL = `
SELECT p.id, p.station_id, p.operator_id, p.status, p.status_source, p.status_since, p.version,
       p.out_of_service, p.pushed_status, p.pushed_at,
       NOT EXISTS (SELECT FROM plot_evses pe JOIN evses e ON e.id = pe.evse_id WHERE pe.plot_id = p.id AND NOT e.removed) AS removed,
       s.state AS session_state,
       EXISTS (SELECT FROM reservations r
               WHERE r.plot_id = p.id AND r.state IN ('PENDING', 'RESERVED') AND r.period @> $2::timestamptz) AS reserved,
       c.wholes, c.connectors, c.silents
FROM plots p
LEFT JOIN sessions s ON s.plot_id = p.id AND s.state IN ('PENDING', 'ACTIVE')
CROSS JOIN LATERAL (
    SELECT array_agg(coalesce(cp.status, '')) AS wholes, array_agg(coalesce(cc.status, '')) AS connectors, array_agg(cp.silent) AS silents
    FROM plot_evses pe
    JOIN charge_point_connectors cc ON cc.evse_id = pe.evse_id
    JOIN charge_points cp ON cp.id = cc.charge_point_id
    WHERE pe.plot_id = p.id
) c
WHERE p.id = ANY($1)
ORDER BY p.id`

// facts turns a row into what the rules judge.
func (r factsRow) facts(now time.Time, pushTTL time.Duration) status.Facts {
	f := status.Facts{Removed: r.Removed, OutOfService: r.OutOfService, Reserved: r.Reserved}
	if r.SessionState != nil {
		f.Session = status.SessionPending
		if *r.SessionState == string(session.Active) {
			f.Session = status.SessionActive
		}
	}
	for i := range r.Connectors {
		report := status.Combine(status.FromOCPP(r.Wholes[i]), status.FromOCPP(r.Connectors[i]))
		f.Spoken = f.Spoken || report != status.NoReport
		if r.Silents[i] {
			report = status.NoReport
		}
		f.Reports = append(f.Reports, report)
	}
	if r.PushedStatus != nil {
		f.Spoken = true
		if now.Sub(*r.PushedAt) < pushTTL {
			f.Pushed = status.Status(*r.PushedStatus)
		}
	}
	return f
}

// verdictRow is one status to write.
type verdictRow struct {
	id      uuid.UUID
	verdict status.Verdict
	since   time.Time
}

// settle decides the status of plots anew and writes what changed: the plot, its history, its change feed, its live event. A plot that
// cannot be used any more fails the reservation that runs on it. The caller holds the plots' locks; at says since when the news of a
// plot is true, now where it says nothing. A status never begins before the one it follows.
func (s *Store) settle(
	ctx context.Context, tx txn, now time.Time, plots []uuid.UUID, at map[uuid.UUID]time.Time,
) error {
	if len(plots) == 0 {
		return nil
	}
	var rows []factsRow
	if err := tx.SelectContext(ctx, &rows, factsSQL, ids(plots), now); err != nil {
		return fmt.Errorf("read what is known of plots: %w", err)
	}
	out := make([]factsRow, len(rows))
	var changed []verdictRow
	var closed []closedPlot
	for i, row := range rows {
		verdict := status.Decide(row.facts(now, s.opt.PushTTL))
		out[i] = row
		if !verdict.Status.Usable() && (row.Reserved || verdict.Status == status.Removed) {
			closed = append(closed, closedPlot{row.ID, reasonClosed(verdict), verdict.Status == status.Removed})
		}
		if string(verdict.Status) == row.Status && string(verdict.Source) == row.StatusSource {
			continue
		}
		since := now
		if hint, ok := at[row.ID]; ok && hint.Before(now) {
			since = hint
		}
		if since.Before(row.StatusSince) {
			since = row.StatusSince
		}
		out[i].Version++
		changed = append(changed, verdictRow{row.ID, verdict, since.UTC()})
		if string(verdict.Status) != row.Status {
			out[i].StatusSince = since.UTC()
		}
	}
	if err := writeVerdicts(ctx, tx, now, changed, out); err != nil {
		return err
	}
	return failReservations(ctx, tx, now, closed)
}

const writeVerdictsSQL = `
WITH verdict AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS v (id, status, source, since)
), changed AS (
    UPDATE plots p
    SET status = v.status, status_source = v.source, version = p.version + 1, updated_at = $5,
        status_since = CASE WHEN p.status = v.status THEN p.status_since ELSE v.since END
    FROM verdict v
    WHERE p.id = v.id
    RETURNING p.id, p.version
), history AS (
    INSERT INTO plot_history (plot_id, since, version, status, source)
    SELECT c.id, v.since, c.version, v.status, v.source FROM changed c JOIN verdict v ON v.id = c.id
), logged AS (
    INSERT INTO plot_changes (entity_id, op, version) SELECT id, 'upsert', version FROM changed
), told AS (
    INSERT INTO events (at, kind, plot_id, station_id, operator_id, data)
    SELECT $5, 'status', e.plot_id, e.station_id, e.operator_id, e.data
    FROM unnest($1::uuid[], $6::uuid[], $7::uuid[], $8::json[]) AS e (plot_id, station_id, operator_id, data)
)
SELECT pg_notify('` + ChangeLog + `', '')`

// writeVerdicts writes what changed of plots in one statement, however many they are: COPY and a statement for each table cost more.
func writeVerdicts(ctx context.Context, tx txn, now time.Time, changed []verdictRow, all []factsRow) error {
	if len(changed) == 0 {
		return nil
	}
	n := len(changed)
	var (
		plots, statuses, sources = make([]string, n), make([]string, n), make([]string, n)
		since                    = make([]time.Time, n)
		stations, operators      = make([]string, n), make([]string, n)
		data                     = make([]string, n)
	)
	rest := all
	for i, c := range changed {
		// Both lists are in order of id.
		at := slices.IndexFunc(rest, func(p factsRow) bool { return p.ID == c.id })
		p := rest[at]
		rest = rest[at+1:]
		document, err := json.Marshal(live.StatusData{
			PlotID: p.ID, StationID: p.StationID, Status: string(c.verdict.Status), Since: p.StatusSince.UTC(),
			Source: string(c.verdict.Source), Version: p.Version,
		})
		if err != nil {
			return fmt.Errorf("write a status event: %w", err)
		}
		plots[i], statuses[i], sources[i], since[i] = p.ID.String(), string(c.verdict.Status), string(c.verdict.Source), c.since
		stations[i], operators[i], data[i] = p.StationID.String(), p.OperatorID.String(), string(document)
	}
	_, err := tx.ExecContext(ctx, writeVerdictsSQL, pq.Array(plots), pq.Array(statuses), pq.Array(sources), pq.Array(since), now,
		pq.Array(stations), pq.Array(operators), pq.Array(data))
	if err != nil {
		return fmt.Errorf("write statuses: %w", err)
	}
	return nil
}

// closedPlot is a plot that cannot keep its reservations: the one that runs, or all of them.
type closedPlot struct {
	id     uuid.UUID
	reason string
	all    bool
}

func reasonClosed(v status.Verdict) string {
	switch {
	case v.Status == status.Removed:
		return reservation.ReasonRemoved
	case v.Source == status.FromOperator:
		return reservation.ReasonClosed
	}
	return reservation.ReasonFault
}

const failReservationsSQL = `
UPDATE reservations r
SET state = 'FAILED', state_since = $4, reason = c.reason, updated_at = $4, version = r.version + 1
FROM unnest($1::uuid[], $2::text[], $3::boolean[]) AS c (plot_id, reason, everything)
WHERE r.plot_id = c.plot_id AND r.state IN ('PENDING', 'RESERVED') AND (c.everything OR r.period @> $4::timestamptz)
RETURNING ` + reservationColumnsR

func failReservations(ctx context.Context, tx txn, now time.Time, closed []closedPlot) error {
	if len(closed) == 0 {
		return nil
	}
	var plots, reasons []string
	var all []bool
	for _, c := range closed {
		plots, reasons, all = append(plots, c.id.String()), append(reasons, c.reason), append(all, c.all)
	}
	var failed []reservationRow
	if err := tx.SelectContext(ctx, &failed, failReservationsSQL, pq.Array(plots), pq.Array(reasons), pq.Array(all), now); err != nil {
		return fmt.Errorf("fail reservations: %w", err)
	}
	return tellReservations(ctx, tx, now, failed...)
}

const touchPlotsSQL = `
UPDATE plots SET version = version + 1, updated_at = $2 WHERE id = ANY($1) RETURNING id, version`

// touch says on the change feed that plots have changed in something else than their status. The caller holds their locks.
func touch(ctx context.Context, tx txn, now time.Time, plots []uuid.UUID) error {
	if len(plots) == 0 {
		return nil
	}
	var rows []struct {
		ID      uuid.UUID `db:"id"`
		Version int64     `db:"version"`
	}
	if err := tx.SelectContext(ctx, &rows, touchPlotsSQL, ids(plots), now); err != nil {
		return fmt.Errorf("touch plots: %w", err)
	}
	changes := make([]feed.Change, len(rows))
	for i, r := range rows {
		changes[i] = feed.Change{ID: r.ID, Op: feed.Upsert, Version: r.Version}
	}
	return feed.Append(ctx, tx, ChangeLog, changes...)
}
