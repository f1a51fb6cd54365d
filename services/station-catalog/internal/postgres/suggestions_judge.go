package postgres

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/suggestion"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// judging is a suggestion that is held against what is there, as strictly as the request would be that carries it out.
type judging struct {
	*putting
	in      *suggestion.Input
	faults  []fault.Field // what is wrong with it
	refusal error         // what there is that forbids it

	operator *uuid.UUID      // that a new station names
	name     string          // of a new station
	said     json.RawMessage // what the members that a change touches say now
}

// judgeSuggestion gives what is to be kept beside a suggestion. It returns suggestion.ErrInvalid with all that is wrong with it or, where nothing
// is, what there is that forbids it. The station stays as it is until the transaction ends.
func judgeSuggestion(ctx context.Context, tx *sqlx.Tx, in *suggestion.Input) (*judging, error) {
	j := &judging{putting: &putting{tx: tx, exclusive: true}, in: in, faults: in.Validate()}
	var err error
	switch {
	case in.Kind == suggestion.New && in.Station != nil:
		err = j.station(ctx)
	case in.Kind != suggestion.New && in.StationID != nil:
		err = j.change(ctx)
	}
	switch {
	case err != nil:
		return nil, err
	case len(j.faults) == 0:
		return j, j.refusal
	case j.refusal != nil:
		j.faults = append(j.faults, fault.Of(j.refusal).Fields()...)
	}
	return nil, suggestion.ErrInvalid.At(j.faults...)
}

// wrong adds faults of a member of the suggestion.
func (j *judging) wrong(member string, faults ...fault.Field) {
	for _, f := range faults {
		f.Pointer = member + f.Pointer
		j.faults = append(j.faults, f)
	}
}

// refuse keeps the first fault that forbids the suggestion, and gives back what is none.
func (j *judging) refuse(err error) error {
	if err == nil {
		return nil
	}
	switch f := fault.Of(err); f.Kind() {
	case fault.NotFound, fault.Gone, fault.Conflict:
		if j.refusal == nil {
			j.refusal = err
		}
		return nil
	default:
		return err
	}
}

// station judges a new station.
func (j *judging) station(ctx context.Context) error {
	var in station.Input
	if err := json.Unmarshal(j.in.Station, &in); err != nil {
		j.wrong("/station", fault.Field{Code: "type", Detail: "must be a station"})
		return nil //nolint:nilerr // it is told
	}
	j.name = in.Name
	if in.OperatorID != nil {
		fresh, err := j.fresh(ctx, *in.OperatorID, in.Station())
		if err == nil {
			j.operator = in.OperatorID
			j.wrong("/station", fresh.Validate()...)
			return j.free(ctx, &fresh)
		}
		if !errors.Is(err, operator.ErrNotFound) {
			return err
		}
		j.wrong("/station", fault.Field{Pointer: "/operator_id", Code: "unknown", Detail: "must be an operator that is known, or be left out"})
	}
	// All but what belongs to an operator is the same for each.
	st := in.Station()
	st.Operator = station.Operator{CountryCode: "ZZ", PartyID: "ZZZ"}
	st.Source = station.OwnSource(st.Operator.CountryCode, st.Operator.PartyID)
	if st.SourceID == "" {
		st.SourceID = "open"
	}
	for i := range st.Tariffs {
		st.Tariffs[i].CountryCode, st.Tariffs[i].PartyID = st.Operator.CountryCode, st.Operator.PartyID
	}
	j.wrong("/station", st.Validate()...)
	return nil
}

// free looks whether what the station is known by is free: its id, where it is new, and those of its EVSEs.
func (j *judging) free(ctx context.Context, st *station.Station) error {
	if st.ID == uuid.Nil {
		if err := j.refuse(j.untaken(ctx, []transfer.Entry{{Station: *st}})); err != nil {
			return err
		}
	}
	units := make([]unit, len(st.EVSEs))
	for i := range st.EVSEs {
		units[i] = unit{evse: &st.EVSEs[i], source: st.Source, station: st.ID}
	}
	_, err := j.identify(ctx, units, nil)
	return j.refuse(err)
}

// change judges a change or a removal.
func (j *judging) change(ctx context.Context) error {
	if err := stands(ctx, j.tx, *j.in.StationID, staying); err != nil {
		if err = j.refuse(err); err == nil {
			j.refusal = fault.Of(j.refusal).At(fault.Field{Pointer: "/station_id", Code: "unknown", Detail: "must be a station that is there"})
		}
		return err
	}
	if j.in.Kind != suggestion.Change || j.in.Patch == nil {
		return nil
	}
	st, err := stationOf(ctx, j.tx, *j.in.StationID)
	if err != nil {
		return err
	}
	if j.in.StationVersion != nil && *j.in.StationVersion != st.Version {
		j.refusal = suggestion.Outdated(st.Version)
	}
	after, changes, err := j.patched(ctx, &st, j.in.Patch)
	if err == nil {
		j.said, err = st.Said(j.in.Patch)
	}
	if errors.Is(err, station.ErrInvalid) {
		j.wrong("/patch", fault.Field{Code: "type", Detail: fault.Of(err).Detail()})
		return nil
	}
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		j.wrong("/patch", fault.Field{Code: "unchanged", Detail: "must change something"})
	}
	j.wrong("/patch", after.Validate()...)
	return j.free(ctx, &after)
}

// patched is a station after a suggested patch, with the tariffs that it refers to then, and what of it that changes. It returns
// station.ErrInvalid for a patch that does not fit.
func (p *putting) patched(ctx context.Context, st *station.Station, patch json.RawMessage) (station.Station, []history.Change, error) {
	after, err := st.Patched(patch)
	if err == nil {
		err = adoptTariffs(ctx, p.tx, []*station.Station{&after})
	}
	if err != nil {
		return after, nil, err
	}
	changes, err := station.Diff(*st, after, true)
	return after, changes, err
}
