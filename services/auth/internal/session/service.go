package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/throttle"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Store keeps sessions.
type Store interface {
	// FindCandidate returns whom an identity names; the zero Candidate when it is nobody.
	FindCandidate(ctx context.Context, identity account.Identity, network caller.Network) (Candidate, error)
	// Begin writes a session, and calls an erasure of the account off. It returns ErrCredentials when the account has changed
	// since it was a candidate.
	Begin(ctx context.Context, b Beginning) error
	// Rotate exchanges a refresh token; see Outcome.
	Rotate(ctx context.Context, r Rotation) (Turn, error)
	// EndByToken ends the session that a refresh token belongs to, used or not. Unknown tokens and ended sessions are no error.
	EndByToken(ctx context.Context, refresh token.Hash, reason Reason, event audit.Event) error
	// End ends one session of an account, or all for the zero session. Ended ones are no error.
	End(ctx context.Context, holder account.Holder, reason Reason, event audit.Event) error
}

// Minter makes and reads access tokens; see package token.
type Minter interface {
	Mint(a token.Access, ttl time.Duration) (text string, minted token.Access, err error)
	Read(text string) (token.Access, error)
}

// Throttle takes units from budgets, and gives them back.
type Throttle interface {
	account.Throttle
	// GiveBack undoes a Take.
	GiveBack(ctx context.Context, charges ...throttle.Charge) error
}

// Recorder writes audit events that belong to no other write.
type Recorder interface {
	Record(ctx context.Context, event audit.Event) error
}

// Service begins, continues and ends sessions.
type Service struct {
	store     Store
	hasher    account.Hasher
	minter    Minter
	throttle  Throttle
	recorder  Recorder
	second    SecondStore
	factors   Factors
	passkeys  Passkeys
	audiences []string
	lifetimes Lifetimes
	now       func() time.Time
}

// Needs are what a Service is made of.
type Needs struct {
	Store     Store
	Hasher    account.Hasher
	Minter    Minter
	Throttle  Throttle
	Recorder  Recorder
	Second    SecondStore
	Factors   Factors
	Passkeys  Passkeys
	Audiences []string // of the access tokens
	Lifetimes Lifetimes
	Now       func() time.Time
}

// NewService makes a Service.
func NewService(n Needs) *Service {
	return &Service{
		store: n.Store, hasher: n.Hasher, minter: n.Minter, throttle: n.Throttle, recorder: n.Recorder,
		second: n.Second, factors: n.Factors, passkeys: n.Passkeys,
		audiences: n.Audiences, lifetimes: n.Lifetimes, now: n.Now,
	}
}

// Budgets of guesses. There is no lockout that an attacker could use against the owner: what a stranger uses up is the budget
// of the stranger's own network, and the common one that is asked only of networks from which the account has never logged in.
var (
	guessesFromNetwork = throttle.Rule{Name: "login-network", Burst: 100, Every: 10 * time.Second}
	guessesAtAccount   = throttle.Rule{Name: "login-account-network", Burst: 10, Every: time.Minute}
	guessesByStrangers = throttle.Rule{Name: "login-account", Burst: 100, Every: time.Minute}
)

// Attempt is a login to be tried.
type Attempt struct {
	Login      string
	Password   string
	Remember   bool
	DeviceName string
	Resources  []string // that the access token shall be for; none: all
	From       caller.Caller
}

// Login begins a session. Whether nobody has the login, the password is wrong or the address is not confirmed, it takes as
// long and returns ErrCredentials. It returns throttle.ErrLimited when there were too many guesses, credential.ErrBusy when
// too many people log in at once, ErrDisabled, ErrSecondFactor, and
// ErrAudience before all of that.
func (s *Service) Login(ctx context.Context, attempt Attempt) (Tokens, error) {
	if err := s.checkAudiences(attempt.Resources); err != nil {
		return Tokens{}, err
	}
	identity := account.IdentityOf(attempt.Login)
	candidate, err := s.store.FindCandidate(ctx, identity, attempt.From.Network)
	if err != nil {
		return Tokens{}, err
	}
	// One budget for an account, by whichever of its names it is tried; one for each name that is nobody's.
	subject := identity.Key()
	if candidate.Account != uuid.Nil {
		subject = candidate.Account[:]
	}
	charges := []throttle.Charge{
		guessesAtAccount.For(subject, attempt.From.Network[:]), guessesFromNetwork.For(attempt.From.Network[:]),
	}
	if !candidate.KnownNetwork {
		charges = append(charges, guessesByStrangers.For(subject))
	}
	if err := s.throttle.Take(ctx, charges...); err != nil {
		return Tokens{}, err
	}
	ok, outdated, err := s.hasher.Verify(ctx, candidate.PasswordHash, attempt.Password)
	if err != nil {
		_ = s.throttle.GiveBack(ctx, charges...) // no guess was answered; failing to say so errs on the safe side
		return Tokens{}, err
	}
	if !ok {
		return Tokens{}, s.fail(ctx, attempt, candidate, "credentials", ErrCredentials)
	}
	if candidate.Disabled {
		return Tokens{}, s.fail(ctx, attempt, candidate, "disabled", ErrDisabled)
	}
	tokens, err := Tokens{}, error(nil)
	if candidate.needsMore() {
		err = s.hold(ctx, attempt, candidate, outdated)
	} else {
		tokens, err = s.begin(ctx, attempt, candidate, beginning{methods: Methods{ByPassword}, outdated: outdated})
	}
	if err != nil && !errors.Is(err, ErrSecondFactor) {
		return Tokens{}, err
	}
	// The person is in: what they mistyped before is forgotten.
	charges[0] = charges[0].All()
	return tokens, errors.Join(err, s.throttle.GiveBack(ctx, charges...))
}

// fail records a login that failed and returns why.
func (s *Service) fail(ctx context.Context, attempt Attempt, candidate Candidate, reason string, why error) error {
	event := audit.New(audit.LoginFailed, candidate.Account, audit.Anonymous).From(attempt.From).With("reason", reason)
	if err := s.recorder.Record(ctx, event); err != nil {
		return err
	}
	return why
}

// beginning is how a session begins.
type beginning struct {
	methods  Methods
	outdated bool // the password's hash
}

func (s *Service) begin(ctx context.Context, attempt Attempt, candidate Candidate, how beginning) (Tokens, error) {
	id := uuid.Must(uuid.NewV7())
	b := Beginning{
		Session: id, Account: candidate.Account, SecurityVersion: candidate.SecurityVersion, Client: FirstParty,
		DeviceName: attempt.DeviceName, From: attempt.From, Remember: attempt.Remember,
		Life: s.lifetimes.Session, RefreshLife: s.lifetimes.Idle, Methods: how.methods,
		Event: audit.New(audit.LoggedIn, candidate.Account, audit.ByAccount(candidate.Account)).In(id).From(attempt.From),
	}
	if attempt.Remember {
		b.Life, b.RefreshLife = s.lifetimes.RememberSession, s.lifetimes.RememberIdle
	}
	if how.outdated {
		hash, err := s.hasher.Hash(ctx, attempt.Password)
		if err != nil {
			return Tokens{}, err
		}
		b.Rehash = hash
	}
	refresh := token.New(token.Refresh)
	b.Refresh = token.HashOf(refresh)
	// The access token first: without keys to sign it no session shall begin.
	tokens, err := s.mint(Turn{Session: id, Account: b.Account, Client: b.Client, AuthTime: s.now(), Methods: b.Methods, Grants: candidate.Grants, RightsVersion: candidate.RightsVersion}, Narrowing{Audiences: attempt.Resources})
	if err != nil {
		return Tokens{}, err
	}
	tokens.Refresh, tokens.RefreshLife = refresh, b.RefreshLife
	return tokens, s.store.Begin(ctx, b)
}

// Narrowing asks for less than a session has. The zero Narrowing asks for all of it.
type Narrowing struct {
	Scopes    []string
	Audiences []string
}

// Refresh exchanges a refresh token of the client for the next pair. It returns ErrRefresh for every token that does not
// work, ErrScope and ErrAudience for a narrowing that asks for more than there is (the exchange has then taken place, and
// asking again gives its result).
func (s *Service) Refresh(ctx context.Context, text, client string, narrowing Narrowing, from caller.Caller) (Tokens, error) {
	presented, err := token.Parse(token.Refresh, text)
	if err != nil {
		return Tokens{}, ErrRefresh.Because(err)
	}
	successor := token.New(token.Refresh)
	turn, err := s.store.Rotate(ctx, Rotation{
		Presented: presented, Client: client, From: from, Successor: token.HashOf(successor), Sealed: sealFor(text, successor),
		Lifetimes: s.lifetimes,
	})
	if err != nil {
		return Tokens{}, err
	}
	switch turn.Outcome {
	case Rotated:
	case Repeated:
		if successor, err = openWith(text, turn.Sealed); err != nil {
			return Tokens{}, fmt.Errorf("the successor of a refresh token: %w", err)
		}
	case Refused, Reused:
		return Tokens{}, ErrRefresh
	}
	tokens, err := s.mint(turn, narrowing)
	if err != nil {
		return Tokens{}, err
	}
	tokens.Refresh, tokens.RefreshLife = successor, turn.RefreshLife
	return tokens, nil
}

// checkAudiences returns ErrAudience for a service that no session's tokens are for.
func (s *Service) checkAudiences(wanted []string) error {
	for _, audience := range wanted {
		if !slices.Contains(s.audiences, audience) {
			return ErrAudience.Detailf("the session's tokens are not for %q", audience)
		}
	}
	return nil
}

func (s *Service) mint(turn Turn, narrowing Narrowing) (Tokens, error) {
	authority := role.AuthorityOf(turn.Grants)
	scopes, audiences := authority.Scopes, s.audiences
	for _, scope := range narrowing.Scopes {
		if !slices.Contains(authority.Scopes, scope) {
			return Tokens{}, ErrScope.Detailf("the session does not have the scope %q", scope)
		}
	}
	if len(narrowing.Scopes) > 0 {
		scopes = narrowing.Scopes
	}
	if err := s.checkAudiences(narrowing.Audiences); err != nil {
		return Tokens{}, err
	}
	if len(narrowing.Audiences) > 0 {
		audiences = narrowing.Audiences
	}
	life := s.lifetimes.access(authority)
	text, _, err := s.minter.Mint(token.Access{
		Subject: turn.Account, ClientID: turn.Client, Audience: audiences, Scopes: scopes, Roles: authority.Roles,
		Operator: authority.Operator, SessionID: turn.Session, AuthTime: turn.AuthTime, ACR: turn.Methods.Level(), AMR: turn.Methods, Version: turn.RightsVersion,
	}, life)
	return Tokens{Access: text, AccessLife: life, Scopes: scopes}, err
}

// Logout ends the holder's session.
func (s *Service) Logout(ctx context.Context, holder account.Holder, from caller.Caller) error {
	return s.store.End(ctx, holder, LoggedOut, ended(holder, LoggedOut, from))
}

// LogoutAll ends every session of the holder's account.
func (s *Service) LogoutAll(ctx context.Context, holder account.Holder, from caller.Caller) error {
	return s.store.End(ctx, account.Holder{Account: holder.Account}, LoggedOutAll, ended(holder, LoggedOutAll, from))
}

// Revoke ends the session that a refresh or an access token belongs to. What is no token of a session is no error (RFC 7009,
// section 2.2).
func (s *Service) Revoke(ctx context.Context, text string, from caller.Caller) error {
	if hash, err := token.Parse(token.Refresh, text); err == nil {
		event := audit.New(audit.LoggedOut, uuid.Nil, audit.Anonymous).From(from).With("reason", string(Revoked))
		return s.store.EndByToken(ctx, hash, Revoked, event)
	}
	access, err := s.minter.Read(text)
	if err != nil || access.SessionID == uuid.Nil {
		return nil //nolint:nilerr // by the protocol a token that is not live is as good as revoked
	}
	if access.Actor != uuid.Nil {
		return ErrNotRevocable
	}
	holder := account.Holder{Account: access.Subject, Session: access.SessionID}
	return s.store.End(ctx, holder, Revoked, ended(holder, Revoked, from))
}

func ended(holder account.Holder, reason Reason, from caller.Caller) audit.Event {
	return audit.New(audit.LoggedOut, holder.Account, audit.ByAccount(holder.Account)).In(holder.Session).From(from).
		With("reason", string(reason))
}
