package httpapi

import (
	"context"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
)

// Login begins a session.
func (a *api) Login(ctx context.Context, r LoginRequestObject) (LoginResponseObject, error) {
	attempt := session.Attempt{Login: r.Body.Login, Password: r.Body.Password, Resources: list(r.Body.Resource), From: from(ctx)}
	if r.Body.RememberMe != nil {
		attempt.Remember = *r.Body.RememberMe
	}
	if r.Body.DeviceName != nil {
		attempt.DeviceName = *r.Body.DeviceName
	}
	tokens, err := a.Sessions.Login(ctx, attempt)
	if err != nil {
		return nil, err
	}
	return Login200JSONResponse{toAPITokens(tokens)}, nil
}

// Refresh continues a session.
func (a *api) Refresh(ctx context.Context, r RefreshRequestObject) (RefreshResponseObject, error) {
	tokens, err := a.Sessions.Refresh(ctx, r.Body.RefreshToken, session.FirstParty, session.Narrowing{Audiences: list(r.Body.Resource)}, from(ctx))
	if err != nil {
		return nil, err
	}
	return Refresh200JSONResponse{toAPITokens(tokens)}, nil
}

// Logout ends the session of the bearer token, of the refresh token, or both.
func (a *api) Logout(ctx context.Context, r LogoutRequestObject) (LogoutResponseObject, error) {
	_, known := authn.FromContext(ctx)
	refresh := r.Body != nil && r.Body.RefreshToken != nil
	if !known && !refresh {
		return nil, openapi.ErrUnauthenticated
	}
	if refresh {
		if err := a.Sessions.Revoke(ctx, *r.Body.RefreshToken, from(ctx)); err != nil {
			return nil, err
		}
	}
	if known {
		holder, err := holderOf(ctx)
		if err != nil {
			return nil, err
		}
		if err := a.Sessions.Logout(ctx, holder, from(ctx)); err != nil {
			return nil, err
		}
	}
	return Logout204Response{}, nil
}

// LogoutAll ends every session of the caller.
func (a *api) LogoutAll(ctx context.Context, _ LogoutAllRequestObject) (LogoutAllResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	// An access token outlives its session by minutes; it shall not end those that began since.
	if _, err := a.Profiles.Get(ctx, holder); err != nil {
		return nil, err
	}
	if err := a.Sessions.LogoutAll(ctx, holder, from(ctx)); err != nil {
		return nil, err
	}
	return LogoutAll204Response{}, nil
}
