package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/occupancy"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

const postponeQuietSQL = `
UPDATE occupancy_due SET due_at = $2
WHERE station_id IN (
    SELECT d.station_id FROM occupancy_due d
    WHERE d.due_at <= $1
      AND NOT EXISTS (SELECT FROM plots p WHERE p.station_id = d.station_id AND p.status_source NOT IN ('none', 'catalog'))
      AND NOT EXISTS (SELECT FROM occupancies o WHERE o.station_id = d.station_id)
    ORDER BY d.due_at LIMIT $3 FOR UPDATE SKIP LOCKED)`

// PostponeQuiet implements occupancy.Store.
func (s *Store) PostponeQuiet(ctx context.Context, until time.Time, limit int) (int, error) {
	result, err := s.db.ExecContext(ctx, postponeQuietSQL, s.now(), until.UTC(), limit)
	if err != nil {
		return 0, postgres.Map(fmt.Errorf("put off stations that nobody spoke of: %w", err), nil)
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// dueOccupancySQL takes one station that is due and that nobody else computes. Its transaction is short, since it holds the feeds back.
const dueOccupancySQL = `
SELECT d.station_id, s.time_zone, s.removed
FROM occupancy_due d JOIN stations s ON s.id = d.station_id
WHERE d.due_at <= $1
ORDER BY d.due_at LIMIT 1
FOR UPDATE OF d SKIP LOCKED`

// The status that held at the beginning is the last entry from before.
const trackSQL = `
SELECT h.plot_id, h.since, h.version, h.status
FROM plots p
CROSS JOIN LATERAL (
    (SELECT plot_id, since, version, status FROM plot_history WHERE plot_id = p.id AND since < $2 ORDER BY since DESC, version DESC LIMIT 1)
    UNION ALL
    SELECT plot_id, since, version, status FROM plot_history WHERE plot_id = p.id AND since >= $2 AND since < $3
) h
WHERE p.station_id = $1
ORDER BY h.plot_id, h.version`

const presentSQL = `SELECT id, status, status_since FROM plots WHERE station_id = $1 ORDER BY id`

const (
	keepOccupanciesSQL = `
INSERT INTO occupancies (id, station_id, computed_at, document)
SELECT t.id, $2, $3, t.document FROM unnest($1::uuid[], $4::jsonb[]) AS t (id, document)
ON CONFLICT (id) DO UPDATE SET station_id = excluded.station_id, computed_at = excluded.computed_at, document = excluded.document`
	occupancyDueSQL      = `UPDATE occupancy_due SET due_at = $2 WHERE station_id = $1`
	forgetOccupanciesSQL = `DELETE FROM occupancies WHERE station_id = $1`
	neverDueSQL          = `DELETE FROM occupancy_due WHERE station_id = $1`
)

// ComputeOccupancy implements occupancy.Store.
func (s *Store) ComputeOccupancy(ctx context.Context, again time.Time) (some bool, err error) {
	err = s.inTx(ctx, func(ctx context.Context, tx txn) error {
		now := s.now()
		var due struct {
			StationID uuid.UUID `db:"station_id"`
			TimeZone  string    `db:"time_zone"`
			Removed   bool      `db:"removed"`
		}
		err := tx.GetContext(ctx, &due, dueOccupancySQL, now)
		if some = err == nil; errors.Is(err, sql.ErrNoRows) {
			return nil
		} else if err != nil {
			return fmt.Errorf("find a station that is due: %w", err)
		}
		if due.Removed {
			for _, query := range []string{forgetOccupanciesSQL, neverDueSQL} {
				if _, err := tx.ExecContext(ctx, query, due.StationID); err != nil {
					return fmt.Errorf("forget how busy a removed station was: %w", err)
				}
			}
			return nil
		}
		tracks, err := s.tracks(ctx, tx, due.StationID, now.Add(-occupancy.Window), now)
		if err != nil {
			return err
		}
		if err := keepOccupancies(ctx, tx, due.StationID, tracks, now, zoneOf(due.TimeZone)); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, occupancyDueSQL, due.StationID, again.UTC())
		return err
	})
	return some, postgres.Map(err, nil)
}

// tracks gives the histories of a station's plots between two moments, by plot.
func (s *Store) tracks(ctx context.Context, tx txn, station uuid.UUID, from, to time.Time) (map[uuid.UUID]occupancy.Track, error) {
	var rows []struct {
		PlotID  uuid.UUID `db:"plot_id"`
		Since   time.Time `db:"since"`
		Version int64     `db:"version"`
		Status  string    `db:"status"`
	}
	if err := tx.SelectContext(ctx, &rows, trackSQL, station, from, to); err != nil {
		return nil, fmt.Errorf("read the histories of a station's plots: %w", err)
	}
	history := map[uuid.UUID][]plot.Change{}
	for _, r := range rows {
		history[r.PlotID] = append(history[r.PlotID], plot.Change{Status: status.Status(r.Status), Since: r.Since, Version: r.Version})
	}
	var present []struct {
		ID     uuid.UUID `db:"id"`
		Status string    `db:"status"`
		Since  time.Time `db:"status_since"`
	}
	if err := tx.SelectContext(ctx, &present, presentSQL, station); err != nil {
		return nil, fmt.Errorf("read a station's plots: %w", err)
	}
	out := make(map[uuid.UUID]occupancy.Track, len(present))
	for _, p := range present {
		if history[p.ID] == nil { // nothing has changed for longer than histories are kept
			history[p.ID] = []plot.Change{{Status: status.Status(p.Status), Since: p.Since}}
		}
		out[p.ID] = occupancy.NewTrack(history[p.ID])
	}
	return out, nil
}

// keepOccupancies computes a station and each of its plots, and stores what comes out.
func keepOccupancies(
	ctx context.Context, tx txn, station uuid.UUID, tracks map[uuid.UUID]occupancy.Track, now time.Time, zone *time.Location,
) error {
	var all []occupancy.Track
	var list []uuid.UUID
	var documents []string
	keep := func(id uuid.UUID, tracks ...occupancy.Track) error {
		document, err := json.Marshal(occupancy.Compute(tracks, now.Add(-occupancy.Window), now, zone))
		if err != nil {
			return fmt.Errorf("write an occupancy: %w", err)
		}
		list, documents = append(list, id), append(documents, string(document))
		return nil
	}
	for id, track := range tracks {
		all = append(all, track)
		if err := keep(id, track); err != nil {
			return err
		}
	}
	if err := keep(station, all...); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, keepOccupanciesSQL, ids(list), station, now, pq.Array(documents)); err != nil {
		return fmt.Errorf("store occupancies: %w", err)
	}
	return nil
}

// zoneOf is the zone of a station; its name was checked when it came.
func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

const getOccupancySQL = `SELECT computed_at, document FROM occupancies WHERE id = $1`

// GetOccupancy gives what was computed of a station or a plot, and when. Both are zero as long as nothing was.
func (s *Store) GetOccupancy(ctx context.Context, id uuid.UUID) (out occupancy.Typical, at time.Time, err error) {
	var row struct {
		ComputedAt time.Time `db:"computed_at"`
		Document   []byte    `db:"document"`
	}
	switch err := s.db.GetContext(ctx, &row, getOccupancySQL, id); {
	case errors.Is(err, sql.ErrNoRows):
		return out, at, nil
	case err != nil:
		return out, at, postgres.Map(fmt.Errorf("read an occupancy: %w", err), nil)
	}
	if err := json.Unmarshal(row.Document, &out); err != nil {
		return out, at, fmt.Errorf("occupancy of %s: %w", id, err)
	}
	return out, row.ComputedAt.UTC(), nil
}
