package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

func (w *world) setUsername(body string, change ...with) *answer {
	w.t.Helper()
	return w.do(http.MethodPut, "/v1/me/username", "application/json", []byte(body), change...)
}

func TestSetUsername(t *testing.T) {
	t.Parallel()

	t.Run("200, and the login goes by the new name", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := bearer(w.login("ada").text("access_token"))
		before := w.get("/v1/me", access).header.Get("ETag")
		changed := w.setUsername(`{"username":"Lovelace"}`, access).want(http.StatusOK)
		if changed.text("username") != "Lovelace" || changed.header.Get("ETag") == before {
			t.Errorf("the account is %s", changed.raw)
		}
		if letter := w.mail("ada@example.com", notice.ChangedUsername); letter.Facts.Username != "Lovelace" {
			t.Errorf("the letter tells of %+v", letter.Facts)
		}
		w.login("LOVELACE")
		w.post("/v1/auth/login", object{"login": "ada", "password": password}).want(http.StatusUnauthorized)
	})

	// U1: what looks like somebody's name is taken; what cannot be a name is refused.
	t.Run("409 for what looks like somebody's", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.person("marvel@example.com")
		access := bearer(w.login("ada").text("access_token"))
		for _, name := range []string{"marvel", "MARVEL", "ｍａｒｖｅｌ", "marve1", "rnarvel"} {
			w.post("/v1/auth/register", object{"email": "x@example.com", "password": password, "username": name}).want(http.StatusConflict, "username_taken")
			w.exec(`DELETE FROM throttles`)
			w.setUsername(`{"username":"`+name+`"}`, access).want(http.StatusConflict, "username_taken").wantFaults("/username taken")
		}
	})

	t.Run("400 for what cannot be a name", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := bearer(w.login("ada").text("access_token"))
		for _, name := range []string{
			"ab", "аda", "a\u200bda", "a\u202eda", "a da", "ada@home", "-ada", "ada..b", strings.Repeat("a", 33), strings.Repeat("a", 10000), "ada\\u0000",
		} {
			w.setUsername(`{"username":"`+name+`"}`, access).want(http.StatusBadRequest)
		}
		for _, body := range []string{``, `{}`, `{"username":null}`, `{"username":7}`, `{"username":"grace","role":"admin"}`, `[]`} {
			w.setUsername(body, access).want(http.StatusBadRequest)
		}
		if name := w.get("/v1/me", access).text("username"); name != "ada" {
			t.Errorf("the name is %q", name)
		}
	})

	t.Run("401 for nobody, 403 where names stay, 429 for who tries names", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.setUsername(`{"username":"grace"}`).want(http.StatusUnauthorized)
		access := bearer(w.login("ada").text("access_token"))
		for _, name := range []string{"grace", "hedy", "emmy", "mary", "joan"} {
			w.setUsername(`{"username":"`+name+`"}`, access).want(http.StatusOK)
		}
		w.setUsername(`{"username":"rosa"}`, access).want(http.StatusTooManyRequests)

		fixed := newWorld(t, func(o *options) { o.usernamesFixed = true })
		fixed.person("ada@example.com")
		fixed.setUsername(`{"username":"grace"}`, bearer(fixed.login("ada").text("access_token"))).want(http.StatusForbidden, "usernames_fixed")
	})
}
