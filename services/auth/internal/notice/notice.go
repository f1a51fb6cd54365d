// Package notice tells people by mail what they asked for or ought to know.
//
// Whoever has something to tell queues a Job in the transaction of what it is about. A Courier on any replica takes jobs,
// finds out whom to write and what (only then: so that queueing takes the same time whether or not an address is known),
// makes the token of the link, and hands a Letter to a Sender. A job is tried until it succeeds or is too old to matter, so a
// letter may arrive twice and is never lost.
package notice

import (
	"time"

	"github.com/google/uuid"
)

// Kind is the reason for which somebody is written to.
type Kind string

// The kinds of jobs, with the field of the Job that each needs.
const (
	Registered      Kind = "registered"       // Registration
	ResendAsked     Kind = "resend_asked"     // AddressKey
	PasswordForgot  Kind = "password_forgot"  // AddressKey
	PasswordChanged Kind = "password_changed" // Account
	TokenReused     Kind = "token_reused"     // Account
)

// Job is a letter to be written.
type Job struct {
	ID           uuid.UUID
	Kind         Kind
	AddressKey   string
	Registration uuid.UUID
	Account      uuid.UUID
	Attempts     int // this one included
	CreatedAt    time.Time
}

// About returns a job about an account.
func About(kind Kind, account uuid.UUID) Job {
	return Job{ID: uuid.Must(uuid.NewV7()), Kind: kind, Account: account}
}

// ToAddress returns a job to whoever has the address, if anybody does.
func ToAddress(kind Kind, key string) Job {
	return Job{ID: uuid.Must(uuid.NewV7()), Kind: kind, AddressKey: key}
}

// OfRegistration returns the job that follows a registration.
func OfRegistration(id uuid.UUID) Job {
	return Job{ID: uuid.Must(uuid.NewV7()), Kind: Registered, Registration: id}
}

// Template is the text of a letter.
type Template string

// The templates. Each has a subject, a text and an HTML form in every locale.
const (
	ConfirmEmail      Template = "confirm_email"
	AlreadyRegistered Template = "already_registered"
	ResetPassword     Template = "reset_password"
	ChangedPassword   Template = "password_changed"
	EndedSession      Template = "session_ended"
)

// Templates returns all of them.
func Templates() []Template {
	return []Template{ConfirmEmail, AlreadyRegistered, ResetPassword, ChangedPassword, EndedSession}
}

// Letter is what a Sender is given.
type Letter struct {
	ID       uuid.UUID // the same in every attempt: the Message-ID
	Template Template
	To       string
	Name     string // of the person; may be empty
	Locale   string // BCP 47; may be empty
	Link     string // "" when the template has none
	Token    string // the token in the link, for those who would rather paste it
	Valid    time.Duration
}
