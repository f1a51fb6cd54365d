package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

func TestAutoLogin(t *testing.T) {
	t.Parallel()
	confirm := func(w *world) *answer {
		w.post(registerPath, object{"email": "ada@example.com", "password": password}).want(http.StatusAccepted)
		return w.post(confirmPath, object{"token": w.mail("ada@example.com", notice.ConfirmEmail).Token}).want(http.StatusOK)
	}

	t.Run("nobody is logged in unless that is wanted", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		if _, there := confirm(w).body["tokens"]; there {
			t.Error("a confirmation logs in")
		}
		w.mails("ada@example.com")
		w.post(resetPath, object{"token": w.forgot(), "password": another}).want(http.StatusNoContent)
	})

	t.Run("200 and tokens after a confirmation", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(o *options) { o.autoLogin = httpapi.AutoLogin{AfterConfirm: true} })
		a := confirm(w)
		tokens, _ := a.body["tokens"].(map[string]any)
		access, _ := tokens["access_token"].(string)
		w.get("/v1/me", bearer(access)).want(http.StatusOK)
		if said, err := w.minter.Read(access); err != nil || said.ACR != "aal1" || len(said.AMR) != 1 || said.AMR[0] != "otp" {
			t.Errorf("the token says %+v, %v", said, err)
		}
		if a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("Cache-Control is %q", a.header.Get("Cache-Control"))
		}
		w.post("/v1/auth/refresh", object{"refresh_token": tokens["refresh_token"]}).want(http.StatusOK)
		w.mails("ada@example.com")
		w.post(resetPath, object{"token": w.forgot(), "password": another}).want(http.StatusNoContent) // which is a setting of its own
	})

	t.Run("nobody is logged in who cannot keep the tokens", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(o *options) { o.autoLogin = httpapi.AutoLogin{AfterConfirm: true, AfterReset: true} })
		w.post(registerPath, object{"email": "ada@example.com", "password": password}).want(http.StatusAccepted)
		a := w.post(confirmPath, object{"token": w.mail("ada@example.com", notice.ConfirmEmail).Token, "log_in": false}).want(http.StatusOK)
		if _, there := a.body["tokens"]; there {
			t.Errorf("the answer is %s", a.raw)
		}
		w.mails("ada@example.com")
		w.post(resetPath, object{"token": w.forgot(), "password": another, "log_in": false}).want(http.StatusNoContent)
		if n := w.count(`SELECT count(*) FROM sessions`); n != 0 {
			t.Errorf("%d sessions have begun", n)
		}
		for _, path := range []string{confirmPath, resetPath} {
			if page := w.get(path).want(http.StatusOK); !strings.Contains(page.raw, `data-also='{"log_in":false}'`) {
				t.Errorf("the page of %s asks for tokens: %s", path, page.raw)
			}
		}
	})

	t.Run("200 and tokens after a reset, which ends what was there before", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(o *options) { o.autoLogin = httpapi.AutoLogin{AfterReset: true} })
		w.person("ada@example.com")
		before := w.login("ada")
		mailed := w.forgot()
		a := w.post(resetPath, object{"token": mailed, "password": another}).want(http.StatusOK)
		w.get("/v1/me", bearer(a.text("access_token"))).want(http.StatusOK)
		w.post("/v1/auth/refresh", object{"refresh_token": a.text("refresh_token")}).want(http.StatusOK)
		w.post("/v1/auth/refresh", object{"refresh_token": before.text("refresh_token")}).want(http.StatusUnauthorized, "invalid_refresh_token")
		w.post(resetPath, object{"token": mailed, "password": password}).want(http.StatusBadRequest, "invalid_token")
	})

	t.Run("204 with a second factor, which a mailbox does not replace", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(o *options) { o.autoLogin = httpapi.AutoLogin{AfterReset: true} })
		w.person("ada@example.com")
		w.enrol(w.login("ada").text("access_token"))
		w.mails("ada@example.com")
		w.post(resetPath, object{"token": w.forgot(), "password": another}).want(http.StatusNoContent)
		w.post("/v1/auth/login", object{"login": "ada", "password": another}).want(http.StatusUnauthorized, "mfa_required")
	})
}
