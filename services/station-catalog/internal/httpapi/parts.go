package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Where an EVSE and a connector stand in their station.
var (
	atEVSE      = regexp.MustCompile(`^/evses/[0-9]+`)
	atConnector = regexp.MustCompile(`^/evses/[0-9]+/connectors/[0-9]+`)
)

// change changes a part of a station of the caller's operator, which must know it as it is when ifMatch is not nil. Faults of the part,
// which stands at the given place of the station, point into the part's own body.
func (a *API) change(
	ctx context.Context, id uuid.UUID, part *regexp.Regexp, ifMatch **string, edit func(*station.Station) (station.Station, error),
) (jsonAnswer, error) {
	own, p, err := operatorOf(ctx)
	if err != nil {
		return jsonAnswer{}, err
	}
	changed, err := a.Store.Update(ctx, author(p), id, func(st station.Station) (station.Station, error) {
		switch {
		case own != nil && *own != st.Operator.ID:
			return st, station.ErrForeign
		case ifMatch == nil:
			return edit(&st)
		}
		if err := checkVersion(*ifMatch, st.Version); err != nil {
			return st, err
		}
		return edit(&st)
	})
	if errors.Is(err, station.ErrInvalid) {
		faults := slices.Clone(fault.Of(err).Fields())
		for i := range faults {
			faults[i].Pointer = part.ReplaceAllString(faults[i].Pointer, "")
		}
		err = station.ErrInvalid.At(faults...)
	}
	if err != nil {
		return jsonAnswer{}, err
	}
	return a.show(ctx, changed, http.StatusOK)
}

// created is the answer to a part that was added.
func created(answer jsonAnswer, location string) jsonAnswer {
	answer.status, answer.location = http.StatusCreated, location
	return answer
}

// either is the patch of a request, whichever of its two types it has.
func either(mergePatch, plain *json.RawMessage) []byte {
	if mergePatch != nil {
		return *mergePatch
	}
	return *plain
}

// CreateEvse adds an EVSE.
func (a *API) CreateEvse(ctx context.Context, request CreateEvseRequestObject) (CreateEvseResponseObject, error) {
	answer, err := a.change(ctx, request.StationId, atEVSE, nil, func(st *station.Station) (station.Station, error) {
		return st.AddEVSE(*request.Body)
	})
	if err != nil {
		return nil, err
	}
	at := stationPath(request.StationId)
	st, _ := answer.body.(station.Station)
	for i := range st.EVSEs {
		if e := &st.EVSEs[i]; e.UID == request.Body.UID && !e.Removed {
			at += "/evses/" + e.ID.String()
		}
	}
	return created(answer, at), nil
}

// UpdateEvse changes an EVSE.
func (a *API) UpdateEvse(ctx context.Context, request UpdateEvseRequestObject) (UpdateEvseResponseObject, error) {
	return a.change(ctx, request.StationId, atEVSE, &request.Params.IfMatch, func(st *station.Station) (station.Station, error) {
		return st.PatchEVSE(request.EvseId, either(request.ApplicationMergePatchPlusJSONBody, request.JSONBody))
	})
}

// DeleteEvse removes an EVSE.
func (a *API) DeleteEvse(ctx context.Context, request DeleteEvseRequestObject) (DeleteEvseResponseObject, error) {
	return a.change(ctx, request.StationId, atEVSE, &request.Params.IfMatch, func(st *station.Station) (station.Station, error) {
		return st.DropEVSE(request.EvseId)
	})
}

// CreateConnector adds a connector.
func (a *API) CreateConnector(ctx context.Context, request CreateConnectorRequestObject) (CreateConnectorResponseObject, error) {
	answer, err := a.change(ctx, request.StationId, atConnector, nil, func(st *station.Station) (station.Station, error) {
		return st.AddConnector(request.EvseId, *request.Body)
	})
	if err != nil {
		return nil, err
	}
	return created(answer, stationPath(request.StationId)+"/evses/"+request.EvseId.String()+"/connectors/"+request.Body.ID), nil
}

// UpdateConnector changes a connector.
func (a *API) UpdateConnector(ctx context.Context, request UpdateConnectorRequestObject) (UpdateConnectorResponseObject, error) {
	return a.change(ctx, request.StationId, atConnector, &request.Params.IfMatch, func(st *station.Station) (station.Station, error) {
		return st.PatchConnector(request.EvseId, request.ConnectorId, either(request.ApplicationMergePatchPlusJSONBody, request.JSONBody))
	})
}

// DeleteConnector removes a connector.
func (a *API) DeleteConnector(ctx context.Context, request DeleteConnectorRequestObject) (DeleteConnectorResponseObject, error) {
	return a.change(ctx, request.StationId, atConnector, &request.Params.IfMatch, func(st *station.Station) (station.Station, error) {
		return st.DropConnector(request.EvseId, request.ConnectorId)
	})
}
