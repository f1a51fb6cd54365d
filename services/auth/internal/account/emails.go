package account

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Faults of an account's addresses.
var (
	// ErrNoEmail is returned for an address that the account does not have.
	ErrNoEmail = fault.Define(fault.NotFound, "no_such_email", "The account has no such address")
	// ErrOwnEmail is returned for an address that the account has already.
	ErrOwnEmail = fault.Define(fault.Conflict, "email_own", "The account has this address already").
			At(fault.Field{Pointer: "/email", Code: "email_own", Detail: "one of the account's own"})
	// ErrTooManyEmails is returned to an account that has MaxEmails addresses.
	ErrTooManyEmails = fault.Define(fault.Conflict, "too_many_emails", "The account has as many addresses as it may have")
	// ErrPrimaryEmail is returned for the removal of the primary address.
	ErrPrimaryEmail = fault.Define(fault.Conflict, "primary_email", "The primary address cannot be removed").
			Detailf("Make another address the primary one first.")
	// ErrUnconfirmedEmail is returned when an address that is not confirmed shall become the primary one.
	ErrUnconfirmedEmail = fault.Define(fault.Conflict, "email_unconfirmed", "The address is not confirmed").
				Detailf("Follow the link that was sent to it first.")
)

// MaxEmails is how many addresses an account may have, confirmed or not.
const MaxEmails = 10

// pendingLife is how long an address waits to be confirmed.
const pendingLife = 7 * 24 * time.Hour

// OwnEmail is one address of an account.
type OwnEmail struct {
	ID        uuid.UUID
	Email     Email
	Primary   bool
	Confirmed bool
	At        time.Time // confirmed, or added while it is not
}

// EmailStore keeps the addresses of accounts. Its methods return ErrNone for a holder whose login has ended.
type EmailStore interface {
	// ListEmails returns all addresses of the holder: the primary one, the other confirmed ones, those that wait.
	ListEmails(ctx context.Context, holder Holder) ([]OwnEmail, error)
	// AddEmail lets an address wait for confirmation, under the id unless it waits already, and queues the mail. It returns
	// ErrOwnEmail and ErrTooManyEmails, and nothing of whether anybody else has the address.
	AddEmail(ctx context.Context, holder Holder, id uuid.UUID, email Email, life time.Duration, event audit.Event) (OwnEmail, error)
	// GetPending returns an address that waits, or ErrNoEmail.
	GetPending(ctx context.Context, holder Holder, id uuid.UUID) (OwnEmail, error)
	// Queue keeps a mail to be sent and an event.
	Queue(ctx context.Context, mail notice.Job, event audit.Event) error
	// ConfirmAdded consumes a token and gives its account the address. It returns ErrLink when the token is not valid, and
	// when somebody else has confirmed the address since.
	ConfirmAdded(ctx context.Context, hash token.Hash, event audit.Event) (OwnEmail, error)
	// MakePrimary makes a confirmed address the primary one. It returns ErrNoEmail and ErrUnconfirmedEmail.
	MakePrimary(ctx context.Context, holder Holder, id uuid.UUID, event audit.Event) error
	// RemoveEmail removes an address. It returns ErrNoEmail and ErrPrimaryEmail.
	RemoveEmail(ctx context.Context, holder Holder, id uuid.UUID, event audit.Event) error
}

// Emails looks after the addresses of an account.
type Emails struct {
	store    EmailStore
	throttle Throttle
	queued   func()
}

// NewEmails makes Emails. It calls queued after each mail that it has queued.
func NewEmails(store EmailStore, limits Throttle, queued func()) *Emails {
	return &Emails{store: store, throttle: limits, queued: queued}
}

// List returns the holder's addresses.
func (e *Emails) List(ctx context.Context, holder Holder) ([]OwnEmail, error) {
	return e.store.ListEmails(ctx, holder)
}

// Add lets an address wait to be confirmed by the link that is mailed to it. Whether somebody else has the address is not said:
// that person is told by mail. It returns ErrEmail, ErrOwnEmail, ErrTooManyEmails and throttle.ErrLimited.
func (e *Emails) Add(ctx context.Context, holder Holder, address string, from caller.Caller) (OwnEmail, error) {
	email, err := ParseEmail(address)
	if err != nil {
		return OwnEmail{}, at("/email", err)
	}
	if err := e.throttle.Take(ctx, MailCharges(email, from)...); err != nil {
		return OwnEmail{}, err
	}
	added, err := e.store.AddEmail(ctx, holder, uuid.Must(uuid.NewV7()), email, pendingLife, own(audit.EmailAdded, holder, from))
	if err != nil {
		return OwnEmail{}, err
	}
	e.queued()
	return added, nil
}

// Resend has the link of an address that waits sent again. It returns ErrNoEmail and throttle.ErrLimited.
func (e *Emails) Resend(ctx context.Context, holder Holder, id uuid.UUID, from caller.Caller) error {
	pending, err := e.store.GetPending(ctx, holder, id)
	if err != nil {
		return err
	}
	if err := e.throttle.Take(ctx, MailCharges(pending.Email, from)...); err != nil {
		return err
	}
	if err := e.store.Queue(ctx, notice.Of(notice.EmailAdded, holder.Account, id), own(audit.ResendAsked, holder, from)); err != nil {
		return err
	}
	e.queued()
	return nil
}

// Confirm gives an account the address that a mailed token is for. It returns ErrLink.
func (e *Emails) Confirm(ctx context.Context, text string, from caller.Caller) (OwnEmail, error) {
	hash, err := token.Parse(token.ConfirmAdded, text)
	if err != nil {
		return OwnEmail{}, ErrLink.Because(err)
	}
	confirmed, err := e.store.ConfirmAdded(ctx, hash, audit.New(audit.EmailConfirmed, uuid.Nil, audit.Anonymous).From(from))
	if err != nil {
		return OwnEmail{}, err
	}
	e.queued()
	return confirmed, nil
}

// MakePrimary makes a confirmed address the one that letters go to. It returns ErrNoEmail and ErrUnconfirmedEmail.
func (e *Emails) MakePrimary(ctx context.Context, holder Holder, id uuid.UUID, from caller.Caller) error {
	if err := e.store.MakePrimary(ctx, holder, id, own(audit.EmailMadePrimary, holder, from)); err != nil {
		return err
	}
	e.queued()
	return nil
}

// Remove removes an address, confirmed or not. It returns ErrNoEmail and ErrPrimaryEmail.
func (e *Emails) Remove(ctx context.Context, holder Holder, id uuid.UUID, from caller.Caller) error {
	if err := e.store.RemoveEmail(ctx, holder, id, own(audit.EmailRemoved, holder, from)); err != nil {
		return err
	}
	e.queued()
	return nil
}

// own is the event of what somebody does to their own account.
func own(kind audit.Kind, holder Holder, from caller.Caller) audit.Event {
	return audit.New(kind, holder.Account, audit.ByAccount(holder.Account)).In(holder.Session).From(from)
}
