package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/suggestion"
)

const decideSuggestion = `
UPDATE suggestions
SET state = $2, station_id = coalesce($3, station_id), decided_at = now(), decided_by = $4, decided_as = $5, note = $6, version = version + 1
WHERE id = $1`

// DecideSuggestion decides a suggestion as the function says, and carries out what is accepted, once for each idempotency key of the
// decider. It returns what the function returns, suggestion.ErrNotFound, the faults of Get for the station of a change,
// suggestion.Conflicting, suggestion.ErrUnfit, and the conflicts of Create and Update; then nothing has happened.
func (s *Store) DecideSuggestion(
	ctx context.Context, decider, id uuid.UUID, rule func(*suggestion.Suggestion) (suggestion.Verdict, error),
) (suggestion.Suggestion, error) {
	by := history.Author{Subject: decider.String(), Suggestion: &id}
	out, _, err := idempotency.Do(ctx, s.db, by.Subject, func(ctx context.Context, tx *sqlx.Tx) (none suggestion.Suggestion, err error) {
		d := &deciding{putting: putting{tx: tx, exclusive: true, by: by}}
		if err := d.lockAll(ctx, id); err != nil {
			return none, err
		}
		verdict, err := rule(&d.suggestion)
		if err != nil {
			return none, err
		}
		state, station := suggestion.Rejected, (*uuid.UUID)(nil)
		if verdict.Accept {
			state = suggestion.Accepted
			if station, err = d.carryOut(ctx, verdict.Operator); err != nil {
				return none, err
			}
		}
		if _, err := tx.ExecContext(ctx, decideSuggestion, id, string(state), station, decider, verdict.As, verdict.Note); err != nil {
			return none, fmt.Errorf("decide suggestion: %w", err)
		}
		return suggestionOf(ctx, tx, id, "")
	})
	return out, postgres.Map(err, constraints)
}

// deciding is a suggestion that is being decided.
type deciding struct {
	putting
	suggestion suggestion.Suggestion
	station    station.Station
	gone       error // of the station
}

// lockAll locks the suggestion, and before it its station: a merge, which has suggestions follow, locks in that order.
func (d *deciding) lockAll(ctx context.Context, id uuid.UUID) (err error) {
	if d.suggestion, err = suggestionOf(ctx, d.tx, id, ""); err != nil {
		return err
	}
	for {
		before := d.suggestion.StationID
		if before != nil && d.suggestion.State == suggestion.Pending {
			if err := d.lockStation(ctx, *before); err != nil {
				return err
			}
		}
		if d.suggestion, err = suggestionOf(ctx, d.tx, id, forChange); err != nil {
			return err
		}
		if after := d.suggestion.StationID; before == nil || *before == *after {
			return nil
		} // it followed to the survivor of a merge meanwhile
	}
}

func (d *deciding) lockStation(ctx context.Context, id uuid.UUID) error {
	there, err := d.lockStations(ctx, id)
	if d.gone = nil; errors.Is(err, station.ErrRemoved) {
		d.gone = err
		return nil
	}
	if err != nil {
		return err
	}
	d.station = there[0]
	return nil
}

// carryOut does what is suggested, and gives the station of it. A station that is to be removed may be gone already.
func (d *deciding) carryOut(ctx context.Context, operatorID uuid.UUID) (*uuid.UUID, error) {
	s := &d.suggestion
	switch {
	case s.Kind == suggestion.New:
		var in station.Input
		if err := json.Unmarshal(s.Station, &in); err != nil {
			return nil, fmt.Errorf("station of a suggestion: %w", err)
		}
		made, err := d.create(ctx, operatorID, in.Station())
		return &made.ID, unfit(err)
	case s.Kind == suggestion.Removal && d.gone != nil:
		return s.StationID, nil //nolint:nilerr // it is as it was to be
	case s.Kind == suggestion.Removal:
		return s.StationID, d.remove(ctx, d.station.ID)
	case d.gone != nil:
		return nil, d.gone
	}
	since, err := d.station.Since(s.Said)
	switch {
	case err != nil:
		return nil, err
	case len(since) > 0:
		return nil, suggestion.Conflicting(since)
	}
	_, err = d.update(ctx, d.station, func(st station.Station) (station.Station, error) { return st.Patched(s.Patch) })
	return s.StationID, unfit(err)
}

// unfit is the fault of a suggestion that was valid when it was made: not the decider's request is at fault, as it would be of an author.
func unfit(err error) error {
	if err == nil || !errors.Is(err, station.ErrInvalid) && !errors.Is(err, operator.ErrNotFound) {
		return err
	}
	f := fault.Of(err)
	return suggestion.ErrUnfit.Detailf("%s.", f.Title()).At(f.Fields()...).Because(err)
}
