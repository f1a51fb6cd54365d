package httpclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// TokenTypeAPIKey names our API keys among the types of tokens that are exchanged (RFC 8693, section 3).
const TokenTypeAPIKey = "urn:ihr:params:oauth:token-type:api-key" //nolint:gosec // a name, no secret

const (
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	headerKey     = "X-API-Key"
)

// KeyExchange returns how a service exchanges an API key for an access token that is for itself (RFC 8693), with its own
// credential. The token is "" when auth refuses the key. A refusal of the service itself is an error.
func KeyExchange(tokenURL string, proof Credential) func(ctx context.Context, key string) (token string, err error) {
	client := New(Config{BaseURL: tokenURL, Timeout: tokenTimeout})
	return func(ctx context.Context, key string) (string, error) {
		var answer struct {
			AccessToken string `json:"access_token"`
		}
		form := url.Values{"grant_type": {grantExchange}, "subject_token": {key}, "subject_token_type": {TokenTypeAPIKey}}
		proven, err := proof.prove(form)
		if err != nil {
			return "", err
		}
		repeatable := func(call *call) { call.retry = true }
		err = client.Do(ctx, http.MethodPost, "", nil, form, &answer, proven, repeatable)
		if err != nil && fault.Of(err).Kind() == fault.Invalid { // invalid_grant, in RFC 6749's words
			return "", nil
		}
		if err == nil && answer.AccessToken == "" {
			err = errors.New("the token endpoint gave no token")
		}
		return answer.AccessToken, err
	}
}

// KeyRotation returns how an API key is exchanged for its successor by whoever holds it. For the grace, of whole seconds and a
// week at most, both work; with none the presented one ends at once. It returns a fault of auth's for a key that does not work.
// The address is found beside that of the token endpoint.
func KeyRotation(tokenURL string) func(ctx context.Context, key string, grace time.Duration) (next string, err error) {
	client := New(Config{BaseURL: strings.TrimSuffix(tokenURL, "/oauth/token"), Timeout: tokenTimeout})
	return func(ctx context.Context, key string, grace time.Duration) (string, error) {
		var answer struct {
			Key string `json:"key"`
		}
		body := map[string]any{"grace_s": int64(grace / time.Second)}
		err := client.Do(ctx, http.MethodPost, "/v1/me/api-keys/rotate", nil, body, &answer, Header(headerKey, key))
		return answer.Key, err
	}
}
