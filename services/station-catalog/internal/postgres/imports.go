package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

const insertImport = `
INSERT INTO imports (id, format, source, dry_run, operator_id, submitted_by, removal, max_removed_share, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'receiving')`

// CreateImport begins an import.
func (s *Store) CreateImport(ctx context.Context, imp transfer.Import) error {
	return postgres.Map(createImport(ctx, s.db, imp), nil)
}

func createImport(ctx context.Context, q sqlx.ExecerContext, imp transfer.Import) error {
	removal := imp.Removal
	if removal == "" {
		removal = transfer.Keep
	}
	_, err := q.ExecContext(ctx, insertImport, imp.ID, imp.Format, imp.Source, imp.DryRun, imp.Operator, imp.SubmittedBy, string(removal),
		imp.MaxRemovedShare)
	if err != nil {
		return fmt.Errorf("create import: %w", err)
	}
	return nil
}

const updateReceived = `
UPDATE imports SET rows = $2, rejected_rows = $3, adjusted_rows = $4, updated_at = now()
WHERE id = $1 AND state = 'receiving' AND worker = $5`

// Stage stores rows that have arrived.
func (s *Store) Stage(ctx context.Context, imp transfer.Import, rows []transfer.StagedRow, findings []transfer.Finding, counts transfer.Counts) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := copyRows(ctx, tx, imp.ID.String(), rows); err != nil {
			return err
		}
		if err := insertFindings(ctx, tx, imp.ID, findings); err != nil {
			return err
		}
		return held(ctx, tx, "count rows", updateReceived, imp.ID, counts.Rows, counts.Rejected, counts.Adjusted, imp.Worker)
	})
}

// held changes a row that is there as long as the worker has the import, or gives transfer.ErrLost.
func held(ctx context.Context, tx sqlx.ExecerContext, doing, change string, params ...any) error {
	done, err := tx.ExecContext(ctx, change, params...)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errorOr(err, transfer.ErrLost)
	}
	return nil
}

func copyRows(ctx context.Context, tx *sqlx.Tx, importID string, rows []transfer.StagedRow) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := postgres.CopyFrom(ctx, tx, "import_rows", []string{"import_id", "key", "line", "data"},
		func(yield func([]any, error) bool) {
			row := make([]any, 4)
			for i := range rows {
				row[0], row[1], row[2], row[3] = importID, rows[i].Key, rows[i].Line, rows[i].Data
				if !yield(row, nil) {
					return
				}
			}
		})
	return err
}

const addFindings = `
INSERT INTO import_findings (import_id, line, subject, severity, code, detail, advice)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
LIMIT greatest(0, $8 - (SELECT count(*) FROM import_findings WHERE import_id = $1))`

// insertFindings keeps findings up to transfer.MaxFindings.
func insertFindings(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, findings []transfer.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	lines := make(pq.Int64Array, len(findings))
	var text [5]pq.StringArray
	for i, f := range findings {
		lines[i] = f.Line
		for k, v := range [...]string{f.Subject, string(f.Severity), f.Code, f.Detail, f.Advice} {
			text[k] = append(text[k], strings.ToValidUTF8(strings.ReplaceAll(v, "\x00", ""), "\uFFFD"))
		}
	}
	_, err := tx.ExecContext(ctx, addFindings, id, lines, text[0], text[1], text[2], text[3], text[4], transfer.MaxFindings)
	if err != nil {
		return fmt.Errorf("store findings: %w", err)
	}
	return nil
}

const submitImport = `
UPDATE imports
SET state = 'waiting', worker = '', leased_until = NULL, updated_at = now(),
    stations_total = (SELECT count(DISTINCT key) FROM import_rows WHERE import_id = $1)
WHERE id = $1 AND state = 'receiving' AND worker = $2`

// Submit lets a worker have the import. What it was fetched from is done with.
func (s *Store) Submit(ctx context.Context, imp transfer.Import) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := held(ctx, tx, "submit import", submitImport, imp.ID, imp.Worker); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, dropFetch, imp.ID); err != nil {
			return fmt.Errorf("drop what was fetched: %w", err)
		}
		return nil
	})
}

const importColumns = `
id, format, source, dry_run, operator_id, submitted_by, state, error, rows, rejected_rows, adjusted_rows, stations, stations_total,
created, updated, unchanged, removed, done_key, removal, max_removed_share, created_at, updated_at, finished_at`

const beginImport = `
UPDATE imports
SET state = 'running', worker = $2, leased_until = now() + make_interval(secs => $3), updated_at = now(),
    stations_total = $4
WHERE id = $1 AND state = 'receiving'
RETURNING ` + importColumns

// Begin gives an import that has been received to a worker at once.
func (s *Store) Begin(ctx context.Context, id uuid.UUID, worker string, lease time.Duration, stations int64) (transfer.Import, error) {
	found, err := collect(ctx, s.db, scanImport, beginImport, id, worker, lease.Seconds(), stations)
	switch {
	case err != nil:
		return transfer.Import{}, postgres.Map(fmt.Errorf("begin import: %w", err), nil)
	case len(found) == 0:
		return transfer.Import{}, transfer.ErrLost
	}
	return found[0], nil
}

const claimImport = `
UPDATE imports
SET state = 'running', worker = $1, leased_until = now() + make_interval(secs => $2), updated_at = now()
WHERE id = (
    SELECT id
    FROM imports
    WHERE state = 'waiting' OR state = 'running' AND leased_until < now()
    ORDER BY created_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED)
RETURNING ` + importColumns

// Claim gives an import to a worker.
func (s *Store) Claim(ctx context.Context, worker string, lease time.Duration) (transfer.Import, bool, error) {
	found, err := collect(ctx, s.db, scanImport, claimImport, worker, lease.Seconds())
	if err != nil {
		return transfer.Import{}, false, postgres.Map(fmt.Errorf("claim import: %w", err), nil)
	}
	if len(found) == 0 {
		return transfer.Import{}, false, nil
	}
	return found[0], true, nil
}

func scanImport(rows *sql.Rows) (transfer.Import, error) {
	var i transfer.Import
	err := rows.Scan(&i.ID, &i.Format, &i.Source, &i.DryRun, &i.Operator, &i.SubmittedBy, &i.State, &i.Error, &i.Rows, &i.Rejected,
		&i.Adjusted, &i.Stations, &i.StationsTotal, &i.Created, &i.Updated, &i.Unchanged, &i.Removed, &i.DoneKey, &i.Removal, &i.MaxRemovedShare, &i.CreatedAt,
		&i.UpdatedAt, &i.FinishedAt)
	i.CreatedAt, i.UpdatedAt = i.CreatedAt.UTC(), i.UpdatedAt.UTC()
	if i.FinishedAt != nil {
		at := i.FinishedAt.UTC()
		seconds := at.Sub(i.CreatedAt).Seconds()
		i.FinishedAt, i.DurationS = &at, &seconds
	}
	return i, err
}

const stagedRows = `
SELECT key, line, data FROM import_rows WHERE import_id = $1 AND key > $2 ORDER BY key, line LIMIT $3`

// Staged gives rows behind a key. They are read in the order of the index: a planner that has no statistics of an import that has just
// arrived would read and sort all that is left of it for each batch.
func (s *Store) Staged(ctx context.Context, id uuid.UUID, after string, limit int) (found []transfer.StagedRow, err error) {
	err = s.reading(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `SET LOCAL enable_sort = off`); err != nil {
			return err
		}
		found, err = collect(ctx, tx, func(rows *sql.Rows) (transfer.StagedRow, error) {
			var r transfer.StagedRow
			err := rows.Scan(&r.Key, &r.Line, &r.Data)
			return r, err
		}, stagedRows, id, after, limit)
		return err
	})
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("staged rows: %w", err), nil)
	}
	return found, nil
}

const advanceImport = `
UPDATE imports
SET stations = stations + $4, created = created + $5, updated = updated + $6, unchanged = unchanged + $7, removed = removed + $8,
    rejected_rows = rejected_rows + $9, done_key = $10, leased_until = now() + make_interval(secs => $3), updated_at = now()
WHERE id = $1 AND worker = $2 AND state = 'running'
RETURNING rows, rejected_rows, adjusted_rows, stations, created, updated, unchanged, removed`

// Write writes a batch and notes how far the import has come, in one transaction.
func (s *Store) Write(ctx context.Context, imp transfer.Import, worker string, lease time.Duration, batch transfer.Batch) (transfer.Counts, error) {
	var counts transfer.Counts
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		p := putting{tx: tx, by: history.Author{Subject: imp.SubmittedBy, Import: &imp.ID}}
		if err := p.lock(ctx, batch.Entries); err != nil {
			return err
		}
		entries, foreign, err := p.own(ctx, imp, batch.Entries)
		if err != nil {
			return err
		}
		operators, err := operatorsOf(ctx, tx, entries, !imp.DryRun)
		if err != nil {
			return err
		}
		untold, err := refer(ctx, tx, entries)
		if err != nil {
			return err
		}
		foreign = append(foreign, untold...)
		if err := p.put(ctx, entries, operators, imp.DryRun); err != nil {
			return err
		}
		if err := listed(ctx, tx, imp, batch.Listed); err != nil {
			return err
		}
		findings := append(batch.Findings[:len(batch.Findings):len(batch.Findings)], foreign...)
		if err := insertFindings(ctx, tx, imp.ID, findings); err != nil {
			return err
		}
		rejected := 0
		for _, f := range findings {
			if f.Severity == transfer.Rejected {
				rejected++
			}
		}
		err = tx.QueryRowContext(ctx, advanceImport, imp.ID, worker, lease.Seconds(), batch.Stations, p.created, p.updated, p.unchanged,
			p.removed, rejected, batch.DoneKey).Scan(&counts.Rows, &counts.Rejected, &counts.Adjusted, &counts.Stations, &counts.Created,
			&counts.Updated, &counts.Unchanged, &counts.Removed)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return transfer.ErrLost
		case err != nil:
			return fmt.Errorf("note the progress: %w", err)
		}
		if len(batch.Listed) > 0 {
			if _, err := tx.ExecContext(ctx, dropDone, imp.ID, batch.Listed[0], batch.DoneKey); err != nil {
				return fmt.Errorf("drop staged rows: %w", err)
			}
		}
		return p.publish(ctx)
	})
	return counts, err
}

// own drops the stations that an operator's import may not touch: those of others, and those that another has filed first.
func (p *putting) own(ctx context.Context, imp transfer.Import, entries []transfer.Entry) ([]transfer.Entry, []transfer.Finding, error) {
	if imp.Operator == nil {
		return entries, nil, nil
	}
	operators, err := operatorsOf(ctx, p.tx, entries, false)
	if err != nil {
		return nil, nil, err
	}
	owners, err := p.owners(ctx, entries)
	if err != nil {
		return nil, nil, err
	}
	foreignEVSEs, err := p.foreignEVSEs(ctx, *imp.Operator, entries)
	if err != nil {
		return nil, nil, err
	}
	var mine []transfer.Entry
	var findings []transfer.Finding
	for _, e := range entries {
		key := identity{e.Station.Source, e.Station.SourceID}
		owner, there := owners[key]
		if operators[partyOf(&e.Station)] == *imp.Operator && (!there || owner == *imp.Operator) && !foreignEVSEs[key] {
			mine = append(mine, e)
			continue
		}
		findings = append(findings, transfer.Finding{
			Line: e.Line, Subject: e.Station.SourceID, Severity: transfer.Rejected, Code: "foreign_operator",
			Detail: "the station, or an EVSE of it, belongs to another operator than yours", Advice: "Import your own stations only.",
		})
	}
	return mine, findings, nil
}

const stationOwners = `
SELECT s.source, s.source_id, s.operator_id
FROM unnest($1::text[], $2::text[]) AS wanted (source, source_id)
JOIN stations s ON s.source = wanted.source AND s.source_id = wanted.source_id`

func (p *putting) owners(ctx context.Context, entries []transfer.Entry) (map[identity]uuid.UUID, error) {
	sources, ids := make(pq.StringArray, len(entries)), make(pq.StringArray, len(entries))
	for i := range entries {
		sources[i], ids[i] = entries[i].Station.Source, entries[i].Station.SourceID
	}
	out := make(map[identity]uuid.UUID)
	_, err := collect(ctx, p.tx, func(rows *sql.Rows) (struct{}, error) {
		var key identity
		var id uuid.UUID
		err := rows.Scan(&key.source, &key.sourceID, &id)
		out[key] = id
		return struct{}{}, err
	}, stationOwners, sources, ids)
	if err != nil {
		return nil, fmt.Errorf("owners of stations: %w", err)
	}
	return out, nil
}

const evseOwners = `
SELECT wanted.source, wanted.source_id
FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (source, source_id, uid)
JOIN evses e ON e.source = wanted.source AND e.uid = wanted.uid
JOIN stations s ON s.id = e.station_id
WHERE s.operator_id <> $4 AND e.removed_at IS NULL AND s.deleted_at IS NULL`

// foreignEVSEs gives the stations that claim an EVSE of another operator's.
func (p *putting) foreignEVSEs(ctx context.Context, own uuid.UUID, entries []transfer.Entry) (map[identity]bool, error) {
	var sources, ids, uids pq.StringArray
	for i := range entries {
		s := &entries[i].Station
		for _, e := range s.EVSEs {
			sources, ids, uids = append(sources, s.Source), append(ids, s.SourceID), append(uids, e.UID)
		}
	}
	out := make(map[identity]bool)
	_, err := collect(ctx, p.tx, func(rows *sql.Rows) (struct{}, error) {
		var key identity
		err := rows.Scan(&key.source, &key.sourceID)
		out[key] = true
		return struct{}{}, err
	}, evseOwners, sources, ids, uids, own)
	if err != nil {
		return nil, fmt.Errorf("owners of EVSEs: %w", err)
	}
	return out, nil
}

const finishImport = `
UPDATE imports
SET state  = CASE WHEN $2 = '' AND stations = stations_total THEN 'succeeded' ELSE 'failed' END,
    error  = CASE WHEN $2 <> '' OR stations = stations_total THEN $2
                 ELSE 'rows of this file were lost, with the process or the database that had them; send it again' END,
    worker = '', leased_until = NULL, finished_at = now(), updated_at = now()
WHERE id = $1 AND state NOT IN ('succeeded', 'failed')`

// Rows go with the batch that they were for. All of a large import at once would be a transaction that holds back the logs which replicas
// follow.
const dropDone = `
DELETE FROM import_rows WHERE import_id = $1 AND key BETWEEN $2 AND $3`

const dropStaged = `
DELETE FROM import_rows WHERE import_id = $1`

const dropListed = `
DELETE FROM import_listed WHERE import_id = $1`

// Finish ends an import. One of whose stations not all were done has failed, whatever the caller thinks.
func (s *Store) Finish(ctx context.Context, id uuid.UUID, message string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, finishImport, id, message); err != nil {
			return fmt.Errorf("finish import: %w", err)
		}
		for _, drop := range []string{dropStaged, dropListed, dropFetch} {
			if _, err := tx.ExecContext(ctx, drop, id); err != nil {
				return fmt.Errorf("drop staged rows: %w", err)
			}
		}
		return nil
	})
}

// GetImport gives an import, or transfer.ErrNotFound.
func (s *Store) GetImport(ctx context.Context, id uuid.UUID) (transfer.Import, error) {
	found, err := collect(ctx, s.db, scanImport, `SELECT `+importColumns+` FROM imports WHERE id = $1`, id)
	switch {
	case err != nil:
		return transfer.Import{}, postgres.Map(fmt.Errorf("get import: %w", err), nil)
	case len(found) == 0:
		return transfer.Import{}, transfer.ErrNotFound
	}
	return found[0], nil
}

const listFindings = `
SELECT line, seq, subject, severity, code, detail, advice
FROM import_findings
WHERE import_id = $1 AND (line, seq) > ($2, $3)
ORDER BY line, seq
LIMIT $4`

// ListFindings gives findings behind a place, and the place of the last one.
func (s *Store) ListFindings(ctx context.Context, id uuid.UUID, after transfer.FindingPlace, limit int) ([]transfer.Finding, transfer.FindingPlace, error) {
	place := after
	found, err := collect(ctx, s.db, func(rows *sql.Rows) (transfer.Finding, error) {
		var f transfer.Finding
		err := rows.Scan(&place.Line, &place.Seq, &f.Subject, &f.Severity, &f.Code, &f.Detail, &f.Advice)
		f.Line = place.Line
		return f, err
	}, listFindings, id, after.Line, after.Seq, limit)
	if err != nil {
		return nil, after, postgres.Map(fmt.Errorf("list findings: %w", err), nil)
	}
	return found, place, nil
}

const failSilent = `
UPDATE imports
SET state = 'failed', error = 'the file did not arrive whole', finished_at = now(), updated_at = now()
WHERE state = 'receiving' AND updated_at < now() - make_interval(secs => $1)
  AND NOT EXISTS (SELECT FROM import_fetches f WHERE f.import_id = imports.id)`

// Abandon fails imports that have received nothing for a time, as when the process that received them is gone, and drops what is
// staged of imports that have ended. One that is fetched waits for whoever takes it up.
func (s *Store) Abandon(ctx context.Context, silence time.Duration) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, failSilent, silence.Seconds()); err != nil {
			return fmt.Errorf("fail silent imports: %w", err)
		}
		_, err := tx.ExecContext(ctx, `
DELETE FROM import_rows r USING imports i WHERE i.id = r.import_id AND i.state IN ('succeeded', 'failed')`)
		if err != nil {
			return fmt.Errorf("drop staged rows: %w", err)
		}
		return nil
	})
}

var _ transfer.Store = (*Store)(nil)

// stationOf is the document of a station just written, as the transaction sees it.
func stationOf(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (station.Station, error) {
	found, err := load(ctx, tx, stationsByID, uuids([]uuid.UUID{id}))
	if err != nil {
		return station.Station{}, fmt.Errorf("read back station: %w", err)
	}
	if len(found) == 0 {
		return station.Station{}, station.ErrNotFound
	}
	return found[0], nil
}
