package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// HeaderAPIKey is the header of a request that carries an API key instead of an access token.
const HeaderAPIKey = "X-API-Key" //nolint:gosec // a name, no secret

// What a caller can be told about an API key.
var (
	// ErrKey is the one answer to every key that does not work, and to one that comes from where it may not.
	ErrKey = fault.Define(fault.Unauthenticated, "invalid_api_key", "The API key is not valid")
	// ErrKeyUnchecked says that auth, which knows the keys, does not answer.
	ErrKeyUnchecked = fault.Define(fault.Unavailable, "api_key_unchecked", "API keys cannot be checked at the moment").After(2 * time.Second)
)

// Keys is how API keys become access tokens. Services know one credential, the token: a key is exchanged for one at auth, which
// lives minutes and is verified like any other.
type Keys struct {
	// Exchange returns an access token for the audience, "" when auth refuses the key, and an error when it does not answer.
	Exchange func(ctx context.Context, key string) (token string, err error)
	// Admit spends from the budget of an address before auth is asked about a key that is not known here; nil: there is no budget.
	Admit func(ctx context.Context, from netip.Addr) error
	// From is the address of a request's caller.
	From func(c *fiber.Ctx) netip.Addr
}

const (
	keyPrefix = "ihr_ak_"
	keyBytes  = len(keyPrefix) + 49 // 43 digits of base62 that are the secret, six of a checksum
	// keyMargin is how long before its end a key's token is no longer used.
	keyMargin = 15 * time.Second
	// refusedFor is how long a key that auth has refused is refused without asking.
	refusedFor  = 5 * time.Second
	askTimeout  = 5 * time.Second
	maxKeys     = 16 << 10
	maxRefusals = 16 << 10
)

// keyring remembers what keys were exchanged for. Nothing in it is a key: entries go by the hash.
type keyring struct {
	Keys
	flights singleflight.Group
	mu      sync.Mutex
	known   map[[sha256.Size]byte]knownKey
	refused map[[sha256.Size]byte]time.Time // until when
}

type knownKey struct {
	identity
	until time.Time // from when on the token is no longer used
}

// IsKey tells whether a text means to be an API key of ours, by how it begins: not whether it is one.
func IsKey(text string) bool { return strings.HasPrefix(text, keyPrefix) }

// VerifyKey returns the principal that an API key speaks for when it is used from an address. It returns ErrKey, the fault of
// Keys.Admit when too many unknown keys come from the address, or ErrKeyUnchecked. Keys are remembered for the minutes that their
// tokens live; what Revocations tells of them is heeded each time.
func (v *Verifier) VerifyKey(ctx context.Context, key string, from netip.Addr) (Principal, error) {
	found, err := v.byKey(ctx, key, from)
	return found.Principal, err
}

// AdmitKey does so for a request, and puts the principal into its context as Middleware does. It is for protocols that carry the
// key in a header of their own, such as OCPI.
func (v *Verifier) AdmitKey(c *fiber.Ctx, key string) error {
	var from netip.Addr
	if v.keyring.From != nil {
		from = v.keyring.From(c)
	}
	found, err := v.byKey(c.UserContext(), key, from)
	if err != nil {
		return err
	}
	c.SetUserContext(context.WithValue(c.UserContext(), contextKey{}, found))
	return nil
}

func (v *Verifier) byKey(ctx context.Context, key string, from netip.Addr) (identity, error) {
	if len(key) != keyBytes || !IsKey(key) || v.keyring.Exchange == nil {
		return identity{}, ErrKey
	}
	sum := sha256.Sum256([]byte(key))
	found, known, refused := v.keyring.find(sum, v.now())
	switch {
	case refused:
		return identity{}, ErrKey.Because(errors.New("refused a moment ago"))
	case !known || v.ended(found.Principal): // perhaps only some of its rights: auth knows
		var err error
		if found, err = v.exchange(ctx, key, sum, from); err != nil {
			return identity{}, err
		}
	}
	if len(found.Networks) > 0 && !slices.ContainsFunc(found.Networks, func(n netip.Prefix) bool { return n.Contains(from.Unmap()) }) {
		return identity{}, ErrKey.Because(fmt.Errorf("key %s is not for this address", found.Key))
	}
	return found, nil
}

// exchange asks auth, once for all who want to know at the same time.
func (v *Verifier) exchange(ctx context.Context, key string, sum [sha256.Size]byte, from netip.Addr) (identity, error) {
	if v.keyring.Admit != nil {
		if err := v.keyring.Admit(ctx, from); err != nil {
			return identity{}, err
		}
	}
	flight := v.keyring.flights.DoChan(string(sum[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		return v.ask(ctx, key, sum)
	})
	select {
	case <-ctx.Done():
		return identity{}, ErrKeyUnchecked.Because(ctx.Err())
	case result := <-flight:
		found, _ := result.Val.(identity)
		return found, result.Err
	}
}

func (v *Verifier) ask(ctx context.Context, key string, sum [sha256.Size]byte) (identity, error) {
	token, err := v.keyring.Exchange(ctx, key)
	if err != nil {
		return identity{}, ErrKeyUnchecked.Because(err)
	}
	now := v.now()
	if token == "" {
		v.keyring.refuse(sum, now.Add(refusedFor))
		return identity{}, ErrKey
	}
	p, err := v.Verify(ctx, token)
	switch {
	case errors.Is(err, ErrKeys):
		return identity{}, err
	case err != nil: // it was ended in between
		return identity{}, ErrKey.Because(err)
	case p.Key == uuid.Nil:
		return identity{}, ErrKey.Because(errors.New("the token is not of a key"))
	}
	found := identity{p, v, token}
	v.keyring.remember(sum, knownKey{found, p.Expires.Add(-keyMargin)})
	return found, nil
}

func (k *keyring) find(sum [sha256.Size]byte, now time.Time) (_ identity, known, refused bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.Before(k.refused[sum]) {
		return identity{}, false, true
	}
	entry, known := k.known[sum]
	return entry.identity, known && now.Before(entry.until), false
}

func (k *keyring) remember(sum [sha256.Size]byte, entry knownKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= maxKeys {
		k.known = map[[sha256.Size]byte]knownKey{}
	}
	k.known[sum] = entry
}

func (k *keyring) refuse(sum [sha256.Size]byte, until time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.known, sum)
	if k.refused == nil || len(k.refused) >= maxRefusals {
		k.refused = map[[sha256.Size]byte]time.Time{}
	}
	k.refused[sum] = until
}
