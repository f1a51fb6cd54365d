package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// The faults of callers who may not use an operation.
var (
	ErrUnauthenticated = fault.Define(fault.Unauthenticated, "unauthenticated", "This needs a bearer token or an API key")
	ErrForbidden       = fault.Define(fault.Forbidden, "insufficient_scope", "The token does not permit this")
	ErrNoKeys          = fault.Define(fault.Forbidden, "api_key_not_taken", "This takes no API key").Detailf("Log in, and use the access token.")
	ErrKeysAlone       = fault.Define(fault.Forbidden, "api_key_wanted", "This takes an API key alone").Detailf("Send the key in the header X-API-Key.")
)

// access is who may use an operation: whoever satisfies one of the alternatives.
// Without any, nobody may.
type access struct {
	anyone       bool
	basic        bool       // HTTP Basic, which the handler verifies
	alternatives [][]string // the scopes of each, for access tokens
	byKey        [][]string // the same for API keys
}

// compileAccess reads `security:`. An operation that says nothing takes the
// document's; when that says nothing either, any principal will do and an
// anonymous caller will not.
func compileAccess(doc *openapi3.T, spec *openapi3.Operation) (a access, err error) {
	requirements := doc.Security
	if spec.Security != nil {
		requirements = *spec.Security
		if len(requirements) == 0 {
			return access{anyone: true}, nil
		}
	}
	if len(requirements) == 0 {
		return access{alternatives: [][]string{{}}, byKey: [][]string{{}}}, nil
	}
	for _, requirement := range requirements {
		switch len(requirement) {
		case 0:
			a.anyone = true
			continue
		case 1:
		default:
			return a, errors.New("security: schemes that must be satisfied together are not checked")
		}
		for name, scopes := range requirement {
			scheme := doc.Components.SecuritySchemes[name].Value
			switch {
			case scheme.Type == "http" && strings.EqualFold(scheme.Scheme, "bearer"), scheme.Type == "oauth2", scheme.Type == "openIdConnect":
				// Whatever the credential, package authn made a principal of it.
				a.alternatives = append(a.alternatives, scopes)
			case scheme.Type == "apiKey" && scheme.In == openapi3.ParameterInHeader && scheme.Name == authn.HeaderAPIKey:
				a.byKey = append(a.byKey, scopes)
			case scheme.Type == "http" && strings.EqualFold(scheme.Scheme, "basic"):
				a.basic = true
			default:
				return a, fmt.Errorf("security: scheme %s is not checked", name)
			}
		}
	}
	return a, nil
}

// check returns ErrUnauthenticated or ErrForbidden unless the caller may use the operation.
func (a *access) check(c *fiber.Ctx) error {
	if a.anyone || a.basic && hasBasic(c) {
		return nil
	}
	scopes, err := a.judge(authn.FromContext(c.UserContext()))
	switch {
	case err == nil:
		return authn.Confirm(c.UserContext(), scopes...)
	case len(a.alternatives) > 0 && errors.Is(err, ErrForbidden):
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="ihr", error="insufficient_scope", scope="`+strings.Join(a.alternatives[0], " ")+`"`)
	case len(a.alternatives)+len(a.byKey) == 0 && errors.Is(err, ErrUnauthenticated):
		c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="ihr"`)
	}
	return err
}

// judge returns the scopes by which a principal may use the operation, or ErrUnauthenticated, ErrForbidden, or ErrNoKeys or
// ErrKeysAlone for a credential of a sort that the operation does not take.
func (a *access) judge(p authn.Principal, known bool) ([]string, error) {
	switch {
	case a.anyone:
		return nil, nil
	case !known:
		return nil, ErrUnauthenticated
	case len(a.alternatives)+len(a.byKey) == 0:
		return nil, ErrForbidden
	}
	alternatives := a.alternatives
	if p.Key != uuid.Nil {
		alternatives = a.byKey
	}
	for _, scopes := range alternatives {
		if !slices.ContainsFunc(scopes, func(scope string) bool { return !p.Has(scope) }) {
			return scopes, nil
		}
	}
	switch {
	case len(alternatives) > 0:
		return nil, ErrForbidden.Detailf("it needs the scope %s", strings.Join(alternatives[0], " and "))
	case p.Key != uuid.Nil:
		return nil, ErrNoKeys
	default:
		return nil, ErrKeysAlone
	}
}

func hasBasic(c *fiber.Ctx) bool {
	header := c.Request().Header.Peek(fiber.HeaderAuthorization)
	return len(header) > 6 && bytes.EqualFold(header[:6], []byte("basic "))
}
