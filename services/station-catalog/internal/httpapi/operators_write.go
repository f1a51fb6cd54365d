package httpapi

import (
	"context"
	"net/http"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/mergepatch"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
)

var errAdminsOnly = fault.Define(fault.Forbidden, "administrators_only", "Only administrators create and remove operators")

// CreateOperator makes an operator, or brings back one that was removed.
func (a *API) CreateOperator(ctx context.Context, request CreateOperatorRequestObject) (CreateOperatorResponseObject, error) {
	own, p, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	if own != nil {
		return nil, errAdminsOnly
	}
	in := request.Body
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	made, err := a.Parties.CreateOperator(ctx, author(p), operator.Operator{
		CountryCode: in.CountryCode, PartyID: in.PartyId, Name: in.Name, Website: text(in.Website), Phone: text(in.Phone), Email: text(in.Email),
	})
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusCreated, body: made, etag: versionTag(made.Version), location: "/v1/operators/" + made.ID.String()}, nil
}

// UpdateOperator changes the caller's operator; an administrator any.
func (a *API) UpdateOperator(ctx context.Context, request UpdateOperatorRequestObject) (UpdateOperatorResponseObject, error) {
	own, p, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	if own != nil && *own != request.OperatorId {
		return nil, operator.ErrForeign
	}
	patch := either(request.ApplicationMergePatchPlusJSONBody, request.JSONBody)
	changed, err := a.Parties.UpdateOperator(ctx, author(p), request.OperatorId, func(o operator.Operator) (operator.Operator, error) {
		if err := httpserver.CheckIfMatch(request.Params.IfMatch, versionTag(o.Version)); err != nil {
			return o, err
		}
		out, err := mergepatch.Apply(o, patch)
		if err != nil {
			return o, operator.ErrInvalid.Detailf("%s", err).Because(err)
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: changed, etag: versionTag(changed.Version)}, nil
}

// DeleteOperator removes an operator without stations.
func (a *API) DeleteOperator(ctx context.Context, request DeleteOperatorRequestObject) (DeleteOperatorResponseObject, error) {
	own, p, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	if own != nil {
		return nil, errAdminsOnly
	}
	err = a.Parties.RemoveOperator(ctx, author(p), request.OperatorId, func(o operator.Operator) error {
		return httpserver.CheckIfMatch(request.Params.IfMatch, versionTag(o.Version))
	})
	if err != nil {
		return nil, err
	}
	return DeleteOperator204Response{}, nil
}
