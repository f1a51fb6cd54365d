package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// constraints are the faults of what the database refuses.
var constraints = map[string]*fault.Fault{
	"stations_source_key": station.ErrTaken,
	"evses_uid_key":       station.ErrEVSEUsed,
	"operators_party_key": operator.ErrTaken,
}

// Create stores a new station of an operator, once for each idempotency key of the author. It returns operator.ErrNotFound,
// station.ErrTaken for a source id that the operator uses already, and station.ErrEVSEUsed.
func (s *Store) Create(ctx context.Context, by history.Author, operatorID uuid.UUID, st station.Station) (station.Station, error) {
	out, _, err := idempotency.Do(ctx, s.db, by.Subject, func(ctx context.Context, tx *sqlx.Tx) (station.Station, error) {
		p := &putting{tx: tx, exclusive: true, by: by}
		return p.create(ctx, operatorID, st)
	})
	return out, postgres.Map(err, constraints)
}

// create stores a new station of an operator; where it has no source id it gets one.
func (p *putting) create(ctx context.Context, operatorID uuid.UUID, st station.Station) (station.Station, error) {
	fresh, err := p.fresh(ctx, operatorID, st)
	if err != nil {
		return st, err
	}
	if faults := fresh.Validate(); len(faults) > 0 {
		return st, station.ErrInvalid.At(faults...)
	}
	entries := []transfer.Entry{{Station: fresh, Complete: true}}
	if err := entries[0].Seal(); err != nil {
		return st, err
	}
	if err := p.lock(ctx, entries); err != nil {
		return st, err
	}
	if err := p.untaken(ctx, entries); err != nil {
		return st, err
	}
	return p.one(ctx, entries, operatorID)
}

// fresh is a new station as its operator has it, with the tariffs that it refers to. It returns operator.ErrNotFound.
func (p *putting) fresh(ctx context.Context, operatorID uuid.UUID, st station.Station) (station.Station, error) {
	var o operator.Operator
	err := p.tx.QueryRowContext(ctx, `SELECT country_code, party_id, name FROM operators WHERE id = $1 AND deleted_at IS NULL`, operatorID).
		Scan(&o.CountryCode, &o.PartyID, &o.Name)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return st, operator.ErrNotFound
	case err != nil:
		return st, fmt.Errorf("operator of the station: %w", err)
	}
	if st.SourceID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return st, fmt.Errorf("source id of a station: %w", err)
		}
		st.SourceID = id.String()
	}
	st.Operator = station.Operator{ID: operatorID, CountryCode: o.CountryCode, PartyID: o.PartyID, Name: o.Name}
	st.Source = station.OwnSource(o.CountryCode, o.PartyID)
	for i := range st.Tariffs {
		st.Tariffs[i].CountryCode, st.Tariffs[i].PartyID = o.CountryCode, o.PartyID
	}
	return st, adoptTariffs(ctx, p.tx, []*station.Station{&st})
}

// untaken returns station.ErrTaken for the only entry when its source has a station of its id.
func (p *putting) untaken(ctx context.Context, entries []transfer.Entry) error {
	there, err := p.known(ctx, entries)
	if err != nil {
		return err
	}
	st := &entries[0].Station
	if k, ok := there[identity{st.Source, st.SourceID}]; ok && (!k.removed || k.merged) {
		return station.ErrTaken
	}
	return nil
}

// one writes the only entry and reads the station back.
func (p *putting) one(ctx context.Context, entries []transfer.Entry, operatorID uuid.UUID) (station.Station, error) {
	if err := p.put(ctx, entries, map[party]uuid.UUID{partyOf(&entries[0].Station): operatorID}, false); err != nil {
		return station.Station{}, err
	}
	if err := p.publish(ctx); err != nil {
		return station.Station{}, err
	}
	there, err := p.known(ctx, entries)
	if err != nil {
		return station.Station{}, err
	}
	return stationOf(ctx, p.tx, there[identity{entries[0].Station.Source, entries[0].Station.SourceID}].id)
}

// Update changes a station by a function that gets it as it is, once for each idempotency key of the author. It returns the faults
// of Get and of change, and station.ErrEVSEUsed; the function returns what is wrong with the change, such as an outdated version.
func (s *Store) Update(
	ctx context.Context, by history.Author, id uuid.UUID, change func(station.Station) (station.Station, error),
) (station.Station, error) {
	out, _, err := idempotency.Do(ctx, s.db, by.Subject, func(ctx context.Context, tx *sqlx.Tx) (station.Station, error) {
		p := &putting{tx: tx, exclusive: true, by: by}
		there, err := p.lockStations(ctx, id)
		if err != nil {
			return station.Station{}, err
		}
		return p.update(ctx, there[0], change)
	})
	return out, postgres.Map(err, constraints)
}

// update changes a station that is locked.
func (p *putting) update(
	ctx context.Context, st station.Station, change func(station.Station) (station.Station, error),
) (station.Station, error) {
	changed, err := change(st)
	if err != nil {
		return station.Station{}, err
	}
	if err := adoptTariffs(ctx, p.tx, []*station.Station{&changed}); err != nil {
		return station.Station{}, err
	}
	if faults := changed.Validate(); len(faults) > 0 {
		return station.Station{}, station.ErrInvalid.At(faults...)
	}
	entries := []transfer.Entry{{Station: changed, Complete: true}}
	if err := entries[0].Seal(); err != nil {
		return station.Station{}, err
	}
	return p.one(ctx, entries, st.Operator.ID)
}

const removeStation = `
UPDATE stations SET deleted_at = now(), updated_at = now(), version = version + 1 WHERE id = $1 RETURNING version`

const removeEVSEs = `
UPDATE evses SET removed_at = now() WHERE station_id = ANY($1) AND removed_at IS NULL`

// Remove makes a tombstone of a station that the function lets go.
func (s *Store) Remove(ctx context.Context, by history.Author, id uuid.UUID, allow func(station.Station) error) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		p := &putting{tx: tx, exclusive: true, by: by}
		there, err := p.lockStations(ctx, id)
		if err != nil {
			return err
		}
		if err := allow(there[0]); err != nil {
			return err
		}
		return p.remove(ctx, id)
	})
}

// remove makes a tombstone of a station that is locked.
func (p *putting) remove(ctx context.Context, id uuid.UUID) error {
	change := feed.Change{ID: id, Op: feed.Delete}
	if err := p.tx.GetContext(ctx, &change.Version, removeStation, id); err != nil {
		return fmt.Errorf("remove station: %w", err)
	}
	if _, err := p.tx.ExecContext(ctx, removeEVSEs, uuids([]uuid.UUID{id})); err != nil {
		return fmt.Errorf("remove EVSEs: %w", err)
	}
	p.changes = append(p.changes, change)
	p.note(id, change.Version, history.Removed)
	return p.publish(ctx)
}
