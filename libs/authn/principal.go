package authn

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Kind says what a principal is.
type Kind uint8

// The kinds of principals. A token of a login session is a user's, any other is a service's.
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
	SessionID string    // the login session; empty for services
	TokenID   string    // the token's jti
	AuthTime  time.Time // when the user last proved who they are; zero for services
	ACR       string    // how sure that proof is: AAL1, AAL2; empty for services
	AMR       []string  // how it was given, after RFC 8176: pwd, otp, hwk, swk, mfa; none for services
	Expires   time.Time
}

// Has tells whether the token grants the scope.
func (p Principal) Has(scope string) bool { return slices.Contains(p.Scopes, scope) }

// Is tells whether the principal holds the role.
func (p Principal) Is(role string) bool { return slices.Contains(p.Roles, role) }

type contextKey struct{}

// NewContext returns a context that carries the principal.
func NewContext(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// FromContext gives the caller that Middleware (or NewContext) put into the context, and false for
// an anonymous one.
func FromContext(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(contextKey{}).(Principal)
	return p, ok
}
