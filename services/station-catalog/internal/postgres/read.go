package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"sync"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

const selectAnyStations = `
SELECT s.id, s.number, s.operator_id, o.number, o.name, o.country_code, o.party_id, s.source, s.source_id, s.name, s.address, s.city, s.postal_code,
       s.state, s.country, s.latitude, s.longitude, s.time_zone, s.access, s.parking_type, s.facilities, s.opening, s.opening_text,
       s.payment, s.version, s.updated_at
FROM stations s
JOIN operators o ON o.id = s.operator_id
WHERE `

const selectStations = selectAnyStations + `s.deleted_at IS NULL AND `

const stationsByID = selectStations + `s.id = ANY($1)`

const stationsAfter = selectStations + `s.id > $1 ORDER BY s.id LIMIT $2`

const evsesOf = `
SELECT id, station_id, uid, evse_id, physical_reference, floor_level, capabilities, parking_restrictions, reservable, price_text,
       removed_at IS NOT NULL
FROM evses
WHERE station_id = ANY($1)
ORDER BY station_id, position, uid`

const connectorsOf = `
SELECT c.evse_id, c.id, c.standard, c.format, c.power_type, coalesce(c.max_voltage, 0), coalesce(c.max_amperage, 0),
       coalesce(c.max_electric_power, 0)
FROM evses e
JOIN connectors c ON c.evse_id = e.id
WHERE e.station_id = ANY($1)
ORDER BY c.evse_id, c.position`

const connectorTariffsOf = `
SELECT t.evse_id, t.connector_id, t.tariff_id
FROM evses e
JOIN connector_tariffs t ON t.evse_id = e.id
WHERE e.station_id = ANY($1)
ORDER BY t.evse_id, t.connector_id, t.position`

const tariffsOf = `
SELECT id, document FROM tariffs WHERE id = ANY($1)`

// Load gives the stations of these ids that are there and not removed.
func (s *Store) Load(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]station.Station, error) {
	var found []station.Station
	err := s.reading(ctx, func(tx *sqlx.Tx) (err error) {
		found, err = load(ctx, tx, stationsByID, uuids(ids))
		return err
	})
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("load stations: %w", err), nil)
	}
	out := make(map[uuid.UUID]station.Station, len(found))
	for _, st := range found {
		out[st.ID] = st
	}
	return out, nil
}

// Get gives a station: ErrNotFound when there never was one, ErrRemoved when it is no more.
func (s *Store) Get(ctx context.Context, id uuid.UUID) (station.Station, error) {
	found, err := load(ctx, s.db, stationsByID, uuids([]uuid.UUID{id}))
	switch {
	case err != nil:
		return station.Station{}, postgres.Map(fmt.Errorf("get station: %w", err), nil)
	case len(found) == 1:
		return found[0], nil
	}
	_, err = s.Version(ctx, id)
	if err == nil {
		err = station.ErrNotFound // it was made between the two questions; the caller may ask again
	}
	return station.Station{}, err
}

const stationVersion = `
SELECT version, deleted_at IS NOT NULL, merged_into FROM stations WHERE id = $1`

// Version gives the version of a station, with the faults of Get.
func (s *Store) Version(ctx context.Context, id uuid.UUID) (int64, error) {
	var version int64
	var removed bool
	var into *uuid.UUID
	err := s.db.QueryRowxContext(ctx, stationVersion, id).Scan(&version, &removed, &into)
	switch {
	case err == sql.ErrNoRows: //nolint:errorlint // Scan returns it bare
		return 0, station.ErrNotFound
	case err != nil:
		return 0, postgres.Map(fmt.Errorf("version of station: %w", err), nil)
	case into != nil:
		return 0, station.MergedInto(*into)
	case removed:
		return 0, station.ErrRemoved
	}
	return version, nil
}

// reading calls fn with a transaction that only reads, of one moment, and in which no query is compiled: the queries over many
// stations look dear, and take less time than their compilation.
func (s *Store) reading(ctx context.Context, fn func(tx *sqlx.Tx) error) error {
	tx, err := s.db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	if _, err := tx.ExecContext(ctx, `SET LOCAL jit = off`); err != nil {
		return err
	}
	return fn(tx)
}

// pageSize is how many stations All and AllSearched read at once.
const pageSize = 1000

// Whoever takes the stations may be slower than we read. Pages are found by the indexes alone: a planner that has no statistics yet, as
// after the first import, would read whole tables for each.
const settingsOfAll = `
SELECT set_config('idle_in_transaction_session_timeout', '60s', true), set_config('jit', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true)`

// All gives every station in order of id, all of one moment. The transaction behind it ends with the sequence. The next stations are read
// while the caller works on those before; stations that stand close to each other may share opening times and payment, which are not to
// be changed.
func (s *Store) All(ctx context.Context) iter.Seq2[station.Station, error] {
	return s.inPages(ctx, func(ctx context.Context, tx *sqlx.Tx, send func([]station.Station) bool) error {
		for after := uuid.Nil; ; {
			found, err := load(ctx, tx, stationsAfter, after, pageSize)
			if err != nil {
				return err
			}
			if !send(found) || len(found) < pageSize {
				return nil
			}
			after = found[len(found)-1].ID
		}
	})
}

// inPages gives the stations that read sends, which reads ahead of whoever takes them, in a transaction of one moment. send is false when
// nobody takes them any more.
func (s *Store) inPages(
	ctx context.Context, read func(ctx context.Context, tx *sqlx.Tx, send func([]station.Station) bool) error,
) iter.Seq2[station.Station, error] {
	return func(yield func(station.Station, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		pages, failed := make(chan []station.Station), error(nil)
		var reading sync.WaitGroup
		defer reading.Wait()
		defer cancel()
		reading.Go(func() {
			defer close(pages)
			failed = s.beginAll(ctx, func(tx *sqlx.Tx) error {
				return read(ctx, tx, func(stations []station.Station) bool {
					select {
					case pages <- stations:
						return true
					case <-ctx.Done():
						return false
					}
				})
			})
		})
		for stations := range pages {
			for _, st := range stations {
				if !yield(st, nil) {
					return
				}
			}
		}
		if failed != nil {
			yield(station.Station{}, postgres.Map(fmt.Errorf("read all stations: %w", failed), nil))
		} else if err := ctx.Err(); err != nil {
			yield(station.Station{}, err)
		}
	}
}

// beginAll calls fn with a transaction for reading all stations.
func (s *Store) beginAll(ctx context.Context, fn func(tx *sqlx.Tx) error) error {
	tx, err := s.db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	if _, err := tx.ExecContext(ctx, settingsOfAll); err != nil {
		return err
	}
	return fn(tx)
}

// load reads stations whole, by a query that selects them as selectStations does.
func load(ctx context.Context, q sqlx.QueryerContext, query string, args ...any) ([]station.Station, error) {
	stations, err := collect(ctx, q, new(texts).scanStation, query, args...)
	if err != nil || len(stations) == 0 {
		return nil, err
	}
	ids := make([]uuid.UUID, len(stations))
	place := make(map[uuid.UUID]int, len(stations))
	for i := range stations {
		ids[i], place[stations[i].ID] = stations[i].ID, i
	}
	evses, err := collect(ctx, q, scanEVSE, evsesOf, uuids(ids))
	if err != nil {
		return nil, err
	}
	connectors, err := collect(ctx, q, scanConnector, connectorsOf, uuids(ids))
	if err != nil {
		return nil, err
	}
	links, err := collect(ctx, q, scanLink, connectorTariffsOf, uuids(ids))
	if err != nil {
		return nil, err
	}
	tariffs, err := loadTariffs(ctx, q, links)
	if err != nil {
		return nil, err
	}
	tree{stations: stations, place: place, tariffs: tariffs}.grow(evses, connectors, links)
	return stations, nil
}

func loadTariffs(ctx context.Context, q sqlx.QueryerContext, links []linkRow) (map[uuid.UUID]tariff.Tariff, error) {
	if len(links) == 0 {
		return nil, nil
	}
	wanted := make(map[uuid.UUID]bool)
	var ids []uuid.UUID
	for _, l := range links {
		if !wanted[l.tariff] {
			wanted[l.tariff] = true
			ids = append(ids, l.tariff)
		}
	}
	rows, err := collect(ctx, q, scanTariff, tariffsOf, uuids(ids))
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID]tariff.Tariff, len(rows))
	for _, r := range rows {
		out[r.id] = r.tariff
	}
	return out, nil
}

// tree puts the rows of the tables together.
type tree struct {
	stations []station.Station
	place    map[uuid.UUID]int
	tariffs  map[uuid.UUID]tariff.Tariff
}

func (t tree) grow(evses []evseRow, connectors []connectorRow, links []linkRow) {
	// Slices of one array each, instead of an allocation for every EVSE and connector.
	byEVSE := make(map[uuid.UUID][]station.Connector, len(evses))
	all := make([]station.Connector, len(connectors))
	for i := 0; i < len(connectors); {
		first := i
		for ; i < len(connectors) && connectors[i].evse == connectors[first].evse; i++ {
			all[i] = connectors[i].connector
		}
		byEVSE[connectors[first].evse] = all[first:i:i]
	}
	offered := make(map[uuid.UUID][]uuid.UUID)
	for _, l := range links {
		cs := byEVSE[l.evse]
		for i := range cs {
			if cs[i].ID == l.connector {
				cs[i].TariffIDs = append(cs[i].TariffIDs, l.tariff.String())
			}
		}
		offered[l.evse] = append(offered[l.evse], l.tariff)
	}
	units := make([]station.EVSE, len(evses))
	for i := 0; i < len(evses); {
		first := i
		st := &t.stations[t.place[evses[i].station]]
		seen := map[uuid.UUID]bool(nil)
		for ; i < len(evses) && evses[i].station == evses[first].station; i++ {
			units[i] = evses[i].evse
			if units[i].Connectors = byEVSE[units[i].ID]; units[i].Connectors == nil {
				units[i].Connectors = []station.Connector{}
			}
			for _, id := range offered[units[i].ID] {
				if seen[id] {
					continue
				}
				if seen == nil {
					seen = make(map[uuid.UUID]bool)
				}
				seen[id] = true
				st.Tariffs = append(st.Tariffs, t.tariffs[id])
			}
		}
		st.EVSEs = units[first:i:i]
	}
	for i := range t.stations {
		t.stations[i].SettleTariffs()
	}
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, q sqlx.QueryerContext, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// texts are what stations say in JSON.
type texts struct {
	openings memo[*station.OpeningTimes]
	payments memo[*station.Payment]
}

// memo keeps what texts mean. Many stations say the same, and decoding it is much of the work for a station.
type memo[T any] struct{ known map[string]T }

// mostKept is how many texts a memo keeps: when there are more, most stations say something of their own.
const mostKept = 10_000

// of gives what a text means, nothing for null.
func (m *memo[T]) of(text []byte, decode func(text []byte) (T, error)) (meaning T, err error) {
	if text == nil {
		return meaning, nil
	}
	if meaning, known := m.known[string(text)]; known {
		return meaning, nil
	}
	if meaning, err = decode(text); err != nil {
		return meaning, err
	}
	if m.known == nil || len(m.known) == mostKept {
		m.known = make(map[string]T)
	}
	m.known[string(text)] = meaning
	return meaning, nil
}

func fromJSON[T any](text []byte) (*T, error) {
	v := new(T)
	return v, json.Unmarshal(text, v)
}

func (t *texts) scanStation(rows *sql.Rows) (station.Station, error) {
	st := station.Station{EVSEs: []station.EVSE{}, Tariffs: []tariff.Tariff{}}
	var opening, payment sql.RawBytes
	err := rows.Scan(&st.ID, &st.Number, &st.Operator.ID, &st.Operator.Number, &st.Operator.Name, &st.Operator.CountryCode, &st.Operator.PartyID, &st.Source, &st.SourceID,
		&st.Name, &st.Address, &st.City, &st.PostalCode, &st.State, &st.Country, &st.Latitude, &st.Longitude, &st.TimeZone, &st.Access,
		&st.ParkingType, (*pq.StringArray)(&st.Facilities), &opening, &st.OpeningText, &payment, &st.Version, &st.UpdatedAt)
	if err != nil {
		return st, err
	}
	st.UpdatedAt = st.UpdatedAt.UTC()
	if len(st.Facilities) == 0 {
		st.Facilities = nil
	}
	return st, t.tell(&st, opening, payment)
}

// tell puts opening times and payment into a station.
func (t *texts) tell(st *station.Station, opening, payment []byte) (err error) {
	if st.Opening, err = t.openings.of(opening, fromJSON); err != nil {
		return fmt.Errorf("opening times of station %s: %w", st.ID, err)
	}
	if st.Payment, err = t.payments.of(payment, fromJSON); err != nil {
		return fmt.Errorf("payment of station %s: %w", st.ID, err)
	}
	return nil
}

type evseRow struct {
	station uuid.UUID
	evse    station.EVSE
}

func scanEVSE(rows *sql.Rows) (evseRow, error) {
	var r evseRow
	e := &r.evse
	err := rows.Scan(&e.ID, &r.station, &e.UID, &e.EVSEID, &e.PhysicalReference, &e.FloorLevel, (*pq.StringArray)(&e.Capabilities),
		(*pq.StringArray)(&e.ParkingRestrictions), &e.Reservable, &e.PriceText, &e.Removed)
	if len(e.Capabilities) == 0 {
		e.Capabilities = nil
	}
	if len(e.ParkingRestrictions) == 0 {
		e.ParkingRestrictions = nil
	}
	return r, err
}

type connectorRow struct {
	evse      uuid.UUID
	connector station.Connector
}

func scanConnector(rows *sql.Rows) (connectorRow, error) {
	var r connectorRow
	c := &r.connector
	err := rows.Scan(&r.evse, &c.ID, &c.Standard, &c.Format, &c.PowerType, &c.Voltage, &c.Amperage, &c.PowerW)
	return r, err
}

type linkRow struct {
	evse      uuid.UUID
	connector string
	tariff    uuid.UUID
}

func scanLink(rows *sql.Rows) (linkRow, error) {
	var r linkRow
	err := rows.Scan(&r.evse, &r.connector, &r.tariff)
	return r, err
}

type tariffRow struct {
	id     uuid.UUID
	tariff tariff.Tariff
}

func scanTariff(rows *sql.Rows) (tariffRow, error) {
	var r tariffRow
	var document []byte
	if err := rows.Scan(&r.id, &document); err != nil {
		return r, err
	}
	if err := json.Unmarshal(document, &r.tariff); err != nil {
		return r, fmt.Errorf("tariff %s: %w", r.id, err)
	}
	return r, nil
}

// uuids is an array of ids as a parameter.
func uuids(ids []uuid.UUID) any {
	text := make(pq.StringArray, len(ids))
	for i, id := range ids {
		text[i] = id.String()
	}
	return text
}
