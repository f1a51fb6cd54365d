package httpapi

import (
	"context"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// Tokens keeps tokens.
type Tokens interface {
	CreateToken(ctx context.Context, caller uuid.UUID, t token.Token) (token.Token, error)
	GetToken(ctx context.Context, id uuid.UUID) (token.Token, error)
	ListTokens(ctx context.Context, sel token.Selection) ([]token.Token, error)
	ChangeToken(ctx context.Context, id uuid.UUID, change func(token.Token) (token.Token, error)) (token.Token, error)
	DeleteToken(ctx context.Context, id uuid.UUID, check func(token.Token) error) error
}

// CreateToken implements StrictServerInterface.
func (a *API) CreateToken(ctx context.Context, request CreateTokenRequestObject) (CreateTokenResponseObject, error) {
	who, body := caller(ctx), request.Body
	t := token.Token{
		UID: body.Uid, Type: token.Type(body.Type), ContractID: body.Uid, Issuer: orZero(body.Issuer), Whitelist: token.Always, Valid: true,
		VisualNumber: orZero(body.VisualNumber), GroupID: orZero(body.GroupId), DriverID: who.ID, Unproven: true,
	}
	if token.Key(t.UID) == "" {
		return nil, token.ErrBadUID.At(fault.Field{Pointer: "/uid", Code: "pattern", Detail: "must hold a letter or a digit"})
	}
	if body.OperatorId != nil {
		if *body.OperatorId == uuid.Nil || !who.Operates(*body.OperatorId) {
			return nil, token.ErrForeign.At(fault.Field{Pointer: "/operator_id", Code: "foreign", Detail: "must be your operator"})
		}
		t.DriverID, t.OperatorID, t.Unproven = uuid.Nil, *body.OperatorId, false
	}
	if body.ContractId != nil {
		t.ContractID = *body.ContractId
	}
	if body.Whitelist != nil {
		t.Whitelist = token.Whitelist(*body.Whitelist)
	}
	if body.Valid != nil {
		t.Valid = *body.Valid
	}
	t, err := a.Tokens.CreateToken(ctx, who.ID, t)
	if err != nil {
		return nil, err
	}
	location := "/v1/tokens/" + t.ID.String()
	return CreateToken201JSONResponse{
		Body: ToAPIToken(t), Headers: CreateToken201ResponseHeaders{ETag: etag(t.Version), Location: &location},
	}, nil
}

// owns says whether a token is the caller's to see and change: the driver's own, or one of an operator of theirs. A partner's tokens are
// an administrator's alone.
func owns(c access.Caller, t token.Token) error {
	if !c.Sees(t.DriverID, t.OperatorID) {
		return token.ErrNotFound
	}
	return nil
}

// GetToken implements StrictServerInterface.
func (a *API) GetToken(ctx context.Context, request GetTokenRequestObject) (GetTokenResponseObject, error) {
	t, err := a.Tokens.GetToken(ctx, request.TokenId)
	if err == nil {
		err = owns(caller(ctx), t)
	}
	if err != nil {
		return nil, err
	}
	return GetToken200JSONResponse{Body: ToAPIToken(t), Headers: GetToken200ResponseHeaders{ETag: etag(t.Version)}}, nil
}

// ListTokens implements StrictServerInterface.
func (a *API) ListTokens(ctx context.Context, request ListTokensRequestObject) (ListTokensResponseObject, error) {
	who, p := caller(ctx), request.Params
	sel := token.Selection{Driver: who.ID, Valid: p.Valid, Limit: page.Size(p.Limit) + 1}
	if p.Type != nil {
		sel.Type = token.Type(*p.Type)
	}
	if p.OperatorId != nil {
		if !who.Operates(*p.OperatorId) {
			return nil, token.ErrForeign.At(fault.Field{Parameter: "operator_id", Code: "foreign", Detail: "must be your operator"})
		}
		sel.Driver, sel.Operator = uuid.Nil, *p.OperatorId
	}
	var err error
	if sel.After, err = decodeID(a.tokenCursors, p.Cursor); err != nil {
		return nil, err
	}
	found, err := a.Tokens.ListTokens(ctx, sel)
	if err != nil {
		return nil, err
	}
	found, more := pageOf(found, sel.Limit-1)
	out := TokenPage{Items: make([]Token, len(found))}
	for i, t := range found {
		out.Items[i] = ToAPIToken(t)
	}
	if more {
		out.NextCursor = a.tokenCursors.Encode(idCursor{found[len(found)-1].ID})
	}
	return out, nil
}

// UpdateToken implements StrictServerInterface.
func (a *API) UpdateToken(ctx context.Context, request UpdateTokenRequestObject) (UpdateTokenResponseObject, error) {
	body := request.JSONBody
	if body == nil {
		body = request.ApplicationMergePatchPlusJSONBody
	}
	if body == nil {
		return nil, errNoPatch
	}
	patch := token.Patch{
		ContractID: body.ContractId, Issuer: body.Issuer, VisualNumber: body.VisualNumber, GroupID: body.GroupId, Valid: body.Valid,
		Whitelist: (*token.Whitelist)(body.Whitelist), Proven: body.Proven != nil,
	}
	who := caller(ctx)
	t, err := a.Tokens.ChangeToken(ctx, request.TokenId, func(t token.Token) (token.Token, error) {
		if err := owns(who, t); err != nil {
			return t, err
		}
		if patch.Proven && !who.Admin {
			return t, token.ErrUnproven.At(fault.Field{Pointer: "/proven", Code: "forbidden", Detail: "is an administrator's to say"})
		}
		return patch.Apply(t), httpserver.CheckIfMatch(request.Params.IfMatch, *etag(t.Version))
	})
	if err != nil {
		return nil, err
	}
	return UpdateToken200JSONResponse{Body: ToAPIToken(t), Headers: UpdateToken200ResponseHeaders{ETag: etag(t.Version)}}, nil
}

// DeleteToken implements StrictServerInterface.
func (a *API) DeleteToken(ctx context.Context, request DeleteTokenRequestObject) (DeleteTokenResponseObject, error) {
	who := caller(ctx)
	err := a.Tokens.DeleteToken(ctx, request.TokenId, func(t token.Token) error {
		if err := owns(who, t); err != nil || request.Params.IfMatch == nil {
			return err
		}
		return httpserver.CheckIfMatch(request.Params.IfMatch, *etag(t.Version))
	})
	if err != nil {
		return nil, err
	}
	return DeleteToken204Response{}, nil
}

// ToAPIToken writes a token as the API says it.
func ToAPIToken(t token.Token) Token {
	return Token{
		Id: t.ID, Uid: t.UID, Type: TokenType(t.Type), DriverId: idOrNull(t.DriverID), OperatorId: idOrNull(t.OperatorID),
		ContractId: t.ContractID, Issuer: t.Issuer, VisualNumber: t.VisualNumber, GroupId: t.GroupID,
		Whitelist: TokenWhitelist(t.Whitelist), Valid: t.Valid, Proven: !t.Unproven, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
		Version: t.Version,
	}
}

// toAPISessionToken writes what a session keeps of a token.
func toAPISessionToken(t *token.Snapshot) nullable.Nullable[SessionToken] {
	if t == nil {
		return nullable.NewNullNullable[SessionToken]()
	}
	return nullable.NewNullableWithValue(SessionToken{Uid: t.UID, Type: TokenType(t.Type), ContractId: t.ContractID})
}
