package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/words"
)

var stationColumns = []string{
	"id", "operator_id", "source", "source_id", "name", "address", "city", "postal_code", "state", "country", "latitude", "longitude",
	"x", "y", "z", "time_zone", "access", "parking_type", "facilities", "opening", "opening_text", "payment", "content_hash", "version",
	"words",
}

const stageStations = `
CREATE TEMP TABLE changed_stations ON COMMIT DROP AS
SELECT id, operator_id, source, source_id, name, address, city, postal_code, state, country, latitude, longitude,
       x, y, z, time_zone, access, parking_type, facilities, opening, opening_text, payment, content_hash, version, words
FROM stations WITH NO DATA`

const updateStations = `
UPDATE stations s
SET operator_id = c.operator_id, name = c.name, address = c.address, city = c.city, postal_code = c.postal_code, state = c.state,
    country = c.country, latitude = c.latitude, longitude = c.longitude, x = c.x, y = c.y, z = c.z, time_zone = c.time_zone,
    access = c.access, parking_type = c.parking_type, facilities = c.facilities, opening = c.opening,
    opening_text = c.opening_text, payment = c.payment, content_hash = c.content_hash, version = c.version,
    words = c.words, updated_at = now(), deleted_at = NULL
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
		openings := make(map[*station.OpeningTimes]string) // stations share them
		for i := range writes {
			w := &writes[i]
			if w.isNew != isNew {
				continue
			}
			if !yield(row, fillStation(row, w, openings)) {
				return
			}
		}
	}
}

func fillStation(row []any, w *write, openings map[*station.OpeningTimes]string) error {
	s := &w.entry.Station
	var opening, payment any
	if s.Opening != nil {
		text, known := openings[s.Opening]
		if !known {
			written, err := json.Marshal(s.Opening)
			if err != nil {
				return fmt.Errorf("opening times of station %s: %w", s.SourceID, err)
			}
			text = string(written)
			openings[s.Opening] = text
		}
		opening = text
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
		s.OpeningText, payment, w.entry.Hash[:], w.version, words.Of(s.Name + " " + s.Address + " " + s.City + " " + s.PostalCode),
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
