package signingkey

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// ErrNotReady is returned while a replica has not read its keys yet.
var ErrNotReady = fault.Define(fault.Unavailable, "keys_not_loaded", "The signing keys have not been read yet").After(2 * time.Second)

// Ring is what one replica signs with and publishes: a picture of the store that Run keeps fresh. It is safe for concurrent
// use and costs its readers nothing.
type Ring struct {
	keeper *Keeper
	now    atomic.Pointer[picture]
}

type picture struct {
	kid     string
	private *ecdsa.PrivateKey
	public  map[string]*ecdsa.PublicKey
	opened  map[string]*ecdsa.PrivateKey
	jwks    []byte
	etag    string
}

// privateOf returns a private half that has been opened before, or nil.
func (p *picture) privateOf(kid string) *ecdsa.PrivateKey {
	if p == nil {
		return nil
	}
	return p.opened[kid]
}

// NewRing makes an empty ring. Load fills it.
func NewRing(keeper *Keeper) *Ring { return &Ring{keeper: keeper} }

// How often Run looks at the store. A revoked key signs no longer than refreshEvery, and replicas know a new key long before
// it signs.
const (
	refreshEvery  = 5 * time.Second
	maintainEvery = time.Minute
)

// Run keeps the ring fresh and the keys moving until ctx ends. What fails is logged and tried again: the ring goes on with
// what it has.
func (r *Ring) Run(ctx context.Context, log *slog.Logger) error {
	refresh := time.NewTicker(refreshEvery)
	defer refresh.Stop()
	maintained := time.Time{}
	for {
		if time.Since(maintained) >= maintainEvery {
			if err := r.keeper.Maintain(ctx); err != nil {
				log.ErrorContext(ctx, "signing keys could not be maintained", "error", err)
			} else {
				maintained = time.Now()
			}
		}
		if err := r.Load(ctx); err != nil {
			log.ErrorContext(ctx, "signing keys could not be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-refresh.C:
		}
	}
}

// Refresh moves the keys on if that is due, and reads them.
func (r *Ring) Refresh(ctx context.Context) error {
	if err := r.keeper.Maintain(ctx); err != nil {
		return err
	}
	return r.Load(ctx)
}

// Load reads the keys. It returns ErrNotReady when none is active.
func (r *Ring) Load(ctx context.Context) error {
	keys, err := r.keeper.List(ctx)
	if err != nil {
		return err
	}
	before := r.now.Load()
	next := &picture{public: map[string]*ecdsa.PublicKey{}, opened: map[string]*ecdsa.PrivateKey{}}
	set := struct {
		Keys []JWK `json:"keys"`
	}{Keys: []JWK{}}
	for _, key := range keys {
		if !key.Published() {
			continue
		}
		set.Keys = append(set.Keys, key.JWK())
		next.public[key.ID] = key.Public
		// Only what signs, now or next, is opened, and each once: a pending key that does not open is noticed a day before it
		// would be missed.
		if key.State == Retiring {
			continue
		}
		private := before.privateOf(key.ID)
		if private == nil {
			if private, err = r.keeper.sealer.open(key); err != nil {
				return err
			}
		}
		next.opened[key.ID] = private
		if key.State == Active {
			next.kid, next.private = key.ID, private
		}
	}
	if next.private == nil {
		return ErrNotReady
	}
	slices.SortStableFunc(set.Keys, func(a, b JWK) int { // the signing key first: some clients take the first that fits
		switch next.kid {
		case a.ID:
			return -1
		case b.ID:
			return 1
		}
		return 0
	})
	if next.jwks, err = json.Marshal(set); err != nil {
		return fmt.Errorf("write the key set: %w", err)
	}
	sum := sha256.Sum256(next.jwks)
	next.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	r.now.Store(next)
	return nil
}

// Signing returns the key that signs and its id, or ErrNotReady.
func (r *Ring) Signing() (kid string, private *ecdsa.PrivateKey, err error) {
	p := r.now.Load()
	if p == nil {
		return "", nil, ErrNotReady
	}
	return p.kid, p.private, nil
}

// Public returns a published key, or nil.
func (r *Ring) Public(kid string) *ecdsa.PublicKey {
	if p := r.now.Load(); p != nil {
		return p.public[kid]
	}
	return nil
}

// JWKS returns the key set as JSON and its ETag, or ErrNotReady. The caller must not change the bytes.
func (r *Ring) JWKS() (document []byte, etag string, err error) {
	p := r.now.Load()
	if p == nil {
		return nil, "", ErrNotReady
	}
	return p.jwks, p.etag, nil
}

// Size returns how many keys are published.
func (r *Ring) Size() int {
	if p := r.now.Load(); p != nil {
		return len(p.public)
	}
	return 0
}
