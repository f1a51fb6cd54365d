package httpapi

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// newest stands above every version.
const newest = 1<<63 - 1

// versionsOf answers a page of a history.
func (a *API) versionsOf(
	of uuid.UUID, cursor *string, limit *int, read func(before int64, limit int) ([]history.Entry, error),
) (jsonAnswer, error) {
	codec := a.versions.For(of.String())
	before := int64(newest)
	if cursor != nil {
		if err := codec.Decode(*cursor, &before); err != nil {
			return jsonAnswer{}, err
		}
	}
	size := page.Size(limit)
	found, err := read(before, size+1)
	if err != nil {
		return jsonAnswer{}, err
	}
	out := list[history.Entry]{Items: []history.Entry{}}
	if len(found) > size {
		found = found[:size]
		out.NextCursor = codec.Encode(found[size-1].Version)
	}
	out.Items = append(out.Items, found...)
	return jsonAnswer{status: http.StatusOK, body: out, next: out.NextCursor}, nil
}

// ListStationHistory gives the versions of a station, removed or not.
func (a *API) ListStationHistory(ctx context.Context, request ListStationHistoryRequestObject) (ListStationHistoryResponseObject, error) {
	own, _, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	owner, err := a.Records.OperatorOf(ctx, request.StationId)
	if err != nil {
		return nil, err
	}
	if own != nil && *own != owner {
		return nil, station.ErrForeign
	}
	return a.versionsOf(request.StationId, request.Params.Cursor, request.Params.Limit, func(before int64, limit int) ([]history.Entry, error) {
		return a.Records.StationHistory(ctx, request.StationId, before, limit)
	})
}

// ListOperatorHistory gives the versions of an operator.
func (a *API) ListOperatorHistory(ctx context.Context, request ListOperatorHistoryRequestObject) (ListOperatorHistoryResponseObject, error) {
	own, _, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	if own != nil && *own != request.OperatorId {
		return nil, operator.ErrForeign
	}
	return a.versionsOf(request.OperatorId, request.Params.Cursor, request.Params.Limit, func(before int64, limit int) ([]history.Entry, error) {
		found, err := a.Parties.OperatorHistory(ctx, request.OperatorId, before, limit)
		if err == nil && len(found) == 0 && before == newest {
			// Operators that an import made have no history before somebody changes them.
			_, err = a.Parties.Operator(ctx, request.OperatorId)
		}
		return found, err
	})
}

// ListTariffHistory gives the versions of a tariff.
func (a *API) ListTariffHistory(ctx context.Context, request ListTariffHistoryRequestObject) (ListTariffHistoryResponseObject, error) {
	own, _, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	return a.versionsOf(request.TariffId, request.Params.Cursor, request.Params.Limit, func(before int64, limit int) ([]history.Entry, error) {
		found, owner, err := a.Tariffs.TariffHistory(ctx, request.TariffId, before, limit)
		if err == nil && own != nil && *own != owner {
			return nil, operator.ErrForeign
		}
		return found, err
	})
}
