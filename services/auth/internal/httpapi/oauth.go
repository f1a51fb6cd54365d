package httpapi

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/apikey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/introspection"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
)

// The grants of the token endpoint.
const (
	grantClientCredentials = "client_credentials"
	grantRefreshToken      = "refresh_token"
	grantTokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" //nolint:gosec // a name, no secret
)

// The types of tokens that are exchanged. The first is also what comes of it.
const (
	tokenTypeAccess = "urn:ietf:params:oauth:token-type:access_token" //nolint:gosec // a name, no secret
	tokenTypeAPIKey = httpclient.TokenTypeAPIKey
)

// Faults of the protocol itself. Their codes are RFC 6749's.
var (
	errInvalidRequest   = fault.Define(fault.Invalid, "invalid_request", "The request is not complete")
	errUnsupportedGrant = fault.Define(fault.Invalid, "unsupported_grant_type", "This grant is not offered")
)

// CreateToken is the token endpoint.
func (a *api) CreateToken(ctx context.Context, r CreateTokenRequestObject) (CreateTokenResponseObject, error) {
	token, err := a.createToken(ctx, *r.Body)
	if err == nil {
		return CreateToken200JSONResponse{Body: token, Headers: CreateToken200ResponseHeaders{CacheControl: &noStore}}, nil
	}
	body, unauthorized, ok := toOAuthError(err)
	switch {
	case !ok:
		return nil, err
	case unauthorized:
		return CreateToken401JSONResponse{oauthUnauthorized(body)}, nil
	default:
		return CreateToken400JSONResponse{oauthError(body)}, nil
	}
}

func (a *api) createToken(ctx context.Context, form TokenRequest) (TokenResponse, error) {
	authenticated, given, err := a.authenticate(ctx, credentials{form.ClientId, form.ClientSecret, form.ClientAssertion, form.ClientAssertionType})
	if err != nil {
		return TokenResponse{}, err
	}
	switch grant := value(form.GrantType); grant {
	case grantClientCredentials:
		if !given {
			return TokenResponse{}, client.ErrUnknown
		}
		issued, err := a.Clients.Issue(authenticated, fields(form.Scope), list(form.Resource))
		if err != nil {
			return TokenResponse{}, err
		}
		return TokenResponse{
			AccessToken: issued.Access, TokenType: TokenResponseTokenTypeBearer, ExpiresIn: wholeSeconds(issued.Life),
			Scope: strings.Join(issued.Scopes, " "),
		}, nil
	case grantRefreshToken:
		if form.RefreshToken == nil {
			return TokenResponse{}, errInvalidRequest.Detailf("refresh_token is missing")
		}
		// A session belongs to the client that it began with. Without a name it is taken to be our own app, which has no secret.
		owner := session.FirstParty
		switch {
		case given:
			owner = authenticated.ID
		case form.ClientId != nil:
			owner = *form.ClientId
		}
		tokens, err := a.Sessions.Refresh(ctx, *form.RefreshToken, owner,
			session.Narrowing{Scopes: fields(form.Scope), Audiences: list(form.Resource)}, from(ctx))
		if err != nil {
			return TokenResponse{}, err
		}
		return TokenResponse{
			AccessToken: tokens.Access, TokenType: TokenResponseTokenTypeBearer, ExpiresIn: wholeSeconds(tokens.AccessLife),
			RefreshToken: &tokens.Refresh, Scope: strings.Join(tokens.Scopes, " "),
		}, nil
	case grantTokenExchange:
		if !given {
			return TokenResponse{}, client.ErrUnknown
		}
		return a.exchange(ctx, authenticated, form)
	case "":
		return TokenResponse{}, errInvalidRequest.Detailf("grant_type is missing")
	default:
		return TokenResponse{}, errUnsupportedGrant
	}
}

// exchange gives a client a token on behalf of a user, or in place of an API key (RFC 8693).
func (a *api) exchange(ctx context.Context, c client.Client, form TokenRequest) (TokenResponse, error) {
	ofKey := value(form.SubjectTokenType) == tokenTypeAPIKey
	switch {
	case form.SubjectToken == nil:
		return TokenResponse{}, errInvalidRequest.Detailf("subject_token is missing")
	case value(form.SubjectTokenType) != tokenTypeAccess && !ofKey:
		return TokenResponse{}, errInvalidRequest.Detailf("subject_token_type is neither %s nor %s", tokenTypeAccess, tokenTypeAPIKey)
	case form.RequestedTokenType != nil && *form.RequestedTokenType != tokenTypeAccess:
		return TokenResponse{}, errInvalidRequest.Detailf("requested_token_type is not %s", tokenTypeAccess)
	case form.ActorToken != nil:
		return TokenResponse{}, errInvalidRequest.Detailf("actor_token is not taken: the client is the actor")
	}
	kind := tokenTypeAccess
	if ofKey {
		issued, err := a.exchangeKey(ctx, c, *form.SubjectToken, list(form.Resource))
		return TokenResponse{
			AccessToken: issued.Access, TokenType: TokenResponseTokenTypeBearer, ExpiresIn: wholeSeconds(issued.Life),
			Scope: strings.Join(issued.Scopes, " "), IssuedTokenType: &kind,
		}, err
	}
	subject, live, err := a.Inspector.Live(ctx, *form.SubjectToken)
	if err != nil {
		return TokenResponse{}, err
	}
	if !live {
		return TokenResponse{}, client.ErrSubject.Detailf("the subject token is not live")
	}
	issued, err := a.Clients.Exchange(c, subject, fields(form.Scope), list(form.Resource), time.Now())
	if err != nil {
		return TokenResponse{}, err
	}
	return TokenResponse{
		AccessToken: issued.Access, TokenType: TokenResponseTokenTypeBearer, ExpiresIn: wholeSeconds(issued.Life),
		Scope: strings.Join(issued.Scopes, " "), IssuedTokenType: &kind,
	}, nil
}

// exchangeKey gives a service a token for itself in place of an API key that it was sent.
func (a *api) exchangeKey(ctx context.Context, c client.Client, key string, resources []string) (apikey.Issued, error) {
	own := client.Audience(a.Issuer, c.ID)
	switch {
	case !slices.Contains(client.Services(), c.ID):
		return apikey.Issued{}, client.ErrUnknown.Detailf("only services exchange API keys")
	case len(resources) > 1 || len(resources) == 1 && resources[0] != own:
		return apikey.Issued{}, client.ErrAudience.Detailf("an API key is exchanged for a token for %s alone", own)
	}
	return a.APIKeys.Exchange(ctx, key, own)
}

// IntrospectToken tells a service client whether a token is live.
func (a *api) IntrospectToken(ctx context.Context, r IntrospectTokenRequestObject) (IntrospectTokenResponseObject, error) {
	answer, err := a.introspect(ctx, *r.Body)
	if err == nil {
		return IntrospectToken200JSONResponse{
			Body: toAPIIntrospection(answer), Headers: IntrospectToken200ResponseHeaders{CacheControl: &noStore},
		}, nil
	}
	body, unauthorized, ok := toOAuthError(err)
	switch {
	case !ok:
		return nil, err
	case unauthorized:
		return IntrospectToken401JSONResponse{oauthUnauthorized(body)}, nil
	default:
		return IntrospectToken400JSONResponse{oauthError(body)}, nil
	}
}

func (a *api) introspect(ctx context.Context, form TokenQuery) (introspection.Answer, error) {
	_, given, err := a.authenticate(ctx, credentials{form.ClientId, form.ClientSecret, form.ClientAssertion, form.ClientAssertionType})
	if err != nil {
		return introspection.Answer{}, err
	}
	if !given {
		return introspection.Answer{}, client.ErrUnknown
	}
	if form.Token == nil {
		return introspection.Answer{}, errInvalidRequest.Detailf("token is missing")
	}
	return a.Inspector.Introspect(ctx, *form.Token)
}

// RevokeToken ends the session of a token.
func (a *api) RevokeToken(ctx context.Context, r RevokeTokenRequestObject) (RevokeTokenResponseObject, error) {
	err := a.revoke(ctx, *r.Body)
	if err == nil {
		return RevokeToken200Response{}, nil
	}
	body, unauthorized, ok := toOAuthError(err)
	switch {
	case !ok:
		return nil, err
	case unauthorized:
		return RevokeToken401JSONResponse{oauthUnauthorized(body)}, nil
	default:
		return RevokeToken400JSONResponse{oauthError(body)}, nil
	}
}

func (a *api) revoke(ctx context.Context, form TokenQuery) error {
	if _, _, err := a.authenticate(ctx, credentials{form.ClientId, form.ClientSecret, form.ClientAssertion, form.ClientAssertionType}); err != nil {
		return err
	}
	if form.Token == nil {
		return errInvalidRequest.Detailf("token is missing")
	}
	return a.Sessions.Revoke(ctx, *form.Token, from(ctx))
}

// oauthCodes are the faults that RFC 6749 has words for.
var oauthCodes = []struct {
	fault *fault.Fault
	code  OAuthErrorError
}{
	{errInvalidRequest, InvalidRequest},
	{errUnsupportedGrant, UnsupportedGrantType},
	{client.ErrUnknown, InvalidClient},
	{client.ErrScope, InvalidScope},
	{client.ErrAudience, InvalidTarget},
	{client.ErrSubject, InvalidGrant},
	{apikey.ErrUnknown, InvalidGrant},
	{session.ErrNotRevocable, UnsupportedTokenType},
	{session.ErrRefresh, InvalidGrant},
	{session.ErrScope, InvalidScope},
	{session.ErrAudience, InvalidTarget},
}

// toOAuthError turns a fault into the error of RFC 6749, section 5.2, when it has one.
func toOAuthError(err error) (body OAuthError, unauthorized, ok bool) {
	for _, known := range oauthCodes {
		if !errors.Is(err, known.fault) {
			continue
		}
		f := fault.Of(err)
		description := f.Detail()
		if description == "" {
			description = f.Title()
		}
		return OAuthError{Error: known.code, ErrorDescription: &description}, f.Kind() == fault.Unauthenticated && known.code == InvalidClient, true
	}
	return OAuthError{}, false, false
}

func oauthError(body OAuthError) OAuthErrorJSONResponse {
	return OAuthErrorJSONResponse{Body: body, Headers: OAuthErrorResponseHeaders{CacheControl: &noStore}}
}

func oauthUnauthorized(body OAuthError) OAuthUnauthorizedJSONResponse {
	challenge := `Basic realm="oauth"`
	return OAuthUnauthorizedJSONResponse{
		Body: body, Headers: OAuthUnauthorizedResponseHeaders{CacheControl: &noStore, WWWAuthenticate: &challenge},
	}
}

func toAPIIntrospection(a introspection.Answer) Introspection {
	if !a.Active {
		return Introspection{Active: false}
	}
	scope, subject := strings.Join(a.Scopes, " "), a.Subject.String()
	expires := a.Expires.Unix()
	out := Introspection{Active: true, ClientId: &a.ClientID, Sub: &subject, Exp: &expires, Iss: &a.Issuer, Scope: optional(scope), Sid: optional(a.SessionID), Jti: optional(a.TokenID)}
	if a.Actor != uuid.Nil {
		out.Act = &struct {
			Sub string `json:"sub"`
		}{a.Actor.String()}
	}
	if len(a.Audience) > 0 {
		bearer, issued := "Bearer", a.IssuedAt.Unix()
		out.TokenType, out.Aud, out.Iat = &bearer, &a.Audience, &issued
	}
	return out
}

func value(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func list(values *[]string) []string {
	if values == nil {
		return nil
	}
	return *values
}
