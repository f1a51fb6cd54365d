package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

func TestDeleteMe(t *testing.T) {
	t.Parallel()

	t.Run("202, and a call keeps the account", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		other := w.login("ada")
		access := bearer(w.login("ada").text("access_token"))
		w.poke("/v1/me/erasure/cancel", access).want(http.StatusConflict, "no_erasure")
		scheduled := w.delete("/v1/me", access).want(http.StatusAccepted)
		when, err := time.Parse(time.RFC3339, scheduled.text("erase_at"))
		if left := time.Until(when); err != nil || left < 13*24*time.Hour || left > 15*24*time.Hour {
			t.Errorf("the account goes at %s, %v", when, err)
		}
		if again := w.delete("/v1/me", access).want(http.StatusAccepted); again.raw != scheduled.raw {
			t.Errorf("asked again, it goes at %s", again.raw)
		}
		if letter := w.mail("ada@example.com", notice.ErasureScheduled); !letter.Facts.At.Equal(when) {
			t.Errorf("the letter tells of %s", letter.Facts.At)
		}
		w.get("/v1/me", bearer(other.text("access_token"))).want(http.StatusUnauthorized, "session_ended")
		if me := w.get("/v1/me", access).want(http.StatusOK); me.text("erase_at") != scheduled.text("erase_at") {
			t.Errorf("the account is %s", me.raw)
		}
		w.poke("/v1/me/erasure/cancel", access).want(http.StatusNoContent)
		w.mail("ada@example.com", notice.ErasureCanceled)
		if me := w.get("/v1/me", access).want(http.StatusOK); me.text("erase_at") != "" {
			t.Errorf("the account is %s", me.raw)
		}
	})

	t.Run("202, and a login keeps the account", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.delete("/v1/me", bearer(w.login("ada").text("access_token"))).want(http.StatusAccepted)
		w.mail("ada@example.com", notice.ErasureScheduled)
		w.post("/v1/auth/login", object{"login": "ada", "password": another}).want(http.StatusUnauthorized)
		if n := w.count(`SELECT count(*) FROM accounts WHERE erase_at IS NOT NULL`); n != 1 {
			t.Error("a login that failed keeps the account")
		}
		access := bearer(w.login("ada").text("access_token"))
		w.mail("ada@example.com", notice.ErasureCanceled)
		if me := w.get("/v1/me", access).want(http.StatusOK); me.text("erase_at") != "" {
			t.Errorf("the account is %s", me.raw)
		}
	})

	t.Run("401 for nobody", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.delete("/v1/me").want(http.StatusUnauthorized)
		w.poke("/v1/me/erasure/cancel").want(http.StatusUnauthorized)
		w.get("/v1/me/export").want(http.StatusUnauthorized)
	})
}

func TestExportMe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("ada@example.com")
	w.person("bob@example.com")
	w.login("bob")
	tokens := w.login("ada")
	export := w.get("/v1/me/export", bearer(tokens.text("access_token"))).want(http.StatusOK)
	if export.header.Get("Cache-Control") != "no-store" || !strings.Contains(export.header.Get("Content-Disposition"), "account.json") {
		t.Errorf("the header is %v", export.header)
	}
	if strings.Contains(export.raw, "bob") || strings.Contains(export.raw, "$argon2") || strings.Contains(export.raw, tokens.text("refresh_token")) {
		t.Errorf("the export tells too much: %s", export.raw)
	}
	data, _ := export.body["data"].(map[string]any)
	for _, part := range []string{"account", "emails", "roles", "sessions", "events"} {
		if rows, _ := data[part].([]any); len(rows) == 0 {
			t.Errorf("the export lacks %s: %s", part, export.raw)
		}
	}
}
