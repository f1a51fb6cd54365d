package apikey

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Rotation is another text for a key.
type Rotation struct {
	Key   uuid.UUID
	Next  Secret
	Grace time.Duration // 0: the text before ends at once
	Event audit.Event
}

// Store keeps API keys. Its methods return account.ErrNone for a holder whose own login has ended.
type Store interface {
	// CreateKey keeps a key with its first text. It returns ErrScope and ErrTooMany.
	CreateKey(ctx context.Context, holder account.Holder, key Key, first Secret, event audit.Event) (Key, error)
	// ListKeys returns the keys of the holder's account, newest first.
	ListKeys(ctx context.Context, holder account.Holder) ([]Key, error)
	// RotateKey gives a key of the holder's account another text. It returns ErrNotFound and ErrExpired.
	RotateKey(ctx context.Context, holder account.Holder, r Rotation) (Key, error)
	// RotateByKey does so for who holds a text of the key, which is the one that the grace is for. It returns account.ErrNone when
	// that does not work any more.
	RotateByKey(ctx context.Context, presented uuid.UUID, r Rotation) (Key, error)
	// RemoveKey removes a key, or returns ErrNotFound.
	RemoveKey(ctx context.Context, holder account.Holder, id uuid.UUID, event audit.Event) error
	// UseKey returns the key that has the text, and whether one has that works.
	UseKey(ctx context.Context, hash Hash) (Use, bool, error)
}

// Minter makes access tokens; see package token.
type Minter interface {
	Mint(a token.Access, ttl time.Duration) (text string, minted token.Access, err error)
}

// ClientID is the client of the tokens that keys are exchanged for.
const ClientID = "api-key"

// tokenLife is how long they live.
const tokenLife = 5 * time.Minute

// Service makes, rotates, removes and exchanges keys.
type Service struct {
	store  Store
	pepper *Pepper
	minter Minter
	now    func() time.Time
}

// NewService makes a Service.
func NewService(store Store, pepper *Pepper, minter Minter, now func() time.Time) *Service {
	return &Service{store: store, pepper: pepper, minter: minter, now: now}
}

// Wanted is a key to be made.
type Wanted struct {
	Name      string
	Scopes    []string
	Networks  []string
	ExpiresAt time.Time // zero: never
}

// Create makes a key and returns its text, which nobody can tell again. It returns account.ErrName, ErrNetworks, ErrExpiry, ErrScope,
// ErrTooMany and account.ErrNone.
func (s *Service) Create(ctx context.Context, holder account.Holder, wanted Wanted, from caller.Caller) (Key, string, error) {
	key := Key{ID: uuid.Must(uuid.NewV7()), Scopes: slices.Compact(slices.Sorted(slices.Values(wanted.Scopes))), ExpiresAt: wanted.ExpiresAt}
	var err error
	if key.Name, err = account.ParseNameAt("/name", wanted.Name); err != nil {
		return Key{}, "", err
	}
	if key.Networks, err = ParseNetworks(wanted.Networks); err != nil {
		return Key{}, "", err
	}
	if !key.ExpiresAt.IsZero() && !key.ExpiresAt.After(s.now()) {
		return Key{}, "", ErrExpiry
	}
	text, first, err := s.draw(ctx)
	if err != nil {
		return Key{}, "", err
	}
	key, err = s.store.CreateKey(ctx, holder, key, first, event(audit.APIKeyCreated, holder.Account, key.ID).In(holder.Session).From(from))
	return key, text, err
}

// List returns the keys of the holder's account, newest first.
func (s *Service) List(ctx context.Context, holder account.Holder) ([]Key, error) {
	return s.store.ListKeys(ctx, holder)
}

// Rotate gives a key of the holder's account another text and returns it. The one before works for the grace, all earlier ones no
// more. It returns ErrNotFound, ErrExpired and account.ErrNone.
func (s *Service) Rotate(ctx context.Context, holder account.Holder, id uuid.UUID, grace time.Duration, from caller.Caller) (Key, string, error) {
	text, next, err := s.draw(ctx)
	if err != nil {
		return Key{}, "", err
	}
	rotated := event(audit.APIKeyRotated, holder.Account, id).In(holder.Session).From(from)
	key, err := s.store.RotateKey(ctx, holder, Rotation{Key: id, Next: next, Grace: grace, Event: rotated})
	return key, text, err
}

// Presented is a key that its holder came with: the key, which of its texts, and whose it is.
type Presented struct{ Key, Secret, Account uuid.UUID }

// RotateByKey does so for whoever holds a text of the key: that one works for the grace, all others no more. So a holder to whom
// the answer was lost in the grace rotates again.
func (s *Service) RotateByKey(ctx context.Context, p Presented, grace time.Duration, from caller.Caller) (Key, string, error) {
	text, next, err := s.draw(ctx)
	if err != nil {
		return Key{}, "", err
	}
	rotated := event(audit.APIKeyRotated, p.Account, p.Key).From(from).With("by", "key")
	key, err := s.store.RotateByKey(ctx, p.Secret, Rotation{Key: p.Key, Next: next, Grace: grace, Event: rotated})
	return key, text, err
}

// Remove ends a key. It returns ErrNotFound and account.ErrNone.
func (s *Service) Remove(ctx context.Context, holder account.Holder, id uuid.UUID, from caller.Caller) error {
	return s.store.RemoveKey(ctx, holder, id, event(audit.APIKeyRemoved, holder.Account, id).In(holder.Session).From(from))
}

// Issued is an access token that a key was exchanged for.
type Issued struct {
	Access string
	Life   time.Duration
	Scopes []string
}

// Exchange returns an access token for one audience in place of a key, or ErrUnknown.
func (s *Service) Exchange(ctx context.Context, text, audience string) (Issued, error) {
	hash, err := s.pepper.HashOf(ctx, text)
	if errors.Is(err, token.ErrMalformed) {
		return Issued{}, ErrUnknown
	}
	if err != nil {
		return Issued{}, err
	}
	use, works, err := s.store.UseKey(ctx, hash)
	if err != nil {
		return Issued{}, err
	}
	life := tokenLife
	if use.Left >= 0 {
		life = min(life, use.Left.Truncate(time.Second))
	}
	if !works || life <= 0 {
		return Issued{}, ErrUnknown
	}
	authority := role.AuthorityOf(use.Grants)
	scopes := slices.DeleteFunc(slices.Clone(use.Scopes), func(scope string) bool { return !slices.Contains(authority.Scopes, scope) })
	access, _, err := s.minter.Mint(token.Access{
		Subject: use.Account, ClientID: ClientID, Audience: []string{audience}, Scopes: scopes, Roles: authority.Roles,
		Operator: authority.Operator, SessionID: use.Secret, Version: use.Version, Key: use.Key, Networks: use.Networks,
	}, life)
	return Issued{Access: access, Life: life, Scopes: scopes}, err
}

// draw makes a text and what is stored of it.
func (s *Service) draw(ctx context.Context) (string, Secret, error) {
	text := token.New(token.APIKey)
	hash, err := s.pepper.HashOf(ctx, text)
	return text, Secret{ID: uuid.Must(uuid.NewV7()), Hash: hash}, err
}

func event(kind audit.Kind, owner, key uuid.UUID) audit.Event {
	return audit.New(kind, owner, audit.ByAccount(owner)).With("key", key.String())
}
