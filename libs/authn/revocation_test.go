package authn_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/authn/authntest"
	"github.com/ihr-charging/charging-plot-api/libs/policy"
	"github.com/ihr-charging/charging-plot-api/libs/problem"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache/redistest"
)

var silent = slog.New(slog.DiscardHandler)

// connect opens a client of a test's own Redis, as each process has one.
func connect(t testing.TB, server *redistest.Server) redis.UniversalClient {
	t.Helper()
	client, err := rediscache.Open(rediscache.Config{URL: server.URL, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// follower is a verifier of a process of its own.
func follower(t *testing.T, issuer *authntest.Issuer, server *redistest.Server, change ...func(*authn.Config)) (*authn.Verifier, *authn.Revocations) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cfg := issuer.Config(audience)
	cfg.Revocations = authn.FollowRevocations(ctx, connect(t, server), silent)
	for _, c := range change {
		c(&cfg)
	}
	v, err := authn.NewVerifier(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cancel)
	return v, cfg.Revocations
}

// eventually waits for what other goroutines bring about.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("in vain: " + what)
		}
	}
}

func ended(v *authn.Verifier, token string) bool {
	_, err := v.Verify(context.Background(), token)
	return errors.Is(err, authn.ErrToken)
}

// A2: several verifiers, each with a cached token; how long until the last of them refuses it.
func TestARevocationReachesEveryVerifier(t *testing.T) {
	t.Parallel()
	server, issuer := redistest.NewServer(t), authntest.NewIssuer(t)
	revoker := authn.NewRevoker(connect(t, server))
	if filled, err := revoker.Filled(t.Context()); err != nil || filled {
		t.Fatalf("an empty Redis is filled: %t, %v", filled, err)
	}
	early := authn.Principal{SessionID: uuid.NewString()}
	if err := revoker.Fill(t.Context(), []authn.Revocation{{Kind: authn.RevokedSession, ID: early.SessionID, Until: time.Now().Add(time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	verifiers := make([]*authn.Verifier, 5)
	for i := range verifiers {
		v, known := follower(t, issuer, server)
		verifiers[i] = v
		eventually(t, "the follower has read the stream", known.Fresh)
		refused(t, v, "revoked before the start", issuer.Mint(early, audience))
	}
	const rounds = 40
	var longest, total time.Duration
	for round := range rounds {
		p := authn.Principal{Subject: uuid.New(), SessionID: uuid.NewString(), Version: 7}
		service := authn.Principal{Subject: uuid.New(), Kind: authn.Service, Version: 7}
		byActor := authn.Principal{Subject: uuid.New(), Actor: service.Subject, ActorVersion: 7}
		var dead, alive []string
		newer := p
		newer.Version = 8
		var one authn.Revocation
		switch round % 3 {
		case 0:
			one = authn.Revocation{Kind: authn.RevokedSession, ID: p.SessionID}
			dead = []string{issuer.Mint(p, audience), issuer.Mint(newer, audience)}
			alive = []string{issuer.Mint(authn.Principal{Subject: p.Subject}, audience)}
		case 1:
			one = authn.Revocation{Kind: authn.RevokedSubject, ID: p.Subject.String(), Version: 8}
			dead = []string{issuer.Mint(p, audience)}
			alive = []string{issuer.Mint(newer, audience)}
		case 2:
			one = authn.Revocation{Kind: authn.RevokedSubject, ID: service.Subject.String(), Version: 8}
			dead = []string{issuer.Mint(service, audience), issuer.Mint(byActor, audience)}
			alive = []string{issuer.Mint(p, audience)}
		}
		one.Until = time.Now().Add(time.Hour)
		for _, v := range verifiers {
			for _, token := range append(dead, alive...) {
				accepted(t, v, "before", token)
			}
		}
		began := time.Now()
		if err := revoker.Publish(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for _, v := range verifiers {
			wait.Go(func() {
				for _, token := range dead {
					eventually(t, "the token is refused", func() bool { return ended(v, token) })
				}
			})
		}
		wait.Wait()
		took := time.Since(began)
		longest, total = max(longest, took), total+took
		for _, v := range verifiers {
			for _, token := range alive {
				accepted(t, v, "another token", token)
			}
		}
	}
	t.Logf("%d revocations at %d verifiers: mean %v, p100 %v", rounds, len(verifiers), total/rounds, longest)
}

// Redis dies, comes back empty, and is filled again: nobody's token comes back to life, nothing is believed to be known that is not.
func TestRevocationsOutliveRedis(t *testing.T) {
	t.Parallel()
	server, issuer := redistest.NewServer(t), authntest.NewIssuer(t)
	revoker := authn.NewRevoker(connect(t, server))
	first := authn.Revocation{Kind: authn.RevokedSession, ID: uuid.NewString(), Until: time.Now().Add(time.Hour)}
	if err := revoker.Fill(t.Context(), []authn.Revocation{first}); err != nil {
		t.Fatal(err)
	}
	v, known := follower(t, issuer, server)
	dead := issuer.Mint(authn.Principal{SessionID: first.ID}, audience)
	eventually(t, "the token is refused", func() bool { return ended(v, dead) })

	server.Kill()
	eventually(t, "the follower knows that it does not know", func() bool { return !known.Fresh() })
	refused(t, v, "while Redis is away", dead)
	accepted(t, v, "another token, while Redis is away", issuer.Mint(authn.Principal{}, audience))

	server.Start()
	eventually(t, "the revoker finds the stream gone", func() bool {
		filled, err := revoker.Filled(t.Context())
		return err == nil && !filled
	})
	if known.Fresh() {
		t.Error("a Redis that has lost its data is believed")
	}
	second := authn.Revocation{Kind: authn.RevokedSession, ID: uuid.NewString(), Until: time.Now().Add(time.Hour)}
	if err := revoker.Fill(t.Context(), []authn.Revocation{second}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the follower knows again", known.Fresh)
	refused(t, v, "from before", dead)
	refused(t, v, "that was revoked while Redis was away", issuer.Mint(authn.Principal{SessionID: second.ID}, audience))

	server.Freeze()
	defer server.Thaw()
	eventually(t, "the follower notices a Redis that hangs", func() bool { return !known.Fresh() })
}

// While it is not known what was revoked, reads go on and privileged requests are asked about, or refused.
func TestPrivilegedRequestsFailClosed(t *testing.T) {
	t.Parallel()
	server, issuer := redistest.NewServer(t), authntest.NewIssuer(t)
	revoker := authn.NewRevoker(connect(t, server))
	if err := revoker.Fill(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	var live, down atomic.Bool
	live.Store(true)
	v, known := follower(t, issuer, server, func(cfg *authn.Config) {
		cfg.Introspect = func(context.Context, string) (bool, error) {
			asked.Add(1)
			if down.Load() {
				return false, errors.New("auth is down")
			}
			return live.Load(), nil
		}
	})
	app := fiber.New(fiber.Config{ErrorHandler: problem.Write})
	app.Use(v.Middleware())
	for path, scope := range map[string]string{"/privileged": policy.StationsWrite, "/own": policy.ReservationsWrite} {
		app.Get(path, func(c *fiber.Ctx) error {
			if err := authn.Confirm(c.UserContext(), scope); err != nil {
				return err
			}
			return c.SendStatus(http.StatusNoContent)
		})
	}
	token := issuer.Mint(authn.Principal{}, audience)
	status := func(path string) int {
		answer, body := askAt(t, app, path, http.Header{"Authorization": {"Bearer " + token}})
		if answer.StatusCode == http.StatusServiceUnavailable && (!strings.Contains(body, "token_unconfirmed") || answer.Header.Get("Retry-After") == "") {
			t.Errorf("%s: %s", path, body)
		}
		return answer.StatusCode
	}
	want := func(when string, privileged int) {
		t.Helper()
		if got := status("/privileged"); got != privileged {
			t.Errorf("%s, a privileged request is answered %d, want %d", when, got, privileged)
		}
		if got := status("/own"); got != http.StatusNoContent {
			t.Errorf("%s, one's own is answered %d", when, got)
		}
	}
	eventually(t, "the follower has read the stream", known.Fresh)
	want("with Redis", http.StatusNoContent)
	if n := asked.Load(); n != 0 {
		t.Errorf("auth was asked %d times while Redis was there", n)
	}
	server.Kill()
	eventually(t, "the follower knows that it does not know", func() bool { return !known.Fresh() })
	want("without Redis", http.StatusNoContent)
	want("asked a moment later", http.StatusNoContent)
	down.Store(true)
	eventually(t, "auth's last word is forgotten", func() bool { return status("/privileged") == http.StatusServiceUnavailable })
	want("with neither", http.StatusServiceUnavailable)
	down.Store(false)
	live.Store(false)
	want("of a token that was revoked", http.StatusUnauthorized)

	unasked, _ := follower(t, issuer, server)
	alone := fiber.New(fiber.Config{ErrorHandler: problem.Write})
	alone.Use(unasked.Middleware())
	alone.Get("/", func(c *fiber.Ctx) error { return authn.Confirm(c.UserContext(), policy.UsersWrite) })
	if answer, _ := askAt(t, alone, "/", http.Header{"Authorization": {"Bearer " + token}}); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("with nobody to ask, a privileged request is answered %d", answer.StatusCode)
	}
}

// K1: a key that has leaked is dead everywhere long before the key set is read again, also where tokens of it are remembered.
func TestARevokedKeyIsDeadAtOnce(t *testing.T) {
	t.Parallel()
	server, issuer := redistest.NewServer(t), authntest.NewIssuer(t)
	revoker := authn.NewRevoker(connect(t, server))
	if err := revoker.Fill(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	v, known := follower(t, issuer, server)
	eventually(t, "the follower has read the stream", known.Fresh)
	leaked, _ := issuer.Key()
	old := issuer.Mint(authn.Principal{}, audience)
	accepted(t, v, "before", old)
	issuer.Rotate()
	issuer.Revoke()
	began := time.Now()
	if err := revoker.Publish(t.Context(), authn.Revocation{Kind: authn.RevokedKey, ID: leaked, Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the key's tokens are refused", func() bool { return ended(v, old) })
	t.Logf("dead after %v", time.Since(began))
	eventually(t, "the next key is known", func() bool {
		_, err := v.Verify(t.Context(), issuer.Mint(authn.Principal{}, audience))
		return err == nil
	})
}

func BenchmarkVerifyCachedWithRevocations(b *testing.B) {
	server, issuer := redistest.NewServer(b), authntest.NewIssuer(b)
	revoker := authn.NewRevoker(connect(b, server))
	many := make([]authn.Revocation, 20_000)
	for i := range many {
		many[i] = authn.Revocation{Kind: authn.RevokedSession, ID: uuid.NewString(), Until: time.Now().Add(time.Hour)}
	}
	if err := revoker.Fill(b.Context(), many); err != nil {
		b.Fatal(err)
	}
	cfg := issuer.Config(audience)
	cfg.Revocations = authn.FollowRevocations(b.Context(), connect(b, server), silent)
	v, err := authn.NewVerifier(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	for cfg.Revocations.Len() < len(many) {
		<-time.After(time.Millisecond)
	}
	token := issuer.Mint(authn.Principal{Scopes: []string{"profile", "reservations:write"}, Roles: []string{"driver"}}, audience)
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
