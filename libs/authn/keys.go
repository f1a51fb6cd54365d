package authn

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"golang.org/x/time/rate"

	"github.com/ihr-charging/charging-plot-api/libs/pause"
)

const (
	refreshEvery   = 5 * time.Minute
	refreshTimeout = 5 * time.Second
	// keysOutliveAuth is how long keys serve that can no longer be refreshed.
	keysOutliveAuth = 24 * time.Hour
	// unknownKeyEvery bounds what tokens that name invented keys can make this service fetch.
	unknownKeyEvery = 10 * time.Second
	// A request waits this long for a fetch that its token calls for: without any keys, and with a
	// key that is not among them. Keys are published a day before they sign, so the latter is rare.
	firstKeysWait  = 2 * time.Second
	unknownKeyWait = 250 * time.Millisecond
	keysRetryAfter = 2 * time.Second
	maxJWKSBytes   = 256 << 10
)

// KeySource says where an issuer publishes its keys and which of them are believed.
type KeySource struct {
	URL        string
	Algorithms []string // of signatures: ES256, RS256

	Client *http.Client     // one with a timeout of 5 s that follows no redirect when nil
	Log    *slog.Logger     // hears of keys that cannot be fetched; silent when nil
	Now    func() time.Time // time.Now when nil
}

// Key is a public key and the one algorithm that it verifies.
type Key struct {
	Algorithm string
	Public    crypto.PublicKey
}

// KeySet holds an issuer's keys. jwkset reads them; its own HTTP client is not used, because its
// first fetch delays the start, a request waits for its rate limiter, its fetch ends with the
// request that began it, and it reads answers of any size.
type KeySet struct {
	url        string
	algorithms []string
	client     *http.Client
	log        *slog.Logger
	now        func() time.Time
	onGone     func() // called when a key is no longer published

	ctx     context.Context //nolint:containedctx // the life of the keys, not of a request
	current atomic.Pointer[fetchedKeys]
	unknown *rate.Limiter // fetches that unknown key ids call for
	missing *rate.Limiter // fetches while there are no keys at all

	mu       sync.Mutex
	inFlight chan struct{} // closed when the fetch under way is over; nil when there is none
}

type fetchedKeys struct {
	byID map[string]Key
	at   time.Time
}

// FollowKeys fetches the keys until ctx ends. It does not wait for them. It fails for a URL that is none.
func FollowKeys(ctx context.Context, source KeySource) (*KeySet, error) {
	return newKeySet(ctx, source, func() {})
}

func newKeySet(ctx context.Context, source KeySource, onGone func()) (*KeySet, error) {
	if _, err := http.NewRequestWithContext(ctx, http.MethodGet, source.URL, nil); err != nil {
		return nil, fmt.Errorf("authn: the URL of the keys: %w", err)
	}
	if source.Now == nil {
		source.Now = time.Now
	}
	if source.Log == nil {
		source.Log = slog.New(slog.DiscardHandler)
	}
	client := source.Client
	if client == nil {
		client = &http.Client{
			Timeout: refreshTimeout,
			// Keys come from where the configuration says, never from where that place points to.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	s := &KeySet{
		url: source.URL, algorithms: source.Algorithms, client: client, log: source.Log, now: source.Now, onGone: onGone, ctx: ctx,
		unknown: rate.NewLimiter(rate.Every(unknownKeyEvery), 1),
		missing: rate.NewLimiter(rate.Every(time.Second), 1),
	}
	go s.keepFresh() //nolint:contextcheck // it has the context that lives as long as the keys
	return s, nil
}

// Find returns the key with the id, fetching the set anew when that may help: the request that
// asks waits a little, everybody else's fetch is shared. It returns ErrKeys when there are none at all.
func (s *KeySet) Find(ctx context.Context, id string) (Key, error) {
	if key, ok := s.fresh().byID[id]; ok {
		return key, nil
	}
	limit, wait := s.unknown, unknownKeyWait
	if len(s.fresh().byID) == 0 {
		limit, wait = s.missing, firstKeysWait
	}
	if done := s.fetch(limit); done != nil { //nolint:contextcheck // the fetch belongs to no request
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	found := s.fresh()
	if key, ok := found.byID[id]; ok {
		return key, nil
	}
	if len(found.byID) == 0 {
		return Key{}, ErrKeys
	}
	return Key{}, errors.New("the token names a key that is not published")
}

var noKeys = &fetchedKeys{}

// fresh gives the keys that may still be used.
func (s *KeySet) fresh() *fetchedKeys {
	keys := s.current.Load()
	if keys == nil || s.now().Sub(keys.at) > keysOutliveAuth {
		return noKeys
	}
	return keys
}

// fetch joins the fetch under way or starts one, if the limit allows, and returns a channel that is
// closed when it is over; nil when there is none. The fetch belongs to no request.
func (s *KeySet) fetch(limit *rate.Limiter) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight != nil {
		return s.inFlight
	}
	if limit != nil && !limit.Allow() {
		return nil
	}
	done := make(chan struct{})
	s.inFlight = done
	go func() {
		err := s.refresh()
		if err != nil && s.ctx.Err() == nil {
			s.log.WarnContext(s.ctx, "the keys of an issuer cannot be fetched", "url", s.url, "error", err, "have_keys", len(s.fresh().byID) > 0)
		}
		s.mu.Lock()
		s.inFlight = nil
		s.mu.Unlock()
		close(done)
	}()
	return done
}

// keepFresh fetches at once and then every few minutes, sooner while it fails.
func (s *KeySet) keepFresh() {
	wait := time.Second
	for {
		<-s.fetch(nil)
		next := wait
		if keys := s.current.Load(); keys != nil && s.now().Sub(keys.at) < refreshEvery {
			wait = time.Second
			next = refreshEvery
		} else {
			wait = min(2*wait, 30*time.Second)
		}
		// Spread, so that a fleet that started together does not ask together.
		if pause.For(s.ctx, pause.Around(next, 0.1)) != nil {
			return
		}
	}
}

func (s *KeySet) refresh() error {
	ctx, cancel := context.WithTimeout(s.ctx, refreshTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxJWKSBytes+1))
	if err != nil {
		return err
	}
	if len(body) > maxJWKSBytes {
		return errors.New("the answer is too long")
	}
	keys, err := parseKeys(body, s.algorithms)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		// An empty set is a mistake of the issuer's; taking it would turn everybody away.
		return fmt.Errorf("the answer holds no key of %v", s.algorithms)
	}
	old := s.current.Swap(&fetchedKeys{byID: keys, at: s.now()})
	if old != nil {
		for id := range old.byID {
			if _, kept := keys[id]; !kept {
				s.onGone()
				break
			}
		}
	}
	return nil
}

// parseKeys reads the keys of a JWK set that verify one of the algorithms and passes over all others.
func parseKeys(body []byte, algorithms []string) (map[string]Key, error) {
	var set jwkset.JWKSMarshal
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	keys := make(map[string]Key, len(set.Keys))
	for _, marshalled := range set.Keys {
		if marshalled.KID == "" || marshalled.KTY != jwkset.KtyEC && marshalled.KTY != jwkset.KtyRSA ||
			(marshalled.USE != "" && marshalled.USE != jwkset.UseSig) ||
			(len(marshalled.KEYOPS) > 0 && !slices.Contains(marshalled.KEYOPS, jwkset.KeyOpsVerify)) {
			continue
		}
		read, err := jwkset.NewJWKFromMarshal(marshalled, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			continue // one bad key must not take the others away
		}
		key := Key{Algorithm: algorithmOf(read.Key()), Public: read.Key()}
		if slices.Contains(algorithms, key.Algorithm) && (marshalled.ALG == "" || marshalled.ALG.String() == key.Algorithm) {
			keys[marshalled.KID] = key
		}
	}
	return keys, nil
}

// minRSABits is the least that RFC 7518, section 3.3, permits.
const minRSABits = 2048

// algorithmOf returns the one algorithm that a public key is believed with, "" for a private key or one of another kind.
func algorithmOf(key any) string {
	switch public := key.(type) {
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P256() {
			return jwkset.AlgES256.String()
		}
	case *rsa.PublicKey:
		if public.N.BitLen() >= minRSABits {
			return jwkset.AlgRS256.String()
		}
	}
	return ""
}
