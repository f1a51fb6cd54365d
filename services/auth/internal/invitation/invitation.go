// Package invitation is about people who are asked to join: an operator's administrator invites colleagues with roles within that
// operator, an administrator of the product anybody with any role.
//
// An invitation is bound to an address, works once, and for a week. Whoever follows its link has the address, so the account that
// is made needs no further confirmation; an account that the address has already is given the roles. The roles are given only if
// the inviter may still give them then.
package invitation

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/credential"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/throttle"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Faults of invitations.
var (
	// ErrNone is returned for an invitation that is not there or not the caller's business.
	ErrNone = fault.Define(fault.NotFound, "no_such_invitation", "There is no such invitation")
	// ErrOver is returned for the revocation of an invitation that has been accepted or revoked, or has expired.
	ErrOver = fault.Define(fault.Conflict, "invitation_over", "The invitation is not open any more")
	// ErrRoles is returned for roles that make no sense together.
	ErrRoles = fault.Define(fault.Invalid, "bad_roles", "These roles cannot be given together")
	// ErrPasswordNeeded is returned to who accepts and has no account yet.
	ErrPasswordNeeded = fault.Define(fault.Invalid, "password_needed", "A new account needs a password").
				At(fault.Field{Pointer: "/password", Code: "required", Detail: "the address has no account yet"})
)

// Invitation is one.
type Invitation struct {
	ID         uuid.UUID
	Email      account.Email
	Grants     []role.Grant
	Operator   uuid.UUID // that of the grants; zero when none is within one
	Locale     string
	InvitedBy  uuid.UUID
	CreatedAt  time.Time
	ExpiresAt  time.Time
	AcceptedAt time.Time // zero: not yet
	RevokedAt  time.Time // zero: not
	Expired    bool
}

// State is what became of it.
func (i Invitation) State() string {
	switch {
	case !i.AcceptedAt.IsZero():
		return "accepted"
	case !i.RevokedAt.IsZero():
		return "revoked"
	case i.Expired:
		return "expired"
	}
	return "open"
}

// Opening is an invitation as the holder of its link sees it.
type Opening struct {
	Email      account.Email
	HasAccount bool
}

// Store keeps invitations. Its methods return account.ErrNone for a holder whose login has ended, and role.ErrMayNot for one who
// may not give the roles.
type Store interface {
	// Invite keeps an invitation and queues its mail.
	Invite(ctx context.Context, holder account.Holder, i Invitation, life time.Duration, event audit.Event) (Invitation, error)
	// ListInvitations returns up to limit invitations that the holder may revoke and that are older than the one named (the zero
	// id names one after all), newest first.
	ListInvitations(ctx context.Context, holder account.Holder, before uuid.UUID, limit int) ([]Invitation, error)
	// RevokeInvitation ends an open one. It returns ErrNone and ErrOver.
	RevokeInvitation(ctx context.Context, holder account.Holder, id uuid.UUID, event audit.Event) error
	// OpenInvitation returns the invitation that a token is for, without consuming it, or account.ErrLink.
	OpenInvitation(ctx context.Context, hash token.Hash) (Opening, error)
	// AcceptInvitation consumes a token: it makes the newcomer an account with the given id, or gives the account that the
	// address has its roles. It returns account.ErrLink, ErrPasswordNeeded when there is neither an account nor a newcomer, and
	// account.ErrUsernameTaken.
	AcceptInvitation(ctx context.Context, hash token.Hash, id uuid.UUID, newcomer *account.Registration, from caller.Caller) (account.Account, error)
}

// Service invites and lets people accept.
type Service struct {
	store    Store
	hasher   account.Hasher
	policy   credential.Policy
	throttle account.Throttle
	queued   func()
}

// NewService makes a Service. It calls queued after each mail that it has queued.
func NewService(store Store, hasher account.Hasher, policy credential.Policy, limits account.Throttle, queued func()) *Service {
	return &Service{store: store, hasher: hasher, policy: policy, throttle: limits, queued: queued}
}

// byInviter is the budget of invitations by one person.
var byInviter = throttle.Rule{Name: "invitations", Burst: 50, Every: 10 * time.Minute}

// Invite has a link mailed to an address. Whether it has an account is not said. It returns account.ErrEmail, account.ErrLocale,
// role.ErrGrant, ErrRoles, role.ErrMayNot and throttle.ErrLimited.
func (s *Service) Invite(ctx context.Context, holder account.Holder, address, locale string, grants []role.Grant, from caller.Caller) (Invitation, error) {
	i := Invitation{ID: uuid.Must(uuid.NewV7()), Grants: grants, InvitedBy: holder.Account}
	var err error
	if i.Email, i.Locale, err = account.ReadInvitee(address, locale); err != nil {
		return Invitation{}, err
	}
	for _, grant := range grants {
		if err := grant.Check(); err != nil {
			return Invitation{}, err
		}
		if !grant.Role.WithinOperator() {
			continue
		}
		if i.Operator != uuid.Nil && grant.Operator != i.Operator {
			return Invitation{}, ErrRoles.Detailf("an invitation is for the staff of one operator")
		}
		i.Operator = grant.Operator
	}
	if err := s.throttle.Take(ctx, append(account.MailCharges(i.Email, from), byInviter.For(holder.Account[:]))...); err != nil {
		return Invitation{}, err
	}
	event := audit.New(audit.Invited, holder.Account, audit.ByAccount(holder.Account)).In(holder.Session).From(from).
		Within(i.Operator).With("invitation", i.ID.String())
	if i, err = s.store.Invite(ctx, holder, i, notice.DefaultLives.Invite, event); err != nil {
		return Invitation{}, err
	}
	s.queued()
	return i, nil
}

// List returns the invitations that the holder may revoke, newest first.
func (s *Service) List(ctx context.Context, holder account.Holder, before uuid.UUID, limit int) ([]Invitation, error) {
	return s.store.ListInvitations(ctx, holder, before, limit)
}

// Revoke ends an open invitation. It returns ErrNone and ErrOver.
func (s *Service) Revoke(ctx context.Context, holder account.Holder, id uuid.UUID, from caller.Caller) error {
	event := audit.New(audit.InvitationRevoked, holder.Account, audit.ByAccount(holder.Account)).In(holder.Session).From(from).With("invitation", id.String())
	return s.store.RevokeInvitation(ctx, holder, id, event)
}

// Acceptance is what somebody says who accepts. All but the token is for a new account, and not looked at otherwise.
type Acceptance struct {
	Token    string
	Password string
	Username string
	Name     string
	Locale   string
}

// Accept gives whoever has the address of an invitation its roles, with a new account when there is none. The form is checked
// first, so that a fault in it does not cost the token. It returns account.ErrLink, the faults of the form, and
// account.ErrUsernameTaken.
func (s *Service) Accept(ctx context.Context, a Acceptance, from caller.Caller) (account.Account, error) {
	hash, err := token.Parse(token.Invitation, a.Token)
	if err != nil {
		return account.Account{}, account.ErrLink.Because(err)
	}
	opening, err := s.store.OpenInvitation(ctx, hash)
	if err != nil {
		return account.Account{}, err
	}
	var newcomer *account.Registration
	if !opening.HasAccount {
		if a.Password == "" {
			return account.Account{}, ErrPasswordNeeded
		}
		form := account.Form{Email: opening.Email.Address(), Password: a.Password, Username: a.Username, Name: a.Name, Locale: a.Locale}
		registration, err := account.ReadForm(form, s.policy)
		if err != nil {
			return account.Account{}, err
		}
		if registration.PasswordHash, err = s.hasher.Hash(ctx, a.Password); err != nil {
			return account.Account{}, err
		}
		newcomer = &registration
	}
	accepted, err := s.store.AcceptInvitation(ctx, hash, uuid.Must(uuid.NewV7()), newcomer, from)
	if err != nil {
		return account.Account{}, err
	}
	s.queued()
	return accepted, nil
}
