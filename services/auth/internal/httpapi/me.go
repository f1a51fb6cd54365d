package httpapi

import (
	"context"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
)

// GetMe returns the caller's account.
func (a *api) GetMe(ctx context.Context, _ GetMeRequestObject) (GetMeResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	found, err := a.Profiles.Get(ctx, holder)
	if err != nil {
		return nil, err
	}
	return GetMe200JSONResponse{meResponse(found)}, nil
}

// UpdateMe changes it.
func (a *api) UpdateMe(ctx context.Context, r UpdateMeRequestObject) (UpdateMeResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	found, err := a.Profiles.Get(ctx, holder)
	if err != nil {
		return nil, err
	}
	if err := httpserver.CheckIfMatch(r.Params.IfMatch, etagOf(found)); err != nil {
		return nil, err
	}
	body := r.JSONBody
	if body == nil {
		body = r.ApplicationMergePatchPlusJSONBody
	}
	changed, err := a.Profiles.Update(ctx, holder, found.Version, fromAPIMePatch(body), from(ctx))
	if err != nil {
		return nil, err
	}
	return UpdateMe200JSONResponse{meResponse(changed)}, nil
}

// SetUsername gives the caller's account another username.
func (a *api) SetUsername(ctx context.Context, r SetUsernameRequestObject) (SetUsernameResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	changed, err := a.Profiles.SetUsername(ctx, holder, r.Body.Username, from(ctx))
	if err != nil {
		return nil, err
	}
	return SetUsername200JSONResponse{meResponse(changed)}, nil
}

func meResponse(a account.Account) MeJSONResponse {
	etag, cache := etagOf(a), "private, no-cache"
	return MeJSONResponse{Body: toAPIMe(a), Headers: MeResponseHeaders{ETag: &etag, CacheControl: &cache}}
}
