package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

const searchedOperators = `
SELECT id, number, name, country_code, party_id FROM operators`

const searchedStations = `
SELECT id, number, operator_id, name, address, city, postal_code, country, latitude, longitude, time_zone, access, parking_type, facilities,
       opening, payment, version, updated_at
FROM stations
WHERE deleted_at IS NULL AND id > $1
ORDER BY id
LIMIT $2`

// The connectors of an EVSE come with it, a line each.
const searchedEVSEs = `
SELECT e.station_id, e.id, e.capabilities, e.reservable,
       (SELECT string_agg(coalesce(c.max_electric_power, 0) || ' ' || c.standard, E'\n') FROM connectors c WHERE c.evse_id = e.id)
FROM evses e
WHERE e.station_id BETWEEN $1 AND $2 AND e.removed_at IS NULL
ORDER BY e.station_id, e.position, e.uid`

const searchedTariffs = `
SELECT DISTINCT e.id, '', t.tariff_id
FROM evses e
JOIN connector_tariffs t ON t.evse_id = e.id
WHERE e.station_id BETWEEN $1 AND $2 AND e.removed_at IS NULL`

// AllSearched is All with no more of a station than what it is found by and what a search shows of it, in half the time. Removed EVSEs are
// left out; of the others there are the id, the capabilities, whether one can be reserved, and standard and power of the connectors. The
// first connector refers to the tariffs of all.
//
// Stations share what many of them say alike, which is not to be changed.
func (s *Store) AllSearched(ctx context.Context) iter.Seq2[station.Station, error] {
	return s.inPages(ctx, func(ctx context.Context, tx *sqlx.Tx, send func([]station.Station) bool) error {
		r := searchedReader{tx: tx}
		if err := r.readOperators(ctx); err != nil {
			return err
		}
		for after := uuid.Nil; ; {
			found, err := r.read(ctx, after)
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

// searchedReader keeps what stations may share, by how the database writes it.
type searchedReader struct {
	tx         *sqlx.Tx
	operators  map[uuid.UUID]station.Operator
	texts      texts
	lists      memo[[]string]
	connectors memo[[]station.Connector]
}

func (r *searchedReader) readOperators(ctx context.Context) error {
	operators, err := collect(ctx, r.tx, func(rows *sql.Rows) (o station.Operator, err error) {
		return o, rows.Scan(&o.ID, &o.Number, &o.Name, &o.CountryCode, &o.PartyID)
	}, searchedOperators)
	r.operators = make(map[uuid.UUID]station.Operator, len(operators))
	for _, o := range operators {
		r.operators[o.ID] = o
	}
	return err
}

// read gives the next stations behind an id.
func (r *searchedReader) read(ctx context.Context, after uuid.UUID) ([]station.Station, error) {
	stations, err := collect(ctx, r.tx, r.scanStation, searchedStations, after, pageSize)
	if err != nil || len(stations) == 0 {
		return nil, err
	}
	first, last := stations[0].ID, stations[len(stations)-1].ID
	rows, err := collect(ctx, r.tx, r.scanEVSE, searchedEVSEs, first, last)
	if err != nil {
		return nil, err
	}
	links, err := collect(ctx, r.tx, scanLink, searchedTariffs, first, last)
	if err != nil {
		return nil, err
	}
	tariffs, err := loadTariffs(ctx, r.tx, links)
	if err != nil {
		return nil, err
	}
	offered := make(map[uuid.UUID][]uuid.UUID)
	for _, l := range links {
		offered[l.evse] = append(offered[l.evse], l.tariff)
	}
	units := make([]station.EVSE, 0, len(rows))
	for i := range stations {
		st := &stations[i]
		for len(rows) > 0 && bytes.Compare(rows[0].station[:], st.ID[:]) < 0 {
			rows = rows[1:] // of a station that was removed
		}
		begin := len(units)
		for ; len(rows) > 0 && rows[0].station == st.ID; rows = rows[1:] {
			units = append(units, rows[0].evse)
		}
		st.EVSEs = units[begin:len(units):len(units)]
		offer(st, offered, tariffs)
	}
	return stations, nil
}

// offer gives a station the tariffs of its EVSEs.
func offer(st *station.Station, offered map[uuid.UUID][]uuid.UUID, tariffs map[uuid.UUID]tariff.Tariff) {
	var all []uuid.UUID
	for i := range st.EVSEs {
		e := &st.EVSEs[i]
		ids := offered[e.ID]
		if len(ids) == 0 {
			continue
		}
		e.Connectors = slices.Clone(e.Connectors) // others share them
		for _, id := range ids {
			e.Connectors[0].TariffIDs = append(e.Connectors[0].TariffIDs, id.String())
			if !slices.Contains(all, id) {
				all = append(all, id)
				st.Tariffs = append(st.Tariffs, tariffs[id])
			}
		}
	}
	if len(all) > 0 {
		st.SettleTariffs()
	}
}

func (r *searchedReader) scanStation(rows *sql.Rows) (station.Station, error) {
	var st station.Station
	var facilities, opening, payment sql.RawBytes
	err := rows.Scan(&st.ID, &st.Number, &st.Operator.ID, &st.Name, &st.Address, &st.City, &st.PostalCode, &st.Country, &st.Latitude, &st.Longitude,
		&st.TimeZone, &st.Access, &st.ParkingType, &facilities, &opening, &payment, &st.Version, &st.UpdatedAt)
	if err != nil {
		return st, err
	}
	st.Operator, st.UpdatedAt = r.operators[st.Operator.ID], st.UpdatedAt.UTC()
	if st.Facilities, err = r.lists.of(facilities, list); err != nil {
		return st, err
	}
	err = r.texts.tell(&st, opening, payment)
	return st, err
}

func (r *searchedReader) scanEVSE(rows *sql.Rows) (evseRow, error) {
	var row evseRow
	var capabilities, connectors sql.RawBytes
	err := rows.Scan(&row.station, &row.evse.ID, &capabilities, &row.evse.Reservable, &connectors)
	if err != nil {
		return row, err
	}
	if row.evse.Capabilities, err = r.lists.of(capabilities, list); err != nil {
		return row, err
	}
	row.evse.Connectors, err = r.connectors.of(connectors, lines)
	return row, err
}

// list reads an array, nil when it is empty.
func list(text []byte) ([]string, error) {
	var l pq.StringArray
	if err := l.Scan(text); err != nil || len(l) == 0 {
		return nil, err
	}
	return l, nil
}

// lines reads connectors: watts, a blank and the standard.
func lines(text []byte) ([]station.Connector, error) {
	var connectors []station.Connector
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		watts, standard, _ := bytes.Cut(line, []byte(" "))
		power, err := strconv.Atoi(string(watts))
		if err != nil {
			return nil, fmt.Errorf("power of a connector: %w", err)
		}
		connectors = append(connectors, station.Connector{Standard: string(standard), PowerW: power})
	}
	return connectors, nil
}
