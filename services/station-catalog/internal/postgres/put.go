package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// putting is what put works on: the entries whose stations are to be written, beside each other in slices.
type putting struct {
	tx *sqlx.Tx
	// exclusive refuses an EVSE that another station has, instead of moving it.
	exclusive bool

	created, updated, unchanged, removed int64
	changes                              []feed.Change
}

// write is a station that is to be written.
type write struct {
	entry    *transfer.Entry
	operator uuid.UUID
	id       uuid.UUID
	version  int64
	isNew    bool
}

// known is a station that is there.
type known struct {
	id      uuid.UUID
	hash    []byte
	version int64
	removed bool
	evses   int // that are not removed
}

// says tells whether the station is as the entry says.
func (k *known) says(e *transfer.Entry) bool {
	// A station whose source did not tell all may have EVSEs that are not in the hash.
	return !k.removed && string(k.hash) == string(e.Hash[:]) && (!e.Complete || k.evses == len(e.Station.EVSEs))
}

type identity struct{ source, sourceID string }

// put writes the stations of the entries that differ from what is there. Sources are locked until the transaction ends, so that
// two writers of one source take turns. Entries are valid and sealed; operators holds
// the ids of their operators.
func (p *putting) put(ctx context.Context, entries []transfer.Entry, operators map[party]uuid.UUID, dry bool) error {
	if len(entries) == 0 {
		return nil
	}
	there, err := p.known(ctx, entries)
	if err != nil {
		return err
	}
	var writes []write
	for i := range entries {
		e := &entries[i]
		w := write{entry: e, operator: operators[partyOf(&e.Station)]}
		k, ok := there[identity{e.Station.Source, e.Station.SourceID}]
		switch {
		case ok && k.says(e):
			p.unchanged++
			continue
		case ok:
			w.id, w.version = k.id, k.version+1
			p.updated++
		default:
			if w.id, err = uuid.NewV7(); err != nil {
				return fmt.Errorf("id of a station: %w", err)
			}
			w.version, w.isNew = 1, true
			p.created++
		}
		writes = append(writes, w)
	}
	if dry || len(writes) == 0 {
		return nil
	}
	if err := p.writeTariffs(ctx, writes); err != nil {
		return err
	}
	if err := p.writeStations(ctx, writes); err != nil {
		return err
	}
	return p.writeEVSEs(ctx, writes)
}

// The statements of a batch look dear to a planner that has no statistics yet, and compiling them would take longer than all else.
const lockSource = `SELECT pg_advisory_xact_lock(hashtextextended('stations of ' || $1, 0)), set_config('jit', 'off', true)`

// lock makes writers of a source take turns.
func (p *putting) lock(ctx context.Context, entries []transfer.Entry) error {
	var sources []string
	for i := range entries {
		if !slices.Contains(sources, entries[i].Station.Source) {
			sources = append(sources, entries[i].Station.Source)
		}
	}
	slices.Sort(sources) // in one order, so that no two wait for each other
	for _, source := range sources {
		if _, err := p.tx.ExecContext(ctx, lockSource, source); err != nil {
			return fmt.Errorf("lock source %s: %w", source, err)
		}
	}
	return nil
}

// The limit keeps the planner, which knows nothing yet of a table that is just being filled, from reading all of it each time.
const knownStations = `
SELECT s.source, s.source_id, s.id, s.content_hash, s.version, s.deleted_at IS NOT NULL,
       (SELECT count(*) FROM evses e WHERE e.station_id = s.id AND e.removed_at IS NULL)
FROM unnest($1::text[], $2::text[]) AS wanted (source, source_id)
CROSS JOIN LATERAL (
    SELECT source, source_id, id, content_hash, version, deleted_at FROM stations WHERE source = wanted.source AND source_id = wanted.source_id LIMIT 1) AS s`

func (p *putting) known(ctx context.Context, entries []transfer.Entry) (map[identity]known, error) {
	sources, ids := make(pq.StringArray, len(entries)), make(pq.StringArray, len(entries))
	for i := range entries {
		sources[i], ids[i] = entries[i].Station.Source, entries[i].Station.SourceID
	}
	out := make(map[identity]known)
	_, err := collect(ctx, p.tx, func(rows *sql.Rows) (struct{}, error) {
		var i identity
		var k known
		err := rows.Scan(&i.source, &i.sourceID, &k.id, &k.hash, &k.version, &k.removed, &k.evses)
		out[i] = k
		return struct{}{}, err
	}, knownStations, sources, ids)
	if err != nil {
		return nil, fmt.Errorf("look up stations: %w", err)
	}
	return out, nil
}

var stationColumns = []string{
	"id", "operator_id", "source", "source_id", "name", "address", "city", "postal_code", "state", "country", "latitude", "longitude",
	"x", "y", "z", "time_zone", "access", "parking_type", "facilities", "opening", "opening_text", "payment", "content_hash", "version",
}

const stageStations = `
CREATE TEMP TABLE changed_stations ON COMMIT DROP AS
SELECT id, operator_id, source, source_id, name, address, city, postal_code, state, country, latitude, longitude,
       x, y, z, time_zone, access, parking_type, facilities, opening, opening_text, payment, content_hash, version
FROM stations WITH NO DATA`

const updateStations = `
UPDATE stations s
SET operator_id = c.operator_id, name = c.name, address = c.address, city = c.city, postal_code = c.postal_code, state = c.state,
    country = c.country, latitude = c.latitude, longitude = c.longitude, x = c.x, y = c.y, z = c.z, time_zone = c.time_zone,
    access = c.access, parking_type = c.parking_type, facilities = c.facilities, opening = c.opening,
    opening_text = c.opening_text, payment = c.payment, content_hash = c.content_hash, version = c.version,
    updated_at = now(), deleted_at = NULL
FROM changed_stations c
WHERE s.id = c.id`

// writeStations copies new stations in directly, and others by way of a temporary table.
func (p *putting) writeStations(ctx context.Context, writes []write) error {
	for _, w := range writes {
		p.changes = append(p.changes, feed.Change{ID: w.id, Op: feed.Upsert, Version: w.version})
	}
	if _, err := postgres.CopyFrom(ctx, p.tx, "stations", stationColumns, stationRows(writes, true)); err != nil {
		return err
	}
	if !slices.ContainsFunc(writes, func(w write) bool { return !w.isNew }) {
		return nil
	}
	if _, err := p.tx.ExecContext(ctx, stageStations); err != nil {
		return fmt.Errorf("stage stations: %w", err)
	}
	if _, err := postgres.CopyFrom(ctx, p.tx, "changed_stations", stationColumns, stationRows(writes, false)); err != nil {
		return err
	}
	if _, err := p.tx.ExecContext(ctx, updateStations); err != nil {
		return fmt.Errorf("update stations: %w", err)
	}
	return nil
}

// stationRows gives the rows of the stations that are new, or of those that are not.
func stationRows(writes []write, isNew bool) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		row := make([]any, len(stationColumns))
		for i := range writes {
			w := &writes[i]
			if w.isNew != isNew {
				continue
			}
			if !yield(row, fillStation(row, w)) {
				return
			}
		}
	}
}

func fillStation(row []any, w *write) error {
	s := &w.entry.Station
	var opening, payment any
	if s.Opening != nil {
		text, err := json.Marshal(s.Opening)
		if err != nil {
			return fmt.Errorf("opening times of station %s: %w", s.SourceID, err)
		}
		opening = string(text)
	}
	if s.Payment != nil {
		text, err := json.Marshal(s.Payment)
		if err != nil {
			return fmt.Errorf("payment of station %s: %w", s.SourceID, err)
		}
		payment = string(text)
	}
	at := search.Unit(s.Latitude, s.Longitude)
	for i, v := range [...]any{
		w.id.String(), w.operator.String(), s.Source, s.SourceID, s.Name, s.Address, s.City, s.PostalCode, s.State, s.Country,
		s.Latitude, s.Longitude, at.X, at.Y, at.Z, s.TimeZone, string(s.Access), s.ParkingType, array(s.Facilities), opening,
		s.OpeningText, payment, w.entry.Hash[:], w.version,
	} {
		row[i] = v
	}
	return nil
}

// array is a text array that is empty instead of null.
func array(values []string) any {
	if len(values) == 0 {
		return "{}"
	}
	return pq.StringArray(values)
}

// unit is an EVSE that is to be written.
type unit struct {
	evse     *station.EVSE
	source   string
	station  uuid.UUID
	id       uuid.UUID
	position int
	isNew    bool
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
		u.id, u.isNew = id, false
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
    price_text = c.price_text, position = c.position, removed_at = NULL
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
	if _, err := p.tx.ExecContext(ctx, updateEVSEs); err != nil {
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

const deleteConnectors = `
DELETE FROM connectors WHERE evse_id = ANY($1)`

var connectorColumns = []string{
	"evse_id", "id", "position", "standard", "format", "power_type", "max_voltage", "max_amperage", "max_electric_power",
}

// storeConnectors replaces the connectors of the EVSEs.
func (p *putting) storeConnectors(ctx context.Context, units []unit) error {
	var old []uuid.UUID
	linked := false
	for i := range units {
		if !units[i].isNew {
			old = append(old, units[i].id)
		}
		for _, c := range units[i].evse.Connectors {
			linked = linked || len(c.TariffIDs) > 0
		}
	}
	if len(old) > 0 {
		if _, err := p.tx.ExecContext(ctx, deleteConnectors, uuids(old)); err != nil {
			return fmt.Errorf("replace connectors: %w", err)
		}
	}
	if _, err := postgres.CopyFrom(ctx, p.tx, "connectors", connectorColumns, connectorRows(units)); err != nil {
		return err
	}
	if !linked {
		return nil
	}
	_, err := postgres.CopyFrom(ctx, p.tx, "connector_tariffs", []string{"evse_id", "connector_id", "tariff_id", "position"}, linkRows(units))
	return err
}

func connectorRows(units []unit) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		row := make([]any, len(connectorColumns))
		for i := range units {
			evse := units[i].id.String()
			for position, c := range units[i].evse.Connectors {
				for k, v := range [...]any{
					evse, c.ID, position, c.Standard, c.Format, c.PowerType, positive(c.Voltage), positive(c.Amperage), positive(c.PowerW),
				} {
					row[k] = v
				}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// positive is null for a number that is not known.
func positive(n int) any {
	if n <= 0 {
		return nil
	}
	return n
}

func linkRows(units []unit) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for i := range units {
			for _, c := range units[i].evse.Connectors {
				for position, id := range c.TariffIDs {
					if slices.Contains(c.TariffIDs[:position], id) {
						continue
					}
					if !yield([]any{units[i].id.String(), c.ID, id, position}, nil) {
						return
					}
				}
			}
		}
	}
}

const removeMissing = `
UPDATE evses e
SET removed_at = now()
WHERE e.station_id = ANY($1) AND e.removed_at IS NULL
  AND NOT EXISTS (SELECT FROM unnest($2::uuid[]) AS kept (id) WHERE kept.id = e.id)`

// dropMissing marks the EVSEs that a complete station no longer has.
func (p *putting) dropMissing(ctx context.Context, complete []uuid.UUID, units []unit) error {
	if len(complete) == 0 {
		return nil
	}
	kept := make([]uuid.UUID, len(units))
	for i := range units {
		kept[i] = units[i].id
	}
	if _, err := p.tx.ExecContext(ctx, removeMissing, uuids(complete), uuids(kept)); err != nil {
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
		change := feed.Change{Op: feed.Upsert}
		var removed bool
		if err := rows.Scan(&change.ID, &change.Version, &removed); err != nil {
			return struct{}{}, err
		}
		if removed {
			change.Op = feed.Delete
			p.removed++
		}
		p.changes = append(p.changes, change)
		return struct{}{}, nil
	}, leaveStations, uuids(left))
	if err != nil {
		return fmt.Errorf("stations that EVSEs have left: %w", err)
	}
	return nil
}

// publish appends what has changed to the log.
func (p *putting) publish(ctx context.Context) error {
	if len(p.changes) == 0 {
		return nil
	}
	if err := feed.Append(ctx, p.tx, ChangeLog, p.changes...); err != nil {
		return fmt.Errorf("append to the change log: %w", err)
	}
	return nil
}
