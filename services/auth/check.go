package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/command"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
)

// Checks are what a service that works shows to those outside: it says who it is, gives a client a token that its keys verify, and
// refuses strangers.
func Checks(cfg Config) []command.Step {
	cfg = cfg.withDefaults()
	return []command.Step{
		{Name: "discovery", Do: func(ctx context.Context, origin string) (string, error) {
			var document struct {
				Issuer string `json:"issuer"`
			}
			if err := httpclient.New(httpclient.Config{BaseURL: origin}).GetJSON(ctx, "/.well-known/openid-configuration", nil, &document); err != nil {
				return "", err
			}
			if document.Issuer != cfg.PublicURL {
				return "", fmt.Errorf("the issuer is %q, and PUBLIC_URL is %q", document.Issuer, cfg.PublicURL)
			}
			return document.Issuer, nil
		}},
		{Name: "token", Do: func(ctx context.Context, origin string) (string, error) { return checkToken(ctx, cfg, origin) }},
		{Name: "refusal", Do: func(ctx context.Context, origin string) (string, error) {
			err := httpclient.New(httpclient.Config{BaseURL: origin}).Do(ctx, http.MethodGet, "/v1/me", nil, nil, nil)
			if refused := fault.Of(err); err == nil || refused.Kind() != fault.Unauthenticated {
				return "", fmt.Errorf("a stranger is somebody: %w", err)
			}
			return "a stranger is nobody", nil
		}},
	}
}

// checkToken gets a token as the first of the service clients that has a secret and verifies it as that client's peer would.
func checkToken(ctx context.Context, cfg Config, origin string) (string, error) {
	id, secret, service := client.FirstWithSecret(cfg.ServiceClients)
	if id == "" {
		return "", errors.New("SERVICE_CLIENTS names no client with a secret to ask for a token as")
	}
	audience := cfg.PublicURL + "/" + service
	token, err := httpclient.ClientCredentials(origin+"/oauth/token", httpclient.Credential{ID: id, Secret: secret}, audience).Token(ctx)
	if err != nil {
		return "", err
	}
	verifier, err := authn.NewVerifier(ctx, authn.Config{Issuer: cfg.PublicURL, Audience: audience, JWKSURL: origin + "/.well-known/jwks.json"})
	if err != nil {
		return "", err
	}
	principal, err := verifier.Verify(ctx, token)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s may call %s until %s", principal.ClientID, service, principal.Expires.UTC().Format("15:04:05")), nil
}
