package httpclient

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"
)

// Introspection returns how a service asks auth whether a token is live (RFC 7662), with its own credentials. The address is found
// beside that of the token endpoint.
func Introspection(tokenURL, clientID, secret string) func(ctx context.Context, token string) (live bool, err error) {
	basic := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(clientID) + ":" + url.QueryEscape(secret)))
	client := New(Config{BaseURL: strings.TrimSuffix(tokenURL, "/token") + "/introspect", Timeout: tokenTimeout})
	return func(ctx context.Context, token string) (bool, error) {
		var answer struct {
			Active bool `json:"active"`
		}
		repeatable := func(call *call) { call.retry = true }
		err := client.Do(ctx, "POST", "", nil, url.Values{"token": {token}}, &answer, Header("Authorization", "Basic "+basic), repeatable)
		return answer.Active, err
	}
}
