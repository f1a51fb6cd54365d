package authn

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
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

// keySet holds the issuer's keys. jwkset reads them; its own HTTP client is not used, because its
// first fetch delays the start, a request waits for its rate limiter, its fetch ends with the
// request that began it, and it reads answers of any size.
type keySet struct {
	url    string
	client *http.Client
	log    *slog.Logger
	now    func() time.Time
	onGone func() // called when a key is no longer published

	ctx     context.Context //nolint:containedctx // the life of the keys, not of a request
	current atomic.Pointer[fetchedKeys]
	unknown *rate.Limiter // fetches that unknown key ids call for
	missing *rate.Limiter // fetches while there are no keys at all

	mu       sync.Mutex
	inFlight chan struct{} // closed when the fetch under way is over; nil when there is none
}

type fetchedKeys struct {
	byID map[string]*ecdsa.PublicKey
	at   time.Time
}

func newKeySet(ctx context.Context, cfg Config, onGone func()) (*keySet, error) {
	if _, err := http.NewRequestWithContext(ctx, http.MethodGet, cfg.JWKSURL, nil); err != nil {
		return nil, fmt.Errorf("authn: the URL of the keys: %w", err)
	}
	client := cfg.Client
	if client == nil {
		client = &http.Client{
			Timeout: refreshTimeout,
			// Keys come from where the configuration says, never from where that place points to.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	s := &keySet{
		url: cfg.JWKSURL, client: client, log: cfg.Log, now: cfg.Now, onGone: onGone, ctx: ctx,
		unknown: rate.NewLimiter(rate.Every(unknownKeyEvery), 1),
		missing: rate.NewLimiter(rate.Every(time.Second), 1),
	}
	go s.keepFresh() //nolint:contextcheck // it has the context that lives as long as the keys
	return s, nil
}

// find returns the key with the id, fetching the set anew when that may help: the request that
// asks waits a little, everybody else's fetch is shared.
func (s *keySet) find(ctx context.Context, id string) (*ecdsa.PublicKey, error) {
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
		return nil, ErrKeys
	}
	return nil, errors.New("the token names a key that is not published")
}

var noKeys = &fetchedKeys{}

// fresh gives the keys that may still be used.
func (s *keySet) fresh() *fetchedKeys {
	keys := s.current.Load()
	if keys == nil || s.now().Sub(keys.at) > keysOutliveAuth {
		return noKeys
	}
	return keys
}

// fetch joins the fetch under way or starts one, if the limit allows, and returns a channel that is
// closed when it is over; nil when there is none. The fetch belongs to no request.
func (s *keySet) fetch(limit *rate.Limiter) <-chan struct{} {
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
			s.log.WarnContext(s.ctx, "the keys of auth cannot be fetched", "error", err, "have_keys", len(s.fresh().byID) > 0)
		}
		s.mu.Lock()
		s.inFlight = nil
		s.mu.Unlock()
		close(done)
	}()
	return done
}

// keepFresh fetches at once and then every few minutes, sooner while it fails.
func (s *keySet) keepFresh() {
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

func (s *keySet) refresh() error {
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
	keys, err := parseKeys(body)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		// An empty set is a mistake of the issuer's; taking it would turn everybody away.
		return errors.New("the answer holds no ES256 key")
	}
	old := s.current.Swap(&fetchedKeys{byID: keys, at: s.now()})
	if old != nil {
		for id := range old.byID {
			if keys[id] == nil {
				s.onGone()
				break
			}
		}
	}
	return nil
}

// parseKeys reads the ES256 keys of a JWK set and passes over all others.
func parseKeys(body []byte) (map[string]*ecdsa.PublicKey, error) {
	var set jwkset.JWKSMarshal
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}
	keys := make(map[string]*ecdsa.PublicKey, len(set.Keys))
	for _, marshalled := range set.Keys {
		if marshalled.KID == "" || marshalled.KTY != jwkset.KtyEC ||
			(marshalled.ALG != "" && marshalled.ALG != jwkset.AlgES256) ||
			(marshalled.USE != "" && marshalled.USE != jwkset.UseSig) ||
			(len(marshalled.KEYOPS) > 0 && !slices.Contains(marshalled.KEYOPS, jwkset.KeyOpsVerify)) {
			continue
		}
		key, err := jwkset.NewJWKFromMarshal(marshalled, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			continue // one bad key must not take the others away
		}
		if public, ok := key.Key().(*ecdsa.PublicKey); ok && public.Curve == elliptic.P256() {
			keys[marshalled.KID] = public
		}
	}
	return keys, nil
}
