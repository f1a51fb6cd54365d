package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/httpapi"
)

// dangerous are operations that want a proof, one of each shape; the document names them all.
var dangerous = []struct{ method, path string }{
	{http.MethodPost, "/v1/auth/password/change"},
	{http.MethodPost, "/v1/me/mfa/totp"},
	{http.MethodDelete, "/v1/me/mfa/totp/0190f0a0-0000-7000-8000-000000000001"},
	{http.MethodPost, "/v1/me/mfa/recovery-codes"},
	{http.MethodPost, "/v1/me/passkeys/begin"},
	{http.MethodDelete, "/v1/me/passkeys/0190f0a0-0000-7000-8000-000000000001"},
}

// old makes every proof of every session as old as an hour, and returns a token that says so.
func (w *world) old(refresh string) (access, next string) {
	w.t.Helper()
	w.exec(`UPDATE sessions SET auth_time = auth_time - interval '1 hour'`)
	a := w.post(refreshPath, object{"refresh_token": refresh}).want(http.StatusOK)
	return a.text("access_token"), a.text("refresh_token")
}

func (w *world) wantStepUp(access, level string) {
	w.t.Helper()
	for _, op := range dangerous {
		a := w.do(op.method, op.path, "application/json", []byte(`{}`), bearer(access)).want(http.StatusUnauthorized, "step_up_required")
		challenge := a.header.Get("WWW-Authenticate")
		for _, part := range []string{`Bearer `, `error="insufficient_user_authentication"`, `acr_values="` + level + `"`, `max_age=600`} {
			if !strings.Contains(challenge, part) {
				w.t.Errorf("%s %s: WWW-Authenticate is %s, without %s", op.method, op.path, challenge, part)
			}
		}
	}
}

func TestStepUp(t *testing.T) {
	t.Parallel()

	t.Run("401 for an old proof, 200 with the password, and then it may", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access, refresh := w.old(w.login("ada").text("refresh_token"))
		w.wantStepUp(access, authn.AAL1)
		w.get("/v1/me", bearer(access)).want(http.StatusOK) // what harms nobody needs no proof
		a := w.post(stepUpPath, object{"password": password}, bearer(access)).want(http.StatusOK)
		if _, there := a.body["refresh_token"]; there {
			t.Error("a step-up gives a refresh token")
		}
		w.post("/v1/me/mfa/totp", object{"name": "a phone"}, bearer(a.text("access_token"))).want(http.StatusCreated)
		w.wantStepUp(access, authn.AAL1) // the old token stays what it was
		next := w.post(refreshPath, object{"refresh_token": refresh}).want(http.StatusOK)
		if p := w.sees(next.text("access_token")); time.Since(p.AuthTime) > time.Minute {
			t.Errorf("after a refresh the proof is from %s", p.AuthTime)
		}
	})

	t.Run("a lesser login is no way around a second factor", func(t *testing.T) { // A3
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		before := w.login("ada") // by password, before there was a second factor
		phone, codes := w.enrol(before.text("access_token"))
		w.wantStepUp(before.text("access_token"), authn.AAL2)
		refreshed := w.post(refreshPath, object{"refresh_token": before.text("refresh_token")}).want(http.StatusOK)
		w.wantStepUp(refreshed.text("access_token"), authn.AAL2)
		// A password alone does not step up any more.
		access := refreshed.text("access_token")
		w.post(stepUpPath, object{"password": password}, bearer(access)).want(http.StatusBadRequest, "proof_missing").wantFaults("/totp_code required")
		w.post(stepUpPath, object{"totp_code": phone.code(0)}, bearer(access)).want(http.StatusBadRequest, "proof_missing").wantFaults("/password required")
		w.post(stepUpPath, object{"password": another, "totp_code": phone.shows()}, bearer(access)).want(http.StatusForbidden, "wrong_password")
		w.post(stepUpPath, object{"password": password, "totp_code": "000000"}, bearer(access)).want(http.StatusForbidden, "wrong_second_factor")
		w.post(stepUpPath, object{"password": password, "recovery_code": codes[0], "totp_code": phone.shows()}, bearer(access)).want(http.StatusBadRequest, "one_second_factor")
		w.wantStepUp(access, authn.AAL2)
		a := w.post(stepUpPath, object{"password": password, "totp_code": phone.shows()}, bearer(access)).want(http.StatusOK)
		if p := w.sees(a.text("access_token")); p.ACR != authn.AAL2 {
			t.Errorf("the token says %s", p.ACR)
		}
		w.do(http.MethodDelete, "/v1/me/mfa/totp/"+phone.id, "", nil, bearer(a.text("access_token"))).want(http.StatusNoContent)
	})

	t.Run("401 for a session that has ended or an account that is off", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := w.login("ada").text("access_token")
		w.post("/v1/auth/logout", object{}, bearer(access)).want(http.StatusNoContent)
		w.post(stepUpPath, object{"password": password}, bearer(access)).want(http.StatusUnauthorized, "session_ended")
		access = w.login("ada").text("access_token")
		w.exec(`UPDATE accounts SET disabled_at = now()`)
		w.post(stepUpPath, object{"password": password}, bearer(access)).want(http.StatusUnauthorized, "session_ended")
	})

	t.Run("429 after ten passwords", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := w.login("ada").text("access_token")
		for range 10 {
			w.post(stepUpPath, object{"password": another}, bearer(access)).want(http.StatusForbidden, "wrong_password")
		}
		w.post(stepUpPath, object{"password": password}, bearer(access)).want(http.StatusTooManyRequests, "too_many_attempts")
	})

	t.Run("403 comes before: whoever may not at all is not sent to step up", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		in := w.login("ada")
		w.exec(`UPDATE sessions SET auth_time = auth_time - interval '1 hour'`)
		narrow := w.form(tokenPath, map[string][]string{
			"grant_type": {"refresh_token"}, "refresh_token": {in.text("refresh_token")}, "client_id": {"app"}, "scope": {"sessions:read"},
		}).want(http.StatusOK).text("access_token")
		w.post("/v1/me/mfa/totp", object{"name": "a phone"}, bearer(narrow)).want(http.StatusForbidden, "insufficient_scope")
		w.post("/v1/me/mfa/totp", object{"name": "a phone"}).want(http.StatusUnauthorized, "unauthenticated")
	})
}

// What harms an account or others must be marked. The list is of kinds of operations, so that a new one is not forgotten.
func TestEveryDangerousOperationWantsAProof(t *testing.T) {
	t.Parallel()
	spec, err := httpapi.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	marked := 0
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			if _, there := op.Extensions["x-step-up"]; there {
				marked++
				continue
			}
			writes := method != http.MethodGet && (op.Security == nil || len(*op.Security) > 0) // the token of a mail proves enough
			factor := strings.HasPrefix(path, "/v1/me/mfa") || strings.HasPrefix(path, "/v1/me/passkeys") && method != http.MethodPatch
			account := path == "/v1/auth/password/change" || path == "/v1/me" && method == http.MethodDelete ||
				strings.HasPrefix(path, "/v1/me/emails") && !strings.Contains(path, "resend") && path != "/v1/me/emails/confirm" || // that one's proof is the mailed token
				strings.HasPrefix(path, "/v1/me/api-keys") && path != "/v1/me/api-keys/rotate" // that one's proof is the key
			others := strings.HasPrefix(path, "/v1/users") && strings.Contains(path, "role")
			if writes && (factor || account || others) {
				t.Errorf("%s %s is not marked x-step-up", method, path)
			}
		}
	}
	if marked < len(dangerous) {
		t.Errorf("%d operations are marked", marked)
	}
}
