package apikey

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Hash is what is stored of a key's text: HMAC-SHA-256 of it under the pepper.
type Hash [sha256.Size]byte

// Sealer encrypts under the key-encryption key; see signingkey.Sealer.
type Sealer interface {
	Seal(bound string, secret []byte) (sealed []byte, by string)
	Open(bound string, sealed []byte, by string) ([]byte, error)
	Current() string
}

// PepperStore keeps the pepper of an installation.
type PepperStore interface {
	// Pepper returns the pepper, sealed, and keeps the one offered when there is none yet.
	Pepper(ctx context.Context, offered []byte, offeredBy string) (sealed []byte, by string, err error)
	// ResealPepper seals it anew unless the key-encryption key named has sealed it, and reports whether it did.
	ResealPepper(ctx context.Context, current string, anew func(sealed []byte, by string) ([]byte, error)) (bool, error)
}

const (
	pepperBytes = 32
	pepperBound = "api-key-pepper"
)

// Pepper keys the hashes of API keys, and what is derived from it other secrets. It is drawn once for an installation and lies in the database under the key-encryption key,
// so that it outlives a change of that key. It is safe for concurrent use.
type Pepper struct {
	store  PepperStore
	sealer Sealer

	mu    sync.Mutex
	bytes []byte
}

// NewPepper makes a Pepper. It is read at its first use.
func NewPepper(store PepperStore, sealer Sealer) *Pepper {
	return &Pepper{store: store, sealer: sealer}
}

// HashOf returns the hash of a text that has the form of an API key, or token.ErrMalformed.
func (p *Pepper) HashOf(ctx context.Context, text string) (Hash, error) {
	if _, err := token.Parse(token.APIKey, text); err != nil {
		return Hash{}, err
	}
	key, err := p.read(ctx)
	if err != nil {
		return Hash{}, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return Hash(mac.Sum(nil)), nil
}

func (p *Pepper) read(ctx context.Context) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bytes != nil {
		return p.bytes, nil
	}
	fresh := make([]byte, pepperBytes)
	_, _ = rand.Read(fresh)
	offered, offeredBy := p.sealer.Seal(pepperBound, fresh)
	sealed, by, err := p.store.Pepper(ctx, offered, offeredBy)
	if err != nil {
		return nil, err
	}
	opened, err := p.sealer.Open(pepperBound, sealed, by)
	if err != nil {
		return nil, fmt.Errorf("the pepper of API keys: %w", err)
	}
	p.bytes = opened
	return opened, nil
}

// Derive returns a secret of 32 bytes for another purpose, the same for as long as there is the installation.
func (p *Pepper) Derive(ctx context.Context, purpose string) ([]byte, error) {
	pepper, err := p.read(ctx)
	if err != nil {
		return nil, err
	}
	return hkdf.Key(sha256.New, pepper, nil, purpose, sha256.Size)
}

// Reseal seals the pepper anew when another than the current key-encryption key has, and reports whether it did.
func (p *Pepper) Reseal(ctx context.Context) (bool, error) {
	return p.store.ResealPepper(ctx, p.sealer.Current(), func(sealed []byte, by string) ([]byte, error) {
		opened, err := p.sealer.Open(pepperBound, sealed, by)
		if err != nil {
			return nil, fmt.Errorf("the pepper of API keys: %w", err)
		}
		anew, _ := p.sealer.Seal(pepperBound, opened)
		return anew, nil
	})
}
