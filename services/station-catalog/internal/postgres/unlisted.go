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

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

const listStations = `
INSERT INTO import_listed (import_id, source, source_id)
SELECT $1, * FROM unnest($2::text[], $3::text[])
ON CONFLICT DO NOTHING`

// listed notes which stations the file tells of.
func listed(ctx context.Context, tx *sqlx.Tx, imp transfer.Import, keys []string) error {
	if imp.Removal != transfer.Mark || len(keys) == 0 {
		return nil
	}
	sources, ids := make(pq.StringArray, len(keys)), make(pq.StringArray, len(keys))
	for i, key := range keys {
		source, id, named := strings.Cut(key, transfer.KeySeparator)
		if !named {
			source, id = imp.Source, key
		}
		sources[i], ids[i] = source, id
	}
	if _, err := tx.ExecContext(ctx, listStations, imp.ID, sources, ids); err != nil {
		return fmt.Errorf("note what the file lists: %w", err)
	}
	return nil
}

// Stations of the sources that the file lists, of the operator that imports when it is one.
const unlistedFrom = `
FROM stations s
WHERE s.deleted_at IS NULL AND ($2::uuid IS NULL OR s.operator_id = $2)
  AND s.source IN (SELECT DISTINCT source FROM import_listed WHERE import_id = $1)`

const countUnlisted = `
SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (
    SELECT FROM import_listed l WHERE l.import_id = $1 AND l.source = s.source AND l.source_id = s.source_id))` + unlistedFrom

const removeUnlisted = `
UPDATE stations SET deleted_at = now(), updated_at = now(), version = version + 1
WHERE id IN (SELECT s.id` + unlistedFrom + ` AND NOT EXISTS (
    SELECT FROM import_listed l WHERE l.import_id = $1 AND l.source = s.source AND l.source_id = s.source_id) LIMIT $3)
RETURNING id, version`

// removedAtOnce is how many stations are removed in a transaction.
const removedAtOnce = 2000

const listedSources = `
SELECT DISTINCT source FROM import_listed WHERE import_id = $1`

// RemoveUnlisted removes some of the stations that the file no longer lists, and tells whether there are more. It removes none, and
// returns transfer.ErrTooManyRemoved, when their share is greater than the import allows. A dry run only counts.
func (s *Store) RemoveUnlisted(ctx context.Context, imp transfer.Import, worker string, lease time.Duration) (counts transfer.Counts, more bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		p := putting{tx: tx, by: history.Author{Subject: imp.SubmittedBy, Import: &imp.ID}}
		if err := p.lockSourcesOf(ctx, listedSources, imp.ID); err != nil {
			return err
		}
		var there, gone, before int64
		if err := tx.QueryRowContext(ctx, countUnlisted, imp.ID, imp.Operator).Scan(&there, &gone); err != nil {
			return fmt.Errorf("count what is no longer listed: %w", err)
		}
		if err := tx.GetContext(ctx, &before, `SELECT unlisted FROM imports WHERE id = $1`, imp.ID); err != nil {
			return fmt.Errorf("count what was removed: %w", err)
		}
		if total := there + before; total > 0 && float64(gone+before)/float64(total) > imp.MaxRemovedShare {
			return transfer.ErrTooManyRemoved.Detailf("%d of %d stations are no longer listed, which is more than the share of %g that may go; none of these was removed",
				gone+before, total, imp.MaxRemovedShare)
		}
		removed := gone
		if more = false; !imp.DryRun {
			n, err := p.removeUnlisted(ctx, imp)
			if err != nil {
				return err
			}
			removed, more = n, n < gone
		}
		err := tx.QueryRowContext(ctx, advanceRemoval, imp.ID, worker, lease.Seconds(), removed).Scan(&counts.Rows, &counts.Rejected,
			&counts.Adjusted, &counts.Stations, &counts.Created, &counts.Updated, &counts.Unchanged, &counts.Removed)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return transfer.ErrLost
		case err != nil:
			return fmt.Errorf("note the progress: %w", err)
		}
		return p.publish(ctx)
	})
	return counts, more, err
}

const advanceRemoval = `
UPDATE imports
SET removed = removed + $4, unlisted = unlisted + $4, leased_until = now() + make_interval(secs => $3), updated_at = now()
WHERE id = $1 AND worker = $2 AND state = 'running'
RETURNING rows, rejected_rows, adjusted_rows, stations, created, updated, unchanged, removed`

func (p *putting) removeUnlisted(ctx context.Context, imp transfer.Import) (int64, error) {
	var ids []uuid.UUID
	_, err := collect(ctx, p.tx, func(rows *sql.Rows) (struct{}, error) {
		change := feed.Change{Op: feed.Delete}
		err := rows.Scan(&change.ID, &change.Version)
		ids = append(ids, change.ID)
		p.changes = append(p.changes, change)
		p.note(change.ID, change.Version, history.Removed)
		return struct{}{}, err
	}, removeUnlisted, imp.ID, imp.Operator, removedAtOnce)
	if err != nil {
		return 0, fmt.Errorf("remove what is no longer listed: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	if _, err := p.tx.ExecContext(ctx, removeEVSEs, uuids(ids)); err != nil {
		return 0, fmt.Errorf("remove EVSEs: %w", err)
	}
	return int64(len(ids)), nil
}
