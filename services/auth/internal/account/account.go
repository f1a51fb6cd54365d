// Package account is about people: who they are to us (Account), how an address becomes an account (Registrar), their profile
// (Profiles) and their password (Passwords).
//
// An account exists only once its address is confirmed. Until then there is a registration, of which any number may wait for
// one address: nobody can keep an address or a username from its owner by registering it first, and nobody can find out by
// registering whether an account exists.
package account

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// Faults of accounts.
var (
	// ErrNone is returned for an account that does not exist, is switched off, or whose session has ended.
	ErrNone = fault.Define(fault.Unauthenticated, "session_ended", "This login has ended")
	// ErrStale is returned when an account has changed since the version that a change was meant for.
	ErrStale = fault.Define(fault.PreconditionFailed, "stale", "The account has changed since it was read")
	// ErrUsernameTaken is returned for a username that somebody has.
	ErrUsernameTaken = fault.Define(fault.Conflict, "username_taken", "This username is taken")
	// ErrName is returned for a name that is not one line of text.
	ErrName = fault.Define(fault.Invalid, "bad_name", "This cannot be a name")
)

// Account is a person who may log in.
type Account struct {
	ID        uuid.UUID
	Email     Email // the primary one, confirmed
	Username  Username
	Name      string
	Locale    string // BCP 47; "" when not chosen
	Disabled  bool
	Grants    []role.Grant // in the order of granting
	EraseAt   time.Time    // when the account goes; zero: it stays
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Identity is what somebody logs in with: an address or a username. The zero Identity is nobody's.
type Identity struct {
	EmailKey    string
	UsernameKey string
}

// IdentityOf reads a login. What can be neither an address nor a username is the zero Identity, which is looked for like any
// other, so that the answer takes as long.
func IdentityOf(login string) Identity {
	if strings.Contains(login, "@") {
		email, _ := ParseEmail(strings.TrimSpace(login))
		return Identity{EmailKey: email.Key()}
	}
	username, _ := ParseUsername(strings.TrimSpace(login))
	return Identity{UsernameKey: username.Key()}
}

// Key names the identity in budgets.
func (i Identity) Key() []byte { return []byte(i.EmailKey + "\x00" + i.UsernameKey) }

const maxName = 100

// ParseName reads what a person is called: one line of printable text of at most 100 characters, without the characters that
// turn text around. It returns ErrName otherwise.
func ParseName(text string) (string, error) {
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxName {
		return "", ErrName.Detailf("at most %d characters", maxName)
	}
	for _, r := range text {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return "", ErrName.Detailf("one line of plain text")
		}
	}
	return text, nil
}

// ParseNameAt is ParseName for the field of a form that the pointer names.
func ParseNameAt(pointer, text string) (string, error) {
	name, err := ParseName(text)
	if err != nil {
		return "", at(pointer, err)
	}
	return name, nil
}
