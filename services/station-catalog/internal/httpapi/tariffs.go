package httpapi

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/mergepatch"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
)

var (
	errTariffPatch = fault.Define(fault.Invalid, "invalid_tariff", "The tariff is not valid")
	errNoParty     = fault.Define(fault.Invalid, "operator_required", "It must be said whose tariff it is")
)

// GetTariff reads one tariff.
func (a *API) GetTariff(ctx context.Context, request GetTariffRequestObject) (GetTariffResponseObject, error) {
	t, version, err := a.Tariffs.Tariff(ctx, request.TariffId)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: t, etag: versionTag(version)}, nil
}

// ListTariffs lists tariffs by id.
func (a *API) ListTariffs(ctx context.Context, request ListTariffsRequestObject) (ListTariffsResponseObject, error) {
	scope := ""
	if request.Params.Operator != nil {
		scope = request.Params.Operator.String()
	}
	codec := a.tariffs.For(scope)
	var after uuid.UUID
	if request.Params.Cursor != nil {
		if err := codec.Decode(*request.Params.Cursor, &after); err != nil {
			return nil, err
		}
	}
	limit := page.Size(request.Params.Limit)
	found, err := a.Tariffs.Tariffs(ctx, request.Params.Operator, after, limit+1)
	if err != nil {
		return nil, err
	}
	out := list[tariff.Tariff]{Items: []tariff.Tariff{}}
	if len(found) > limit {
		found = found[:limit]
		last, err := uuid.Parse(found[limit-1].ID)
		if err != nil {
			return nil, err
		}
		out.NextCursor = codec.Encode(last)
	}
	out.Items = append(out.Items, found...)
	tag, err := contentTag(out.Items)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: out, next: out.NextCursor, etag: tag}, nil
}

// CreateTariff makes a tariff of the caller's operator; an administrator names one.
func (a *API) CreateTariff(ctx context.Context, request CreateTariffRequestObject) (CreateTariffResponseObject, error) {
	own, p, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	if own == nil && (request.Body.CountryCode == "" || request.Body.PartyID == "") {
		return nil, errNoParty.At(fault.Field{Pointer: "/party_id", Code: "required", Detail: "must name the operator with country_code, since the token has none"})
	}
	made, version, err := a.Tariffs.CreateTariff(ctx, author(p), own, *request.Body)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusCreated, body: made, etag: versionTag(version), location: "/v1/tariffs/" + made.ID}, nil
}

// UpdateTariff changes a tariff of the caller's operator.
func (a *API) UpdateTariff(ctx context.Context, request UpdateTariffRequestObject) (UpdateTariffResponseObject, error) {
	own, p, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	patch := either(request.ApplicationMergePatchPlusJSONBody, request.JSONBody)
	changed, version, err := a.Tariffs.UpdateTariff(ctx, author(p), request.TariffId, func(t operator.OwnedTariff) (tariff.Tariff, error) {
		if err := mayChangeTariff(own, &t, request.Params.IfMatch); err != nil {
			return t.Tariff, err
		}
		out, err := mergepatch.Apply(t.Tariff, patch)
		if err != nil {
			return t.Tariff, errTariffPatch.Detailf("%s", err).Because(err)
		}
		return out, nil
	})
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: changed, etag: versionTag(version)}, nil
}

// DeleteTariff removes a tariff of the caller's operator that no connector refers to.
func (a *API) DeleteTariff(ctx context.Context, request DeleteTariffRequestObject) (DeleteTariffResponseObject, error) {
	own, p, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	err = a.Tariffs.RemoveTariff(ctx, author(p), request.TariffId, func(t operator.OwnedTariff) error {
		return mayChangeTariff(own, &t, request.Params.IfMatch)
	})
	if err != nil {
		return nil, err
	}
	return DeleteTariff204Response{}, nil
}

// mayChangeTariff tells whether the caller may change the tariff, and knows it as it is.
func mayChangeTariff(own *uuid.UUID, t *operator.OwnedTariff, ifMatch *string) error {
	if own != nil && *own != t.Operator {
		return operator.ErrForeign
	}
	return httpserver.CheckIfMatch(ifMatch, versionTag(t.Version))
}
