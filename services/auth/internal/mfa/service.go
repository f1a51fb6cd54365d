package mfa

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/passkey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/throttle"
)

// Store keeps authenticator apps and recovery codes.
type Store interface {
	// GetAccount returns the holder's account, or account.ErrNone.
	GetAccount(ctx context.Context, holder account.Holder) (account.Account, error)
	// Overview returns what protects an account.
	Overview(ctx context.Context, id uuid.UUID) (Overview, error)
	// CreateApp keeps an app that waits for its first code, in place of others that do. It returns ErrTooMany.
	CreateApp(ctx context.Context, id uuid.UUID, app App, most int, event audit.Event) error
	// GetApp returns an account's app, confirmed or not, or ErrNotFound.
	GetApp(ctx context.Context, account, id uuid.UUID) (App, error)
	// ConfirmApp makes the app a factor from a time step on. When it is the account's first factor, the codes are kept and it
	// reports true. It returns ErrNotFound when the app does not wait any more.
	ConfirmApp(ctx context.Context, account, id uuid.UUID, step int64, codes []CodeHash, event audit.Event) (first bool, err error)
	// RemoveApp removes an app, and the recovery codes with the last factor. It returns ErrNotFound and ErrShortPassword.
	RemoveApp(ctx context.Context, account, id uuid.UUID, event audit.Event) error
	// ReplaceCodes keeps new recovery codes in place of the old. It returns ErrNone when there is no second factor.
	ReplaceCodes(ctx context.Context, account uuid.UUID, codes []CodeHash, event audit.Event) error
	// UseStep marks a time step of an app as used, and reports false when it, or a later one, was.
	UseStep(ctx context.Context, account, id uuid.UUID, step int64) (bool, error)
	// UseCode uses a recovery code, and reports false when there is no such unused one.
	UseCode(ctx context.Context, account uuid.UUID, code CodeHash, event audit.Event) (bool, error)
}

// Sealer encrypts under the key-encryption key; see signingkey.Sealer.
type Sealer interface {
	Seal(bound string, secret []byte) (sealed []byte, by string)
	Open(bound string, sealed []byte, by string) ([]byte, error)
}

// Throttle takes units from budgets, and gives them back.
type Throttle interface {
	account.Throttle
	GiveBack(ctx context.Context, charges ...throttle.Charge) error
}

// Passkeys checks a passkey as a second factor.
type Passkeys interface {
	Finish(ctx context.Context, f passkey.Finish) (passkey.Passkey, error)
}

// Service looks after second factors.
type Service struct {
	store    Store
	sealer   Sealer
	throttle Throttle
	passkeys Passkeys
	issuer   string
	now      func() time.Time
}

// NewService makes a Service. The issuer is what apps show beside the code.
func NewService(store Store, sealer Sealer, limits Throttle, passkeys Passkeys, issuer string, now func() time.Time) *Service {
	return &Service{store: store, sealer: sealer, throttle: limits, passkeys: passkeys, issuer: issuer, now: now}
}

// Overview returns what protects the holder's account, or account.ErrNone.
func (s *Service) Overview(ctx context.Context, holder account.Holder) (Overview, error) {
	if _, err := s.store.GetAccount(ctx, holder); err != nil {
		return Overview{}, err
	}
	return s.store.Overview(ctx, holder.Account)
}

// Enrol begins to set up an app. It is no factor before Confirm. It returns account.ErrNone, account.ErrName and ErrTooMany.
func (s *Service) Enrol(ctx context.Context, holder account.Holder, name string, from caller.Caller) (Enrolment, error) {
	who, err := s.store.GetAccount(ctx, holder)
	if err != nil {
		return Enrolment{}, err
	}
	if name, err = account.ParseNameAt("/name", name); err != nil {
		return Enrolment{}, err
	}
	secret, e, err := newSecret(s.issuer, who.Email.Address())
	if err != nil {
		return Enrolment{}, err
	}
	e.App = App{ID: uuid.Must(uuid.NewV7()), Name: name, CreatedAt: s.now()}
	e.App.Secret, e.App.SealedBy = s.sealer.Seal(boundTo(e.App.ID), secret)
	return e, s.store.CreateApp(ctx, who.ID, e.App, maxApps, event(audit.FactorEnrolled, holder, from, e.App.ID))
}

// Confirm makes the app a factor, given a code that it shows. With the account's first factor it returns recovery codes. It
// returns ErrCode, ErrNotFound, throttle.ErrLimited and account.ErrNone.
func (s *Service) Confirm(ctx context.Context, holder account.Holder, id uuid.UUID, code string, from caller.Caller) (codes []string, err error) {
	if _, err := s.store.GetAccount(ctx, holder); err != nil {
		return nil, err
	}
	app, err := s.store.GetApp(ctx, holder.Account, id)
	if err != nil {
		return nil, err
	}
	if app.Confirmed {
		return nil, ErrNotFound
	}
	charge := guessesFromNetwork.For(holder.Account[:], from.Network[:])
	if err := s.throttle.Take(ctx, charge); err != nil {
		return nil, err
	}
	secret, err := s.open(app)
	if err != nil {
		return nil, err
	}
	step, ok := stepOf(secret, code, s.now())
	if !ok {
		return nil, ErrCode
	}
	codes, hashes := NewCodes()
	first, err := s.store.ConfirmApp(ctx, holder.Account, id, step, hashes, event(audit.FactorConfirmed, holder, from, id))
	if err != nil {
		return nil, err
	}
	if !first {
		codes = nil
	}
	return codes, s.throttle.GiveBack(ctx, charge)
}

// Remove removes an app. It returns ErrNotFound, ErrShortPassword and account.ErrNone.
func (s *Service) Remove(ctx context.Context, holder account.Holder, id uuid.UUID, from caller.Caller) error {
	if _, err := s.store.GetAccount(ctx, holder); err != nil {
		return err
	}
	return s.store.RemoveApp(ctx, holder.Account, id, event(audit.FactorRemoved, holder, from, id))
}

// Regenerate replaces the recovery codes and returns the new ones. It returns ErrNone and account.ErrNone.
func (s *Service) Regenerate(ctx context.Context, holder account.Holder, from caller.Caller) ([]string, error) {
	if _, err := s.store.GetAccount(ctx, holder); err != nil {
		return nil, err
	}
	codes, hashes := NewCodes()
	err := s.store.ReplaceCodes(ctx, holder.Account, hashes, event(audit.CodesReplaced, holder, from, uuid.Nil))
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// Budgets of guesses at a second factor. They are as those at passwords: what a stranger uses up does not lock out the owner,
// who comes from a network that the account has logged in from. A code has a million values of which three are right, so that
// the budget of strangers gives them one chance in seven years.
var (
	guessesFromNetwork = throttle.Rule{Name: "factor-account-network", Burst: 10, Every: 5 * time.Minute}
	guessesByStrangers = throttle.Rule{Name: "factor-account", Burst: 20, Every: 10 * time.Minute}
)

// Check is a second factor to be checked.
type Check struct {
	Account uuid.UUID
	Proof   Proof
	Purpose passkey.Purpose // what a passkey's ceremony was begun for
	BoundTo []byte          // and what it was bound to
	Known   bool            // the account has logged in from this network
	From    caller.Caller
}

// Check returns the method of a second factor that is the account's, in the words of RFC 8176. It returns ErrProof, ErrWrong,
// throttle.ErrLimited, and passkey.ErrRefused.
func (s *Service) Check(ctx context.Context, c Check) (methods []string, err error) {
	if err := c.Proof.Check(); err != nil {
		return nil, err
	}
	if c.Proof.Passkey != nil { // nobody guesses a signature
		used, err := s.passkeys.Finish(ctx, passkey.Finish{
			Token: c.Proof.Ceremony, Purpose: c.Purpose, Account: c.Account, BoundTo: c.BoundTo, Response: c.Proof.Passkey, From: c.From,
		})
		if err != nil {
			return nil, err
		}
		return used.Methods(), nil
	}
	charges := []throttle.Charge{guessesFromNetwork.For(c.Account[:], c.From.Network[:])}
	if !c.Known {
		charges = append(charges, guessesByStrangers.For(c.Account[:]))
	}
	if err := s.throttle.Take(ctx, charges...); err != nil {
		return nil, err
	}
	right, err := s.right(ctx, c)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, ErrWrong
	}
	charges[0] = charges[0].All()
	return []string{"otp"}, s.throttle.GiveBack(ctx, charges...)
}

func (s *Service) right(ctx context.Context, c Check) (bool, error) {
	if c.Proof.Recovery != "" {
		used := audit.New(audit.CodeUsed, c.Account, audit.ByAccount(c.Account)).From(c.From)
		return s.store.UseCode(ctx, c.Account, hashOfCode(c.Proof.Recovery), used)
	}
	all, err := s.store.Overview(ctx, c.Account)
	if err != nil {
		return false, err
	}
	for _, app := range all.Apps {
		secret, err := s.open(app)
		if err != nil {
			return false, err
		}
		if step, ok := stepOf(secret, c.Proof.TOTP, s.now()); ok {
			return s.store.UseStep(ctx, c.Account, app.ID, step)
		}
	}
	return false, nil
}

func (s *Service) open(app App) ([]byte, error) {
	secret, err := s.sealer.Open(boundTo(app.ID), app.Secret, app.SealedBy)
	if err != nil {
		return nil, fmt.Errorf("the secret of an authenticator app: %w", err)
	}
	return secret, nil
}

// Resealer keeps secrets that may be sealed by an old key.
type Resealer interface {
	// Reseal replaces what another key than the current one has sealed, and returns how many rows that were.
	Reseal(ctx context.Context, current string, anew func(id uuid.UUID, sealed []byte, by string) ([]byte, error)) (int, error)
}

// Keyring is a Sealer that knows which of its keys seals.
type Keyring interface {
	Sealer
	Current() string
}

// Reseal seals every secret anew that another than the current key-encryption key has sealed, so that the old one can be taken
// away. It returns how many.
func Reseal(ctx context.Context, store Resealer, keys Keyring) (int, error) {
	return store.Reseal(ctx, keys.Current(), func(id uuid.UUID, sealed []byte, by string) ([]byte, error) {
		secret, err := keys.Open(boundTo(id), sealed, by)
		if err != nil {
			return nil, fmt.Errorf("the secret of authenticator app %s: %w", id, err)
		}
		anew, _ := keys.Seal(boundTo(id), secret)
		return anew, nil
	})
}

// boundTo is what a sealed secret belongs to: in another row it does not open.
func boundTo(id uuid.UUID) string { return "totp\x00" + id.String() }

func event(kind audit.Kind, holder account.Holder, from caller.Caller, factor uuid.UUID) audit.Event {
	e := audit.New(kind, holder.Account, audit.ByAccount(holder.Account)).In(holder.Session).From(from)
	if factor != uuid.Nil {
		e = e.With("factor", factor.String())
	}
	return e
}
