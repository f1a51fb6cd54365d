package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// entity is what a history is of.
type entity string

const (
	ofStation  entity = "station"
	ofOperator entity = "operator"
	ofTariff   entity = "tariff"
)

// happened is a version on its way into the history.
type happened struct {
	entity  entity
	id      uuid.UUID
	version int64
	action  history.Action
	changes []history.Change
}

var historyColumns = []string{"entity", "entity_id", "version", "action", "actor", "import_id", "changes"}

// record writes what happened.
func record(ctx context.Context, tx *sqlx.Tx, by history.Author, all []happened) error {
	if len(all) == 0 {
		return nil
	}
	var importID any
	if by.Import != nil {
		importID = by.Import.String()
	}
	columns := historyColumns
	if by.Suggestion != nil {
		columns = append(slices.Clone(columns), "suggestion_id")
	}
	_, err := postgres.CopyFrom(ctx, tx, "catalog_history", columns, func(yield func([]any, error) bool) {
		row := make([]any, len(columns))
		if by.Suggestion != nil {
			row[len(row)-1] = by.Suggestion.String()
		}
		for i := range all {
			h := &all[i]
			var changes any
			if len(h.changes) > 0 {
				text, err := json.Marshal(h.changes)
				if err != nil {
					yield(nil, fmt.Errorf("changes of %s: %w", h.id, err))
					return
				}
				changes = string(text)
			}
			for k, v := range [...]any{string(h.entity), h.id.String(), h.version, string(h.action), by.Subject, importID, changes} {
				row[k] = v
			}
			if !yield(row, nil) {
				return
			}
		}
	})
	return err
}

// note keeps that a station has a new version.
func (p *putting) note(id uuid.UUID, version int64, action history.Action, changes ...history.Change) {
	p.happened = append(p.happened, happened{ofStation, id, version, action, changes})
}

// compare notes what the writes change of stations that are there.
func (p *putting) compare(ctx context.Context, writes []write) error {
	var ids []uuid.UUID
	for i := range writes {
		if !writes[i].isNew && !writes[i].restored {
			ids = append(ids, writes[i].id)
		}
	}
	before := make(map[uuid.UUID]station.Station, len(ids))
	if len(ids) > 0 {
		found, err := load(ctx, p.tx, stationsByID, uuids(ids))
		if err != nil {
			return fmt.Errorf("stations before the change: %w", err)
		}
		brought, err := p.brought(ctx, ids)
		if err != nil {
			return err
		}
		for _, st := range found {
			st.EVSEs = slices.DeleteFunc(st.EVSEs, func(e station.EVSE) bool { return brought[e.ID] })
			before[st.ID] = st
		}
	}
	for i := range writes {
		w := &writes[i]
		switch {
		case w.isNew:
			p.note(w.id, w.version, history.Created)
		case w.restored:
			p.note(w.id, w.version, history.Restored)
		default:
			changes, err := station.Diff(before[w.id], w.entry.Station, w.entry.Complete)
			if err != nil {
				return err
			}
			p.note(w.id, w.version, history.Changed, changes...)
		}
	}
	return nil
}

const evsesOfMerges = `
SELECT id FROM evses WHERE station_id = ANY($1) AND merged_from IS NOT NULL`

// brought gives the EVSEs of the stations that merges brought and the writer does not tell of.
func (p *putting) brought(ctx context.Context, stations []uuid.UUID) (map[uuid.UUID]bool, error) {
	if p.exclusive {
		return nil, nil //nolint:nilnil // a request tells of all
	}
	ids, err := collect(ctx, p.tx, scanID, evsesOfMerges, uuids(stations))
	if err != nil {
		return nil, fmt.Errorf("EVSEs that merges brought: %w", err)
	}
	out := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, nil
}

const historyOf = `
SELECT version, changed_at, action, actor, import_id, suggestion_id, changes
FROM catalog_history
WHERE entity = $1 AND entity_id = $2 AND version < $3
ORDER BY version DESC
LIMIT $4`

func (s *Store) historyOf(ctx context.Context, of entity, id uuid.UUID, before int64, limit int) ([]history.Entry, error) {
	found, err := collect(ctx, s.db, func(rows *sql.Rows) (history.Entry, error) {
		var e history.Entry
		var changes []byte
		if err := rows.Scan(&e.Version, &e.ChangedAt, &e.Action, &e.Actor, &e.ImportID, &e.SuggestionID, &changes); err != nil {
			return e, err
		}
		e.ChangedAt = e.ChangedAt.UTC()
		if changes == nil {
			return e, nil
		}
		err := json.Unmarshal(changes, &e.Changes)
		return e, err
	}, historyOf, string(of), id, before, limit)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("history of %s %s: %w", of, id, err), nil)
	}
	return found, nil
}

// StationHistory gives the versions of a station before one, newest first.
func (s *Store) StationHistory(ctx context.Context, id uuid.UUID, before int64, limit int) ([]history.Entry, error) {
	return s.historyOf(ctx, ofStation, id, before, limit)
}

const stationOperator = `
SELECT operator_id FROM stations WHERE id = $1`

// OperatorOf gives the operator of a station, removed or not, or station.ErrNotFound.
func (s *Store) OperatorOf(ctx context.Context, id uuid.UUID) (uuid.UUID, error) {
	found, err := collect(ctx, s.db, scanID, stationOperator, id)
	switch {
	case err != nil:
		return uuid.Nil, postgres.Map(fmt.Errorf("operator of station: %w", err), nil)
	case len(found) == 0:
		return uuid.Nil, station.ErrNotFound
	}
	return found[0], nil
}
