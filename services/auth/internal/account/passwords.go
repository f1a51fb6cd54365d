package account

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/credential"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/throttle"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Faults of changing a password.
var (
	ErrWrongPassword = fault.Define(fault.Forbidden, "wrong_password", "The current password is not right").
				At(fault.Field{Pointer: "/current_password", Code: "wrong_password", Detail: "not the current password"})
	ErrSamePassword = fault.Define(fault.Invalid, "same_password", "The new password is the old one").
			At(fault.Field{Pointer: "/new_password", Code: "same_password", Detail: "must differ from the current password"})
)

// Secret is an account's password and what makes changes of it safe.
type Secret struct {
	Account         Account
	PasswordHash    string
	SecurityVersion int
	SecondFactor    bool // there is one: the password may be shorter
}

// NewPassword is a password to be set.
type NewPassword struct {
	Account uuid.UUID
	Hash    string
	// Short says that it is too short to be the only factor.
	Short bool
	// SecurityVersion is the one that the decision was made on: a change since makes this one void.
	SecurityVersion int
	// Keep is the session that goes on; every other ends. Zero: all end.
	Keep  uuid.UUID
	Mail  notice.Job
	Event audit.Event
}

// PasswordStore keeps passwords.
type PasswordStore interface {
	// Queue keeps a mail to be sent and an event.
	Queue(ctx context.Context, mail notice.Job, event audit.Event) error
	// GetSecret returns the holder's, or ErrNone.
	GetSecret(ctx context.Context, holder Holder) (Secret, error)
	// GetSecretByToken returns the secret of the account that a reset token is for, without consuming it, or ErrLink.
	GetSecretByToken(ctx context.Context, hash token.Hash) (Secret, error)
	// SetPassword sets a password, ends sessions and makes all mailed tokens of the account void. It returns ErrNone when the
	// security version is another by now.
	SetPassword(ctx context.Context, password NewPassword) error
	// ResetPassword consumes the token and does the same, or returns ErrLink.
	ResetPassword(ctx context.Context, hash token.Hash, password NewPassword) error
}

// Passwords changes passwords.
type Passwords struct {
	store    PasswordStore
	hasher   Hasher
	policy   credential.Policy
	throttle Throttle
	queued   func()
}

// NewPasswords makes Passwords. It calls queued after each mail that it has queued.
func NewPasswords(store PasswordStore, hasher Hasher, policy credential.Policy, limits Throttle, queued func()) *Passwords {
	return &Passwords{store: store, hasher: hasher, policy: policy, throttle: limits, queued: queued}
}

// guessesAtOwn is the budget for the current password that a change asks for: an unlocked phone is no place to find it out.
var guessesAtOwn = throttle.Rule{Name: "password-change", Burst: 10, Every: time.Minute}

// Forgot has a link that sets a new password sent to the owner of an address, if there is one. The caller is not told. It
// returns ErrEmail and throttle.ErrLimited.
func (p *Passwords) Forgot(ctx context.Context, address string, from caller.Caller) error {
	return askForMail(ctx, p.store, p.throttle, p.queued, address, notice.PasswordForgot, audit.PasswordForgot, from)
}

// Reset sets the password of the account that a token is for, and ends all its sessions. The policy is asked first, so that
// a weak password does not cost the token. It returns the account, or ErrLink and credential.ErrWeak.
func (p *Passwords) Reset(ctx context.Context, text, password string, from caller.Caller) (uuid.UUID, error) {
	hash, err := token.Parse(token.ResetPassword, text)
	if err != nil {
		return uuid.Nil, ErrLink.Because(err)
	}
	secret, err := p.store.GetSecretByToken(ctx, hash)
	if err != nil {
		return uuid.Nil, err
	}
	next, err := p.prepare(ctx, secret, "/password", password)
	if err != nil {
		return uuid.Nil, err
	}
	next.Event = audit.New(audit.PasswordReset, secret.Account.ID, audit.ByAccount(secret.Account.ID)).From(from)
	if err := p.store.ResetPassword(ctx, hash, next); err != nil {
		return uuid.Nil, err
	}
	p.queued()
	return next.Account, nil
}

// Change sets the holder's password, given the current one, and ends all other sessions. It returns ErrWrongPassword,
// ErrSamePassword, credential.ErrWeak, throttle.ErrLimited and ErrNone.
func (p *Passwords) Change(ctx context.Context, holder Holder, current, password string, from caller.Caller) error {
	secret, err := p.store.GetSecret(ctx, holder)
	if err != nil {
		return err
	}
	if err := p.throttle.Take(ctx, guessesAtOwn.For(holder.Account[:])); err != nil {
		return err
	}
	ok, _, err := p.hasher.Verify(ctx, secret.PasswordHash, current)
	switch {
	case err != nil:
		return err
	case !ok:
		return ErrWrongPassword
	case credential.Normalize(current) == credential.Normalize(password):
		return ErrSamePassword
	}
	next, err := p.prepare(ctx, secret, "/new_password", password)
	if err != nil {
		return err
	}
	next.Keep = holder.Session
	next.Event = audit.New(audit.PasswordChanged, holder.Account, audit.ByAccount(holder.Account)).In(holder.Session).From(from)
	if err := p.store.SetPassword(ctx, next); err != nil {
		return err
	}
	p.queued()
	return nil
}

func (p *Passwords) prepare(ctx context.Context, secret Secret, pointer, password string) (NewPassword, error) {
	a := secret.Account
	if err := p.policy.Beside(secret.SecondFactor).Check(pointer, password, a.Email.Address(), a.Username.String(), a.Name); err != nil {
		return NewPassword{}, err
	}
	hash, err := p.hasher.Hash(ctx, password)
	if err != nil {
		return NewPassword{}, err
	}
	return NewPassword{
		Account: a.ID, Hash: hash, Short: !p.policy.Alone(password), SecurityVersion: secret.SecurityVersion, Mail: notice.About(notice.PasswordChanged, a.ID),
	}, nil
}
