// Package httpapi answers HTTP as api/openapi/auth.yaml promises. Its types and routes are generated from the document; the
// files beside this one hold one resource each. Handlers convert and call the domain; what they return as an error becomes a
// problem document in httpserver.
package httpapi

//go:generate go tool oapi-codegen -config oapi.yaml ../../../../api/openapi/auth.yaml

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/libs/ratelimit"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/apikey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/introspection"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/invitation"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/mfa"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/passkey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
)

// Needs are what the handlers call.
type Needs struct {
	Registrar   *account.Registrar
	Passwords   *account.Passwords
	Profiles    *account.Profiles
	Factors     *mfa.Service
	Passkeys    *passkey.Service
	APIKeys     *apikey.Service
	Emails      *account.Emails
	Erasure     *account.Erasure
	Erasures    *feed.Source[struct{}]
	Devices     *session.Devices
	Users       *account.Users
	Invitations *invitation.Service
	Trail       audit.Trail
	Webhooks    *webhook.Store
	Sessions    *session.Service
	Clients     *client.Service
	Inspector   *introspection.Service
	Guard       SecondFactors
	Keys        KeySet
	Issuer      string
	Veil        caller.Veil
	Cursors     *page.Codec
	AppName     string // what pages call the product
	AutoLogin   AutoLogin
	Verifier    *authn.Verifier
	Limiter     *ratelimit.Limiter // nil: no limits by caller
	LimitScale  float64
}

// KeySet is what /.well-known/jwks.json publishes; see signingkey.Ring.
type KeySet interface {
	JWKS() (document []byte, etag string, err error)
}

// api fulfils StrictServerInterface.
type api struct {
	Needs
	discovery document
	pages     pages
}

// contract is the document as requests are held to it.
type contract struct {
	document *openapi.Document
	guarded  map[string]bool  // the operations that a bearer token is for
	proofs   map[string]proof // the operations that are marked x-step-up
}

// loadContract reads the document, which takes a moment, once in a process.
var loadContract = sync.OnceValues(func() (c contract, err error) {
	raw, err := GetSpecJSON()
	if err != nil {
		return c, fmt.Errorf("the OpenAPI document: %w", err)
	}
	if c.document, err = openapi.Load(raw); err != nil {
		return c, fmt.Errorf("the OpenAPI document: %w", err)
	}
	spec, err := GetSpec()
	if err != nil {
		return c, fmt.Errorf("the OpenAPI document: %w", err)
	}
	c.guarded = operationsWithPrincipal(spec)
	c.proofs, err = proofsWanted(spec)
	return c, err
})

// Register puts all operations of the document, and the document itself, onto an app.
func Register(app fiber.Router, needs Needs) error {
	c, err := loadContract()
	if err != nil {
		return err
	}
	before := []fiber.Handler{
		guard(c.guarded, needs.Verifier.Middleware()), demandProof(c.proofs, needs.Guard, time.Now), remember(needs.Veil), emptyLogout,
	}
	if needs.Limiter != nil {
		before = append(before, needs.Limiter.Middleware(limits(needs.LimitScale)...))
	}
	pages, err := newPages(needs.AppName)
	if err != nil {
		return err
	}
	handlers := &api{Needs: needs, discovery: discoveryOf(needs.Issuer), pages: pages}
	RegisterHandlers(c.document.Router(app, before...), NewStrictHandler(handlers, nil))
	app.Get("/openapi/auth.json", c.document.Handler())
	return nil
}

// operationsWithPrincipal returns the operations, as "METHOD path" with the path as fiber spells it, that a bearer token or an API
// key is for.
func operationsWithPrincipal(spec *openapi3.T) map[string]bool {
	with := map[string]bool{}
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Security != nil && (asksFor(*op.Security, "bearer") || asksFor(*op.Security, "api_key")) {
				with[method+" "+openapi.FiberPath(path)] = true
			}
		}
	}
	return with
}

func asksFor(requirements openapi3.SecurityRequirements, scheme string) bool {
	for _, requirement := range requirements {
		if _, there := requirement[scheme]; there {
			return true
		}
	}
	return false
}

// guard verifies bearer tokens and API keys where the document wants one. Elsewhere they are not looked at: an app that adds its token to
// every request must be able to refresh the one that has expired.
func guard(guarded map[string]bool, verify fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		method := c.Method()
		if method == fiber.MethodHead {
			method = fiber.MethodGet
		}
		if guarded[method+" "+c.Route().Path] {
			return verify(c)
		}
		return c.Next()
	}
}

// emptyLogout lets a logout come without a body, as most do: the generated handler would want one.
func emptyLogout(c *fiber.Ctx) error {
	if c.Route().Path == "/v1/auth/logout" && len(c.Request().Body()) == 0 {
		c.Request().Header.SetContentType(fiber.MIMEApplicationJSON)
		c.Request().SetBodyString("{}")
	}
	return c.Next()
}

// limits are the budgets of requests by caller. They keep the service from being flooded; what keeps passwords from being
// guessed and mailboxes from being filled is package throttle. The key set and the discovery document are free, since every
// service and gateway reads them.
func limits(scale float64) []ratelimit.Rule {
	perMinute := func(n int) ratelimit.Limit { return ratelimit.PerMinute(max(1, int(float64(n)*scale))) }
	return []ratelimit.Rule{
		{Name: "password", Anonymous: perMinute(120), Routes: []string{
			"POST /v1/auth/register", "POST /v1/auth/login", "POST /v1/auth/password/reset", "POST /v1/auth/password/change", "POST /v1/invitations/accept",
			"POST /v1/auth/mfa", "POST /v1/auth/step-up", "POST /v1/auth/passkeys/login/finish",
		}},
		{Name: "challenge", Anonymous: perMinute(120), Routes: []string{
			"POST /v1/auth/passkeys/login/begin", "POST /v1/auth/mfa/passkey/begin", "POST /v1/auth/step-up/passkey/begin",
		}},
		{Name: "mail", Anonymous: perMinute(60), Routes: []string{
			"POST /v1/auth/email/resend", "POST /v1/auth/password/forgot", "POST /v1/me/emails", "POST /v1/me/emails/:email_id/resend",
			"POST /v1/invitations",
		}},
		{Name: "token", Anonymous: perMinute(1200), Routes: []string{
			"POST /v1/auth/refresh", "POST /oauth/token", "POST /oauth/introspect", "POST /oauth/revoke",
		}},
		{Name: "discovery", Routes: []string{"GET /.well-known/jwks.json", "GET /.well-known/openid-configuration", "GET /.well-known/oauth-authorization-server"}},
		{Name: "auth", Anonymous: perMinute(300), Principal: perMinute(600)},
	}
}

// fields splits a list of words, as in an OAuth scope.
func fields(text *string) []string {
	if text == nil {
		return nil
	}
	return strings.Fields(*text)
}
