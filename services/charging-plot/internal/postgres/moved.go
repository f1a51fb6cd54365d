package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
)

// A plot stands where the EVSEs stand that serve it; one whose EVSEs now stand at several stations stays.
const movePlotsSQL = `
WITH at AS (
    SELECT pe.plot_id, min(e.station_id::text)::uuid AS station_id
    FROM plot_evses pe
    JOIN evses e ON e.id = pe.evse_id
    WHERE pe.plot_id = ANY($1) AND NOT e.removed
    GROUP BY pe.plot_id
    HAVING count(DISTINCT e.station_id) = 1
)
UPDATE plots p SET station_id = at.station_id FROM at WHERE p.id = at.plot_id AND p.station_id <> at.station_id`

// So does a charge point.
const moveChargePointsSQL = `
WITH at AS (
    SELECT cc.charge_point_id, min(e.station_id::text)::uuid AS station_id
    FROM charge_point_connectors cc
    JOIN evses e ON e.id = cc.evse_id
    WHERE cc.charge_point_id IN (SELECT charge_point_id FROM charge_point_connectors WHERE evse_id = ANY($1)) AND NOT e.removed
    GROUP BY cc.charge_point_id
    HAVING count(DISTINCT e.station_id) = 1
)
UPDATE charge_points c SET station_id = at.station_id, version = c.version + 1, updated_at = $2
FROM at WHERE c.id = at.charge_point_id AND c.station_id <> at.station_id`

const strandedSQL = `
SELECT e.station_id, e.id AS evse_id
FROM plot_evses pe
JOIN evses e ON e.id = pe.evse_id
JOIN plots p ON p.id = pe.plot_id
WHERE pe.plot_id = ANY($1) AND NOT e.removed AND e.station_id <> p.station_id
ORDER BY e.station_id, e.id`

// follow takes plots and charge points to the station that their EVSEs are at now, because two stations were merged or a register
// files an EVSE under another one. An EVSE that leaves the others of its bay gets a plot of its own there. It returns the plots that such
// EVSEs have then. known are the EVSEs as they were; the caller holds the locks of their plots.
func follow(ctx context.Context, tx txn, now time.Time, changes []catalog.Change, known []evseRow) ([]uuid.UUID, error) {
	at := make(map[uuid.UUID]uuid.UUID, len(known))
	for _, c := range changes {
		for _, e := range c.Station.EVSEs {
			at[e.ID] = c.ID
		}
	}
	var moved, plots []uuid.UUID
	for _, e := range known {
		if station, told := at[e.ID]; told && station != e.StationID {
			moved = append(moved, e.ID)
			if e.PlotID != nil && !slices.Contains(plots, *e.PlotID) {
				plots = append(plots, *e.PlotID)
			}
		}
	}
	if len(moved) == 0 {
		return nil, nil
	}
	if _, err := tx.ExecContext(ctx, movePlotsSQL, ids(plots)); err != nil {
		return nil, fmt.Errorf("move plots: %w", err)
	}
	if _, err := tx.ExecContext(ctx, moveChargePointsSQL, ids(moved), now); err != nil {
		return nil, fmt.Errorf("move charge points: %w", err)
	}
	var stranded []struct {
		StationID uuid.UUID `db:"station_id"`
		EVSEID    uuid.UUID `db:"evse_id"`
	}
	if err := tx.SelectContext(ctx, &stranded, strandedSQL, ids(plots)); err != nil {
		return nil, fmt.Errorf("find EVSEs that left their bay: %w", err)
	}
	var homes []uuid.UUID
	for len(stranded) > 0 {
		station := stranded[0].StationID
		var evses []uuid.UUID
		for len(stranded) > 0 && stranded[0].StationID == station {
			evses, stranded = append(evses, stranded[0].EVSEID), stranded[1:]
		}
		own, err := sendHome(ctx, tx, now, station, evses)
		if err != nil {
			return nil, err
		}
		homes = append(homes, own...)
	}
	return homes, nil
}
