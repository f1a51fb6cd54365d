package signingkey_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/signingkey"
)

const (
	oneKEK     = "b25lIGtleS1lbmNyeXB0aW9uIGtleSBvZiAzMiBieXQ="
	anotherKEK = "YW5vdGhlciBrZXktZW5jcnlwdGlvbiBrZXkgMzIgYnk="
)

// memory is a store without a database. It refuses what the constraints of the real one refuse.
type memory struct {
	mu     sync.Mutex
	keys   []signingkey.Key
	events []audit.Kind
}

func (m *memory) ListKeys(context.Context) ([]signingkey.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.keys), nil
}

func (m *memory) ChangeKeys(_ context.Context, decide func([]signingkey.Key) ([]signingkey.Change, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	changes, err := decide(slices.Clone(m.keys))
	if err != nil {
		return err
	}
	for _, change := range changes {
		at := slices.IndexFunc(m.keys, func(k signingkey.Key) bool { return k.ID == change.Key.ID })
		if at < 0 {
			m.keys = append(m.keys, change.Key)
		} else {
			m.keys[at] = change.Key
		}
		m.events = append(m.events, change.Event.Kind)
		for _, state := range []signingkey.State{signingkey.Active, signingkey.Pending} {
			if n := len(m.in(state)); n > 1 {
				return errors.New("two keys are " + string(state))
			}
		}
	}
	return nil
}

func (m *memory) in(states ...signingkey.State) []signingkey.Key {
	var in []signingkey.Key
	for _, key := range m.keys {
		if slices.Contains(states, key.State) {
			in = append(in, key)
		}
	}
	return in
}

type world struct {
	store  *memory
	keeper *signingkey.Keeper
	ring   *signingkey.Ring
	now    time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	sealer, err := signingkey.NewSealer(oneKEK)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: &memory{}, now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)}
	w.keeper = signingkey.NewKeeper(w.store, sealer, signingkey.DefaultSchedule, func() time.Time { return w.now })
	w.ring = signingkey.NewRing(w.keeper)
	return w
}

func (w *world) maintain(t *testing.T) {
	t.Helper()
	if err := w.keeper.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.ring.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// K1, without load: over a year of hourly maintenance no verifier with a day-old key set ever meets a key it does not have,
// and no key disappears while tokens that it signed may be about.
func TestAYearOfRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.maintain(t)
	published := map[string]time.Time{}
	lastSigned := map[string]time.Time{}
	active := map[string]bool{}
	start := w.now
	for w.now.Sub(start) < 366*24*time.Hour {
		w.maintain(t)
		for _, key := range w.store.in(signingkey.Pending, signingkey.Active, signingkey.Retiring) {
			if _, seen := published[key.ID]; !seen {
				published[key.ID] = w.now
			}
		}
		kid, _, err := w.ring.Signing()
		if err != nil {
			t.Fatal(err)
		}
		if age := w.now.Sub(published[kid]); age < 24*time.Hour && w.now.Sub(start) > 24*time.Hour {
			t.Fatalf("on %s a key signs that was published %s ago", w.now, age)
		}
		lastSigned[kid], active[kid] = w.now, true
		for signed, at := range lastSigned {
			if w.ring.Public(signed) == nil && w.now.Sub(at) < 24*time.Hour {
				t.Fatalf("a key that signed %s ago is not published", w.now.Sub(at))
			}
		}
		if n := w.ring.Size(); n < 2 || n > 3 {
			t.Fatalf("%d keys are published", n)
		}
		w.now = w.now.Add(time.Hour)
	}
	if n := len(active); n < 12 || n > 13 {
		t.Errorf("%d keys have signed in a year, want one a month", n)
	}
	for _, key := range w.store.in(signingkey.Gone) {
		if key.Sealed != nil {
			t.Error("a key is gone and its private half is still kept")
		}
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const day = 24 * time.Hour
	key := func(id string, state signingkey.State, age time.Duration) signingkey.Key {
		return signingkey.Key{ID: id, State: state, CreatedAt: ago(age), ActivatedAt: ago(age), RetiredAt: ago(age)}
	}
	for name, c := range map[string]struct {
		keys []signingkey.Key
		want []signingkey.Step
	}{
		"the first start": {nil, []signingkey.Step{
			{Do: signingkey.Create, State: signingkey.Active}, {Do: signingkey.Create, State: signingkey.Pending},
		}},
		"nothing is due": {
			[]signingkey.Key{key("a", signingkey.Active, 29*day), key("p", signingkey.Pending, 5*day)}, nil,
		},
		"a month is over": {
			[]signingkey.Key{key("a", signingkey.Active, 30*day), key("p", signingkey.Pending, 5*day)},
			[]signingkey.Step{
				{Do: signingkey.Retire, Key: "a"},
				{Do: signingkey.Activate, Key: "p"},
				{Do: signingkey.Create, State: signingkey.Pending},
			},
		},
		"a month is over and the next key is young": {
			[]signingkey.Key{key("a", signingkey.Active, 40*day), key("p", signingkey.Pending, day-1)}, nil,
		},
		"a month is over and there is no next key": {
			[]signingkey.Key{key("a", signingkey.Active, 40*day)},
			[]signingkey.Step{{Do: signingkey.Create, State: signingkey.Pending}},
		},
		"no key signs": {
			[]signingkey.Key{key("g", signingkey.Gone, day), key("p", signingkey.Pending, time.Minute)},
			[]signingkey.Step{{Do: signingkey.Activate, Key: "p"}, {Do: signingkey.Create, State: signingkey.Pending}},
		},
		"a retired key has been kept long enough": {
			[]signingkey.Key{
				key("r", signingkey.Retiring, day), key("s", signingkey.Retiring, day-1), key("a", signingkey.Active, day),
				key("p", signingkey.Pending, day),
			},
			[]signingkey.Step{{Do: signingkey.Wipe, Key: "r"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, signingkey.Plan(c.keys, signingkey.DefaultSchedule, now)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRotateWantsAKeyThatVerifiersHave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.keeper.Rotate(t.Context(), audit.CLI, false); !errors.Is(err, signingkey.ErrNoKey) {
		t.Errorf("before any key, Rotate = %v", err)
	}
	w.maintain(t)
	before, _, _ := w.ring.Signing()
	if _, err := w.keeper.Rotate(t.Context(), audit.CLI, false); !errors.Is(err, signingkey.ErrUnripe) {
		t.Errorf("with a fresh key, Rotate = %v", err)
	}
	forced, err := w.keeper.Rotate(t.Context(), audit.CLI, true)
	if err != nil || forced == before {
		t.Fatalf("forced, Rotate = %q, %v", forced, err)
	}
	w.maintain(t)
	if kid, _, _ := w.ring.Signing(); kid != forced {
		t.Errorf("%q signs, want %q", kid, forced)
	}
	if w.ring.Public(before) == nil || w.ring.Size() != 3 {
		t.Errorf("the retiring key is not published, or the next is missing: %d", w.ring.Size())
	}
	w.now = w.now.Add(25 * time.Hour)
	if _, err := w.keeper.Rotate(t.Context(), audit.CLI, false); err != nil {
		t.Errorf("with a day-old key, Rotate = %v", err)
	}
}

func TestRevokeEndsAKeyInAnyState(t *testing.T) {
	t.Parallel()
	for _, state := range []signingkey.State{signingkey.Active, signingkey.Pending, signingkey.Retiring} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.maintain(t)
			if _, err := w.keeper.Rotate(t.Context(), audit.CLI, true); err != nil {
				t.Fatal(err)
			}
			w.maintain(t)
			kid := w.store.in(state)[0].ID
			if err := w.keeper.Revoke(t.Context(), audit.CLI, kid); err != nil {
				t.Fatal(err)
			}
			if err := w.ring.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			if w.ring.Public(kid) != nil {
				t.Error("the revoked key is still published")
			}
			signs, _, _ := w.ring.Signing()
			if signs == kid || len(w.store.in(signingkey.Active)) != 1 || len(w.store.in(signingkey.Pending)) != 1 {
				t.Errorf("after it %q signs, with %d keys published", signs, w.ring.Size())
			}
			if !slices.Contains(w.store.events, audit.KeyRevoked) {
				t.Errorf("the audit log has %v", w.store.events)
			}
			if err := w.keeper.Revoke(t.Context(), audit.CLI, kid); !errors.Is(err, signingkey.ErrNoKey) {
				t.Errorf("a second time, Revoke = %v", err)
			}
		})
	}
}

func TestKeysAreSealedAnewByTheFirstKeyEncryptionKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.maintain(t)
	old := w.store.in(signingkey.Active)[0]

	both, err := signingkey.NewSealer(anotherKEK + ", " + oneKEK)
	if err != nil {
		t.Fatal(err)
	}
	keeper := signingkey.NewKeeper(w.store, both, signingkey.DefaultSchedule, func() time.Time { return w.now })
	if err := keeper.Maintain(t.Context()); err != nil {
		t.Fatal(err)
	}
	onlyNew, err := signingkey.NewSealer(anotherKEK)
	if err != nil {
		t.Fatal(err)
	}
	ring := signingkey.NewRing(signingkey.NewKeeper(w.store, onlyNew, signingkey.DefaultSchedule, time.Now))
	if err := ring.Load(t.Context()); err != nil {
		t.Fatalf("the new key-encryption key alone does not open them: %v", err)
	}
	if kid, _, _ := ring.Signing(); kid != old.ID {
		t.Errorf("%q signs after sealing anew, want %q", kid, old.ID)
	}
	fresh := signingkey.NewRing(w.keeper)
	if err := fresh.Load(t.Context()); err == nil {
		t.Error("the old key-encryption key still opens what was sealed anew")
	}
}

func TestASealedKeyOpensInItsOwnRowOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.maintain(t)
	w.store.mu.Lock()
	w.store.keys[0].Sealed, w.store.keys[1].Sealed = w.store.keys[1].Sealed, w.store.keys[0].Sealed
	w.store.mu.Unlock()
	if err := signingkey.NewRing(w.keeper).Load(t.Context()); err == nil {
		t.Error("keys whose private halves were exchanged were loaded")
	}
}

func TestNewSealerRefuses(t *testing.T) {
	t.Parallel()
	for _, keks := range []string{"", "short", oneKEK + ",", "c2hvcnQ=", oneKEK[:len(oneKEK)-4], strings.Repeat("A", 200)} {
		if _, err := signingkey.NewSealer(keks); err == nil || len(keks) > 6 && strings.Contains(err.Error(), keks[:6]) {
			t.Errorf("NewSealer(%q) = %v; want an error that does not quote it", keks, err)
		}
	}
}

// What other parties read: the members of RFC 7517 and 7518 for a key on P-256, the thumbprint of RFC 7638, no private member.
func TestJWKS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, _, err := w.ring.JWKS(); !errors.Is(err, signingkey.ErrNotReady) {
		t.Errorf("before the first load, JWKS = %v", err)
	}
	w.maintain(t)
	document, etag, err := w.ring.JWKS()
	if err != nil || len(etag) < 10 {
		t.Fatalf("JWKS: %q, %v", etag, err)
	}
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 2 {
		t.Fatalf("%d keys are published, want 2", len(set.Keys))
	}
	kid, private, err := w.ring.Signing()
	if err != nil || set.Keys[0]["kid"] != kid {
		t.Errorf("the first key is %q, the signing key %q, %v", set.Keys[0]["kid"], kid, err)
	}
	for _, jwk := range set.Keys {
		if diff := cmp.Diff(map[string]string{
			"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": jwk["kid"], "x": jwk["x"], "y": jwk["y"],
		}, jwk); diff != "" {
			t.Error(diff)
		}
		public := w.ring.Public(jwk["kid"])
		if public == nil || len(jwk["x"]) != 43 || len(jwk["y"]) != 43 {
			t.Errorf("the coordinates of %q are %q, %q", jwk["kid"], jwk["x"], jwk["y"])
		}
	}
	digest := sha256.Sum256([]byte("signed"))
	signature, err := ecdsa.SignASN1(nil, private, digest[:])
	if err != nil || !ecdsa.VerifyASN1(w.ring.Public(kid), digest[:], signature) {
		t.Errorf("the published key does not verify what the signing key signs: %v", err)
	}
}
