package httpapi_test

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

const (
	forgotPath = "/v1/auth/password/forgot"
	resetPath  = "/v1/auth/password/reset"
	changePath = "/v1/auth/password/change"
)

// forgot asks for Ada's link and returns its token.
func (w *world) forgot(change ...with) string {
	w.t.Helper()
	w.post(forgotPath, object{"email": "ada@example.com"}, change...).want(http.StatusAccepted)
	letter := w.mail("ada@example.com", notice.ResetPassword)
	if letter.Link != issuer+"/v1/auth/password/reset#token="+letter.Token {
		w.t.Errorf("the link is %s", letter.Link)
	}
	return letter.Token
}

func TestForgotPassword(t *testing.T) {
	t.Parallel()

	t.Run("202 and a link to the account's own address, at our own host", func(t *testing.T) { // P1, CVE-2025-64101
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.forgot(header("X-Forwarded-Host", "evil.example"), header("X-Forwarded-Proto", "http"), header("Forwarded", "host=evil.example"),
			func(r *http.Request) { r.Host = "evil.example" })
	})

	t.Run("202 and no mail for who has no account, or none that may be used", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("off@example.com")
		w.exec(`UPDATE accounts SET disabled_at = now()`)
		for _, email := range []string{"nobody@example.com", "off@example.com"} {
			w.post(forgotPath, object{"email": email}).want(http.StatusAccepted)
			if letters := w.mails(email); len(letters) != 0 {
				t.Errorf("%s was sent %+v", email, letters)
			}
		}
	})

	t.Run("400 for what is no address", func(t *testing.T) { // G2
		t.Parallel()
		w := newWorld(t)
		for _, email := range []string{"nobody", "ada@example.com\r\nBcc: eve@example.com", "ada@example.com, eve@example.com"} {
			w.post(forgotPath, object{"email": email}).want(http.StatusBadRequest, "bad_email")
		}
	})
}

func TestResetPassword(t *testing.T) {
	t.Parallel()

	t.Run("204 once, and every session ends", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		before := w.login("ada")
		token := w.forgot()
		w.post(resetPath, object{"token": token, "password": another}).want(http.StatusNoContent)
		w.post(resetPath, object{"token": token, "password": another}).want(http.StatusBadRequest, "invalid_token")
		w.mail("ada@example.com", notice.ChangedPassword)
		w.post(refreshPath, object{"refresh_token": before.text("refresh_token")}).want(http.StatusUnauthorized)
		w.get("/v1/me", bearer(before.text("access_token"))).want(http.StatusUnauthorized, "session_ended")
		w.post(loginPath, object{"login": "ada", "password": password}).want(http.StatusUnauthorized)
		w.post(loginPath, object{"login": "ada", "password": another}).want(http.StatusOK)
	})

	t.Run("GET and HEAD never consume the token", func(t *testing.T) { // P2: link scanners
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		token := w.forgot()
		for range 10 {
			w.get(resetPath).want(http.StatusOK)
			w.do(http.MethodHead, resetPath, "", nil).want(http.StatusOK)
		}
		w.get(resetPath + "?token=" + token).want(http.StatusBadRequest)
		w.post(resetPath, object{"token": token, "password": another}).want(http.StatusNoContent)
	})

	t.Run("204 for one of ten at once", func(t *testing.T) { // P1: parallel use
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		token := w.forgot()
		var wait sync.WaitGroup
		var mu sync.Mutex
		statuses := map[int]int{}
		for range 10 {
			wait.Go(func() {
				a := w.post(resetPath, object{"token": token, "password": another})
				mu.Lock()
				statuses[a.status]++
				mu.Unlock()
			})
		}
		wait.Wait()
		if statuses[http.StatusNoContent] != 1 || statuses[http.StatusBadRequest] != 9 {
			t.Errorf("the answers are %v", statuses)
		}
	})

	t.Run("400 for a weak password, which does not cost the token", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		token := w.forgot()
		w.post(resetPath, object{"token": token, "password": "ada@example.com!"}).want(http.StatusBadRequest, "weak_password").wantFaults("/password too_personal")
		w.post(resetPath, object{"token": token, "password": another}).want(http.StatusNoContent)
	})

	t.Run("400 after the password was changed, another link was used, or half an hour", func(t *testing.T) { // P1
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		first, second := w.forgot(), w.forgot()
		access := w.login("ada").text("access_token")
		w.post(changePath, object{"current_password": password, "new_password": another}, bearer(access)).want(http.StatusNoContent)
		w.mail("ada@example.com", notice.ChangedPassword)
		for _, token := range []string{first, second} {
			w.post(resetPath, object{"token": token, "password": password}).want(http.StatusBadRequest, "invalid_token")
		}
		third, fourth := w.forgot(), w.forgot()
		w.post(resetPath, object{"token": fourth, "password": "yet another good password"}).want(http.StatusNoContent)
		w.mail("ada@example.com", notice.ChangedPassword)
		w.post(resetPath, object{"token": third, "password": password}).want(http.StatusBadRequest, "invalid_token")
		// From another network: this one has asked for its five mails.
		late := w.forgot(from("198.51.100.7"))
		w.exec(`UPDATE one_time_tokens SET expires_at = expires_at - interval '30 minutes'`)
		w.post(resetPath, object{"token": late, "password": password}).want(http.StatusBadRequest, "invalid_token")
	})

	t.Run("400 after the account was disabled", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		token := w.forgot()
		w.exec(`UPDATE accounts SET disabled_at = now()`)
		w.post(resetPath, object{"token": token, "password": another}).want(http.StatusBadRequest, "invalid_token")
	})
}

func TestChangePassword(t *testing.T) {
	t.Parallel()

	t.Run("204, this session goes on and the others end", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		phone, laptop := w.login("ada"), w.login("ada")
		w.post(changePath, object{"current_password": password, "new_password": another}, bearer(phone.text("access_token"))).want(http.StatusNoContent)
		w.mail("ada@example.com", notice.ChangedPassword)
		w.post(refreshPath, object{"refresh_token": phone.text("refresh_token")}).want(http.StatusOK)
		w.post(refreshPath, object{"refresh_token": laptop.text("refresh_token")}).want(http.StatusUnauthorized)
		w.post(loginPath, object{"login": "ada", "password": another}).want(http.StatusOK)
	})

	t.Run("403 for a wrong current password, then 429", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := bearer(w.login("ada").text("access_token"))
		for range 10 {
			w.post(changePath, object{"current_password": another, "new_password": another}, access).want(http.StatusForbidden, "wrong_password").
				wantFaults("/current_password wrong_password")
		}
		w.post(changePath, object{"current_password": password, "new_password": another}, access).want(http.StatusTooManyRequests, "too_many_attempts")
	})

	t.Run("400 for the same or a weak one", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := bearer(w.login("ada").text("access_token"))
		w.post(changePath, object{"current_password": password, "new_password": password}, access).want(http.StatusBadRequest, "same_password")
		w.post(changePath, object{"current_password": password, "new_password": "short"}, access).want(http.StatusBadRequest, "weak_password").
			wantFaults("/new_password too_short")
	})

	t.Run("401 for nobody, and for a session that has ended", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		body := object{"current_password": password, "new_password": another}
		w.post(changePath, body).want(http.StatusUnauthorized, "unauthenticated")
		login := w.login("ada")
		w.post("/v1/auth/logout", object{"refresh_token": login.text("refresh_token")}).want(http.StatusNoContent)
		w.post(changePath, body, bearer(login.text("access_token"))).want(http.StatusUnauthorized, "session_ended")
	})
}

// G1: what is secret stands in no answer to a fault and in no row that others read.
func TestSecretsAreKeptNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.post(registerPath, object{"email": "ada@example.com", "password": password, "username": "ada"}).want(http.StatusAccepted)
	confirm := w.mail("ada@example.com", notice.ConfirmEmail).Token
	w.post(confirmPath, object{"token": confirm}).want(http.StatusOK)
	w.mail("ada@example.com", notice.Welcome)
	login := w.login("ada")
	next := w.post(refreshPath, object{"refresh_token": login.text("refresh_token")}).want(http.StatusOK)
	reset := w.forgot()
	_, apiKey := w.makeKey(bearer(next.text("access_token")), object{"scopes": []string{"profile"}})
	w.get("/v1/me", key(apiKey)).want(http.StatusOK)
	var dump strings.Builder
	var tables []string
	if err := w.db.SelectContext(t.Context(), &tables, `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		var rows []string
		if err := w.db.SelectContext(t.Context(), &rows, `SELECT row_to_json(t)::text FROM `+table+` t`); err != nil {
			t.Fatal(err)
		}
		dump.WriteString(strings.Join(rows, "\n"))
	}
	for name, secret := range map[string]string{
		"the password": password, "the confirm token": confirm, "the reset token": reset, "a refresh token": login.text("refresh_token"),
		"its successor": next.text("refresh_token"), "an access token": login.text("access_token"), "the user agent": "a phone", "the address": "127.0.0.1", "an API key": apiKey,
	} {
		if strings.Contains(dump.String(), secret) {
			t.Errorf("%s stands in the database", name)
		}
	}
	var events []string
	if err := w.db.SelectContext(t.Context(), &events, `SELECT row_to_json(t)::text FROM audit_events t`); err != nil {
		t.Fatal(err)
	}
	// Three letters of a name may stand in an id, as hexadecimal digits; ada as a word may not.
	if log := strings.Join(events, "\n"); regexp.MustCompile(`(?i)\bada\b|example\.com`).MatchString(log) {
		t.Errorf("the audit log is personal: %s", log)
	}
}
