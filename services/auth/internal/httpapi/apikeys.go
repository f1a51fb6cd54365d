package httpapi

import (
	"context"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/apikey"
)

// defaultGrace is how long the text before works when its owner rotates a key and does not say.
const defaultGrace = 24 * time.Hour

// ListAPIKeys returns the caller's API keys.
func (a *api) ListAPIKeys(ctx context.Context, _ ListAPIKeysRequestObject) (ListAPIKeysResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := a.APIKeys.List(ctx, holder)
	if err != nil {
		return nil, err
	}
	list := ApiKeyList{Items: make([]ApiKey, len(keys))}
	for i, key := range keys {
		list.Items[i] = toAPIKey(key)
	}
	return ListAPIKeys200JSONResponse{Body: list, Headers: ListAPIKeys200ResponseHeaders{CacheControl: &noStore}}, nil
}

// CreateAPIKey makes one.
func (a *api) CreateAPIKey(ctx context.Context, r CreateAPIKeyRequestObject) (CreateAPIKeyResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	wanted := apikey.Wanted{Name: r.Body.Name, Scopes: r.Body.Scopes, Networks: list(r.Body.Networks)}
	if r.Body.ExpiresAt != nil {
		wanted.ExpiresAt = r.Body.ExpiresAt.UTC()
	}
	key, text, err := a.APIKeys.Create(ctx, holder, wanted, from(ctx))
	if err != nil {
		return nil, err
	}
	return CreateAPIKey201JSONResponse{toAPIKeyText(key, text)}, nil
}

// RotateAPIKey gives one of the caller's another text.
func (a *api) RotateAPIKey(ctx context.Context, r RotateAPIKeyRequestObject) (RotateAPIKeyResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	key, text, err := a.APIKeys.Rotate(ctx, holder, r.Id, graceOf(r.Body.GraceS, defaultGrace), from(ctx))
	if err != nil {
		return nil, err
	}
	return RotateAPIKey201JSONResponse{toAPIKeyText(key, text)}, nil
}

// RotatePresentedAPIKey does so for whoever holds the key.
func (a *api) RotatePresentedAPIKey(ctx context.Context, r RotatePresentedAPIKeyRequestObject) (RotatePresentedAPIKeyResponseObject, error) {
	principal, _ := authn.FromContext(ctx)
	secret, err := uuid.Parse(principal.SessionID)
	if err != nil {
		return nil, account.ErrNone.Because(err)
	}
	presented := apikey.Presented{Key: principal.Key, Secret: secret, Account: principal.Subject}
	key, text, err := a.APIKeys.RotateByKey(ctx, presented, graceOf(r.Body.GraceS, 0), from(ctx))
	if err != nil {
		return nil, err
	}
	return RotatePresentedAPIKey201JSONResponse{toAPIKeyText(key, text)}, nil
}

func graceOf(seconds *int64, otherwise time.Duration) time.Duration {
	if seconds == nil {
		return otherwise
	}
	return time.Duration(*seconds) * time.Second
}

// DeleteAPIKey ends one of the caller's.
func (a *api) DeleteAPIKey(ctx context.Context, r DeleteAPIKeyRequestObject) (DeleteAPIKeyResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.APIKeys.Remove(ctx, holder, r.Id, from(ctx)); err != nil {
		return nil, err
	}
	return DeleteAPIKey204Response{}, nil
}

func toAPIKey(k apikey.Key) ApiKey {
	return ApiKey{
		Id: k.ID, Name: k.Name, Scopes: k.Scopes, Networks: textsOf(k.Networks), CreatedAt: k.CreatedAt.UTC(), ExpiresAt: optionalTime(k.ExpiresAt),
		LastUsedAt: optionalTime(k.LastUsedAt), EarlierUntil: optionalTime(k.EarlierUntil),
	}
}

func textsOf(networks []netip.Prefix) []string {
	texts := make([]string, len(networks))
	for i, network := range networks {
		texts[i] = network.String()
	}
	return texts
}

func toAPIKeyText(k apikey.Key, text string) ApiKeyTextJSONResponse {
	return ApiKeyTextJSONResponse{Body: ApiKeyText{ApiKey: toAPIKey(k), Key: text}, Headers: ApiKeyTextResponseHeaders{CacheControl: &noStore}}
}
