package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// SetEVSEs says which EVSEs serve a plot, all of them of its station. Those that come leave the plots that they served; one that no EVSE
// serves any more is REMOVED. Those that leave go back to the plot that was made for them, or to a new one; EVSEs that the catalogue has
// removed stay where they are. allow judges the plot as it is, locked; its error is returned, and plot.ErrNotFound, ErrRemoved,
// ErrUnknownEVSE, and ErrInUse when a plot that loses an EVSE has a session or a claim that runs, or would be left with a claim.
func (s *Store) SetEVSEs(ctx context.Context, id uuid.UUID, evses []uuid.UUID, allow func(plot.Plot) error) (out plot.Plot, err error) {
	seen, err := s.GetPlot(ctx, id)
	if err != nil {
		return out, err
	}
	err = s.write(ctx, func(ctx context.Context, tx txn) error {
		// Which EVSEs serve which plots of a station changes under the locks of all of them, here and when the catalogue tells of it.
		var plots []uuid.UUID
		if err := tx.SelectContext(ctx, &plots, stationPlotsSQL, ids([]uuid.UUID{seen.StationID})); err != nil {
			return fmt.Errorf("find the station's plots: %w", err)
		}
		if _, err := lockPlots(ctx, tx, plots); err != nil {
			return fmt.Errorf("lock the station's plots: %w", err)
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
		if err := s.regroup(ctx, tx, now, before, evses); err != nil {
			return err
		}
		out, err = getPlot(ctx, tx, id)
		return err
	})
	return out, err
}

type servedRow struct {
	EVSEID  uuid.UUID  `db:"evse_id"`
	PlotID  *uuid.UUID `db:"plot_id"`
	Removed bool       `db:"removed"`
}

const servedSQL = `
SELECT e.id AS evse_id, pe.plot_id, e.removed FROM evses e LEFT JOIN plot_evses pe ON pe.evse_id = e.id WHERE e.station_id = $1`

// A plot that loses an EVSE must not be in use at the moment, and one that loses its last not be promised to anybody.
const inUseSQL = `
SELECT p.id FROM plots p
WHERE p.id = ANY($1) AND (
    EXISTS (SELECT FROM sessions s WHERE s.plot_id = p.id AND s.state IN ('PENDING', 'ACTIVE'))
    OR EXISTS (SELECT FROM reservations r
               WHERE r.plot_id = p.id AND r.state IN ('PENDING', 'RESERVED') AND (lower(r.period) <= $2 OR p.id = ANY($3))))
LIMIT 1`

const serveSQL = `UPDATE plot_evses SET plot_id = $1 WHERE evse_id = ANY($2)`

// Plots of the station that were made for these EVSEs and that none serves.
const homesSQL = `
SELECT DISTINCT ON (p.made_for) p.made_for AS evse_id, p.id AS plot_id
FROM plots p
WHERE p.station_id = $2 AND p.made_for = ANY($1) AND NOT EXISTS (SELECT FROM plot_evses pe WHERE pe.plot_id = p.id)
ORDER BY p.made_for, p.id`

// regroup moves EVSEs between the plots of a station, which are locked.
func (s *Store) regroup(ctx context.Context, tx txn, now time.Time, bay plot.Plot, wanted []uuid.UUID) error {
	var served []servedRow
	if err := tx.SelectContext(ctx, &served, servedSQL, bay.StationID); err != nil {
		return fmt.Errorf("read the station's EVSEs: %w", err)
	}
	known := make(map[uuid.UUID]servedRow, len(served))
	staying := make(map[uuid.UUID]int) // EVSEs that each plot keeps
	var losing, coming, leaving []uuid.UUID
	for _, e := range served {
		known[e.EVSEID] = e
		from := orZero(e.PlotID)
		switch comes := slices.Contains(wanted, e.EVSEID); {
		case comes && from != bay.ID && !e.Removed:
			coming, losing = append(coming, e.EVSEID), append(losing, from)
		case !comes && from == bay.ID && !e.Removed:
			leaving, losing = append(leaving, e.EVSEID), append(losing, from)
		default:
			staying[from]++
		}
	}
	for i, id := range wanted {
		if e, found := known[id]; !found || e.Removed || e.PlotID == nil {
			return plot.ErrUnknownEVSE.At(fault.Field{
				Pointer: fmt.Sprintf("/evse_ids/%d", i), Code: "unknown_evse", Detail: "must be an EVSE of the plot's station",
			})
		}
	}
	if len(losing) == 0 {
		return nil
	}
	slices.SortFunc(losing, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	losing = slices.Compact(losing)
	emptied := slices.DeleteFunc(slices.Clone(losing), func(id uuid.UUID) bool { return id == bay.ID || staying[id] > 0 })
	var inUse []uuid.UUID
	if err := tx.SelectContext(ctx, &inUse, inUseSQL, ids(losing), now, ids(emptied)); err != nil {
		return fmt.Errorf("find plots in use: %w", err)
	}
	if len(inUse) > 0 {
		return plot.ErrInUse.Detailf("Plot %s has a session or a reservation.", inUse[0]).With("plot_id", inUse[0].String())
	}
	if _, err := tx.ExecContext(ctx, serveSQL, bay.ID, ids(coming)); err != nil {
		return fmt.Errorf("give EVSEs to a bay: %w", err)
	}
	homes, err := sendHome(ctx, tx, now, bay.StationID, leaving)
	if err != nil {
		return err
	}
	affected := append(append(losing, bay.ID), homes...)
	slices.SortFunc(affected, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	affected = slices.Compact(affected)
	if err := touch(ctx, tx, now, affected); err != nil {
		return err
	}
	return s.settle(ctx, tx, now, affected, nil)
}

const leaveSQL = `DELETE FROM plot_evses WHERE evse_id = ANY($1)`

// sendHome gives EVSEs plots of their own: those that were made for them, else new ones. It returns them.
func sendHome(ctx context.Context, tx txn, now time.Time, station uuid.UUID, evses []uuid.UUID) ([]uuid.UUID, error) {
	if len(evses) == 0 {
		return nil, nil
	}
	var homes []struct {
		EVSEID uuid.UUID `db:"evse_id"`
		PlotID uuid.UUID `db:"plot_id"`
	}
	if err := tx.SelectContext(ctx, &homes, homesSQL, ids(evses), station); err != nil {
		return nil, fmt.Errorf("find the EVSEs' own plots: %w", err)
	}
	var old []uuid.UUID
	homeless := slices.Clone(evses)
	for _, h := range homes {
		if _, err := tx.ExecContext(ctx, serveSQL, h.PlotID, ids([]uuid.UUID{h.EVSEID})); err != nil {
			return nil, fmt.Errorf("give an EVSE its own plot: %w", err)
		}
		old = append(old, h.PlotID)
		homeless = slices.DeleteFunc(homeless, func(id uuid.UUID) bool { return id == h.EVSEID })
	}
	if len(homeless) == 0 {
		return old, nil
	}
	if _, err := tx.ExecContext(ctx, leaveSQL, ids(homeless)); err != nil {
		return nil, fmt.Errorf("take EVSEs from a bay: %w", err)
	}
	plots, stations := make([]uuid.UUID, len(homeless)), make([]uuid.UUID, len(homeless))
	told := make([]feed.Change, len(homeless))
	for i := range homeless {
		plots[i], stations[i] = newID(), station
		told[i] = feed.Change{ID: plots[i], Op: feed.Upsert, Version: 1}
	}
	if _, err := tx.ExecContext(ctx, createPlotsSQL, ids(plots), ids(homeless), ids(stations), now); err != nil {
		return nil, fmt.Errorf("make plots: %w", err)
	}
	return append(old, plots...), feed.Append(ctx, tx, ChangeLog, told...)
}
