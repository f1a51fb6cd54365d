package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/credential"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

const loginPath = "/v1/auth/login"

// verifier is what another service verifies our tokens with.
func (w *world) verifier(audience string) *authn.Verifier {
	w.t.Helper()
	v, err := authn.NewVerifier(w.t.Context(), authn.Config{
		Issuer: issuer, Audience: audience, JWKSURL: w.base + "/.well-known/jwks.json",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func TestLogin(t *testing.T) {
	t.Parallel()

	t.Run("200 by address or username, however spelled, with tokens that every service takes", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		north := uuid.MustParse("0190f0a0-0000-7000-8000-000000000001")
		id := w.person("Ada@example.com", role.Grant{Role: role.Operator, Operator: north})
		for _, login := range []string{"ada@example.com", "ADA@EXAMPLE.COM", "ada", "Ada", " ada "} {
			a := w.login(login)
			if a.text("token_type") != "Bearer" || a.body["expires_in"] != float64(600) || a.body["refresh_expires_in"] != float64(12*3600) {
				t.Errorf("%s: %s", login, a.raw)
			}
			if got := a.header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control is %q", got)
			}
			for _, service := range []string{"auth", "station-catalog", "charging-plot"} {
				p, err := w.verifier(issuer+"/"+service).Verify(t.Context(), a.text("access_token"))
				if err != nil {
					t.Fatalf("%s refuses the token: %v", service, err)
				}
				if p.Subject != id || p.Kind != authn.User || p.ClientID != "app" || p.Operator != north || p.SessionID == "" {
					t.Errorf("%s sees %+v", service, p)
				}
				if diff := cmp.Diff([]string{"driver", "operator"}, p.Roles); diff != "" {
					t.Error(diff)
				}
				if got := strings.Join(p.Scopes, " "); got != a.text("scope") || !p.Has("stations:write") || p.Has("users:read") {
					t.Errorf("the scopes are %s", got)
				}
			}
			if _, err := w.verifier(issuer+"/elsewhere").Verify(t.Context(), a.text("access_token")); err == nil {
				t.Error("a service that the token is not for takes it")
			}
		}
	})

	t.Run("200 for longer with remember_me, shorter access for those who may harm", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("root@example.com", role.Grant{Role: role.Admin})
		a := w.post(loginPath, object{"login": "root", "password": password, "remember_me": true, "device_name": "a phone"}).want(http.StatusOK)
		if a.body["refresh_expires_in"] != float64(30*24*3600) || a.body["expires_in"] != float64(300) {
			t.Errorf("the tokens are %s", a.raw)
		}
	})

	t.Run("200 and the password is hashed anew when the costs have changed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(o *options) { o.params = credential.Params{MemoryKiB: 16, Passes: 1, Lanes: 1} })
		w.person("ada@example.com")
		w.login("ada")
		if n := w.count(`SELECT count(*) FROM accounts WHERE password_hash LIKE '$argon2id$v=19$m=16,%'`); n != 1 {
			t.Error("the hash has the old costs")
		}
		w.login("ada")
	})

	t.Run("401 reads the same for every reason", func(t *testing.T) { // E1
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.person("off@example.com")
		w.exec(`UPDATE accounts SET disabled_at = now() WHERE username = 'off'`)
		w.post(registerPath, object{"email": "waiting@example.com", "password": password}).want(http.StatusAccepted)
		var first *answer
		for _, attempt := range []object{
			{"login": "ada@example.com", "password": another},
			{"login": "ada", "password": another},
			{"login": "nobody@example.com", "password": password},
			{"login": "nobody", "password": password},
			{"login": "waiting@example.com", "password": password},
			{"login": "off", "password": another},
			{"login": "%", "password": password},
			{"login": "a' OR '1'='1", "password": password},
			{"login": "ad\u200ba", "password": password},
			{"login": "@", "password": password},
		} {
			a := w.post(loginPath, attempt).want(http.StatusUnauthorized, "invalid_credentials")
			delete(a.body, "request_id")
			for _, own := range []string{"Date", "X-Request-Id", "Content-Length"} {
				a.header.Del(own)
			}
			if first == nil {
				first = a
				continue
			}
			if diff := cmp.Diff(first.body, a.body) + cmp.Diff(first.header, a.header); diff != "" {
				t.Errorf("%v: %s", attempt, diff)
			}
		}
		if n := w.count(`SELECT count(*) FROM audit_events WHERE kind = 'session.refused'`); n != 10 {
			t.Errorf("%d failed logins were recorded, want 10", n)
		}
	})

	t.Run("403 only for whoever knows the password of a disabled account", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.exec(`UPDATE accounts SET disabled_at = now()`)
		w.post(loginPath, object{"login": "ada", "password": password}).want(http.StatusForbidden, "account_disabled")
	})

	t.Run("400 for a body that is not one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.post(loginPath, object{"login": ""}).want(http.StatusBadRequest)
		w.do(http.MethodPost, loginPath, "application/json", []byte(`{"login":"ada","login":"eve","password":"x"}`)).want(http.StatusBadRequest)
	})
}

// E2: an attacker with as many tries as they like is given the budget and no more, under either name of the account, and the
// owner gets in all the while.
func TestGuessesAtOneAccount(t *testing.T) {
	t.Parallel()

	t.Run("one network has ten, by whichever name", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		statuses := map[int]int{}
		for i := range 40 {
			login := "ada"
			if i%2 == 0 {
				login = "ADA@example.com"
			}
			a := w.post(loginPath, object{"login": login, "password": another}, from("203.0.113.9"))
			statuses[a.status]++
			if a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") == "" {
				t.Fatal("the answer does not say when to try again")
			}
		}
		if diff := cmp.Diff(map[int]int{http.StatusUnauthorized: 10, http.StatusTooManyRequests: 30}, statuses); diff != "" {
			t.Error(diff)
		}
		// Now even the right password is not looked at from there, and it is from elsewhere.
		w.post(loginPath, object{"login": "ada", "password": password}, from("203.0.113.9")).want(http.StatusTooManyRequests, "too_many_attempts")
		w.login("ada", from("198.51.100.7"))
	})

	t.Run("the same for a name that nobody has", func(t *testing.T) { // E1 for the state of being limited
		t.Parallel()
		w := newWorld(t)
		for i := range 12 {
			want := http.StatusUnauthorized
			if i >= 10 {
				want = http.StatusTooManyRequests
			}
			w.post(loginPath, object{"login": "nobody", "password": another}).want(want)
		}
	})

	t.Run("many networks have a hundred together, and the owner's own is not held up", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.login("ada", from("192.0.2.1"))
		statuses := map[int]int{}
		var mu sync.Mutex
		var wait sync.WaitGroup
		for i := range 60 {
			wait.Go(func() {
				for range 3 {
					a := w.post(loginPath, object{"login": "ada", "password": another}, from(fmt.Sprintf("2001:db8:0:%x::1", i)))
					mu.Lock()
					statuses[a.status]++
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		if diff := cmp.Diff(map[int]int{http.StatusUnauthorized: 100, http.StatusTooManyRequests: 80}, statuses); diff != "" {
			t.Error(diff)
		}
		w.login("ada", from("192.0.2.1"))
		w.post(loginPath, object{"login": "ada", "password": password}, from("198.51.100.99")).want(http.StatusTooManyRequests)
	})

	t.Run("a /64 is one network", func(t *testing.T) { // L1
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		for i := range 15 {
			want := http.StatusUnauthorized
			if i >= 10 {
				want = http.StatusTooManyRequests
			}
			w.post(loginPath, object{"login": "ada", "password": another}, from(fmt.Sprintf("2001:db8::%x", i+1))).want(want)
		}
	})

	t.Run("a login forgives what was mistyped before", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		for range 3 {
			for range 9 {
				w.post(loginPath, object{"login": "ada", "password": another}).want(http.StatusUnauthorized)
			}
			w.login("ada")
		}
	})

	t.Run("hundreds at once are counted exactly", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		var wait sync.WaitGroup
		var mu sync.Mutex
		guesses := 0
		for range 20 {
			wait.Go(func() {
				for range 15 {
					if w.post(loginPath, object{"login": "ada", "password": another}).status == http.StatusUnauthorized {
						mu.Lock()
						guesses++
						mu.Unlock()
					}
				}
			})
		}
		wait.Wait()
		if guesses != 10 {
			t.Errorf("%d of 300 guesses were answered, want 10", guesses)
		}
	})
}

// L1: the limit of requests by caller is not got around by spelling, and discovery is free of it.
func TestRequestsOfOneCallerAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.limiter = true })
	limited := func(change ...with) bool {
		for range 200 {
			a := w.post("/v1/auth/email/resend", object{"email": "x"}, change...)
			if a.status == http.StatusTooManyRequests {
				if a.header.Get("Retry-After") == "" || a.header.Get("RateLimit-Policy") == "" {
					t.Errorf("the answer has the headers %v", a.header)
				}
				return true
			}
			a.want(http.StatusBadRequest)
		}
		return false
	}
	if !limited(from("203.0.113.9")) {
		t.Fatal("200 requests of one caller in a moment were not limited")
	}
	w.post("/v1/auth/email/resend", object{"email": "x"}, from("198.51.100.7, 203.0.113.9")).want(http.StatusTooManyRequests)
	w.post("/v1/auth/email/resend", object{"email": "x"}, from("203.0.113.9"), header("X-Real-IP", "1.1.1.1")).want(http.StatusTooManyRequests)
	w.post("/v1/auth/email/resend", object{"email": "x"}, from("198.51.100.8")).want(http.StatusBadRequest)
	for range 700 { // more than anybody has in a minute
		w.get("/.well-known/jwks.json", from("203.0.113.9")).want(http.StatusOK)
	}
}

// The overload of password checks: what cannot be computed in time is turned away, with a word when to come again.
func TestLoginTurnsAwayAFlood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) {
		o.params = credential.DefaultParams
		o.queue = 10
	})
	var wait sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	start := time.Now()
	for i := range 60 {
		wait.Go(func() {
			a := w.post(loginPath, object{"login": fmt.Sprintf("nobody%d", i), "password": another}, from(fmt.Sprintf("192.0.2.%d", i)))
			if a.status >= http.StatusInternalServerError && a.header.Get("Retry-After") == "" {
				t.Error("the answer does not say when to try again")
			}
			mu.Lock()
			statuses[a.status]++
			mu.Unlock()
		})
	}
	wait.Wait()
	t.Logf("60 logins at once in %s: %v", time.Since(start).Round(time.Millisecond), statuses)
	// On a machine that is busy with other things some run into the deadline of a request.
	turnedAway := statuses[http.StatusServiceUnavailable] + statuses[http.StatusGatewayTimeout]
	if statuses[http.StatusUnauthorized] == 0 || turnedAway == 0 || statuses[http.StatusUnauthorized]+turnedAway != 60 {
		t.Errorf("the answers are %v", statuses)
	}
}
