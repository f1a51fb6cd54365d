package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/plotstatus"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// StatusCursor names the cursor of the status feed's follower.
const StatusCursor = "plots"

// StatusCursor gives the place up to which charging-plot's feed is in the copy.
func (s *Store) StatusCursor(ctx context.Context) (string, error) {
	cursor, err := feed.LoadCursor(ctx, s.db, StatusCursor)
	if err != nil {
		return "", postgres.Map(fmt.Errorf("status cursor: %w", err), nil)
	}
	return cursor, nil
}

// An older version than the one held changes nothing: several replicas follow the feed, each at its own pace.
const upsertStatuses = `
INSERT INTO evse_status (evse_id, plot_id, status, status_since, reservable, version)
SELECT DISTINCT ON (evse_id) evse_id, plot_id, status, status_since, reservable, version
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::boolean[], $6::bigint[])
     AS told (evse_id, plot_id, status, status_since, reservable, version)
ORDER BY evse_id, version DESC
ON CONFLICT ON CONSTRAINT evse_status_pkey DO UPDATE
SET plot_id = excluded.plot_id, status = excluded.status, status_since = excluded.status_since, reservable = excluded.reservable,
    version = excluded.version, told_at = greatest(clock_timestamp(), evse_status.told_at + interval '1 microsecond'),
    xid = pg_current_xact_id(), seq = nextval('evse_status_seq')
WHERE evse_status.plot_id <> excluded.plot_id OR evse_status.version < excluded.version`

// A plot that is gone, or no longer serves the EVSE, leaves a status that is not known, so that those who follow the copy learn of it.
const forgetStatuses = `
UPDATE evse_status
SET status = 'UNKNOWN', status_since = now(), version = evse_status.version + 1,
    told_at = greatest(clock_timestamp(), told_at + interval '1 microsecond'), xid = pg_current_xact_id(), seq = nextval('evse_status_seq')
FROM unnest($1::uuid[]) AS gone (plot_id)
WHERE evse_status.plot_id = gone.plot_id AND evse_status.status <> 'UNKNOWN'`

const keepStatuses = `
UPDATE evse_status
SET status = 'UNKNOWN', status_since = now(), told_at = greatest(clock_timestamp(), told_at + interval '1 microsecond'),
    xid = pg_current_xact_id(), seq = nextval('evse_status_seq')
WHERE status <> 'UNKNOWN' AND NOT EXISTS (SELECT FROM unnest($1::uuid[]) AS kept (id) WHERE kept.id = evse_status.evse_id)`

const refresh = `
INSERT INTO evse_status_freshness (as_of) VALUES ($1)
ON CONFLICT ON CONSTRAINT evse_status_freshness_pkey DO UPDATE SET as_of = excluded.as_of
WHERE evse_status_freshness.as_of < excluded.as_of`

// ApplyStatuses stores what the status feed told, with its cursor, in one transaction, and wakes those who follow the copy.
func (s *Store) ApplyStatuses(ctx context.Context, u plotstatus.Update) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if len(u.Upserts) > 0 {
			if err := upsert(ctx, tx, u.Upserts); err != nil {
				return err
			}
		}
		if len(u.Gone) > 0 {
			if _, err := tx.ExecContext(ctx, forgetStatuses, uuids(u.Gone)); err != nil {
				return fmt.Errorf("forget statuses: %w", err)
			}
		}
		if u.Only != nil {
			if _, err := tx.ExecContext(ctx, keepStatuses, uuids(u.Only)); err != nil {
				return fmt.Errorf("forget statuses: %w", err)
			}
		}
		if !u.AsOf.IsZero() {
			if _, err := tx.ExecContext(ctx, refresh, u.AsOf); err != nil {
				return fmt.Errorf("freshness of statuses: %w", err)
			}
		}
		if u.Cursor != "" {
			if err := feed.SaveCursor(ctx, tx, StatusCursor, u.Cursor); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `SELECT pg_notify($1, '')`, StatusChannel); err != nil {
			return fmt.Errorf("wake followers of statuses: %w", err)
		}
		return nil
	})
}

func upsert(ctx context.Context, tx *sqlx.Tx, upserts []plotstatus.Row) error {
	n := len(upserts)
	evses, plots, statuses, since := make(pq.StringArray, n), make(pq.StringArray, n), make(pq.StringArray, n), make(pq.StringArray, n)
	reservable, versions := make(pq.BoolArray, n), make(pq.Int64Array, n)
	for i, r := range upserts {
		evses[i], plots[i], statuses[i] = r.EVSEID.String(), r.PlotID.String(), string(r.Status)
		since[i] = r.Since.UTC().Format(time.RFC3339Nano)
		reservable[i], versions[i] = r.Reservable, r.Version
	}
	if _, err := tx.ExecContext(ctx, upsertStatuses, evses, plots, statuses, since, reservable, versions); err != nil {
		return fmt.Errorf("store statuses: %w", err)
	}
	return nil
}

const statusColumns = `evse_id, plot_id, status, status_since, reservable, told_at`

// Statuses gives what is known of the plots that serve these EVSEs, and up to when it is known; the zero time when nothing ever was.
func (s *Store) Statuses(ctx context.Context, evses []uuid.UUID) (map[uuid.UUID]station.PlotStatus, time.Time, error) {
	found, err := collect(ctx, s.db, scanStatus, `SELECT `+statusColumns+` FROM evse_status WHERE evse_id = ANY($1)`, uuids(evses))
	if err != nil {
		return nil, time.Time{}, postgres.Map(fmt.Errorf("statuses: %w", err), nil)
	}
	out := make(map[uuid.UUID]station.PlotStatus, len(found))
	for _, st := range found {
		out[st.EVSEID] = st
	}
	asOf, _, err := s.freshness(ctx)
	return out, asOf, err
}

const freshness = `
SELECT max(as_of), EXISTS (SELECT FROM evse_status WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())) FROM evse_status_freshness`

// freshness tells of when the copy is, and whether there are statuses that an older transaction holds back.
func (s *Store) freshness(ctx context.Context) (asOf time.Time, held bool, err error) {
	var known sql.NullTime
	if err := s.db.QueryRowContext(ctx, freshness).Scan(&known, &held); err != nil {
		return asOf, held, postgres.Map(fmt.Errorf("freshness of statuses: %w", err), nil)
	}
	if known.Valid {
		asOf = known.Time.UTC()
	}
	return asOf, held, nil
}

// The place up to which a reader may go on is below every transaction that may still commit.
const statusesAfter = `
SELECT ` + statusColumns + `, xid::text, seq
FROM evse_status
WHERE (xid, seq) > ($1::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY evse_status.xid, seq
LIMIT $3`

// StatusesAfter gives statuses that were set behind a place, oldest first, and the place of the last. The zero place is the beginning.
func (s *Store) StatusesAfter(ctx context.Context, after plotstatus.Place, limit int) (plotstatus.Changes, error) {
	out := plotstatus.Changes{Place: after}
	if after.XID == "" {
		after.XID = "0"
	}
	// The freshness is read first: what is told afterwards may be fresher, never older.
	var err error
	if out.AsOf, out.Held, err = s.freshness(ctx); err != nil {
		return out, err
	}
	out.Statuses, err = collect(ctx, s.db, func(rows *sql.Rows) (station.PlotStatus, error) {
		var r station.PlotStatus
		err := rows.Scan(&r.EVSEID, &r.PlotID, &r.Status, &r.Since, &r.Reservable, &r.ToldAt, &out.Place.XID, &out.Place.Seq)
		r.Since, r.ToldAt = r.Since.UTC(), r.ToldAt.UTC()
		return r, err
	}, statusesAfter, after.XID, after.Seq, limit)
	if err != nil {
		return out, postgres.Map(fmt.Errorf("changed statuses: %w", err), nil)
	}
	return out, nil
}

func scanStatus(rows *sql.Rows) (station.PlotStatus, error) {
	var r station.PlotStatus
	err := rows.Scan(&r.EVSEID, &r.PlotID, &r.Status, &r.Since, &r.Reservable, &r.ToldAt)
	r.Since, r.ToldAt = r.Since.UTC(), r.ToldAt.UTC()
	return r, err
}
