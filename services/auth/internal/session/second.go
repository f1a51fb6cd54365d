package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/mfa"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/passkey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/throttle"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Faults of logins by more than a password.
var (
	// ErrSecondFactor is returned by Login when the password was right and is not enough. It carries the token with which the
	// login is completed.
	ErrSecondFactor = fault.Define(fault.Unauthenticated, "mfa_required", "A second factor is needed").
			Detailf("Complete the login with the mfa_token and one of the methods.")
	// ErrPending is the one answer to an mfa_token that does not work.
	ErrPending = fault.Define(fault.Unauthenticated, "invalid_mfa_token", "This login does not wait any more").
			Detailf("The token is unknown, used or expired, or there were too many attempts with it. Log in again.")
)

const (
	// pendingLife is how long a login waits for its second factor.
	pendingLife = 5 * time.Minute
	// pendingAttempts is how often a second factor may be asked for or tried on one login.
	pendingAttempts = 10
)

// Pending is a login that waits for its second factor.
type Pending struct {
	Token      token.Hash
	Candidate  Candidate
	DeviceName string
	Remember   bool
	Rehash     string // the password's new hash; "" when the old one will do
	Life       time.Duration
}

// Proven is a session whose owner proves anew who they are.
type Proven struct {
	Holder          account.Holder
	SecurityVersion int
	Methods         Methods
	Event           audit.Event
}

// SecondStore keeps logins that wait for a second factor, and proofs that come later.
type SecondStore interface {
	// Hold keeps a login that waits.
	Hold(ctx context.Context, p Pending) error
	// Try returns a login that waits and counts the attempt. It returns ErrPending when it does not wait, was tried most times, or
	// the account has changed.
	Try(ctx context.Context, pending token.Hash, most int) (Pending, error)
	// Take ends the waiting, and reports false when another was faster.
	Take(ctx context.Context, pending token.Hash) (bool, error)
	// FindByAccount returns an account as a candidate; the zero Candidate when there is none.
	FindByAccount(ctx context.Context, id uuid.UUID, network caller.Network) (Candidate, error)
	// FindByHolder returns the account of a live session, or account.ErrNone.
	FindByHolder(ctx context.Context, holder account.Holder, network caller.Network) (Candidate, error)
	// Prove writes a new proof into a live session, or returns account.ErrNone.
	Prove(ctx context.Context, p Proven) (Turn, error)
}

// Factors checks second factors; see mfa.Service.
type Factors interface {
	Check(ctx context.Context, c mfa.Check) (methods []string, err error)
}

// Passkeys runs the ceremonies of passkeys; see passkey.Service.
type Passkeys interface {
	BeginLogin(ctx context.Context) (passkey.Challenge, error)
	BeginFor(ctx context.Context, account uuid.UUID, purpose passkey.Purpose, boundTo []byte) (passkey.Challenge, error)
	Finish(ctx context.Context, f passkey.Finish) (passkey.Passkey, error)
}

// hold lets a login wait for its second factor, and returns the ErrSecondFactor to tell so.
func (s *Service) hold(ctx context.Context, attempt Attempt, candidate Candidate, outdated bool) error {
	text := token.New(token.SecondFactor)
	p := Pending{
		Token: token.HashOf(text), Candidate: candidate, DeviceName: attempt.DeviceName, Remember: attempt.Remember, Life: pendingLife,
	}
	if outdated {
		var err error
		if p.Rehash, err = s.hasher.Hash(ctx, attempt.Password); err != nil {
			return err
		}
	}
	if err := s.second.Hold(ctx, p); err != nil {
		return err
	}
	methods := []string{"recovery_code"}
	if candidate.HasApp {
		methods = append(methods, "totp")
	}
	if candidate.HasPasskey {
		methods = append(methods, "passkey")
	}
	slices.Sort(methods)
	return ErrSecondFactor.With("mfa_token", text).With("expires_in", int64(pendingLife/time.Second)).With("methods", methods)
}

// Complete begins the session of a login that waits, given a second factor. It returns ErrPending, what mfa.Service.Check
// returns, ErrDisabled, and ErrAudience before a factor is used.
func (s *Service) Complete(ctx context.Context, text string, proof mfa.Proof, resources []string, from caller.Caller) (Tokens, error) {
	hash, err := token.Parse(token.SecondFactor, text)
	if err != nil {
		return Tokens{}, ErrPending.Because(err)
	}
	if err := errors.Join(proof.Check(), s.checkAudiences(resources)); err != nil { // a form that says nothing costs no attempt
		return Tokens{}, err
	}
	pending, err := s.second.Try(ctx, hash, pendingAttempts)
	if err != nil {
		return Tokens{}, err
	}
	candidate, attempt := pending.Candidate, Attempt{DeviceName: pending.DeviceName, Remember: pending.Remember, Resources: resources, From: from}
	methods, err := s.factors.Check(ctx, mfa.Check{
		Account: candidate.Account, Proof: proof, Purpose: passkey.SecondFactor, BoundTo: hash[:], Known: candidate.KnownNetwork, From: from,
	})
	if err != nil {
		if fault.Of(err).Kind() == fault.Internal {
			return Tokens{}, err
		}
		return Tokens{}, s.fail(ctx, attempt, candidate, "second_factor", err)
	}
	if taken, err := s.second.Take(ctx, hash); err != nil || !taken {
		return Tokens{}, either(err, ErrPending)
	}
	return s.begin(ctx, attempt, candidate, beginning{methods: withPassword(methods)})
}

// BeginSecondFactor returns the challenge for a passkey as the second factor of a login that waits. It returns ErrPending and
// passkey.ErrNone.
func (s *Service) BeginSecondFactor(ctx context.Context, text string) (passkey.Challenge, error) {
	hash, err := token.Parse(token.SecondFactor, text)
	if err != nil {
		return passkey.Challenge{}, ErrPending.Because(err)
	}
	pending, err := s.second.Try(ctx, hash, pendingAttempts)
	if err != nil {
		return passkey.Challenge{}, err
	}
	return s.passkeys.BeginFor(ctx, pending.Candidate.Account, passkey.SecondFactor, hash[:])
}

// BeginPasskeyLogin returns the challenge of a login without a password.
func (s *Service) BeginPasskeyLogin(ctx context.Context) (passkey.Challenge, error) {
	return s.passkeys.BeginLogin(ctx)
}

// PasskeyAttempt is a login without a password.
type PasskeyAttempt struct {
	Ceremony   string
	Response   []byte
	Remember   bool
	DeviceName string
	Resources  []string // that the access token shall be for; none: all
	From       caller.Caller
}

// LoginByPasskey begins a session of whoever the passkey belongs to. It returns passkey.ErrRefused, throttle.ErrLimited,
// ErrDisabled, and ErrAudience before the answer is used.
func (s *Service) LoginByPasskey(ctx context.Context, a PasskeyAttempt) (Tokens, error) {
	if err := s.checkAudiences(a.Resources); err != nil {
		return Tokens{}, err
	}
	charge := guessesFromNetwork.For(a.From.Network[:])
	if err := s.throttle.Take(ctx, charge); err != nil {
		return Tokens{}, err
	}
	attempt := Attempt{Remember: a.Remember, DeviceName: a.DeviceName, Resources: a.Resources, From: a.From}
	used, err := s.passkeys.Finish(ctx, passkey.Finish{Token: a.Ceremony, Purpose: passkey.Login, BoundTo: []byte{}, Response: a.Response, From: a.From})
	if err != nil {
		if fault.Of(err).Kind() == fault.Internal {
			return Tokens{}, err
		}
		return Tokens{}, s.fail(ctx, attempt, Candidate{}, "passkey", err)
	}
	candidate, err := s.second.FindByAccount(ctx, used.Account, a.From.Network)
	switch {
	case err != nil:
		return Tokens{}, err
	case candidate.Account == uuid.Nil:
		return Tokens{}, passkey.ErrRefused
	case candidate.Disabled:
		return Tokens{}, s.fail(ctx, attempt, candidate, "disabled", ErrDisabled)
	}
	tokens, err := s.begin(ctx, attempt, candidate, beginning{methods: used.Methods()})
	if err != nil {
		return Tokens{}, err
	}
	return tokens, s.throttle.GiveBack(ctx, charge)
}

// guessesAtSession is the budget for the password of a step-up: an unlocked phone is no place to find it out.
var guessesAtSession = throttle.Rule{Name: "step-up", Burst: 10, Every: time.Minute}

// BeginStepUp returns the challenge for stepping up with a passkey. It returns account.ErrNone and passkey.ErrNone.
func (s *Service) BeginStepUp(ctx context.Context, holder account.Holder, from caller.Caller) (passkey.Challenge, error) {
	if _, err := s.second.FindByHolder(ctx, holder, from.Network); err != nil {
		return passkey.Challenge{}, err
	}
	return s.passkeys.BeginFor(ctx, holder.Account, passkey.StepUp, holder.Session[:])
}

// Faults of stepping up.
var (
	// ErrWrongPassword is returned for a step-up with another password.
	ErrWrongPassword = fault.Define(fault.Forbidden, "wrong_password", "The password is not right").
				At(fault.Field{Pointer: "/password", Code: "wrong_password", Detail: "not the password of the account"})
	// ErrProofMissing is returned for a step-up that would not make the session any surer.
	ErrProofMissing = fault.Define(fault.Invalid, "proof_missing", "This does not prove enough")
)

// StepUp writes a new proof into the holder's session and returns an access token that tells of it; there is no refresh token. The
// password alone is enough only while there is no second factor. It returns ErrProofMissing, ErrWrongPassword, account.ErrNone,
// throttle.ErrLimited and what mfa.Service.Check returns.
func (s *Service) StepUp(ctx context.Context, holder account.Holder, password string, proof mfa.Proof, from caller.Caller) (Tokens, error) {
	candidate, err := s.second.FindByHolder(ctx, holder, from.Network)
	if err != nil {
		return Tokens{}, err
	}
	var methods []string
	byPasskey := proof.Passkey != nil && password == ""
	switch {
	case byPasskey: // two factors by itself
	case password == "":
		return Tokens{}, ErrProofMissing.Detailf("Give the password, or a passkey alone.").
			At(fault.Field{Pointer: "/password", Code: "required", Detail: "is missing"})
	case candidate.needsMore() && !proof.Given():
		return Tokens{}, ErrProofMissing.Detailf("The account has a second factor: give it with the password.").
			At(fault.Field{Pointer: "/totp_code", Code: "required", Detail: "this, recovery_code or passkey is missing"})
	default:
		if err := s.verifyOwn(ctx, candidate, password); err != nil {
			return Tokens{}, err
		}
		methods = []string{ByPassword}
	}
	if proof.Given() {
		more, err := s.factors.Check(ctx, mfa.Check{
			Account: holder.Account, Proof: proof, Purpose: passkey.StepUp, BoundTo: holder.Session[:], Known: true, From: from,
		})
		if err != nil {
			return Tokens{}, err
		}
		if methods = more; !byPasskey {
			methods = withPassword(more)
		}
	}
	event := audit.New(audit.SteppedUp, holder.Account, audit.ByAccount(holder.Account)).In(holder.Session).From(from)
	turn, err := s.second.Prove(ctx, Proven{Holder: holder, SecurityVersion: candidate.SecurityVersion, Methods: methods, Event: event})
	if err != nil {
		return Tokens{}, err
	}
	return s.mint(turn, Narrowing{})
}

func (s *Service) verifyOwn(ctx context.Context, candidate Candidate, password string) error {
	charge := guessesAtSession.For(candidate.Account[:])
	if err := s.throttle.Take(ctx, charge); err != nil {
		return err
	}
	ok, _, err := s.hasher.Verify(ctx, candidate.PasswordHash, password)
	switch {
	case err != nil:
		return err
	case !ok:
		return ErrWrongPassword
	}
	return s.throttle.GiveBack(ctx, charge.All())
}

// withPassword are the methods of a password and a second factor.
func withPassword(second []string) Methods {
	methods := append(Methods{ByPassword}, second...)
	if !slices.Contains(methods, ByTwoFactors) {
		methods = append(methods, ByTwoFactors)
	}
	return methods
}

func either(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
