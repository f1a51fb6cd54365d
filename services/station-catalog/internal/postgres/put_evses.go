package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// unit is an EVSE that is to be written.
type unit struct {
	evse     *station.EVSE
	source   string
	station  uuid.UUID
	id       uuid.UUID
	position int
	isNew    bool
	moved    bool // another station had it
}

// writeEVSEs writes the EVSEs of the stations with their connectors. An EVSE that another station of the source had moves here.
func (p *putting) writeEVSEs(ctx context.Context, writes []write) error {
	var units []unit
	var complete []uuid.UUID
	written := make(map[uuid.UUID]bool, len(writes))
	for i := range writes {
		w := &writes[i]
		written[w.id] = true
		if w.entry.Complete && !w.isNew {
			complete = append(complete, w.id)
		}
		for j := range w.entry.Station.EVSEs {
			units = append(units, unit{
				evse: &w.entry.Station.EVSEs[j], source: w.entry.Station.Source, station: w.id, position: j, isNew: true,
			})
		}
	}
	left, err := p.identify(ctx, units, written)
	if err != nil {
		return err
	}
	if err := p.storeEVSEs(ctx, units); err != nil {
		return err
	}
	if err := p.moveReports(ctx, units); err != nil {
		return err
	}
	if err := p.storeConnectors(ctx, units); err != nil {
		return err
	}
	if err := p.dropMissing(ctx, complete, units); err != nil {
		return err
	}
	return p.leave(ctx, left)
}

const knownEVSEs = `
SELECT e.source, e.uid, e.id, e.station_id, e.removed_at IS NOT NULL
FROM unnest($1::text[], $2::text[]) AS wanted (source, uid)
CROSS JOIN LATERAL (
    SELECT source, uid, id, station_id, removed_at FROM evses WHERE source = wanted.source AND uid = wanted.uid LIMIT 1) AS e`

// identify gives the units their ids: those that they have, and new ones. It returns the stations that lose an EVSE to another and
// are not themselves written.
func (p *putting) identify(ctx context.Context, units []unit, written map[uuid.UUID]bool) ([]uuid.UUID, error) {
	place := make(map[identity]int, len(units))
	sources, uids := make(pq.StringArray, len(units)), make(pq.StringArray, len(units))
	for i := range units {
		sources[i], uids[i] = units[i].source, units[i].evse.UID
		place[identity{units[i].source, units[i].evse.UID}] = i
	}
	var left []uuid.UUID
	_, err := collect(ctx, p.tx, func(rows *sql.Rows) (struct{}, error) {
		var key identity
		var id, at uuid.UUID
		var removed bool
		if err := rows.Scan(&key.source, &key.sourceID, &id, &at, &removed); err != nil {
			return struct{}{}, err
		}
		u := &units[place[key]]
		u.id, u.isNew, u.moved = id, false, at != u.station
		if at != u.station && !removed {
			if p.exclusive {
				return struct{}{}, station.ErrEVSEUsed.Detailf("the EVSE %q belongs to another station", u.evse.UID)
			}
			if !written[at] && !slices.Contains(left, at) {
				left = append(left, at)
			}
		}
		return struct{}{}, nil
	}, knownEVSEs, sources, uids)
	if err != nil {
		return nil, fmt.Errorf("look up EVSEs: %w", err)
	}
	for i := range units {
		if units[i].isNew {
			if units[i].id, err = uuid.NewV7(); err != nil {
				return nil, fmt.Errorf("id of an EVSE: %w", err)
			}
		}
	}
	return left, nil
}

var evseColumns = []string{
	"id", "station_id", "source", "uid", "evse_id", "physical_reference", "floor_level", "capabilities", "parking_restrictions",
	"reservable", "price_text", "position",
}

const stageEVSEs = `
CREATE TEMP TABLE changed_evses ON COMMIT DROP AS
SELECT id, station_id, source, uid, evse_id, physical_reference, floor_level, capabilities, parking_restrictions, reservable,
       price_text, position
FROM evses WITH NO DATA`

const updateEVSEs = `
UPDATE evses e
SET station_id = c.station_id, evse_id = c.evse_id, physical_reference = c.physical_reference, floor_level = c.floor_level,
    capabilities = c.capabilities, parking_restrictions = c.parking_restrictions, reservable = c.reservable,
    price_text = c.price_text, position = c.position, removed_at = NULL,
    merged_from = CASE WHEN e.station_id = c.station_id AND $1 THEN e.merged_from END
FROM changed_evses c
WHERE e.id = c.id`

func (p *putting) storeEVSEs(ctx context.Context, units []unit) error {
	if _, err := postgres.CopyFrom(ctx, p.tx, "evses", evseColumns, evseRows(units, true)); err != nil {
		return err
	}
	if !slices.ContainsFunc(units, func(u unit) bool { return !u.isNew }) {
		return nil
	}
	if _, err := p.tx.ExecContext(ctx, stageEVSEs); err != nil {
		return fmt.Errorf("stage EVSEs: %w", err)
	}
	if _, err := postgres.CopyFrom(ctx, p.tx, "changed_evses", evseColumns, evseRows(units, false)); err != nil {
		return err
	}
	if _, err := p.tx.ExecContext(ctx, updateEVSEs, p.exclusive); err != nil {
		return fmt.Errorf("update EVSEs: %w", err)
	}
	return nil
}

func evseRows(units []unit, isNew bool) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		row := make([]any, len(evseColumns))
		for i := range units {
			u := &units[i]
			if u.isNew != isNew {
				continue
			}
			e := u.evse
			for i, v := range [...]any{
				u.id.String(), u.station.String(), u.source, e.UID, e.EVSEID, e.PhysicalReference, e.FloorLevel, array(e.Capabilities),
				array(e.ParkingRestrictions), e.Reservable, e.PriceText, u.position,
			} {
				row[i] = v
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// The ids are compared as an array, which is hashed: a join would be a nested loop over both for a planner that takes two conditions on
// nulls for rare, as it does before it has statistics.
const removeMissing = `
UPDATE evses e
SET removed_at = now()
WHERE e.station_id = ANY($1) AND e.removed_at IS NULL AND ($3 OR e.merged_from IS NULL) AND e.id <> ALL($2::uuid[])`

// dropMissing marks the EVSEs that a complete station no longer has.
func (p *putting) dropMissing(ctx context.Context, complete []uuid.UUID, units []unit) error {
	if len(complete) == 0 {
		return nil
	}
	kept := make([]uuid.UUID, len(units))
	for i := range units {
		kept[i] = units[i].id
	}
	if _, err := p.tx.ExecContext(ctx, removeMissing, uuids(complete), uuids(kept), p.exclusive); err != nil {
		return fmt.Errorf("remove EVSEs: %w", err)
	}
	return nil
}

// The fingerprint is emptied, since the station is no longer as its source last told.
const leaveStations = `
UPDATE stations s
SET version = s.version + 1, updated_at = now(), content_hash = '',
    deleted_at = CASE WHEN EXISTS (SELECT FROM evses e WHERE e.station_id = s.id AND e.removed_at IS NULL) THEN s.deleted_at ELSE now() END
WHERE s.id = ANY($1)
RETURNING s.id, s.version, s.deleted_at IS NOT NULL`

// leave raises the version of stations that lost an EVSE to another one, and removes those that lost their last.
func (p *putting) leave(ctx context.Context, left []uuid.UUID) error {
	if len(left) == 0 {
		return nil
	}
	_, err := collect(ctx, p.tx, func(rows *sql.Rows) (struct{}, error) {
		change, action := feed.Change{Op: feed.Upsert}, history.EVSEMoved
		var removed bool
		if err := rows.Scan(&change.ID, &change.Version, &removed); err != nil {
			return struct{}{}, err
		}
		if removed {
			change.Op, action = feed.Delete, history.Removed
			p.removed++
		}
		p.note(change.ID, change.Version, action)
		p.changes = append(p.changes, change)
		return struct{}{}, nil
	}, leaveStations, uuids(left))
	if err != nil {
		return fmt.Errorf("stations that EVSEs have left: %w", err)
	}
	return nil
}
