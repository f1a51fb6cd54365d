package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

const finishedPlacesSQL = `
SELECT DISTINCT ON (t.id) t.id AS normal, e.id AS evse_id, p.id AS plot_id, p.station_id, p.operator_id, st.time_zone
FROM unnest($1::text[]) AS t (id)
JOIN evses e ON upper(replace(e.evse_id, '*', '')) = t.id AND NOT e.removed
JOIN plot_evses pe ON pe.evse_id = e.id
JOIN plots p ON p.id = pe.plot_id
JOIN stations st ON st.id = p.station_id
ORDER BY t.id, e.id`

type placeRow struct {
	Normal     string    `db:"normal"`
	EVSEID     uuid.UUID `db:"evse_id"`
	PlotID     uuid.UUID `db:"plot_id"`
	StationID  uuid.UUID `db:"station_id"`
	OperatorID uuid.UUID `db:"operator_id"`
	TimeZone   string    `db:"time_zone"`
}

const insertFinishedSQL = `
INSERT INTO sessions (id, plot_id, station_id, operator_id, evse_id, connector, id_tag, state, state_since, reason, requested_at, started_at,
    ended_at, meter_start_wh, meter_stop_wh, energy_wh, time_zone, import_key, created_at, updated_at, version)
SELECT t.id, t.plot_id, t.station_id, t.operator_id, t.evse_id, 0, '', 'COMPLETED', t.ended_at, '` + session.ReasonImported + `', t.started_at,
    t.started_at, t.ended_at, 0, t.energy_wh, t.energy_wh, t.time_zone, t.key, $10, $10, 1
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::timestamptz[], $8::bigint[], $9::text[], $11::text[])
     AS t (id, plot_id, station_id, operator_id, evse_id, started_at, ended_at, energy_wh, key, time_zone)
ON CONFLICT (import_key) WHERE import_key IS NOT NULL DO NOTHING
RETURNING import_key`

// finishedChunk is how many sessions a statement stores.
const finishedChunk = 5000

// StoreFinished implements importer.Store.
func (s *Store) StoreFinished(
	ctx context.Context, rows []importer.Row, may func(operator uuid.UUID) bool, progress func(done int),
) ([]importer.Outcome, error) {
	outcomes := make([]importer.Outcome, len(rows))
	now := s.now()
	err := s.write(ctx, func(ctx context.Context, tx txn) error {
		seen := make(map[string]struct{}, len(rows))
		for from := 0; from < len(rows); from += finishedChunk {
			until := min(from+finishedChunk, len(rows))
			if err := storeFinished(ctx, tx, now, rows[from:until], outcomes[from:until], may, seen); err != nil {
				return err
			}
			progress(until)
		}
		return nil
	})
	return outcomes, err
}

func storeFinished(
	ctx context.Context, tx txn, now time.Time, rows []importer.Row, outcomes []importer.Outcome, may func(uuid.UUID) bool, seen map[string]struct{},
) error {
	places, err := finishedPlaces(ctx, tx, rows)
	if err != nil {
		return err
	}
	var list, plots, stations, operators, evses []uuid.UUID
	var starts, ends []time.Time
	var energies []int64
	var keys, zones []string
	at := make(map[string]int, len(rows))
	for i, r := range rows {
		place, known := places[importer.Normal(r.EVSEID)]
		if !known || !may(place.OperatorID) {
			outcomes[i] = importer.UnknownEVSE
			continue
		}
		key := r.Key(place.OperatorID)
		if _, twice := seen[key]; twice {
			outcomes[i] = importer.Duplicate
			continue
		}
		seen[key] = struct{}{}
		at[key], outcomes[i] = i, importer.Unchanged
		list, plots, stations = append(list, idAt(r.StartedAt)), append(plots, place.PlotID), append(stations, place.StationID)
		operators, evses = append(operators, place.OperatorID), append(evses, place.EVSEID)
		starts, ends, energies = append(starts, r.StartedAt), append(ends, r.EndedAt), append(energies, r.EnergyWh)
		keys, zones = append(keys, key), append(zones, place.TimeZone)
	}
	if len(list) == 0 {
		return nil
	}
	var stored []string
	err = tx.SelectContext(ctx, &stored, insertFinishedSQL, ids(list), ids(plots), ids(stations), ids(operators), ids(evses), pq.Array(starts),
		pq.Array(ends), pq.Array(energies), pq.Array(keys), now, pq.Array(zones))
	if err != nil {
		return fmt.Errorf("store finished sessions: %w", err)
	}
	for _, key := range stored {
		outcomes[at[key]] = importer.Stored
	}
	return nil
}

// finishedPlaces finds where sessions were, by the EVSE's id as it is matched.
func finishedPlaces(ctx context.Context, tx txn, rows []importer.Row) (map[string]placeRow, error) {
	asked := make(map[string]struct{}, len(rows))
	var names []string
	for _, r := range rows {
		name := importer.Normal(r.EVSEID)
		if _, twice := asked[name]; !twice {
			asked[name] = struct{}{}
			names = append(names, name)
		}
	}
	var found []placeRow
	if err := tx.SelectContext(ctx, &found, finishedPlacesSQL, pq.Array(names)); err != nil {
		return nil, fmt.Errorf("find the EVSEs of finished sessions: %w", err)
	}
	places := make(map[string]placeRow, len(found))
	for _, p := range found {
		places[p.Normal] = p
	}
	return places, nil
}

// idAt makes an id of a moment (UUIDv7), so that lists in order of id are in order of time.
func idAt(t time.Time) uuid.UUID {
	id := newID()
	var millis [8]byte
	binary.BigEndian.PutUint64(millis[:], uint64(max(0, t.UnixMilli())))
	copy(id[:6], millis[2:])
	return id
}
