// Package mfa is about the second factor: authenticator apps (TOTP, RFC 6238), recovery codes, and whether what somebody
// presents beside a password proves that it is them (Service.Check). Passkeys, which are a second factor too, are the business
// of package passkey.
//
// Whoever has an authenticator app or a passkey is asked for a second factor at every login by password, and gets recovery codes
// with the first of them.
package mfa

import (
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Faults of second factors.
var (
	// ErrWrong is the one answer to a second factor that is not right: wrong, used before, or not the account's.
	ErrWrong = fault.Define(fault.Forbidden, "wrong_second_factor", "The second factor is not right").
			Detailf("The code is wrong or was used before. A code of an authenticator app works once: wait for the next.")
	// ErrProof is returned for anything but one second factor.
	ErrProof = fault.Define(fault.Invalid, "one_second_factor", "Give one second factor").
			Detailf("One of totp_code, recovery_code and passkey.")
	// ErrCode is returned when the first code of an app that is being set up is not right.
	ErrCode = fault.Define(fault.Invalid, "wrong_code", "The code is not right").
		At(fault.Field{Pointer: "/code", Code: "wrong_code", Detail: "not what the app shows now; check the clock of the device"})
	// ErrNotFound is returned for an authenticator app that the caller does not have.
	ErrNotFound = fault.Define(fault.NotFound, "no_such_factor", "There is no such authenticator app")
	// ErrTooMany is returned when an account has as many authenticator apps as it may.
	ErrTooMany = fault.Define(fault.Conflict, "too_many_factors", "There are enough authenticator apps").
			Detailf("At most %d; remove one before.", maxApps)
	// ErrNone is returned for recovery codes without a second factor that they could stand in for.
	ErrNone = fault.Define(fault.Conflict, "no_second_factor", "There is no second factor").
		Detailf("Set up an authenticator app or a passkey before.")
	// ErrShortPassword is returned when the last second factor of a short password shall go.
	ErrShortPassword = fault.Define(fault.Conflict, "password_too_short_alone", "The password is too short without a second factor").
				Detailf("Set a longer password before you remove the last second factor.")
)

const (
	maxApps = 5
	// Codes is how many recovery codes an account gets.
	Codes = 10
)

// App is an authenticator app.
type App struct {
	ID         uuid.UUID
	Name       string
	Secret     []byte // sealed
	SealedBy   string
	Confirmed  bool
	CreatedAt  time.Time
	LastUsedAt time.Time // zero: never
}

// Overview is what protects an account besides its password.
type Overview struct {
	Apps      []App // confirmed ones, oldest first
	Passkeys  int
	CodesLeft int
}

// Enabled reports whether a login by password asks for a second factor.
func (o Overview) Enabled() bool { return len(o.Apps) > 0 || o.Passkeys > 0 }

// Proof is a second factor that somebody presents: one of the three.
type Proof struct {
	TOTP     string
	Recovery string
	Ceremony string // with Passkey: the ceremony that it answers
	Passkey  []byte
}

// Given reports whether there is one at all.
func (p Proof) Given() bool { return p.TOTP != "" || p.Recovery != "" || p.Passkey != nil }

// Check returns ErrProof unless there is exactly one.
func (p Proof) Check() error {
	n := 0
	for _, given := range []bool{p.TOTP != "", p.Recovery != "", p.Passkey != nil} {
		if given {
			n++
		}
	}
	if n != 1 {
		return ErrProof
	}
	return nil
}
