package httpapi

import (
	"context"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
)

// assertionJWT is the type of assertion that clients prove themselves with (RFC 7523, section 2.2).
const assertionJWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// credentials are the fields of a form with which a service client may say and prove who it is.
type credentials struct{ id, secret, assertion, assertionType *string }

// authenticate returns the service client that a request proves to come from; given is false when it does not try. A client must not
// use two ways.
func (a *api) authenticate(ctx context.Context, form credentials) (c client.Client, given bool, err error) {
	id, secret, given, err := clientCredentials(ctx, form.id, form.secret)
	switch {
	case err != nil:
		return client.Client{}, false, err
	case form.assertion == nil && form.assertionType == nil:
		if given {
			c, err = a.Clients.Authenticate(ctx, id, secret)
		}
		return c, given, err
	case given:
		return client.Client{}, false, errInvalidRequest.Detailf("the client authenticates in two ways")
	case form.assertion == nil || value(form.assertionType) != assertionJWT:
		return client.Client{}, false, errInvalidRequest.Detailf("client_assertion wants the client_assertion_type %s", assertionJWT)
	}
	c, err = a.Clients.AuthenticateAssertion(ctx, value(form.id), *form.assertion)
	return c, true, err
}

// clientCredentials reads the credentials of a service client: HTTP Basic, each half form-encoded (RFC 6749, section 2.3.1),
// or the two fields of the form. given is false when there are none. A client must not use both ways.
func clientCredentials(ctx context.Context, id, secret *string) (clientID, clientSecret string, given bool, err error) {
	scheme, encoded, _ := strings.Cut(requestFrom(ctx).authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		if secret == nil {
			return "", "", false, nil
		}
		if id == nil {
			return "", "", false, errInvalidRequest.Detailf("client_secret without client_id")
		}
		return *id, *secret, true, nil
	}
	if secret != nil {
		return "", "", false, errInvalidRequest.Detailf("the client authenticates in two ways")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", "", true, nil //nolint:nilerr // such credentials are wrong ones, and nobody's
	}
	user, password, _ := strings.Cut(string(raw), ":")
	if clientID, err = url.QueryUnescape(user); err != nil {
		clientID = user
	}
	if clientSecret, err = url.QueryUnescape(password); err != nil {
		clientSecret = password
	}
	if id != nil && *id != clientID {
		return "", "", false, errInvalidRequest.Detailf("client_id is not that of the Authorization header")
	}
	return clientID, clientSecret, true, nil
}
