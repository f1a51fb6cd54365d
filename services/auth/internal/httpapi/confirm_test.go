package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

const confirmPath = "/v1/auth/email/confirm"

func TestConfirmEmail(t *testing.T) {
	t.Parallel()

	t.Run("200 once", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.post(registerPath, object{"email": "ada@example.com", "password": password}).want(http.StatusAccepted)
		link := w.mail("ada@example.com", notice.ConfirmEmail)
		w.post("/v1/auth/login", object{"login": "ada@example.com", "password": password}).want(http.StatusUnauthorized, "invalid_credentials")
		a := w.post(confirmPath, object{"token": link.Token}).want(http.StatusOK)
		if _, there := a.body["username"]; there {
			t.Error("there is a username that nobody asked for")
		}
		w.post(confirmPath, object{"token": link.Token}).want(http.StatusBadRequest, "invalid_token")
		w.login("ada@example.com")
	})

	t.Run("400 for what is no token of ours", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		for _, text := range []string{"x", "ihr_ec_", strings.Repeat("a", 200), "'; DROP TABLE accounts; --"} {
			w.post(confirmPath, object{"token": text}).want(http.StatusBadRequest, "invalid_token")
		}
	})

	t.Run("GET and HEAD never consume the token", func(t *testing.T) { // P2: link scanners
		t.Parallel()
		w := newWorld(t)
		w.post(registerPath, object{"email": "ada@example.com", "password": password}).want(http.StatusAccepted)
		link := w.mail("ada@example.com", notice.ConfirmEmail)
		for range 10 {
			a := w.get(confirmPath).want(http.StatusOK)
			if !strings.Contains(a.raw, `data-to="/v1/auth/email/confirm"`) {
				t.Fatalf("the page is %s", a.raw)
			}
			w.do(http.MethodHead, confirmPath, "", nil).want(http.StatusOK)
		}
		// A scanner that puts the token into the query is refused, and the token still works.
		w.get(confirmPath + "?token=" + link.Token).want(http.StatusBadRequest)
		w.post(confirmPath, object{"token": link.Token}).want(http.StatusOK)
	})

	t.Run("the page may run its own script and nothing else", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		for _, path := range []string{confirmPath, "/v1/auth/password/reset"} {
			policy := w.get(path).want(http.StatusOK).header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "script-src 'sha256-", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
				if !strings.Contains(policy, want) {
					t.Errorf("%s: the policy %q lacks %q", path, policy, want)
				}
			}
			if strings.Contains(policy, "unsafe") {
				t.Errorf("%s: the policy is %q", path, policy)
			}
		}
	})

	t.Run("two registrations of one address in parallel make one account", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		var wait sync.WaitGroup
		for i := range 10 {
			wait.Go(func() {
				w.post(registerPath, object{"email": "ada@example.com", "password": password}, from(fmt.Sprintf("192.0.2.%d", i))).want(http.StatusAccepted)
			})
		}
		wait.Wait()
		var mu sync.Mutex
		statuses := map[int]int{}
		for _, letter := range w.mails("ada@example.com") {
			wait.Go(func() {
				a := w.post(confirmPath, object{"token": letter.Token})
				mu.Lock()
				defer mu.Unlock()
				statuses[a.status]++
			})
		}
		wait.Wait()
		if statuses[http.StatusOK] != 1 || statuses[http.StatusBadRequest] != 9 {
			t.Errorf("the confirmations answered %v", statuses)
		}
		if n := w.count(`SELECT count(*) FROM accounts`); n != 1 {
			t.Errorf("%d accounts exist", n)
		}
	})
}

func TestResendConfirmation(t *testing.T) {
	t.Parallel()

	t.Run("202 and another link, both good until one is used", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.post(registerPath, object{"email": "ada@example.com", "password": password}).want(http.StatusAccepted)
		first := w.mail("ada@example.com", notice.ConfirmEmail)
		w.post("/v1/auth/email/resend", object{"email": "ADA@example.com"}).want(http.StatusAccepted)
		second := w.mail("ada@example.com", notice.ConfirmEmail)
		w.post(confirmPath, object{"token": second.Token}).want(http.StatusOK)
		w.post(confirmPath, object{"token": first.Token}).want(http.StatusBadRequest, "invalid_token")
	})

	t.Run("202 and no mail when nothing waits", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.post("/v1/auth/email/resend", object{"email": "nobody@example.com"}).want(http.StatusAccepted)
		if letters := w.mails("nobody@example.com"); len(letters) != 0 {
			t.Errorf("a stranger was sent %+v", letters)
		}
	})

	t.Run("400 for what is no address", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.post("/v1/auth/email/resend", object{"email": "nobody"}).want(http.StatusBadRequest, "bad_email").wantFaults("/email bad_email")
	})

	t.Run("429 for one after the other", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		for range 5 {
			w.post("/v1/auth/email/resend", object{"email": "ada@example.com"}).want(http.StatusAccepted)
		}
		w.post("/v1/auth/email/resend", object{"email": "ada@example.com"}).want(http.StatusTooManyRequests, "too_many_attempts")
		w.post("/v1/auth/password/forgot", object{"email": "ada@example.com"}).want(http.StatusTooManyRequests, "too_many_attempts")
	})
}
