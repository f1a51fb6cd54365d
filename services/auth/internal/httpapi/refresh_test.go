package httpapi_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

const refreshPath = "/v1/auth/refresh"

func TestRefresh(t *testing.T) {
	t.Parallel()

	t.Run("200 with another pair, again and again", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		refresh := w.login("ada").text("refresh_token")
		seen := map[string]bool{refresh: true}
		for range 5 {
			a := w.post(refreshPath, object{"refresh_token": refresh}).want(http.StatusOK)
			refresh = a.text("refresh_token")
			if seen[refresh] {
				t.Fatal("a refresh token came twice")
			}
			seen[refresh] = true
			w.get("/v1/me", bearer(a.text("access_token"))).want(http.StatusOK)
		}
	})

	t.Run("200 with an expired bearer token beside it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.post(refreshPath, object{"refresh_token": w.login("ada").text("refresh_token")}, bearer("expired")).want(http.StatusOK)
	})

	t.Run("200 with the same successor when the answer was lost", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		first := w.login("ada").text("refresh_token")
		lost := w.post(refreshPath, object{"refresh_token": first}).want(http.StatusOK)
		again := w.post(refreshPath, object{"refresh_token": first}).want(http.StatusOK)
		if lost.text("refresh_token") != again.text("refresh_token") {
			t.Error("the repetition has another successor")
		}
		w.post(refreshPath, object{"refresh_token": again.text("refresh_token")}).want(http.StatusOK)
	})

	t.Run("fifty at once have one successor and nobody is logged out", func(t *testing.T) { // R1
		t.Parallel()
		w := newWorld(t, func(o *options) { o.conns = 20 })
		w.person("ada@example.com")
		first := w.login("ada").text("refresh_token")
		var wait sync.WaitGroup
		var mu sync.Mutex
		successors := map[string]int{}
		for range 50 {
			wait.Go(func() {
				a := w.post(refreshPath, object{"refresh_token": first}).want(http.StatusOK)
				mu.Lock()
				successors[a.text("refresh_token")]++
				mu.Unlock()
			})
		}
		wait.Wait()
		if len(successors) != 1 {
			t.Errorf("there are %d successors", len(successors))
		}
		for successor := range successors {
			w.post(refreshPath, object{"refresh_token": successor}).want(http.StatusOK)
		}
	})

	t.Run("401 for a replay ends the session and tells the owner", func(t *testing.T) { // R1
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		login := w.login("ada")
		next := w.post(refreshPath, object{"refresh_token": login.text("refresh_token")}).want(http.StatusOK)
		w.get("/v1/me", bearer(next.text("access_token"))).want(http.StatusOK)
		thief := header("User-Agent", "a laptop")
		w.post(refreshPath, object{"refresh_token": login.text("refresh_token")}, thief).want(http.StatusUnauthorized, "invalid_refresh_token")
		w.post(refreshPath, object{"refresh_token": next.text("refresh_token")}).want(http.StatusUnauthorized, "invalid_refresh_token")
		w.get("/v1/me", bearer(next.text("access_token"))).want(http.StatusUnauthorized, "session_ended")
		w.mail("ada@example.com", notice.EndedSession)
		w.login("ada")
	})

	t.Run("401 for every token cut or extended", func(t *testing.T) { // J5
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		refresh := w.login("ada").text("refresh_token")
		for n := 1; n < len(refresh); n += 5 {
			w.post(refreshPath, object{"refresh_token": refresh[:n]}).want(http.StatusUnauthorized, "invalid_refresh_token")
		}
		for _, text := range []string{refresh + "0", refresh + " ", strings.ToLower(refresh), refresh + "\n", "Bearer " + refresh} {
			w.post(refreshPath, object{"refresh_token": text}).want(http.StatusUnauthorized, "invalid_refresh_token")
		}
		w.post(refreshPath, object{"refresh_token": refresh}).want(http.StatusOK)
	})

	t.Run("401 after the account was disabled", func(t *testing.T) { // R1, CVE-2026-43983
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		login := w.login("ada")
		w.exec(`UPDATE accounts SET disabled_at = now()`)
		w.post(refreshPath, object{"refresh_token": login.text("refresh_token")}).want(http.StatusUnauthorized, "invalid_refresh_token")
		w.get("/v1/me", bearer(login.text("access_token"))).want(http.StatusUnauthorized)
	})

	t.Run("400 for a body that is not one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.post(refreshPath, object{}).want(http.StatusBadRequest).wantFaults("/refresh_token required")
	})
}

func TestLogout(t *testing.T) {
	t.Parallel()

	t.Run("204 ends this session and no other", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		phone, laptop := w.login("ada"), w.login("ada")
		w.do(http.MethodPost, "/v1/auth/logout", "", nil, bearer(phone.text("access_token"))).want(http.StatusNoContent)
		w.do(http.MethodPost, "/v1/auth/logout", "", nil, bearer(phone.text("access_token"))).want(http.StatusNoContent)
		w.post(refreshPath, object{"refresh_token": phone.text("refresh_token")}).want(http.StatusUnauthorized)
		w.get("/v1/me", bearer(phone.text("access_token"))).want(http.StatusUnauthorized, "session_ended")
		w.post(refreshPath, object{"refresh_token": laptop.text("refresh_token")}).want(http.StatusOK)
	})

	t.Run("204 by the refresh token alone", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		login := w.login("ada")
		w.post("/v1/auth/logout", object{"refresh_token": login.text("refresh_token")}).want(http.StatusNoContent)
		w.get("/v1/me", bearer(login.text("access_token"))).want(http.StatusUnauthorized, "session_ended")
		w.post("/v1/auth/logout", object{"refresh_token": "unknown"}).want(http.StatusNoContent)
	})

	t.Run("401 for nobody", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.do(http.MethodPost, "/v1/auth/logout", "", nil).want(http.StatusUnauthorized, "unauthenticated")
		w.post("/v1/auth/logout", object{}).want(http.StatusUnauthorized, "unauthenticated")
		w.do(http.MethodPost, "/v1/auth/logout", "", nil, bearer("x")).want(http.StatusUnauthorized, "invalid_token")
	})

	t.Run("204 everywhere", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.person("bob@example.com")
		phone, laptop, bob := w.login("ada"), w.login("ada"), w.login("bob")
		w.do(http.MethodPost, "/v1/auth/logout-all", "", nil, bearer(phone.text("access_token"))).want(http.StatusNoContent)
		for _, ended := range []*answer{phone, laptop} {
			w.post(refreshPath, object{"refresh_token": ended.text("refresh_token")}).want(http.StatusUnauthorized)
		}
		w.post(refreshPath, object{"refresh_token": bob.text("refresh_token")}).want(http.StatusOK)
		// The old access token has no power over the sessions that follow.
		fresh := w.login("ada")
		w.do(http.MethodPost, "/v1/auth/logout-all", "", nil, bearer(phone.text("access_token"))).want(http.StatusUnauthorized, "session_ended")
		w.post(refreshPath, object{"refresh_token": fresh.text("refresh_token")}).want(http.StatusOK)
	})

	t.Run("401 everywhere for nobody", func(t *testing.T) {
		t.Parallel()
		newWorld(t).do(http.MethodPost, "/v1/auth/logout-all", "", nil).want(http.StatusUnauthorized, "unauthenticated")
	})
}
