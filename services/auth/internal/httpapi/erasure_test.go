package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
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

func TestServicesAreToldWhomToForget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.service("charging-plot", "secret", []string{"auth"}, []string{"feeds:read"})
	w.service("nosy", "secret", []string{"auth"}, []string{"users:read"})
	as := func(id string) with {
		return bearer(w.form("/oauth/token", url.Values{"grant_type": {"client_credentials"}}, basic(id, "secret")).want(http.StatusOK).text("access_token"))
	}
	service := as("charging-plot")
	w.person("ada@example.com")
	access := bearer(w.login("ada").text("access_token"))
	ada := w.get("/v1/me", access).want(http.StatusOK).text("id")
	w.get("/v1/users/erasures").want(http.StatusUnauthorized)
	w.get("/v1/users/erasures", access).want(http.StatusForbidden, "insufficient_scope")
	w.get("/v1/users/erasures", as("nosy")).want(http.StatusForbidden, "insufficient_scope")
	w.get("/v1/users/erasures?after=nonsense", service).want(http.StatusBadRequest, "bad_cursor")

	// Nobody is told before the account is gone.
	w.delete("/v1/me", access).want(http.StatusAccepted)
	before := w.get("/v1/users/erasures", service).want(http.StatusOK)
	if before.items(t) != "" {
		t.Errorf("before the erasure: %s", before.raw)
	}
	w.exec(`UPDATE accounts SET erase_at = now() WHERE erase_at IS NOT NULL`)
	if n, err := postgres.NewJanitor(w.db).Erase(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d are erased, %v", n, err)
	}
	told := w.get("/v1/users/erasures?wait=10&after="+before.text("next_cursor"), service).want(http.StatusOK)
	if told.items(t) != "delete "+ada {
		t.Errorf("after the erasure: %s", told.raw)
	}
	if again := w.get("/v1/users/erasures?after="+told.text("next_cursor"), service).want(http.StatusOK); again.items(t) != "" {
		t.Errorf("told twice: %s", again.raw)
	}
	if anew := w.get("/v1/users/erasures", service).want(http.StatusOK); anew.items(t) != "delete "+ada {
		t.Errorf("from the beginning: %s", anew.raw)
	}
}

// items are what a page of the feed tells, in a line.
func (a *answer) items(t *testing.T) string {
	t.Helper()
	var page struct {
		Items []struct{ ID, Op string }
	}
	if err := json.Unmarshal([]byte(a.raw), &page); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, item := range page.Items {
		all = append(all, item.Op+" "+item.ID)
	}
	return strings.Join(all, ", ")
}
