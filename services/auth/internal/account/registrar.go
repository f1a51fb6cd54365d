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

// ErrLink is returned for a one-time token that is unknown, used, expired, or void because of what has happened since.
var ErrLink = fault.Define(fault.Invalid, "invalid_token", "This link is not valid any more").
	Detailf("The link has been used, has expired, or a newer one has taken its place. Ask for another.").
	At(fault.Field{Pointer: "/token", Code: "invalid_token", Detail: "unknown, used or expired"})

// Hasher hashes and compares passwords; see package credential.
type Hasher interface {
	Hash(ctx context.Context, password string) (string, error)
	Verify(ctx context.Context, hash, password string) (ok, outdated bool, err error)
}

// Throttle takes units from budgets; it returns throttle.ErrLimited when one is used up.
type Throttle interface {
	Take(ctx context.Context, charges ...throttle.Charge) error
}

// Registration is an account that somebody asked for.
type Registration struct {
	ID           uuid.UUID
	Email        Email
	Username     Username // zero: none
	Name         string
	Locale       string
	PasswordHash string
	Life         time.Duration
}

// RegistrationStore keeps registrations.
type RegistrationStore interface {
	// UsernameTaken reports whether an account has the username or one that looks like it.
	UsernameTaken(ctx context.Context, username Username) (bool, error)
	// Register keeps a registration, the mail to be sent and the event, or nothing.
	Register(ctx context.Context, r Registration, mail notice.Job, event audit.Event) error
	// Confirm consumes a token and makes its registration the account with the given id, a driver, whose address no other
	// registration can claim any more. When the username has gone to somebody else since, the account has none. It returns
	// ErrLink when the token is not valid, and when the address has got an account since.
	Confirm(ctx context.Context, hash token.Hash, id uuid.UUID, event audit.Event) (Account, error)
	// Queue keeps a mail to be sent and an event.
	Queue(ctx context.Context, mail notice.Job, event audit.Event) error
}

// Registrar turns addresses into accounts.
type Registrar struct {
	store    RegistrationStore
	hasher   Hasher
	policy   credential.Policy
	throttle Throttle
	invited  bool
	queued   func()
}

// ErrInvitationNeeded is returned where nobody registers uninvited.
var ErrInvitationNeeded = fault.Define(fault.Forbidden, "invitation_needed", "Accounts are by invitation here").
	Detailf("Ask whoever runs this service, or your operator, to invite you.")

// NewRegistrar makes a registrar. It calls queued after each mail that it has queued.
func NewRegistrar(store RegistrationStore, hasher Hasher, policy credential.Policy, limits Throttle, queued func()) *Registrar {
	return &Registrar{store: store, hasher: hasher, policy: policy, throttle: limits, queued: queued}
}

// ByInvitation makes Register refuse everybody.
func (r *Registrar) ByInvitation() { r.invited = true }

// Form is what a person fills in to register.
type Form struct {
	Email    string
	Password string
	Username string // "" for none
	Name     string
	Locale   string
}

// takenUsername is the one answer to a username that somebody has, or that looks like one.
var takenUsername = ErrUsernameTaken.At(fault.Field{Pointer: "/username", Code: "taken", Detail: "somebody has this username or one that looks like it"})

// Register keeps the registration and has a mail sent to its address: the link that confirms it, or word that there is an
// account already. The caller learns nothing of the difference. It returns faults of the form, all at once, with their
// pointers; ErrUsernameTaken, whatever the address; ErrInvitationNeeded; and throttle.ErrLimited.
func (r *Registrar) Register(ctx context.Context, form Form, from caller.Caller) error {
	if r.invited {
		return ErrInvitationNeeded
	}
	registration, err := ReadForm(form, r.policy)
	if err != nil {
		return err
	}
	if err := r.throttle.Take(ctx, MailCharges(registration.Email, from)...); err != nil {
		return err
	}
	if !registration.Username.IsZero() {
		taken, err := r.store.UsernameTaken(ctx, registration.Username)
		if err != nil {
			return err
		}
		if taken {
			return takenUsername
		}
	}
	if registration.PasswordHash, err = r.hasher.Hash(ctx, form.Password); err != nil {
		return err
	}
	event := audit.New(audit.Registered, uuid.Nil, audit.Anonymous).From(from).With("registration", registration.ID.String())
	if err := r.store.Register(ctx, registration, notice.OfRegistration(registration.ID), event); err != nil {
		return err
	}
	r.queued()
	return nil
}

// ReadInvitee reads the address of an invitation and the language of its letter, "" for none. It returns the faults of both.
func ReadInvitee(address, locale string) (Email, string, error) {
	var faults faultList
	email, err := ParseEmail(address)
	if err != nil {
		faults.add("/email", err)
	}
	if locale != "" {
		if locale, err = ParseLocale(locale); err != nil {
			faults.add("/locale", err)
		}
	}
	return email, locale, faults.err()
}

// ReadForm checks a form and returns the registration but for the hash of its password, or all faults of the form in one.
func ReadForm(form Form, policy credential.Policy) (Registration, error) {
	registration := Registration{ID: uuid.Must(uuid.NewV7()), Life: notice.DefaultLives.Confirm}
	var faults faultList
	var err error
	if registration.Email, err = ParseEmail(form.Email); err != nil {
		faults.add("/email", err)
	}
	if form.Username != "" {
		if registration.Username, err = ParseUsername(form.Username); err != nil {
			faults.add("/username", err)
		}
	}
	if registration.Name, err = ParseName(form.Name); err != nil {
		faults.add("/name", err)
	}
	if form.Locale != "" {
		if registration.Locale, err = ParseLocale(form.Locale); err != nil {
			faults.add("/locale", err)
		}
	}
	if err := policy.Check("/password", form.Password, form.Email, form.Username, form.Name); err != nil {
		faults.add("/password", err)
	}
	return registration, faults.err()
}

// Confirm makes the account that a token's registration asked for. It returns ErrLink when the token is not valid.
func (r *Registrar) Confirm(ctx context.Context, text string, from caller.Caller) (Account, error) {
	hash, err := token.Parse(token.ConfirmEmail, text)
	if err != nil {
		return Account{}, ErrLink.Because(err)
	}
	id := uuid.Must(uuid.NewV7())
	return r.store.Confirm(ctx, hash, id, audit.New(audit.Confirmed, id, audit.ByAccount(id)).From(from))
}

// Resend has the link of the newest waiting registration of an address sent again, if there is one. The caller is not told.
// It returns ErrEmail and throttle.ErrLimited.
func (r *Registrar) Resend(ctx context.Context, address string, from caller.Caller) error {
	return askForMail(ctx, r.store, r.throttle, r.queued, address, notice.ResendAsked, audit.ResendAsked, from)
}
