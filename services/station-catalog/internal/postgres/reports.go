package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/report"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Of reports r and their stations s.
const reportColumns = `r.id, r.station_id, r.evse_id, r.connector_id, r.reporter, r.kind, r.comment, r.seen_at, r.state, r.note, r.state_since,
       r.version, r.created_at, r.updated_at, s.name, s.operator_id, s.deleted_at IS NOT NULL`

func scanReport(rows *sql.Rows) (report.Report, error) {
	var r report.Report
	var reporter uuid.NullUUID
	err := rows.Scan(&r.ID, &r.StationID, &r.EVSEID, &r.ConnectorID, &reporter, &r.Kind, &r.Comment, &r.SeenAt, &r.State, &r.Note, &r.StateSince,
		&r.Version, &r.CreatedAt, &r.UpdatedAt, &r.Station.Name, &r.Station.Operator, &r.Station.Removed)
	r.Reporter, r.Station.ID = reporter.UUID, r.StationID
	r.SeenAt, r.StateSince, r.CreatedAt, r.UpdatedAt = r.SeenAt.UTC(), r.StateSince.UTC(), r.CreatedAt.UTC(), r.UpdatedAt.UTC()
	return r, err
}

// Reports of one person take turns, so that the count holds.
const lockReporter = `SELECT pg_advisory_xact_lock(hashtextextended('reports of ' || $1, 0))`

const reportsOfPerson = `
SELECT count(*), (array_agg(id) FILTER (WHERE coalesce(evse_id, station_id) = coalesce($2::uuid, $3) AND kind = $4))[1]
FROM reports
WHERE reporter = $1 AND stage < 2`

const createReport = `
WITH r AS (
    INSERT INTO reports (id, station_id, evse_id, connector_id, reporter, kind, comment, seen_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    RETURNING *)
SELECT ` + reportColumns + ` FROM r JOIN stations s ON s.id = r.station_id`

// CreateReport stores a report of a station, once for each idempotency key of the reporter. It returns the faults of Get, report.ErrInvalid,
// report.Twice when the reporter has told the same already and it is not settled, and report.ErrTooMany.
func (s *Store) CreateReport(ctx context.Context, reporter, stationID uuid.UUID, in report.Input, now time.Time) (report.Report, error) {
	out, _, err := idempotency.Do(ctx, s.db, reporter.String(), func(ctx context.Context, tx *sqlx.Tx) (report.Report, error) {
		var none report.Report
		if _, err := tx.ExecContext(ctx, lockReporter, reporter.String()); err != nil {
			return none, fmt.Errorf("lock reports of a person: %w", err)
		}
		if err := stands(ctx, tx, stationID, staying); err != nil {
			return none, err
		}
		unknown, err := unknownParts(ctx, tx, stationID, &in)
		if err != nil {
			return none, err
		}
		if faults := append(in.Validate(now), unknown...); len(faults) > 0 {
			return none, report.ErrInvalid.At(faults...)
		}
		var open int
		var same uuid.NullUUID
		if err := tx.QueryRowContext(ctx, reportsOfPerson, reporter, in.EVSEID, stationID, in.Kind).Scan(&open, &same); err != nil {
			return none, fmt.Errorf("reports of a person: %w", err)
		}
		switch {
		case same.Valid:
			return none, report.Twice(same.UUID)
		case open >= report.MostOpen:
			return none, report.ErrTooMany.Detailf("%d of them are open: withdraw one, or say that it is resolved.", open)
		}
		id, err := uuid.NewV7()
		if err != nil {
			return none, fmt.Errorf("id of a report: %w", err)
		}
		return oneReport(ctx, tx, createReport, id, stationID, in.EVSEID, in.ConnectorID, reporter, in.Kind, in.Comment, in.Seen(now))
	})
	return out, postgres.Map(err, nil)
}

const partsOfStation = `
SELECT EXISTS (SELECT FROM connectors WHERE evse_id = e.id AND id = $3) FROM evses e WHERE e.id = $1 AND e.station_id = $2 AND e.removed_at IS NULL
FOR SHARE OF e`

// unknownParts tells of the EVSE and the connector of a report that are not of its station, where the EVSE stays until the transaction ends.
func unknownParts(ctx context.Context, q sqlx.QueryerContext, stationID uuid.UUID, in *report.Input) ([]fault.Field, error) {
	if in.EVSEID == nil {
		return nil, nil
	}
	var plugged bool
	err := q.QueryRowxContext(ctx, partsOfStation, *in.EVSEID, stationID, in.ConnectorID).Scan(&plugged)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return []fault.Field{{Pointer: "/evse_id", Code: "unknown", Detail: "must be an EVSE of this station"}}, nil
	case err != nil:
		return nil, fmt.Errorf("EVSE of a report: %w", err)
	case !plugged && in.ConnectorID != "":
		return []fault.Field{{Pointer: "/connector_id", Code: "unknown", Detail: "must be a connector of this EVSE"}}, nil
	}
	return nil, nil
}

// oneReport gives the report that a statement returns.
func oneReport(ctx context.Context, tx *sqlx.Tx, statement string, args ...any) (report.Report, error) {
	made, err := collect(ctx, tx, scanReport, statement, args...)
	if err != nil || len(made) != 1 {
		return report.Report{}, errors.Join(err, errors.New("write report"))
	}
	return made[0], nil
}

const selectReport = `
SELECT ` + reportColumns + `
FROM reports r JOIN stations s ON s.id = r.station_id
WHERE r.station_id = $1 AND r.id = $2`

// reportOf gives a report that the viewer sees, also of a station that was removed. It returns report.ErrNotFound, station.ErrNotFound, and
// the fault that leads to the survivor of a merge.
func reportOf(ctx context.Context, q sqlx.QueryerContext, viewer report.Viewer, stationID, id uuid.UUID, lock string) (report.Report, error) {
	found, err := collect(ctx, q, scanReport, selectReport+lock, stationID, id)
	switch {
	case err != nil:
		return report.Report{}, fmt.Errorf("find report: %w", err)
	case len(found) > 0 && viewer.Sees(&found[0]):
		return found[0], nil
	}
	if err := stands(ctx, q, stationID, ""); err != nil && !errors.Is(err, station.ErrRemoved) {
		return report.Report{}, err
	} else if _, merged := station.Survivor(err); merged {
		return report.Report{}, err
	}
	return report.Report{}, report.ErrNotFound
}

// Report gives a report of a station, removed or not. It returns report.ErrNotFound when the viewer is not shown it, station.ErrNotFound,
// and the fault that leads to the survivor of a merge, which has the report now.
func (s *Store) Report(ctx context.Context, viewer report.Viewer, stationID, id uuid.UUID) (report.Report, error) {
	out, err := reportOf(ctx, s.db, viewer, stationID, id, "")
	return out, postgres.Map(err, nil)
}

const updateReport = `
WITH r AS (
    UPDATE reports
    SET state = $2, note = $3, handled_by = coalesce($4, handled_by), version = version + 1, updated_at = now(),
        state_since = CASE WHEN state = $2 THEN state_since ELSE now() END
    WHERE id = $1
    RETURNING *)
SELECT ` + reportColumns + ` FROM r JOIN stations s ON s.id = r.station_id`

// HandleReport gives a report the state and the note that the function makes of it, also when its station was removed; nil changes nothing. Who
// handles it is nil when it is the reporter. It returns the faults of Report and of the function.
func (s *Store) HandleReport(
	ctx context.Context, viewer report.Viewer, by *uuid.UUID, stationID, id uuid.UUID, change func(report.Report) (*report.Handling, error),
) (out report.Report, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		out, err = reportOf(ctx, tx, viewer, stationID, id, " FOR UPDATE OF r")
		if err != nil {
			return err
		}
		to, err := change(out)
		if err != nil || to == nil {
			return err
		}
		out, err = oneReport(ctx, tx, updateReport, id, string(to.State), to.Note, by)
		return err
	})
	return out, postgres.Map(err, nil)
}

// The plan to have: reports_station_idx for the station, then the primary key of evses for each of its reports that are not settled. An EVSE
// that was removed is nothing that a driver comes to.
const unsettled = `
FROM reports r LEFT JOIN evses e ON e.id = r.evse_id
WHERE r.station_id = $1 AND r.stage < 2 AND e.removed_at IS NULL`

const toldReports = `
SELECT r.evse_id, r.kind, max(r.stage) > 0, min(r.seen_at), max(r.seen_at), count(*)` + unsettled + `
  AND (coalesce(r.evse_id, '00000000-0000-0000-0000-000000000000'), r.kind) > ($2, $3)
GROUP BY r.evse_id, r.kind
ORDER BY coalesce(r.evse_id, '00000000-0000-0000-0000-000000000000'), r.kind
LIMIT $4`

// ToldReports gives what everybody is told of the reports of a station behind a place: those of the whole station first, then by EVSE and kind.
// It returns the faults of Get.
func (s *Store) ToldReports(ctx context.Context, stationID uuid.UUID, after report.Place, limit int) ([]report.Told, error) {
	if err := stands(ctx, s.db, stationID, ""); err != nil {
		return nil, postgres.Map(err, nil)
	}
	found, err := collect(ctx, s.db, func(rows *sql.Rows) (report.Told, error) {
		t := report.Told{State: report.Open}
		var acknowledged bool
		err := rows.Scan(&t.EVSEID, &t.Kind, &acknowledged, &t.Since, &t.LastSeenAt, &t.People)
		if acknowledged {
			t.State = report.Acknowledged
		}
		t.Since, t.LastSeenAt = t.Since.UTC(), t.LastSeenAt.UTC()
		return t, err
	}, toldReports, stationID, after.EVSE, after.Kind, limit)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("list reports: %w", err), nil)
	}
	return found, nil
}

// openReports counts the reports of station $1 that are not settled, by kind, as a JSON object; null when there are none.
const openReports = `(SELECT json_object_agg(k.kind, k.n) FROM (SELECT r.kind, count(*) AS n` + unsettled + ` GROUP BY r.kind) k)`

// The plan to have: reports_turn_idx from the turn on; with a station reports_station_idx.
const listTasks = `
SELECT ` + reportColumns + `
FROM reports r JOIN stations s ON s.id = r.station_id
WHERE r.stage = ANY ($1::int[]) AND (r.stage, r.id) > ($2, $3)
  AND (cardinality($4::text[]) = 0 OR r.state = ANY ($4)) AND (cardinality($5::text[]) = 0 OR r.kind = ANY ($5))
  AND ($6::uuid IS NULL OR r.station_id = $6) AND ($7::uuid IS NULL OR s.operator_id = $7) AND ($8::uuid IS NULL OR s.operator_id = $8)
  AND ($9::timestamptz IS NULL OR r.created_at >= $9)
ORDER BY r.stage, r.id
LIMIT $10`

// Tasks gives the reports behind a turn that the viewer handles: open ones first, then acknowledged ones, then what is settled, each the
// oldest first.
func (s *Store) Tasks(ctx context.Context, viewer report.Viewer, filter report.Filter, after report.Turn, limit int) ([]report.Report, error) {
	stages, states := pq.Int64Array{}, pq.StringArray{}
	for _, state := range filter.States {
		stages, states = append(stages, int64((&report.Report{State: state}).Turn().Stage)), append(states, string(state))
	}
	if len(states) == 0 {
		stages = pq.Int64Array{0, 1}
	}
	given := func(id uuid.UUID, is bool) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: is} }
	since := sql.NullTime{Time: filter.Since, Valid: !filter.Since.IsZero()}
	found, err := collect(ctx, s.db, scanReport, listTasks, stages, after.Stage, after.ID, states, append(pq.StringArray{}, filter.Kinds...),
		given(filter.Station, filter.Station != uuid.Nil), given(filter.Operator, filter.Operator != uuid.Nil),
		given(viewer.Operator, !viewer.Handler), since, limit)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("list reports to handle: %w", err), nil)
	}
	return found, nil
}

// The plan to have: reports_turn_idx, whose first part are the open ones.
const countOpen = `
SELECT count(*) FROM reports r JOIN stations s ON s.id = r.station_id
WHERE r.stage = 0 AND ($1::uuid IS NULL OR s.operator_id = $1) AND ($2::uuid IS NULL OR s.operator_id = $2)`

// CountOpen counts the reports that the viewer handles and nobody has acknowledged, of one operator's stations unless that is uuid.Nil.
func (s *Store) CountOpen(ctx context.Context, viewer report.Viewer, operator uuid.UUID) (n int, err error) {
	err = s.db.GetContext(ctx, &n, countOpen, uuid.NullUUID{UUID: viewer.Operator, Valid: !viewer.Handler}, uuid.NullUUID{UUID: operator, Valid: operator != uuid.Nil})
	if err != nil {
		return 0, postgres.Map(fmt.Errorf("count open reports: %w", err), nil)
	}
	return n, nil
}

// The EVSE of the survivor that stands for the one of a report r which did not come over, since it was there already.
const standsForEVSE = `(
    SELECT k.id FROM evses e JOIN evses k ON k.station_id = $2 AND k.removed_at IS NULL AND k.merged_from IS DISTINCT FROM $1 AND ` + sameEVSE + `
    WHERE e.id = r.evse_id AND e.station_id = $1
    ORDER BY k.position, k.id
    LIMIT 1)`

// Reports of an EVSE that did not come over are of the one that stands for it, and of its connector where that has one like it. Of two by
// one person that say the same then, and are not settled, the one stays that was acknowledged, else the first. Whoever reports something
// keeps its station from being merged, so that both are to be seen here.
var mergeReports = []string{
	`WITH about AS (
    SELECT r.id, r.reporter, r.kind, r.stage, coalesce(` + standsForEVSE + `, r.evse_id, $2) AS thing
    FROM reports r WHERE r.station_id IN ($1, $2) AND r.stage < 2)
DELETE FROM reports r USING about a, about b
WHERE r.id = a.id AND a.reporter = b.reporter AND a.kind = b.kind AND a.thing = b.thing AND (b.stage > a.stage OR b.stage = a.stage AND b.id < a.id)`,
	`UPDATE reports
SET station_id = $2, evse_id = coalesce(t.evse_id, reports.evse_id),
    connector_id = CASE WHEN t.evse_id IS NULL OR EXISTS (SELECT FROM connectors c WHERE c.evse_id = t.evse_id AND c.id = reports.connector_id)
                        THEN reports.connector_id ELSE '' END
FROM (SELECT r.id, ` + standsForEVSE + ` AS evse_id FROM reports r WHERE r.station_id = $1) t
WHERE reports.id = t.id`,
}

const followEVSEs = `
UPDATE reports r SET station_id = e.station_id
FROM evses e
WHERE e.id = ANY($1) AND r.evse_id = e.id AND r.station_id <> e.station_id`

// moveReports takes the reports of EVSEs to the stations that these have moved to.
func (p *putting) moveReports(ctx context.Context, units []unit) error {
	var moved []uuid.UUID
	for i := range units {
		if units[i].moved {
			moved = append(moved, units[i].id)
		}
	}
	if len(moved) == 0 {
		return nil
	}
	if _, err := p.tx.ExecContext(ctx, followEVSEs, uuids(moved)); err != nil {
		return fmt.Errorf("move reports of EVSEs: %w", err)
	}
	return nil
}

// What a person reported and is not settled is still so when the person is erased, and stays without the person and the words. What is
// settled, and what said nothing but by its comment, goes.
var forgetReports = []string{
	`DELETE FROM reports WHERE reporter = $1 AND (stage = 2 OR kind = 'other')`,
	`UPDATE reports SET reporter = NULL, comment = '', note = '', version = version + 1 WHERE reporter = $1`,
}
