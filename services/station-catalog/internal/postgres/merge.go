package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

const mergeStation = `
UPDATE stations SET deleted_at = now(), updated_at = now(), version = version + 1, merged_into = $2 WHERE id = $1 RETURNING version`

const outliveStation = `
UPDATE stations SET updated_at = now(), version = version + 1 WHERE id = $1 RETURNING version`

const sameEVSE = `CASE WHEN k.evse_id <> '' AND e.evse_id <> '' THEN upper(replace(k.evse_id, '*', '')) = upper(replace(e.evse_id, '*', ''))
                 ELSE k.uid = e.uid END`

// Of an EVSE that both have the survivor's stays: one with the same eMI3 id or, where one of the two has none, the same uid. All others
// come over with their ids, so that their plots, statuses and histories stay with them. They belong to the survivor's source from now
// on, under another uid where theirs is taken there.
const moveEVSEs = `
UPDATE evses e
SET station_id = $2, source = keep.source, merged_from = $1, position = e.position + 1 + (SELECT coalesce(max(position), 0) FROM evses WHERE station_id = $2),
    uid = CASE WHEN e.source <> keep.source AND EXISTS (SELECT FROM evses t WHERE t.source = keep.source AND t.uid = e.uid)
               THEN left(e.uid, 27) || '~' || left(md5(e.id::text), 8) ELSE e.uid END
FROM stations keep
WHERE keep.id = $2 AND e.station_id = $1 AND e.removed_at IS NULL
  AND NOT EXISTS (
      SELECT FROM evses k
      WHERE k.station_id = $2 AND k.removed_at IS NULL
        AND ` + sameEVSE + `)`

// The tariffs of one operator do not hold at another's stations.
const leaveTariffs = `
DELETE FROM connector_tariffs l
USING evses e, stations keep, stations gone
WHERE l.evse_id = e.id AND e.station_id = keep.id AND keep.id = $2 AND e.merged_from = gone.id AND gone.id = $1
  AND gone.operator_id <> keep.operator_id`

// Merge makes a tombstone of the duplicate that leads to the survivor, when the function allows it, and gives the survivor with the
// EVSEs that only the duplicate had, the reviews, photos and reports of both, and the changes that are suggested of either. What was merged into the
// duplicate before leads there too. It returns the faults of Get for either, and station.ErrSame.
func (s *Store) Merge(
	ctx context.Context, by history.Author, survivor, duplicate uuid.UUID, allow func(survivor, duplicate station.Station) error,
) (station.Station, error) {
	if survivor == duplicate {
		return station.Station{}, station.ErrSame
	}
	out, _, err := idempotency.Do(ctx, s.db, by.Subject, func(ctx context.Context, tx *sqlx.Tx) (station.Station, error) {
		p := &putting{tx: tx, exclusive: true, by: by}
		stations, err := p.lockStations(ctx, survivor, duplicate)
		if err != nil {
			return station.Station{}, err
		}
		keep, drop := stations[0], stations[1]
		if err := allow(keep, drop); err != nil {
			return station.Station{}, err
		}
		return keep, p.merge(ctx, &keep, &drop)
	})
	return out, postgres.Map(err, constraints)
}

// merge gives the survivor its new version.
func (p *putting) merge(ctx context.Context, keep, drop *station.Station) error {
	// Whoever changes a suggestion locks it before its station.
	if _, err := p.tx.ExecContext(ctx, lockSuggestions, drop.ID); err != nil {
		return fmt.Errorf("lock suggestions: %w", err)
	}
	gone := feed.Change{ID: drop.ID, Op: feed.Delete}
	if err := p.tx.GetContext(ctx, &gone.Version, mergeStation, drop.ID, keep.ID); err != nil {
		return fmt.Errorf("merge station: %w", err)
	}
	for _, move := range []string{moveEVSEs, leaveTariffs} {
		if _, err := p.tx.ExecContext(ctx, move, drop.ID, keep.ID); err != nil {
			return fmt.Errorf("move EVSEs: %w", err)
		}
	}
	if _, err := p.tx.ExecContext(ctx, removeEVSEs, uuids([]uuid.UUID{drop.ID})); err != nil {
		return fmt.Errorf("remove EVSEs: %w", err)
	}
	if _, err := p.tx.ExecContext(ctx, `UPDATE stations SET merged_into = $2 WHERE merged_into = $1`, drop.ID, keep.ID); err != nil {
		return fmt.Errorf("lead earlier duplicates on: %w", err)
	}
	stays := feed.Change{ID: keep.ID, Op: feed.Upsert}
	if err := p.tx.GetContext(ctx, &stays.Version, outliveStation, keep.ID); err != nil {
		return fmt.Errorf("survivor of a merge: %w", err)
	}
	// The survivor is locked by now, as the duplicate is, so that nobody reviews, photographs or reports either, or suggests anything of it, meanwhile.
	for _, move := range slices.Concat(mergeReviews, mergePhotos, mergeReports) {
		if _, err := p.tx.ExecContext(ctx, move, drop.ID, keep.ID); err != nil {
			return fmt.Errorf("move what people said: %w", err)
		}
	}
	if _, err := p.tx.ExecContext(ctx, mergeSuggestions, drop.ID, keep.ID); err != nil {
		return fmt.Errorf("move suggestions: %w", err)
	}
	into, from := []byte(`"`+keep.ID.String()+`"`), []byte(`"`+drop.ID.String()+`"`)
	p.note(drop.ID, gone.Version, history.Merged, history.Change{Path: "/merged_into", After: into})
	p.note(keep.ID, stays.Version, history.Merged, history.Change{Path: "/merged_from", After: from})
	p.changes = append(p.changes, stays, gone) // whoever follows finds the EVSEs in their new place before the old one goes
	if err := p.publish(ctx); err != nil {
		return err
	}
	var err error
	*keep, err = stationOf(ctx, p.tx, keep.ID)
	return err
}

// lockStations locks the sources of stations and reads them, in the order of the ids.
func (p *putting) lockStations(ctx context.Context, ids ...uuid.UUID) ([]station.Station, error) {
	sources := make([]string, len(ids))
	for i, id := range ids {
		var err error
		if sources[i], err = p.sourceOf(ctx, id); err != nil {
			return nil, err
		}
	}
	if err := p.lockSources(ctx, sources); err != nil {
		return nil, err
	}
	out := make([]station.Station, len(ids))
	for i, id := range ids {
		st, err := stationOf(ctx, p.tx, id)
		if errors.Is(err, station.ErrNotFound) { // it was removed while we waited
			_, err = p.sourceOf(ctx, id)
		}
		if err != nil {
			return nil, err
		}
		out[i] = st
	}
	return out, nil
}

const stationSource = `
SELECT source, deleted_at IS NOT NULL, merged_into FROM stations WHERE id = $1`

// sourceOf gives the source of a station that is there.
func (p *putting) sourceOf(ctx context.Context, id uuid.UUID) (string, error) {
	var source string
	var removed bool
	var into *uuid.UUID
	err := p.tx.QueryRowContext(ctx, stationSource, id).Scan(&source, &removed, &into)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", station.ErrNotFound
	case err != nil:
		return "", fmt.Errorf("find station: %w", err)
	case into != nil:
		return "", station.MergedInto(*into)
	case removed:
		return "", station.ErrRemoved
	}
	return source, nil
}

// lockSources makes writers of sources take turns.
func (p *putting) lockSources(ctx context.Context, sources []string) error {
	slices.Sort(sources) // in one order, so that no two wait for each other
	for _, source := range slices.Compact(sources) {
		if _, err := p.tx.ExecContext(ctx, lockSource, source); err != nil {
			return fmt.Errorf("lock source %s: %w", source, err)
		}
	}
	return nil
}

const mergedInto = `
SELECT id, merged_into FROM stations WHERE id = ANY($1) AND merged_into IS NOT NULL`

// MergedInto gives, of these stations, those that were merged and into which others.
func (s *Store) MergedInto(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]uuid.UUID, error) {
	out := map[uuid.UUID]uuid.UUID{}
	_, err := collect(ctx, s.db, func(rows *sql.Rows) (struct{}, error) {
		var from, into uuid.UUID
		err := rows.Scan(&from, &into)
		out[from] = into
		return struct{}{}, err
	}, mergedInto, uuids(ids))
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("survivors of merges: %w", err), nil)
	}
	return out, nil
}
