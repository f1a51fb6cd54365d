package passkey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Store keeps passkeys and ceremonies.
type Store interface {
	// GetAccount returns the holder's account, or account.ErrNone.
	GetAccount(ctx context.Context, holder account.Holder) (account.Account, error)
	// CreatePasskey keeps a passkey, and the recovery codes when it is the account's first factor, which it reports. It returns
	// ErrTaken and ErrTooMany.
	CreatePasskey(ctx context.Context, n NewPasskey) (first bool, err error)
	// ListPasskeys returns an account's, oldest first.
	ListPasskeys(ctx context.Context, account uuid.UUID) ([]Passkey, error)
	// RenamePasskey returns the passkey with its new name, or ErrNotFound.
	RenamePasskey(ctx context.Context, account, id uuid.UUID, name string, event audit.Event) (Passkey, error)
	// RemovePasskey removes one, and the recovery codes with the last factor. It returns ErrNotFound and mfa.ErrShortPassword.
	RemovePasskey(ctx context.Context, account, id uuid.UUID, event audit.Event) error
	// UsePasskey writes down the authenticator's count, and reports false when the stored one is not below it (and not both 0).
	UsePasskey(ctx context.Context, used Passkey) (bool, error)
	// BeginCeremony keeps a challenge.
	BeginCeremony(ctx context.Context, c Ceremony, life time.Duration) error
	// TakeCeremony returns a challenge that waits, and forgets it; ErrRefused when there is none of the purpose.
	TakeCeremony(ctx context.Context, hash token.Hash, purpose Purpose) (Ceremony, error)
	// Record writes an event that belongs to no other write.
	Record(ctx context.Context, event audit.Event) error
}

// Codes draws recovery codes: the texts to show, and what is stored of them; see mfa.NewCodes.
type Codes func() (texts []string, hashes [][32]byte)

// Service runs ceremonies.
type Service struct {
	store Store
	codes Codes
	rp    *webauthn.WebAuthn
	now   func() time.Time
}

// Site is who asks for passkeys.
type Site struct {
	ID      string   // the domain that passkeys belong to
	Name    string   // shown to people
	Origins []string // from which they may be used
}

// NewService makes a Service. It fails when the site's id is no domain, as for an IP address.
func NewService(store Store, codes Codes, site Site, now func() time.Time) (*Service, error) {
	required := true
	rp, err := webauthn.New(&webauthn.Config{
		RPID: site.ID, RPDisplayName: site.Name, RPOrigins: site.Origins,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: &required, UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{
			Login: webauthn.TimeoutConfig{Enforce: true, Timeout: Life, TimeoutUVD: Life}, Registration: webauthn.TimeoutConfig{Enforce: true, Timeout: Life, TimeoutUVD: Life},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	return &Service{store: store, codes: codes, rp: rp, now: now}, nil
}

// person is an account as the library sees it.
type person struct {
	id          uuid.UUID
	name        string
	displayName string
	passkeys    []Passkey
}

// WebAuthnID is the user handle: the account's id, which is random enough and says nothing.
func (p person) WebAuthnID() []byte          { return p.id[:] }
func (p person) WebAuthnName() string        { return p.name }
func (p person) WebAuthnDisplayName() string { return p.displayName }

func (p person) WebAuthnCredentials() []webauthn.Credential {
	credentials := make([]webauthn.Credential, len(p.passkeys))
	for i, one := range p.passkeys {
		credentials[i] = one.Credential
	}
	return credentials
}

func (s *Service) person(ctx context.Context, holder account.Holder) (person, error) {
	who, err := s.store.GetAccount(ctx, holder)
	if err != nil {
		return person{}, err
	}
	passkeys, err := s.store.ListPasskeys(ctx, who.ID)
	name := who.Name
	if name == "" {
		name = who.Email.Address()
	}
	return person{id: who.ID, name: who.Email.Address(), displayName: name, passkeys: passkeys}, err
}

// BeginRegistration returns the challenge for a new passkey. It returns ErrTooMany and account.ErrNone.
func (s *Service) BeginRegistration(ctx context.Context, holder account.Holder) (Challenge, error) {
	who, err := s.person(ctx, holder)
	if err != nil {
		return Challenge{}, err
	}
	if len(who.passkeys) >= maxPasskeys {
		return Challenge{}, ErrTooMany
	}
	known := make([]protocol.CredentialDescriptor, len(who.passkeys))
	for i, one := range who.passkeys {
		known[i] = one.Credential.Descriptor()
	}
	creation, state, err := s.rp.BeginRegistration(who, webauthn.WithExclusions(known))
	if err != nil {
		return Challenge{}, fmt.Errorf("begin to register a passkey: %w", err)
	}
	return s.begin(ctx, Ceremony{Purpose: Register, Account: holder.Account, BoundTo: holder.Session[:], State: *state}, creation.Response)
}

// FinishRegistration keeps the passkey that answered, under a name. With the account's first factor it returns recovery codes.
// It returns ErrRefused, ErrTaken, ErrTooMany, account.ErrName and account.ErrNone.
func (s *Service) FinishRegistration(
	ctx context.Context, holder account.Holder, text, name string, response []byte, from caller.Caller,
) (made Passkey, codes []string, err error) {
	if name, err = account.ParseNameAt("/name", name); err != nil {
		return Passkey{}, nil, err
	}
	who, err := s.person(ctx, holder)
	if err != nil {
		return Passkey{}, nil, err
	}
	ceremony, err := s.take(ctx, Finish{Token: text, Purpose: Register, Account: holder.Account, BoundTo: holder.Session[:]})
	if err != nil {
		return Passkey{}, nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return Passkey{}, nil, ErrRefused.Because(explain(err))
	}
	credential, err := s.rp.CreateCredential(who, ceremony.State, parsed)
	if err != nil {
		return Passkey{}, nil, ErrRefused.Because(explain(err))
	}
	made = Passkey{ID: uuid.Must(uuid.NewV7()), Account: holder.Account, Name: name, Credential: *credential, CreatedAt: s.now()}
	codes, hashes := s.codes()
	first, err := s.store.CreatePasskey(ctx, NewPasskey{
		Passkey: made, Most: maxPasskeys, Codes: hashes, Event: event(audit.PasskeyAdded, holder, made.ID).From(from),
	})
	if !first {
		codes = nil
	}
	return made, codes, err
}

// List returns the holder's passkeys, oldest first, or account.ErrNone.
func (s *Service) List(ctx context.Context, holder account.Holder) ([]Passkey, error) {
	who, err := s.person(ctx, holder)
	return who.passkeys, err
}

// Rename gives a passkey another name. It returns ErrNotFound, account.ErrName and account.ErrNone.
func (s *Service) Rename(ctx context.Context, holder account.Holder, id uuid.UUID, name string, from caller.Caller) (Passkey, error) {
	name, err := account.ParseNameAt("/name", name)
	if err != nil {
		return Passkey{}, err
	}
	if _, err := s.store.GetAccount(ctx, holder); err != nil {
		return Passkey{}, err
	}
	return s.store.RenamePasskey(ctx, holder.Account, id, name, event(audit.PasskeyRenamed, holder, id).From(from))
}

// Remove removes a passkey. It returns ErrNotFound, mfa.ErrShortPassword and account.ErrNone.
func (s *Service) Remove(ctx context.Context, holder account.Holder, id uuid.UUID, from caller.Caller) error {
	if _, err := s.store.GetAccount(ctx, holder); err != nil {
		return err
	}
	return s.store.RemovePasskey(ctx, holder.Account, id, event(audit.PasskeyRemoved, holder, id).From(from))
}

// BeginLogin returns the challenge of a passwordless login. It names nobody and is the same for everybody.
func (s *Service) BeginLogin(ctx context.Context) (Challenge, error) {
	assertion, state, err := s.rp.BeginDiscoverableLogin()
	if err != nil {
		return Challenge{}, fmt.Errorf("begin a login by passkey: %w", err)
	}
	return s.begin(ctx, Ceremony{Purpose: Login, State: *state}, assertion.Response)
}

// BeginFor returns the challenge for one of an account's passkeys, as a second factor or to step up, bound to what it is for. It
// returns ErrNone when the account has none.
func (s *Service) BeginFor(ctx context.Context, id uuid.UUID, purpose Purpose, boundTo []byte) (Challenge, error) {
	passkeys, err := s.store.ListPasskeys(ctx, id)
	if err != nil {
		return Challenge{}, err
	}
	if len(passkeys) == 0 {
		return Challenge{}, ErrNone
	}
	assertion, state, err := s.rp.BeginLogin(person{id: id, passkeys: passkeys})
	if err != nil {
		return Challenge{}, fmt.Errorf("begin a ceremony: %w", err)
	}
	return s.begin(ctx, Ceremony{Purpose: purpose, Account: id, BoundTo: boundTo, State: *state}, assertion.Response)
}

func (s *Service) begin(ctx context.Context, c Ceremony, options any) (Challenge, error) {
	raw, err := json.Marshal(options)
	if err != nil {
		return Challenge{}, fmt.Errorf("begin a ceremony: %w", err)
	}
	text := token.New(token.Ceremony)
	c.Hash = token.HashOf(text)
	return Challenge{Token: text, Options: raw, Life: Life}, s.store.BeginCeremony(ctx, c, Life)
}

// Finish returns the passkey that answered a challenge rightly. It returns ErrRefused for whatever is not right; the challenge
// is used up then, too.
func (s *Service) Finish(ctx context.Context, f Finish) (Passkey, error) {
	ceremony, err := s.take(ctx, f)
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(f.Response)
	if err != nil {
		return Passkey{}, ErrRefused.Because(explain(err))
	}
	who, credential, err := s.validate(ctx, ceremony, parsed)
	if err != nil {
		return Passkey{}, err
	}
	for _, used := range who.passkeys {
		if string(used.Credential.ID) != string(credential.ID) {
			continue
		}
		fresh := false
		if !credential.Authenticator.CloneWarning {
			used.Credential, used.LastUsedAt = *credential, s.now()
			if fresh, err = s.store.UsePasskey(ctx, used); err != nil {
				return Passkey{}, err
			}
		}
		if !fresh { // there are two of this authenticator, or the answer was replayed
			cloned := audit.New(audit.PasskeyCloned, used.Account, audit.Anonymous).From(f.From).With("passkey", used.ID.String())
			return Passkey{}, errors.Join(ErrRefused.Because(errors.New("the count went back")), s.store.Record(ctx, cloned))
		}
		return used, nil
	}
	return Passkey{}, ErrRefused
}

// validate checks the answer against the passkeys of the ceremony's account, or of the one that the answer names.
func (s *Service) validate(
	ctx context.Context, ceremony Ceremony, parsed *protocol.ParsedCredentialAssertionData,
) (who person, credential *webauthn.Credential, err error) {
	var failed error // of the store, which the library would swallow
	load := func(id uuid.UUID) person {
		who = person{id: id}
		who.passkeys, failed = s.store.ListPasskeys(ctx, id)
		return who
	}
	if ceremony.Purpose == Login {
		_, credential, err = s.rp.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			id, err := uuid.FromBytes(handle)
			if err != nil {
				return nil, err
			}
			return load(id), nil
		}, ceremony.State, parsed)
	} else {
		credential, err = s.rp.ValidateLogin(load(ceremony.Account), ceremony.State, parsed)
	}
	if failed != nil {
		return person{}, nil, failed
	}
	if err != nil {
		return person{}, nil, ErrRefused.Because(explain(err))
	}
	return who, credential, nil
}

// take returns the ceremony of a token if it is for this purpose, this account and what it was bound to.
func (s *Service) take(ctx context.Context, f Finish) (Ceremony, error) {
	hash, err := token.Parse(token.Ceremony, f.Token)
	if err != nil {
		return Ceremony{}, ErrRefused.Because(err)
	}
	ceremony, err := s.store.TakeCeremony(ctx, hash, f.Purpose)
	if err != nil {
		return Ceremony{}, err
	}
	if ceremony.Account != f.Account || string(ceremony.BoundTo) != string(f.BoundTo) {
		return Ceremony{}, ErrRefused.Because(errors.New("the ceremony belongs elsewhere"))
	}
	return ceremony, nil
}

// explain adds what the library says for developers.
func explain(err error) error {
	if p, ok := errors.AsType[*protocol.Error](err); ok && p.DevInfo != "" {
		return fmt.Errorf("%w: %s", err, p.DevInfo)
	}
	return err
}

func event(kind audit.Kind, holder account.Holder, passkey uuid.UUID) audit.Event {
	return audit.New(kind, holder.Account, audit.ByAccount(holder.Account)).In(holder.Session).With("passkey", passkey.String())
}
