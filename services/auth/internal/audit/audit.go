// Package audit names the events that are kept for good: who did what, from where, to which account. Events hold ids and
// hashes, never addresses, names or secrets, and a store writes them in the transaction of what they tell of.
package audit

import (
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
)

// Kind is what happened.
type Kind string

// The kinds of events.
const (
	Registered         Kind = "account.registered"
	ResendAsked        Kind = "account.resend_asked"
	Confirmed          Kind = "account.confirmed"
	Created            Kind = "account.created"
	ProfileChanged     Kind = "account.profile_changed"
	UsernameChanged    Kind = "account.username_changed"
	ErasureAsked       Kind = "account.erasure_asked"
	ErasureCanceled    Kind = "account.erasure_canceled"
	Erased             Kind = "account.erased"
	DataExported       Kind = "account.exported"
	EmailAdded         Kind = "email.added"
	EmailConfirmed     Kind = "email.confirmed"
	EmailMadePrimary   Kind = "email.made_primary"
	EmailRemoved       Kind = "email.removed"
	Disabled           Kind = "account.disabled"
	Enabled            Kind = "account.enabled"
	Invited            Kind = "invitation.sent"
	InvitationRevoked  Kind = "invitation.revoked"
	InvitationAccepted Kind = "invitation.accepted"
	PasswordChanged    Kind = "password.changed"
	PasswordReset      Kind = "password.reset"
	PasswordForgot     Kind = "password.forgotten"    // somebody asked; whether there is an account is not looked up then
	ResetMailed        Kind = "password.reset_mailed" // the link is on its way to the account's owner
	LoggedIn           Kind = "session.began"
	LoginFailed        Kind = "session.refused"
	LoggedOut          Kind = "session.ended"
	TokenReused        Kind = "session.token_reused"
	FactorEnrolled     Kind = "factor.enrolled"
	FactorConfirmed    Kind = "factor.confirmed"
	FactorRemoved      Kind = "factor.removed"
	CodesReplaced      Kind = "recovery_codes.replaced"
	CodeUsed           Kind = "recovery_code.used"
	PasskeyAdded       Kind = "passkey.added"
	PasskeyRenamed     Kind = "passkey.renamed"
	PasskeyRemoved     Kind = "passkey.removed"
	PasskeyCloned      Kind = "passkey.cloned"
	SteppedUp          Kind = "session.stepped_up"
	APIKeyCreated      Kind = "api_key.created"
	APIKeyRotated      Kind = "api_key.rotated" //nolint:gosec // the name of an event
	APIKeyRemoved      Kind = "api_key.removed"
	RoleGranted        Kind = "role.granted"
	RoleRevoked        Kind = "role.revoked"
	WebhookCreated     Kind = "webhook.created"
	WebhookChanged     Kind = "webhook.changed"
	WebhookRotated     Kind = "webhook.rotated"
	WebhookRemoved     Kind = "webhook.removed"
	ClientCreated      Kind = "client.created"
	ClientRotated      Kind = "client.rotated"
	ClientRemoved      Kind = "client.removed"
	KeyCreated         Kind = "key.created"
	KeyActivated       Kind = "key.activated"
	KeyRetired         Kind = "key.retired"
	KeyRevoked         Kind = "key.revoked"
	KeyGone            Kind = "key.gone"
	KeySealed          Kind = "key.sealed_anew"
)

// Actors that are neither an account nor a client.
const (
	Anonymous = "anonymous"
	System    = "system"
	CLI       = "operator-cli"
)

// ByAccount is the actor of what somebody does to their own or another's account.
func ByAccount(id uuid.UUID) string { return "account:" + id.String() }

// ByClient is the actor of what a service does.
func ByClient(id string) string { return "client:" + id }

// Event is something that happened.
type Event struct {
	ID      uuid.UUID
	Kind    Kind
	Account uuid.UUID // zero: none
	Actor   string
	Session uuid.UUID // zero: none
	// Operator is within whom it happened; zero: none.
	Operator uuid.UUID
	Network  *caller.Network
	Detail   map[string]string
	At       time.Time // set by the store
}

// New makes an event with an id of its own.
func New(kind Kind, account uuid.UUID, actor string) Event {
	return Event{ID: uuid.Must(uuid.NewV7()), Kind: kind, Account: account, Actor: actor}
}

// From adds from where.
func (e Event) From(c caller.Caller) Event {
	e.Network = &c.Network
	return e
}

// In adds the session it happened in.
func (e Event) In(session uuid.UUID) Event {
	e.Session = session
	return e
}

// Within adds the operator within whom it happened.
func (e Event) Within(operator uuid.UUID) Event {
	e.Operator = operator
	return e
}

// With adds a detail, which must not be personal.
func (e Event) With(key, value string) Event {
	detail := map[string]string{key: value}
	for k, v := range e.Detail {
		if k != key {
			detail[k] = v
		}
	}
	e.Detail = detail
	return e
}
