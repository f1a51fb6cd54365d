package authn

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/policy"
)

// Kind says what a principal is.
type Kind uint8

// The kinds of principals. A token of a login session or of an API key is a user's, any other is a service's.
const (
	User Kind = iota + 1
	Service
)

// String gives the kind's name for logs.
func (k Kind) String() string {
	switch k {
	case User:
		return "user"
	case Service:
		return "service"
	default:
		return "unknown"
	}
}

// The levels of assurance that a user's token names, after NIST SP 800-63B: one factor, two factors.
const (
	AAL1 = "aal1"
	AAL2 = "aal2"
)

// Principal is who a verified access token speaks for. It is shared between requests that carry
// the same token: read it, never write to its slices.
type Principal struct {
	Subject   uuid.UUID
	Kind      Kind
	ClientID  string
	Scopes    []string
	Roles     []string
	Operator  uuid.UUID // the operator that the roles are within; zero when there is none
	SessionID string    // the login session, or what stands for it of an API key; empty for services
	TokenID   string    // the token's jti
	AuthTime  time.Time // when the user last proved who they are; zero for services and API keys
	ACR       string    // how sure that proof is: AAL1, AAL2; empty for services and API keys
	AMR       []string  // how it was given, after RFC 8176: pwd, otp, hwk, swk, mfa; none for services and API keys
	Expires   time.Time
	Version   int64 // of the subject's rights; a token of a lower one than the subject's may have been revoked
	// Actor is who calls on behalf of the subject (RFC 8693), and the version of its rights; zero when the subject calls itself.
	Actor        uuid.UUID
	ActorVersion int64
	// Key is the API key that the caller came with, whichever of its texts that was; zero for logins and services.
	Key      uuid.UUID
	Networks []netip.Prefix // from which alone the key may be used; none: from everywhere
}

// Has tells whether the token grants the scope.
func (p Principal) Has(scope string) bool { return slices.Contains(p.Scopes, scope) }

// Is tells whether the principal holds the role.
func (p Principal) Is(role string) bool { return slices.Contains(p.Roles, role) }

// subject is the principal as the policy sees it.
func (p Principal) subject() policy.Subject {
	return policy.Subject{
		ID: p.Subject, Operator: p.Operator, Service: p.Kind == Service, Roles: p.Roles, Scopes: p.Scopes,
	}
}

// May tells whether the policy lets the principal use the scope on a row.
func (p Principal) May(scope string, row policy.Row) bool { return p.subject().May(scope, row) }

// Unbound tells whether the principal's scopes reach beyond one operator.
func (p Principal) Unbound() bool { return p.subject().Unbound() }

// Reach tells whose rows the scope reaches in the principal's hands.
func (p Principal) Reach(scope string) policy.Reach { return p.subject().Reach(scope) }

type contextKey struct{}

// identity is a principal and what it takes to ask about its token again.
type identity struct {
	Principal
	verifier *Verifier // nil: the principal came without a token
	token    string
}

// NewContext returns a context that carries the principal.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, identity{Principal: p})
}

// FromContext gives the caller that Middleware (or NewContext) put into the context, and false for
// an anonymous one.
func FromContext(ctx context.Context) (Principal, bool) {
	known, ok := ctx.Value(contextKey{}).(identity)
	return known.Principal, ok
}
