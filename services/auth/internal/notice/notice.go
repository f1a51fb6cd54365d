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
	Registered          Kind = "registered"            // Registration
	ResendAsked         Kind = "resend_asked"          // AddressKey
	AccountOpened       Kind = "account_opened"        // Account
	PasswordForgot      Kind = "password_forgot"       // AddressKey
	PasswordChanged     Kind = "password_changed"      // Account
	UsernameChanged     Kind = "username_changed"      // Account
	SecondFactorChanged Kind = "second_factor_changed" // Account
	TokenReused         Kind = "token_reused"          // Account
	DeviceSeen          Kind = "device_seen"           // Account; Subject: the session
	EmailAdded          Kind = "email_added"           // Account; Subject: the address that waits to be confirmed
	EmailsChanged       Kind = "emails_changed"        // Account, AddressKey: which of its addresses is written to
	ErasureAsked        Kind = "erasure_asked"         // Account
	ErasureCalledOff    Kind = "erasure_called_off"    // Account
	Invited             Kind = "invited"               // Subject: the invitation
)

// Kinds returns all of them.
func Kinds() []Kind {
	return []Kind{
		Registered, ResendAsked, AccountOpened, PasswordForgot, PasswordChanged, UsernameChanged, SecondFactorChanged, TokenReused,
		DeviceSeen, EmailAdded, EmailsChanged, ErasureAsked, ErasureCalledOff, Invited,
	}
}

// Mutable returns the kinds that an installation may do without: they carry no link that anything depends on.
func Mutable() []Kind {
	return []Kind{AccountOpened, PasswordChanged, UsernameChanged, EmailsChanged, SecondFactorChanged, DeviceSeen}
}

// Job is a letter to be written.
type Job struct {
	ID           uuid.UUID
	Kind         Kind
	AddressKey   string
	Registration uuid.UUID
	Account      uuid.UUID
	Subject      uuid.UUID
	Attempts     int // this one included
	CreatedAt    time.Time
}

// About returns a job about an account.
func About(kind Kind, account uuid.UUID) Job {
	return Job{ID: uuid.Must(uuid.NewV7()), Kind: kind, Account: account}
}

// Of returns a job about something that belongs to an account.
func Of(kind Kind, account, subject uuid.UUID) Job {
	return Job{ID: uuid.Must(uuid.NewV7()), Kind: kind, Account: account, Subject: subject}
}

// ToAddress returns a job to whoever has the address, if anybody does.
func ToAddress(kind Kind, key string) Job {
	return Job{ID: uuid.Must(uuid.NewV7()), Kind: kind, AddressKey: key}
}

// OfRegistration returns the job that follows a registration.
func OfRegistration(id uuid.UUID) Job {
	return Job{ID: uuid.Must(uuid.NewV7()), Kind: Registered, Registration: id}
}

// Template is the text of a letter. It has a subject and a body in every language.
type Template string

// The templates.
const (
	ConfirmEmail        Template = "confirm_email"
	AlreadyRegistered   Template = "already_registered"
	Welcome             Template = "registered"
	ResetPassword       Template = "reset_password"
	ChangedPassword     Template = "password_changed"
	ChangedUsername     Template = "username_changed"
	ChangedSecondFactor Template = "second_factor_changed"
	EndedSession        Template = "session_ended"
	NewDevice           Template = "new_device"
	ConfirmAddedEmail   Template = "confirm_added_email"
	AddressTaken        Template = "address_taken"
	ChangedEmails       Template = "emails_changed"
	ErasureScheduled    Template = "erasure_scheduled"
	ErasureCanceled     Template = "erasure_canceled"
	InviteUser          Template = "invite_user"
)

// Templates returns all of them.
func Templates() []Template {
	return []Template{
		ConfirmEmail, AlreadyRegistered, Welcome, ResetPassword, ChangedPassword, ChangedUsername, ChangedSecondFactor, EndedSession,
		NewDevice, ConfirmAddedEmail, AddressTaken, ChangedEmails, ErasureScheduled, ErasureCanceled, InviteUser,
	}
}

// Facts are what a letter tells besides its text.
type Facts struct {
	Username string
	Device   string    // what somebody logged in with, by kind
	Area     string    // from about where
	At       time.Time // when it happened, or will
}

// Letter is what a Sender is given.
type Letter struct {
	ID       uuid.UUID // the same in every attempt: the Message-ID
	Template Template
	To       string
	Name     string // of the person; may be empty
	Locale   string // BCP 47; may be empty
	Facts    Facts
	Link     string // "" when the letter has none
	Token    string // the token in the link, for those who would rather paste it
	Valid    time.Duration
}
