package httpapi

import (
	"context"
	"encoding/hex"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// ChargePoints keeps charge points.
type ChargePoints interface {
	CreateChargePoint(ctx context.Context, cp chargepoint.ChargePoint, secret chargepoint.Secret) (chargepoint.ChargePoint, error)
	GetChargePoint(ctx context.Context, id uuid.UUID) (chargepoint.ChargePoint, error)
	ListChargePoints(ctx context.Context, sel chargepoint.Selection) ([]chargepoint.ChargePoint, error)
	SecureChargePoint(ctx context.Context, id uuid.UUID, security chargepoint.Security) error
	RemoveChargePoint(ctx context.Context, id uuid.UUID, check func(chargepoint.ChargePoint) error) error
}

// Keys changes charge points' passwords.
type Keys interface {
	Rotate(ctx context.Context, cp chargepoint.ChargePoint, password string, revoke bool) (delivered bool, err error)
}

// Upkeep keeps what charge points were told, said and have.
type Upkeep interface {
	GetCommand(ctx context.Context, chargePoint, id uuid.UUID) (chargepoint.Record, error)
	ListCommands(ctx context.Context, sel chargepoint.Records) ([]chargepoint.Record, error)
	ListMessages(ctx context.Context, sel chargepoint.Messages) ([]chargepoint.Message, error)
	ListProfiles(ctx context.Context, id uuid.UUID) ([]chargepoint.ChargingProfile, error)
	ListVariables(ctx context.Context, id uuid.UUID) ([]chargepoint.Variable, error)
	// LocalTokens gives the tokens that hold at a charge point without asking.
	LocalTokens(ctx context.Context, chargePoint uuid.UUID, limit int) ([]token.Token, error)
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
	cp.Security.Profile = orZero(body.SecurityProfile)
	if body.CertificateSha256 != nil {
		cp.Security.Certificate = fromHex(*body.CertificateSha256)
	}
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

// fromHex reads a hash that the document has checked, nil for an empty one.
func fromHex(text string) []byte {
	hash, err := hex.DecodeString(text)
	if err != nil || len(hash) == 0 {
		return nil
	}
	return hash
}

// hexOrNull writes a hash, null for none.
func hexOrNull(hash []byte) nullable.Nullable[string] {
	if hash == nil {
		return nullable.NewNullNullable[string]()
	}
	return nullable.NewNullableWithValue(hex.EncodeToString(hash))
}

// ChangeChargePointCredentials implements StrictServerInterface.
func (a *API) ChangeChargePointCredentials(
	ctx context.Context, request ChangeChargePointCredentialsRequestObject,
) (ChangeChargePointCredentialsResponseObject, error) {
	cp, err := a.operated(ctx, request.ChargePointId)
	if err != nil {
		return nil, err
	}
	body := request.Body
	security := cp.Security
	if body.SecurityProfile != nil {
		security.Profile = *body.SecurityProfile
	}
	if body.CertificateSha256 != nil {
		security.Certificate = fromHex(*body.CertificateSha256)
	}
	if body.SecurityProfile != nil || body.CertificateSha256 != nil {
		if err := a.ChargePoints.SecureChargePoint(ctx, cp.ID, security); err != nil {
			return nil, err
		}
	}
	out := ChargePointCredentials{
		SecurityProfile: security.Profile, CertificateSha256: hexOrNull(security.Certificate), Password: nullable.NewNullNullable[string](),
	}
	if orZero(body.RotatePassword) {
		password := chargepoint.NewPassword()
		answered, cancel := context.WithTimeout(chargepoint.WithAsker(ctx, caller(ctx).ID), a.CommandTimeout)
		defer cancel()
		if out.Delivered, err = a.Keys.Rotate(answered, cp, password, orZero(body.Revoke)); err != nil {
			return nil, err
		}
		out.Password = nullable.NewNullableWithValue(password)
	}
	return ChangeChargePointCredentials200JSONResponse(out), nil
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
	out := ToAPIChargePoint(cp)
	tag, err := contentTag(out)
	return GetChargePoint200JSONResponse{Body: out, Headers: GetChargePoint200ResponseHeaders{ETag: tag}}, err
}

// DeleteChargePoint implements StrictServerInterface.
func (a *API) DeleteChargePoint(ctx context.Context, request DeleteChargePointRequestObject) (DeleteChargePointResponseObject, error) {
	err := a.ChargePoints.RemoveChargePoint(ctx, request.ChargePointId, func(cp chargepoint.ChargePoint) error {
		if !caller(ctx).Operates(cp.OperatorID) {
			return chargepoint.ErrNotFound
		}
		if request.Params.IfMatch == nil {
			return nil
		}
		tag, err := contentTag(ToAPIChargePoint(cp))
		if err != nil {
			return err
		}
		return httpserver.CheckIfMatch(request.Params.IfMatch, *tag)
	})
	if err != nil {
		return nil, err
	}
	return DeleteChargePoint204Response{}, nil
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
