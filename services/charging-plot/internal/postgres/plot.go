package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

type plotRow struct {
	ID           uuid.UUID  `db:"id"`
	StationID    uuid.UUID  `db:"station_id"`
	OperatorID   uuid.UUID  `db:"operator_id"`
	Label        *string    `db:"label"`
	Reservable   *bool      `db:"reservable"`
	OutOfService bool       `db:"out_of_service"`
	Parking      []byte     `db:"parking"`
	Status       string     `db:"status"`
	StatusSince  time.Time  `db:"status_since"`
	StatusSource string     `db:"status_source"`
	PushedAt     *time.Time `db:"pushed_at"`
	Version      int64      `db:"version"`
	UpdatedAt    time.Time  `db:"updated_at"`
}

const plotColumns = `
p.id, p.station_id, p.operator_id, p.label, p.reservable, p.out_of_service, p.parking, p.status, p.status_since, p.status_source,
p.pushed_at, p.version, p.updated_at`

type plotEVSERow struct {
	PlotID     uuid.UUID  `db:"plot_id"`
	ID         uuid.UUID  `db:"id"`
	UID        string     `db:"uid"`
	EVSEID     string     `db:"evse_id"`
	Label      string     `db:"label"`
	Reservable bool       `db:"reservable"`
	Connectors []byte     `db:"connectors"`
	Served     bool       `db:"served"`
	HeardAt    *time.Time `db:"heard_at"`
}

const plotEVSEsSQL = `
SELECT pe.plot_id, e.id, e.uid, e.evse_id, e.label, e.reservable, e.connectors, cc.evse_id IS NOT NULL AS served, cp.last_seen_at AS heard_at
FROM plot_evses pe
JOIN evses e ON e.id = pe.evse_id
LEFT JOIN charge_point_connectors cc ON cc.evse_id = e.id
LEFT JOIN charge_points cp ON cp.id = cc.charge_point_id
WHERE pe.plot_id = ANY($1)
ORDER BY pe.plot_id, e.uid, e.id`

// complete reads what belongs to the rows and makes plots of them, in their order.
func complete(ctx context.Context, q sqlx.QueryerContext, rows []plotRow) ([]plot.Plot, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	list := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		list[i] = r.ID
	}
	var evses []plotEVSERow
	if err := sqlx.SelectContext(ctx, q, &evses, plotEVSEsSQL, ids(list)); err != nil {
		return nil, fmt.Errorf("read the plots' EVSEs: %w", err)
	}
	of := make(map[uuid.UUID][]plotEVSERow, len(rows))
	for _, e := range evses {
		of[e.PlotID] = append(of[e.PlotID], e)
	}
	out := make([]plot.Plot, len(rows))
	for i, r := range rows {
		p, err := r.fromRow(of[r.ID])
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}

func (r plotRow) fromRow(evses []plotEVSERow) (plot.Plot, error) {
	p := plot.Plot{
		ID: r.ID, StationID: r.StationID, OperatorID: r.OperatorID, OutOfService: r.OutOfService,
		Status: status.Status(r.Status), StatusSince: r.StatusSince.UTC(), StatusSource: status.Source(r.StatusSource),
		Version: r.Version, UpdatedAt: r.UpdatedAt.UTC(),
	}
	if len(r.Parking) > 0 {
		if err := json.Unmarshal(r.Parking, &p.Parking); err != nil {
			return p, fmt.Errorf("plot %s: its parking: %w", r.ID, err)
		}
	}
	p.HeardAt = r.heardAt(evses)
	for _, e := range evses {
		p.Reservable = p.Reservable || e.Reservable || e.Served
		if p.Label == "" {
			p.Label = e.Label
		}
		var connectors []catalog.Connector
		if err := json.Unmarshal(e.Connectors, &connectors); err != nil {
			return p, fmt.Errorf("evse %s: its connectors: %w", e.ID, err)
		}
		evse := plot.EVSE{ID: e.ID, UID: e.UID, EVSEID: e.EVSEID}
		for _, c := range connectors {
			evse.Connectors = append(evse.Connectors, plot.Connector{
				ID: c.ID, Standard: c.Standard, Format: c.Format, PowerType: c.PowerType,
				MaxVoltage: c.MaxVoltage, MaxAmperage: c.MaxAmperage, MaxPowerW: int(c.MaxElectricPower), TariffIDs: c.TariffIDs,
			})
		}
		p.EVSEs = append(p.EVSEs, evse)
	}
	if r.Label != nil {
		p.Label = *r.Label
	} else if p.Label == "" && len(evses) > 0 {
		p.Label = evses[0].UID
	}
	if r.Reservable != nil {
		p.Reservable = *r.Reservable
	}
	return p, nil
}

// heardAt is when whoever the status comes from was last heard.
func (r plotRow) heardAt(evses []plotEVSERow) time.Time {
	var heard []*time.Time
	source := status.Source(r.StatusSource)
	if source == status.FromPush || source == status.FromSilence {
		heard = append(heard, r.PushedAt)
	}
	if source != status.FromPush {
		for _, e := range evses {
			heard = append(heard, e.HeardAt)
		}
	}
	var latest time.Time
	for _, at := range heard {
		if t := timeOrZero(at); t.After(latest) {
			latest = t
		}
	}
	return latest
}

const getPlotsSQL = `SELECT ` + plotColumns + ` FROM plots p WHERE p.id = ANY($1) ORDER BY p.id`

// GetPlot returns plot.ErrNotFound when there is none.
func (s *Store) GetPlot(ctx context.Context, id uuid.UUID) (plot.Plot, error) {
	return getPlot(ctx, s.db, id)
}

func getPlot(ctx context.Context, q sqlx.QueryerContext, id uuid.UUID) (plot.Plot, error) {
	plots, err := getPlots(ctx, q, []uuid.UUID{id})
	if err != nil {
		return plot.Plot{}, err
	}
	if len(plots) == 0 {
		return plot.Plot{}, plot.ErrNotFound
	}
	return plots[0], nil
}

func getPlots(ctx context.Context, q sqlx.QueryerContext, list []uuid.UUID) ([]plot.Plot, error) {
	var rows []plotRow
	if err := sqlx.SelectContext(ctx, q, &rows, getPlotsSQL, ids(list)); err != nil {
		return nil, postgres.Map(fmt.Errorf("read plots: %w", err), nil)
	}
	plots, err := complete(ctx, q, rows)
	return plots, postgres.Map(err, nil)
}

// GetPlots gives those of the plots that exist, in order of id.
func (s *Store) GetPlots(ctx context.Context, list []uuid.UUID) ([]plot.Plot, error) {
	return getPlots(ctx, s.db, list)
}

const plotsOfStationsSQL = `
SELECT ` + plotColumns + ` FROM plots p WHERE p.station_id = ANY($1) AND p.status <> 'REMOVED' ORDER BY p.id LIMIT $2`

// PlotsOfStations gives the plots of stations that have not been removed, in order of id.
func (s *Store) PlotsOfStations(ctx context.Context, stations []uuid.UUID, limit int) ([]plot.Plot, error) {
	var rows []plotRow
	if err := s.db.SelectContext(ctx, &rows, plotsOfStationsSQL, ids(stations), limit); err != nil {
		return nil, postgres.Map(fmt.Errorf("read the stations' plots: %w", err), nil)
	}
	plots, err := complete(ctx, s.db, rows)
	return plots, postgres.Map(err, nil)
}

// By station it is a range of plots_station_idx, by status of plots_status_idx, else of the primary key; the connector is looked up for
// the plots that pass.
const listPlotsSQL = `
SELECT ` + plotColumns + `
FROM plots p
WHERE ($1::uuid IS NULL OR p.station_id = $1)
  AND CASE WHEN $2::text[] IS NULL THEN p.status <> 'REMOVED' ELSE p.status = ANY($2) END
  AND ($3::text[] IS NULL OR EXISTS (
        SELECT FROM plot_evses pe JOIN evses e ON e.id = pe.evse_id WHERE pe.plot_id = p.id AND e.standards && $3))
  AND p.id > $4
ORDER BY p.id
LIMIT $5`

// ListPlots gives up to limit plots after an id, in order of id.
func (s *Store) ListPlots(ctx context.Context, filter plot.Filter, after uuid.UUID, limit int) ([]plot.Plot, error) {
	var statuses, connectors any
	if len(filter.Statuses) > 0 {
		statuses = pq.Array(filter.Statuses)
	}
	if len(filter.Connector) > 0 {
		connectors = pq.Array(filter.Connector)
	}
	var rows []plotRow
	if err := s.db.SelectContext(ctx, &rows, listPlotsSQL, orNull(filter.Station), statuses, connectors, after, limit); err != nil {
		return nil, postgres.Map(fmt.Errorf("list plots: %w", err), nil)
	}
	plots, err := complete(ctx, s.db, rows)
	return plots, postgres.Map(err, nil)
}

const patchPlotSQL = `
UPDATE plots
SET label = CASE WHEN $2 THEN NULL ELSE coalesce($3, label) END,
    reservable = CASE WHEN $4 THEN NULL ELSE coalesce($5, reservable) END,
    out_of_service = coalesce($6, out_of_service),
    parking = CASE WHEN $8 THEN '{}' ELSE jsonb_strip_nulls(parking || coalesce($7::jsonb, '{}')) END
WHERE id = $1`

// PatchPlot changes the operator's own fields. allow judges the plot as it is, locked; its error is returned.
func (s *Store) PatchPlot(ctx context.Context, id uuid.UUID, patch plot.Patch, allow func(plot.Plot) error) (plot.Plot, error) {
	return s.changePlot(ctx, id, allow, func(ctx context.Context, tx txn, _ time.Time) (bool, error) {
		var parking *string
		if len(patch.Parking) > 0 {
			text := string(patch.Parking)
			parking = &text
		}
		_, err := tx.ExecContext(ctx, patchPlotSQL, id, patch.ClearLabel, patch.Label, patch.ClearReservable, patch.Reservable, patch.OutOfService,
			parking, patch.ClearParking)
		return true, err
	})
}

const pushPlotSQL = `
UPDATE plots SET pushed_status = $2, pushed_at = $3 WHERE id = $1 AND (pushed_at IS NULL OR pushed_at <= $3)`

// PushPlot keeps what an operator's back end says of a plot; a word older than the last one changes nothing. allow is as in PatchPlot.
func (s *Store) PushPlot(ctx context.Context, id uuid.UUID, push plot.Push, allow func(plot.Plot) error) (plot.Plot, error) {
	return s.changePlot(ctx, id, allow, func(ctx context.Context, tx txn, now time.Time) (bool, error) {
		if push.At.IsZero() {
			push.At = now
		}
		_, err := tx.ExecContext(ctx, pushPlotSQL, id, string(push.Status), push.At)
		return false, err
	}, push.At)
}

// changePlot runs change on a locked plot that allow lets pass, settles it and returns it. change says whether something besides the
// status may have changed.
func (s *Store) changePlot(
	ctx context.Context, id uuid.UUID, allow func(plot.Plot) error,
	change func(ctx context.Context, tx txn, now time.Time) (bool, error), since ...time.Time,
) (out plot.Plot, err error) {
	err = s.write(ctx, func(ctx context.Context, tx txn) error {
		if _, err := lockPlots(ctx, tx, []uuid.UUID{id}); err != nil {
			return fmt.Errorf("lock the plot: %w", err)
		}
		before, err := getPlot(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := allow(before); err != nil {
			return err
		}
		if before.Status == status.Removed {
			return plot.ErrRemoved
		}
		now := s.now()
		more, err := change(ctx, tx, now)
		if err != nil {
			return fmt.Errorf("change the plot: %w", err)
		}
		if more {
			if err := touch(ctx, tx, now, []uuid.UUID{id}); err != nil {
				return err
			}
		}
		at := map[uuid.UUID]time.Time{}
		for _, t := range since {
			if !t.IsZero() {
				at[id] = t
			}
		}
		if err := s.settle(ctx, tx, now, []uuid.UUID{id}, at); err != nil {
			return err
		}
		out, err = getPlot(ctx, tx, id)
		return err
	})
	return out, err
}

type historyRow struct {
	Since   time.Time `db:"since"`
	Version int64     `db:"version"`
	Status  string    `db:"status"`
	Source  string    `db:"source"`
}

const historySQL = `
SELECT since, version, status, source
FROM plot_history
WHERE plot_id = $1 AND ($2::timestamptz IS NULL OR since >= $2) AND ($3::timestamptz IS NULL OR since < $3)
  AND ($4::timestamptz IS NULL OR (since, version) < ($4, $5))
ORDER BY since DESC, version DESC
LIMIT $6`

// PlotHistory gives statuses that began in [from, to), newest first, before a position; zero times and a zero position do not narrow.
// The last value is the position after the page.
func (s *Store) PlotHistory(
	ctx context.Context, id uuid.UUID, from, to time.Time, before plot.HistoryPosition, limit int,
) ([]plot.Change, plot.HistoryPosition, error) {
	var rows []historyRow
	err := s.db.SelectContext(ctx, &rows, historySQL, id, timeOrNull(from), timeOrNull(to), timeOrNull(before.Since), before.Version, limit)
	if err != nil {
		return nil, before, postgres.Map(fmt.Errorf("read a plot's history: %w", err), nil)
	}
	out := make([]plot.Change, len(rows))
	for i, r := range rows {
		out[i] = plot.Change{Status: status.Status(r.Status), Source: status.Source(r.Source), Since: r.Since.UTC(), Version: r.Version}
		before = plot.HistoryPosition{Since: r.Since.UTC(), Version: r.Version}
	}
	return out, before, nil
}

const ownerOfStationSQL = `SELECT operator_id FROM stations WHERE id = $1`

// OperatorOf gives the operator of a station, false when it is not known.
func (s *Store) OperatorOf(ctx context.Context, station uuid.UUID) (uuid.UUID, bool, error) {
	var id uuid.UUID
	err := s.db.GetContext(ctx, &id, ownerOfStationSQL, station)
	if errors.Is(err, sql.ErrNoRows) {
		return uuid.Nil, false, nil
	}
	return id, err == nil, postgres.Map(err, nil)
}

const stationPlaceSQL = `SELECT operator_id, time_zone FROM stations WHERE id = $1 AND NOT removed`

// PlaceOf gives whose a station is and its zone. It returns catalog.ErrNotFound when the station is not known or removed.
func (s *Store) PlaceOf(ctx context.Context, station uuid.UUID) (catalog.Place, error) {
	var row struct {
		OperatorID uuid.UUID `db:"operator_id"`
		TimeZone   string    `db:"time_zone"`
	}
	err := s.db.GetContext(ctx, &row, stationPlaceSQL, station)
	if errors.Is(err, sql.ErrNoRows) {
		return catalog.Place{}, catalog.ErrNotFound
	}
	return catalog.Place{OperatorID: row.OperatorID, Zone: zoneOf(row.TimeZone)}, postgres.Map(err, nil)
}

// A range of latitudes of stations_position_idx; the longitudes of the index decide the rest.
const stationsInSQL = `
SELECT id FROM stations
WHERE NOT removed AND latitude BETWEEN $2 AND $4
  AND CASE WHEN $1::double precision <= $3 THEN longitude BETWEEN $1 AND $3 ELSE longitude >= $1 OR longitude <= $3 END
ORDER BY id LIMIT $5`

// StationsIn gives up to limit stations in a box.
func (s *Store) StationsIn(ctx context.Context, box catalog.Box, limit int) ([]uuid.UUID, error) {
	var out []uuid.UUID
	err := s.db.SelectContext(ctx, &out, stationsInSQL, box.West, box.South, box.East, box.North, limit)
	return out, postgres.Map(err, nil)
}
