package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
)

// catalogueCursor names the cursor of the station feed.
const catalogueCursor = "stations"

// CatalogueCursor gives the cursor that ApplyCatalogue kept last, "" before the first.
func (s *Store) CatalogueCursor(ctx context.Context) (string, error) {
	cursor, err := feed.LoadCursor(ctx, s.db, catalogueCursor)
	return cursor, postgres.Map(err, nil)
}

const markStaleSQL = `UPDATE stations SET stale = true WHERE NOT stale`

// removedPerBatch bounds how many stations that a replay did not bring are removed in one transaction.
const removedPerBatch = 500

const selectStaleSQL = `SELECT id FROM stations WHERE stale AND NOT removed ORDER BY id LIMIT $1`

// ApplyCatalogue brings stations, EVSEs and plots in step with a batch of the station feed and keeps its cursor, all in one
// transaction. A new EVSE gets a plot of its own; a plot goes with its EVSEs to another station, and becomes REMOVED when they are all
// removed; what operators wrote stays. The same batch a second time changes nothing.
func (s *Store) ApplyCatalogue(ctx context.Context, batch catalog.Batch) error {
	if err := s.applyCatalogue(ctx, batch); err != nil {
		return err
	}
	s.grown += len(batch.Changes)
	if batch.CaughtUp && s.grown >= analyzeAfter {
		s.grown = 0
		// A database that has just been filled does not know it yet, and plans as if it were empty.
		if _, err := s.db.ExecContext(ctx, analyzeSQL); err != nil {
			s.opt.Log.WarnContext(ctx, "the catalogue's tables could not be analysed", "error", err)
		}
	}
	return nil
}

const (
	// analyzeAfter is how many stations must have come for the planner to be told.
	analyzeAfter = 1000
	analyzeSQL   = `ANALYZE stations, evses, plots, plot_evses, plot_history`
)

func (s *Store) applyCatalogue(ctx context.Context, batch catalog.Batch) error {
	return s.write(ctx, func(ctx context.Context, tx txn) error {
		if batch.Reset {
			if _, err := tx.ExecContext(ctx, markStaleSQL); err != nil {
				return fmt.Errorf("begin a replay: %w", err)
			}
		}
		changes := newest(batch.Changes)
		if batch.CaughtUp {
			var stale []uuid.UUID
			if err := tx.SelectContext(ctx, &stale, selectStaleSQL, removedPerBatch); err != nil {
				return fmt.Errorf("find what a replay did not bring: %w", err)
			}
			for _, id := range stale {
				if !slices.ContainsFunc(changes, func(c catalog.Change) bool { return c.ID == id }) {
					changes = append(changes, catalog.Change{ID: id, Removed: true})
				}
			}
		}
		if err := s.applyStations(ctx, tx, changes); err != nil {
			return err
		}
		return feed.SaveCursor(ctx, tx, catalogueCursor, batch.Cursor)
	})
}

// newest keeps the last change of each station, in order of id.
func newest(changes []catalog.Change) []catalog.Change {
	last := make(map[uuid.UUID]catalog.Change, len(changes))
	for _, c := range changes {
		last[c.ID] = c
	}
	out := make([]catalog.Change, 0, len(last))
	for _, c := range last {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b catalog.Change) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return out
}

type evseRow struct {
	ID         uuid.UUID  `db:"id"`
	StationID  uuid.UUID  `db:"station_id"`
	UID        string     `db:"uid"`
	EVSEID     string     `db:"evse_id"`
	Label      string     `db:"label"`
	Reservable bool       `db:"reservable"`
	Removed    bool       `db:"removed"`
	Connectors string     `db:"connectors"`
	PlotID     *uuid.UUID `db:"plot_id"`
}

// Connectors are compared as Postgres writes them, so that the order of keys in the feed does not matter.
const knownEVSEsSQL = `
SELECT e.id, e.station_id, e.uid, e.evse_id, e.label, e.reservable, e.removed, e.connectors::text AS connectors, pe.plot_id
FROM evses e
LEFT JOIN plot_evses pe ON pe.evse_id = e.id
WHERE e.station_id = ANY($1) OR e.id = ANY($2)`

const stationPlotsSQL = `SELECT id FROM plots WHERE station_id = ANY($1)`

// Plots of the stations, and of EVSEs that are told of, which may be at another station.
const toldPlotsSQL = stationPlotsSQL + ` UNION SELECT plot_id FROM plot_evses WHERE evse_id = ANY($2)`

// An older version than the one known comes only from a replay that has been overtaken.
const upsertStationsSQL = `
WITH due AS (
    INSERT INTO occupancy_due (station_id, due_at) SELECT t.id, $9 FROM unnest($1::uuid[]) AS t (id) ON CONFLICT DO NOTHING
)
INSERT INTO stations (id, operator_id, operator_name, name, address, time_zone, tariffs, version, country_code, party_id, street, city,
    postal_code, state, country, latitude, longitude, removed, stale, updated_at)
SELECT t.*, false, false, $9
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::bigint[], $10::text[], $11::text[],
    $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::double precision[], $18::double precision[]) AS t
ON CONFLICT (id) DO UPDATE SET
    operator_id = excluded.operator_id, operator_name = excluded.operator_name, name = excluded.name, address = excluded.address,
    time_zone = excluded.time_zone, tariffs = excluded.tariffs, version = excluded.version, country_code = excluded.country_code,
    party_id = excluded.party_id, street = excluded.street, city = excluded.city, postal_code = excluded.postal_code,
    state = excluded.state, country = excluded.country, latitude = excluded.latitude, longitude = excluded.longitude,
    removed = false, stale = false,
    updated_at = excluded.updated_at`

const removeStationsSQL = `UPDATE stations SET removed = true, stale = false, updated_at = $2 WHERE id = ANY($1)`

const upsertEVSEsSQL = `
INSERT INTO evses (id, station_id, uid, evse_id, label, reservable, connectors, standards, removed)
SELECT t.id, t.station_id, t.uid, t.evse_id, t.label, t.reservable, t.connectors,
       ARRAY(SELECT DISTINCT c ->> 'standard' FROM jsonb_array_elements(t.connectors) c ORDER BY 1), t.removed
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::jsonb[], $8::boolean[])
     AS t (id, station_id, uid, evse_id, label, reservable, connectors, removed)
ON CONFLICT (id) DO UPDATE SET
    station_id = excluded.station_id, uid = excluded.uid, evse_id = excluded.evse_id, label = excluded.label,
    reservable = excluded.reservable, connectors = excluded.connectors, standards = excluded.standards, removed = excluded.removed
WHERE (evses.station_id, evses.uid, evses.evse_id, evses.label, evses.reservable, evses.connectors, evses.removed)
      IS DISTINCT FROM
      (excluded.station_id, excluded.uid, excluded.evse_id, excluded.label, excluded.reservable, excluded.connectors, excluded.removed)
RETURNING id`

const removeEVSEsSQL = `UPDATE evses SET removed = true WHERE id = ANY($1) AND NOT removed RETURNING id`

const createPlotsSQL = `
WITH new AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS n (id, evse_id, station_id)
), plot AS (
    INSERT INTO plots (id, station_id, operator_id, made_for, status, status_source, status_since, version, updated_at)
    SELECT n.id, n.station_id, s.operator_id, n.evse_id, 'UNKNOWN', 'none', $4, 1, $4 FROM new n JOIN stations s ON s.id = n.station_id
    RETURNING id
), history AS (
    INSERT INTO plot_history (plot_id, since, version, status, source) SELECT id, $4, 1, 'UNKNOWN', 'none' FROM plot
)
INSERT INTO plot_evses (plot_id, evse_id) SELECT n.id, n.evse_id FROM new n JOIN plot ON plot.id = n.id`

const moveOperatorSQL = `
WITH moved AS (
    UPDATE plots p SET operator_id = s.operator_id FROM stations s
    WHERE s.id = p.station_id AND s.id = ANY($1) AND p.operator_id <> s.operator_id
)
UPDATE charge_points c SET operator_id = s.operator_id FROM stations s
WHERE s.id = c.station_id AND s.id = ANY($1) AND c.operator_id <> s.operator_id`

func (s *Store) applyStations(ctx context.Context, tx txn, changes []catalog.Change) error {
	if len(changes) == 0 {
		return nil
	}
	now := s.now()
	var stations, gone, told []uuid.UUID // every station, the removed ones, every EVSE that is told
	for _, c := range changes {
		stations = append(stations, c.ID)
		if c.Removed {
			gone = append(gone, c.ID)
		}
		for _, e := range c.Station.EVSEs {
			told = append(told, e.ID)
		}
	}
	var plots []uuid.UUID
	if err := tx.SelectContext(ctx, &plots, toldPlotsSQL, ids(stations), ids(told)); err != nil {
		return fmt.Errorf("find the stations' plots: %w", err)
	}
	if _, err := lockPlots(ctx, tx, plots); err != nil {
		return fmt.Errorf("lock the stations' plots: %w", err)
	}
	var known []evseRow
	if err := tx.SelectContext(ctx, &known, knownEVSEsSQL, ids(stations), ids(told)); err != nil {
		return fmt.Errorf("read the stations' EVSEs: %w", err)
	}
	if err := upsertStations(ctx, tx, now, changes); err != nil {
		return err
	}
	if len(gone) > 0 {
		if _, err := tx.ExecContext(ctx, removeStationsSQL, ids(gone), now); err != nil {
			return fmt.Errorf("remove stations: %w", err)
		}
	}
	changed, err := upsertEVSEs(ctx, tx, changes, known, told)
	if err != nil {
		return err
	}
	affected, err := follow(ctx, tx, now, changes, known)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, moveOperatorSQL, ids(stations)); err != nil {
		return fmt.Errorf("hand plots to their operator: %w", err)
	}
	if err := createPlots(ctx, tx, now, changes, known); err != nil {
		return err
	}
	for _, e := range known {
		if e.PlotID != nil && slices.Contains(changed, e.ID) && !slices.Contains(affected, *e.PlotID) {
			affected = append(affected, *e.PlotID)
		}
	}
	if err := touch(ctx, tx, now, affected); err != nil {
		return err
	}
	return s.settle(ctx, tx, now, affected, nil)
}

func upsertStations(ctx context.Context, tx sqlx.ExecerContext, now time.Time, changes []catalog.Change) error {
	var id, operator, operatorName, name, address, zone, tariffs []string
	var version []int64
	var at places
	for _, c := range changes {
		if c.Removed {
			continue
		}
		st := c.Station
		rates, err := json.Marshal(orEmpty(st.Tariffs))
		if err != nil {
			return fmt.Errorf("station %s: its tariffs: %w", c.ID, err)
		}
		if _, err := time.LoadLocation(st.TimeZone); err != nil || st.TimeZone == "" {
			st.TimeZone = "UTC"
		}
		id, operator, operatorName = append(id, c.ID.String()), append(operator, st.Operator.ID.String()), append(operatorName, st.Operator.Name)
		name, address, zone = append(name, st.Name), append(address, st.FullAddress()), append(zone, st.TimeZone)
		tariffs, version = append(tariffs, string(rates)), append(version, st.Version)
		at.add(st)
	}
	if len(id) == 0 {
		return nil
	}
	args := append([]any{
		pq.Array(id), pq.Array(operator), pq.Array(operatorName), pq.Array(name), pq.Array(address), pq.Array(zone), pq.Array(tariffs),
		pq.Array(version), now,
	}, at.args()...)
	if _, err := tx.ExecContext(ctx, upsertStationsSQL, args...); err != nil {
		return fmt.Errorf("store stations: %w", err)
	}
	return nil
}

// places are where stations are and whose they are, as columns.
type places struct {
	texts               [7][]string
	latitude, longitude []float64
}

func (p *places) add(st catalog.Station) {
	for i, text := range []string{st.Operator.CountryCode, st.Operator.PartyID, st.Address, st.City, st.PostalCode, st.State, st.Country} {
		p.texts[i] = append(p.texts[i], text)
	}
	p.latitude, p.longitude = append(p.latitude, st.Latitude), append(p.longitude, st.Longitude)
}

func (p *places) args() []any {
	var out []any
	for i := range p.texts {
		out = append(out, pq.Array(p.texts[i]))
	}
	return append(out, pq.Array(p.latitude), pq.Array(p.longitude))
}

// upsertEVSEs stores the EVSEs that are told, removes those that are known and not told any more, and returns the ids of all that
// changed.
func upsertEVSEs(
	ctx context.Context, tx sqlx.QueryerContext, changes []catalog.Change, known []evseRow, told []uuid.UUID,
) ([]uuid.UUID, error) {
	var id, station, uid, evseID, label, connectors []string
	var reservable, removed []bool
	for _, c := range changes {
		for _, e := range c.Station.EVSEs {
			plugs, err := json.Marshal(orEmpty(e.Connectors))
			if err != nil {
				return nil, fmt.Errorf("evse %s: its connectors: %w", e.ID, err)
			}
			id, station, uid = append(id, e.ID.String()), append(station, c.ID.String()), append(uid, e.UID)
			evseID, label = append(evseID, e.EVSEID), append(label, e.PhysicalReference)
			connectors, reservable, removed = append(connectors, string(plugs)), append(reservable, e.Reservable), append(removed, e.Removed)
		}
	}
	var changed []uuid.UUID
	if len(id) > 0 {
		err := sqlx.SelectContext(ctx, tx, &changed, upsertEVSEsSQL, pq.Array(id), pq.Array(station), pq.Array(uid), pq.Array(evseID),
			pq.Array(label), pq.Array(reservable), pq.Array(connectors), pq.Array(removed))
		if err != nil {
			return nil, fmt.Errorf("store EVSEs: %w", err)
		}
	}
	stillTold := make(map[uuid.UUID]bool, len(told))
	for _, e := range told {
		stillTold[e] = true
	}
	var missing []uuid.UUID
	for _, e := range known {
		if !stillTold[e.ID] && !e.Removed {
			missing = append(missing, e.ID)
		}
	}
	if len(missing) == 0 {
		return changed, nil
	}
	var gone []uuid.UUID
	if err := sqlx.SelectContext(ctx, tx, &gone, removeEVSEsSQL, ids(missing)); err != nil {
		return nil, fmt.Errorf("remove EVSEs: %w", err)
	}
	return append(changed, gone...), nil
}

func createPlots(ctx context.Context, tx txn, now time.Time, changes []catalog.Change, known []evseRow) error {
	served := make(map[uuid.UUID]bool, len(known))
	for _, e := range known {
		served[e.ID] = e.PlotID != nil
	}
	var plots, evses, stations []uuid.UUID
	var told []feed.Change
	for _, c := range changes {
		for _, e := range c.Station.EVSEs {
			if e.Removed || served[e.ID] {
				continue
			}
			id := newID()
			plots, evses, stations = append(plots, id), append(evses, e.ID), append(stations, c.ID)
			told = append(told, feed.Change{ID: id, Op: feed.Upsert, Version: 1})
		}
	}
	if len(plots) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, createPlotsSQL, ids(plots), ids(evses), ids(stations), now); err != nil {
		return fmt.Errorf("make plots: %w", err)
	}
	return feed.Append(ctx, tx, ChangeLog, told...)
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
