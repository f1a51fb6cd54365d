// Package session is about logins: how they begin (Service.Login), go on (Service.Refresh) and end.
//
// A session is a login on one device and the family of refresh tokens that came of it. A refresh token works once and is
// answered with its successor. Because answers get lost, the same device may present it again for ten seconds and is given the
// same successor; presented later it must have been copied, and the whole session ends.
package session

import (
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// FirstParty is the client id of the product's own apps, which log people in by password.
const FirstParty = "app"

// Faults of logins.
var (
	// ErrCredentials is the one answer to every login that fails.
	ErrCredentials = fault.Define(fault.Unauthenticated, "invalid_credentials", "Login or password is not right").
			Detailf("Check both, and that you have followed the link in the mail that confirms your address.")
	// ErrDisabled is returned only to whoever knows the password.
	ErrDisabled = fault.Define(fault.Forbidden, "account_disabled", "This account is switched off")
	// ErrRefresh is the one answer to every refresh token that does not work.
	ErrRefresh = fault.Define(fault.Unauthenticated, "invalid_refresh_token", "The refresh token is not valid").
			Detailf("It is unknown, used or expired, or its session has ended. Log in again.")
	// ErrScope is returned for a scope that the session does not have.
	ErrScope = fault.Define(fault.Invalid, "invalid_scope", "The session does not have this scope")
	// ErrNotRevocable is returned for a token that a service was given on behalf of a user: it may not end the user's session.
	ErrNotRevocable = fault.Define(fault.Invalid, "unsupported_token_type", "A token on behalf of a user ends by itself, within minutes")
	// ErrAudience is returned for a service that the session's tokens are not for.
	ErrAudience = fault.Define(fault.Invalid, "invalid_target", "The session's tokens are not for this service")
)

// Lifetimes say how long tokens and sessions are good for.
type Lifetimes struct {
	Access           time.Duration
	AccessPrivileged time.Duration // with a role that may harm others
	Idle             time.Duration // between two refreshes
	Session          time.Duration
	RememberIdle     time.Duration
	RememberSession  time.Duration
	// Grace is how long a used refresh token is answered with the successor it was answered with before.
	Grace time.Duration
}

// DefaultLifetimes are those that users of apps and browsers are used to.
var DefaultLifetimes = Lifetimes{
	Access: 10 * time.Minute, AccessPrivileged: 5 * time.Minute,
	Idle: 12 * time.Hour, Session: 7 * 24 * time.Hour,
	RememberIdle: 30 * 24 * time.Hour, RememberSession: 90 * 24 * time.Hour,
	Grace: 10 * time.Second,
}

// access returns the life of an access token with this authority.
func (l Lifetimes) access(authority role.Authority) time.Duration {
	if authority.Privileged {
		return l.AccessPrivileged
	}
	return l.Access
}

// Candidate is whom a login names and what decides about it. The zero Candidate is nobody.
type Candidate struct {
	Account         uuid.UUID
	PasswordHash    string
	Disabled        bool
	SecurityVersion int
	RightsVersion   int64 // that of the tokens it is given
	Grants          []role.Grant
	// KnownNetwork says that the account has logged in from the caller's network lately.
	KnownNetwork bool
	HasApp       bool // an authenticator app
	HasPasskey   bool
}

// needsMore reports whether a password is not enough.
func (c Candidate) needsMore() bool { return c.HasApp || c.HasPasskey }

// Beginning is a session to be written.
type Beginning struct {
	Session         uuid.UUID
	Account         uuid.UUID
	SecurityVersion int // the session does not begin when the account's is another by now
	Client          string
	DeviceName      string
	From            caller.Caller
	Remember        bool
	Life            time.Duration
	Refresh         token.Hash
	RefreshLife     time.Duration
	Methods         Methods
	Rehash          string // the password's new hash; "" when the old one will do
	Event           audit.Event
}

// Rotation is a refresh token to be exchanged.
type Rotation struct {
	Presented token.Hash
	Client    string
	From      caller.Caller
	Successor token.Hash
	Sealed    []byte // the successor's text, for the holder of the presented token alone
	Lifetimes Lifetimes
}

// Turn is what became of a Rotation.
type Turn struct {
	Outcome  Outcome
	Session  uuid.UUID
	Account  uuid.UUID
	Client   string
	AuthTime time.Time
	Methods  Methods
	// RightsVersion is the account's at the moment at which the grants were read.
	RightsVersion int64
	RefreshLife   time.Duration // what is left of the successor's
	Grants        []role.Grant
	Sealed        []byte // when Repeated: the successor that was given before
}

// Outcome is how a Rotation ended.
type Outcome int

// The outcomes. Of any number of rotations of one token exactly one is Rotated.
const (
	// Refused: the token is unknown or expired, of another client, or its session has ended. Nothing has changed.
	Refused Outcome = iota
	// Rotated: the token is used, and the successor is live.
	Rotated
	// Repeated: the token was used by the same device a moment ago.
	Repeated
	// Reused: the token was used before. Its session has ended, the owner is written to.
	Reused
)

// Reason is why a session ended.
type Reason string

// The reasons.
const (
	LoggedOut       Reason = "logged_out"
	LoggedOutAll    Reason = "logged_out_everywhere"
	PasswordChanged Reason = "password_changed"
	TokenReused     Reason = "token_reused"
	Revoked         Reason = "revoked"
	EndedByOwner    Reason = "ended_by_owner"
	Erasing         Reason = "account_erasing"
	Disabled        Reason = "account_disabled"
	EndedByAdmin    Reason = "ended_by_admin"
)

// Tokens are what a client goes on with.
type Tokens struct {
	Access      string
	AccessLife  time.Duration
	Refresh     string
	RefreshLife time.Duration
	Scopes      []string
}
