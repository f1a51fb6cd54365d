// Package passkey is about WebAuthn credentials: registering them, logging in with nothing else, and presenting one as the second
// factor. The cryptography is go-webauthn's; this package keeps ceremonies.
//
// A ceremony is a challenge and its answer. It lives on the server for five minutes, is used once, and is bound to its purpose
// and to the session or login that began it. Every passkey is discoverable and verifies its user (PIN, finger, face), so that it
// is two factors by itself.
package passkey

import (
	"encoding/json"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Faults of passkeys.
var (
	// ErrRefused is the one answer to every ceremony that fails: an unknown or used challenge, another origin, a wrong signature,
	// somebody else's passkey, a count that went back.
	ErrRefused = fault.Define(fault.Invalid, "passkey_refused", "The passkey was not accepted").
			Detailf("The challenge has been used or has expired, or the answer to it is not right. Begin again.")
	// ErrNotFound is returned for a passkey that the caller does not have.
	ErrNotFound = fault.Define(fault.NotFound, "no_such_passkey", "There is no such passkey")
	// ErrTaken is returned for a passkey that is registered already.
	ErrTaken = fault.Define(fault.Conflict, "passkey_taken", "This passkey is registered already")
	// ErrTooMany is returned when an account has as many passkeys as it may.
	ErrTooMany = fault.Define(fault.Conflict, "too_many_passkeys", "There are enough passkeys").
			Detailf("At most %d; remove one before.", maxPasskeys)
	// ErrNone is returned when a passkey is asked for and the account has none.
	ErrNone = fault.Define(fault.Conflict, "no_passkey", "There is no passkey")
)

const (
	maxPasskeys = 20
	// Life is how long a challenge waits for its answer.
	Life = 5 * time.Minute
)

// Purpose is what a ceremony was begun for. It ends for no other.
type Purpose string

// The purposes.
const (
	Register     Purpose = "register"
	Login        Purpose = "login"
	SecondFactor Purpose = "second_factor"
	StepUp       Purpose = "step_up"
)

// Passkey is a credential of an account.
type Passkey struct {
	ID         uuid.UUID
	Account    uuid.UUID
	Name       string
	Credential webauthn.Credential
	CreatedAt  time.Time
	LastUsedAt time.Time // zero: never
}

// Methods are the ways of RFC 8176 in which a use of the passkey proves who somebody is: a key, synchronised or bound to one
// device, that its user has unlocked.
func (p Passkey) Methods() []string {
	if p.Credential.Flags.BackupEligible {
		return []string{"swk", "mfa"}
	}
	return []string{"hwk", "mfa"}
}

// Ceremony is a challenge as it is stored.
type Ceremony struct {
	Hash    token.Hash
	Purpose Purpose
	Account uuid.UUID // zero: whoever answers
	BoundTo []byte
	State   webauthn.SessionData
}

// Challenge is a ceremony as a client sees it: what it passes to navigator.credentials, and the token to come back with.
type Challenge struct {
	Token   string
	Options json.RawMessage // PublicKeyCredentialCreationOptionsJSON or PublicKeyCredentialRequestOptionsJSON
	Life    time.Duration
}

// Finish is the answer to a challenge.
type Finish struct {
	Token    string
	Purpose  Purpose
	Account  uuid.UUID // zero: passwordless
	BoundTo  []byte
	Response []byte // the PublicKeyCredential as JSON
	From     caller.Caller
}

// NewPasskey is a passkey to be kept.
type NewPasskey struct {
	Passkey Passkey
	Most    int        // passkeys that an account may have
	Codes   [][32]byte // recovery codes to be kept with the account's first factor
	Event   audit.Event
}
