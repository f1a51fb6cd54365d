package httpapi

import (
	"context"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// ChargePoints keeps charge points.
type ChargePoints interface {
	CreateChargePoint(ctx context.Context, cp chargepoint.ChargePoint, secret chargepoint.Secret) (chargepoint.ChargePoint, error)
	GetChargePoint(ctx context.Context, id uuid.UUID) (chargepoint.ChargePoint, error)
	ListChargePoints(ctx context.Context, sel chargepoint.Selection) ([]chargepoint.ChargePoint, error)
}

// Upkeep keeps what charge points were told, said and have.
type Upkeep interface {
	ListCommands(ctx context.Context, sel chargepoint.Records) ([]chargepoint.Record, error)
	ListMessages(ctx context.Context, sel chargepoint.Messages) ([]chargepoint.Message, error)
	ListProfiles(ctx context.Context, id uuid.UUID) ([]chargepoint.ChargingProfile, error)
	ListVariables(ctx context.Context, id uuid.UUID) ([]chargepoint.Variable, error)
}

// CreateChargePoint implements StrictServerInterface. A station of another operator is answered as one that is not there.
func (a *API) CreateChargePoint(ctx context.Context, request CreateChargePointRequestObject) (CreateChargePointResponseObject, error) {
	body := request.Body
	operator, known, err := a.Stations.OperatorOf(ctx, body.StationId)
	if err != nil {
		return nil, err
	}
	if !known || !caller(ctx).Operates(operator) {
		return nil, chargepoint.ErrUnknownEVSE.Detailf("There is no station %s of yours.", body.StationId)
	}
	password := chargepoint.NewPassword()
	if body.Password != nil {
		password = *body.Password
	}
	cp := chargepoint.ChargePoint{Identity: body.Identity, StationID: body.StationId}
	for _, e := range body.Evses {
		cp.Connectors = append(cp.Connectors, chargepoint.Connector{Number: e.OcppConnectorId, EVSEID: e.EvseId})
	}
	cp, err = a.ChargePoints.CreateChargePoint(ctx, cp, chargepoint.NewSecret(password))
	if err != nil {
		return nil, err
	}
	location := "/v1/charge-points/" + cp.ID.String()
	return CreateChargePoint201JSONResponse{
		Body:    NewChargePoint{ChargePoint: ToAPIChargePoint(cp), Password: password},
		Headers: CreateChargePoint201ResponseHeaders{Location: &location},
	}, nil
}

// operated gives a charge point that the caller may act for, chargepoint.ErrNotFound otherwise.
func (a *API) operated(ctx context.Context, id uuid.UUID) (chargepoint.ChargePoint, error) {
	cp, err := a.ChargePoints.GetChargePoint(ctx, id)
	if err == nil && !caller(ctx).Operates(cp.OperatorID) {
		err = chargepoint.ErrNotFound
	}
	return cp, err
}

// GetChargePoint implements StrictServerInterface.
func (a *API) GetChargePoint(ctx context.Context, request GetChargePointRequestObject) (GetChargePointResponseObject, error) {
	cp, err := a.operated(ctx, request.ChargePointId)
	if err != nil {
		return nil, err
	}
	return GetChargePoint200JSONResponse(ToAPIChargePoint(cp)), nil
}

// ListChargePoints implements StrictServerInterface.
func (a *API) ListChargePoints(ctx context.Context, request ListChargePointsRequestObject) (ListChargePointsResponseObject, error) {
	after, err := decodeID(a.chargePointCursors, request.Params.Cursor)
	if err != nil {
		return nil, err
	}
	who := caller(ctx)
	out := ChargePointPage{Items: []ChargePoint{}}
	if !who.Admin && who.Operator == uuid.Nil {
		return out, nil
	}
	limit := page.Size(request.Params.Limit)
	sel := chargepoint.Selection{
		Operator: who.Operator, Station: orZero(request.Params.StationId), Connected: request.Params.Connected, After: after, Limit: limit + 1,
	}
	if who.Admin {
		sel.Operator = uuid.Nil
	}
	found, err := a.ChargePoints.ListChargePoints(ctx, sel)
	if err != nil {
		return nil, err
	}
	found, more := pageOf(found, limit)
	for _, cp := range found {
		out.Items = append(out.Items, ToAPIChargePoint(cp))
	}
	if more {
		out.NextCursor = a.chargePointCursors.Encode(idCursor{found[len(found)-1].ID})
	}
	return out, nil
}
