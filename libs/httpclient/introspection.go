package httpclient

import (
	"context"
	"net/url"
	"strings"
)

// Introspection returns how a service asks auth whether a token is live (RFC 7662), with its own credential. The address is found
// beside that of the token endpoint.
func Introspection(tokenURL string, proof Credential) func(ctx context.Context, token string) (live bool, err error) {
	client := New(Config{BaseURL: strings.TrimSuffix(tokenURL, "/token") + "/introspect", Timeout: tokenTimeout})
	return func(ctx context.Context, token string) (bool, error) {
		var answer struct {
			Active bool `json:"active"`
		}
		form := url.Values{"token": {token}}
		proven, err := proof.prove(form)
		if err != nil {
			return false, err
		}
		repeatable := func(call *call) { call.retry = true }
		err = client.Do(ctx, "POST", "", nil, form, &answer, proven, repeatable)
		return answer.Active, err
	}
}
