package httpapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

const registerPath = "/v1/auth/register"

func TestRegister(t *testing.T) {
	t.Parallel()

	t.Run("202 and a link that confirms", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.post(registerPath, object{
			"email": "Ada@Example.com", "password": password, "username": "Ada", "name": "Ada Lovelace", "locale": "de-AT",
		}).want(http.StatusAccepted)
		letter := w.mail("ada@example.com", notice.ConfirmEmail)
		if letter.Link != issuer+"/v1/auth/email/confirm#token="+letter.Token || letter.Locale != "de-AT" || letter.To != "Ada@example.com" {
			t.Errorf("the letter is %+v", letter)
		}
		if letter.Name != "" {
			t.Errorf("the letter carries words that a stranger may have chosen: %q", letter.Name)
		}
		confirmed := w.post("/v1/auth/email/confirm", object{"token": letter.Token}).want(http.StatusOK)
		if diff := cmp.Diff(map[string]any{"email": "Ada@example.com", "username": "Ada"}, confirmed.body); diff != "" {
			t.Error(diff)
		}
		w.login("ada@example.com")
	})

	t.Run("202 and word of the account when the address is known", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.post(registerPath, object{"email": "ADA@example.com", "password": another}).want(http.StatusAccepted)
		letter := w.mail("ada@example.com", notice.AlreadyRegistered)
		if letter.Token != "" {
			t.Error("the letter has a token")
		}
		w.login("ada@example.com") // with the password from before
	})

	t.Run("400 names every fault of the form", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		a := w.post(registerPath, object{"email": "ada@localhost", "password": "passwordpassword", "username": "a b", "name": "A\u202eda", "locale": "xx-yy-zz-00"})
		a.want(http.StatusBadRequest, "invalid_request")
		a.wantFaults("/email bad_email", "/locale bad_locale", "/name bad_name", "/password too_common", "/username bad_username")
		if strings.Contains(a.raw, "passwordpassword") {
			t.Error("the answer repeats the password")
		}
	})

	t.Run("400 for a weak password alone", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.post(registerPath, object{"email": "ada@example.com", "password": "marbles"}).want(http.StatusBadRequest, "weak_password").
			wantFaults("/password too_short")
	})

	t.Run("400 names missing, unknown and malformed members", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		a := w.post(registerPath, object{"email": 7, "role": "admin", "nick": "x"}).want(http.StatusBadRequest)
		for _, want := range []string{"/email", "/role", "/nick", "/password"} {
			if !slices.ContainsFunc(a.faults(), func(f string) bool { return strings.HasPrefix(f, want+" ") }) {
				t.Errorf("no fault at %s: %v", want, a.faults())
			}
		}
	})

	t.Run("409 for a username that is taken, whatever the address", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		var first string
		for _, email := range []string{"ada@example.com", "bob@example.com"} {
			a := w.post(registerPath, object{"email": email, "password": another, "username": "ＡＤＡ"}).want(http.StatusConflict, "username_taken")
			a.wantFaults("/username taken")
			delete(a.body, "request_id")
			raw, _ := json.Marshal(a.body)
			if first != "" && string(raw) != first {
				t.Errorf("two answers: %s and %s", first, raw)
			}
			first = string(raw)
		}
	})

	t.Run("415 for anything but JSON", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.do(http.MethodPost, registerPath, "text/plain", []byte("x")).want(http.StatusUnsupportedMediaType)
	})

	t.Run("429 when one network asks for mails to one address again and again", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		for range 5 {
			w.post(registerPath, object{"email": "ada@example.com", "password": password}).want(http.StatusAccepted)
		}
		a := w.post(registerPath, object{"email": "ADA@example.com", "password": password}).want(http.StatusTooManyRequests, "too_many_attempts")
		if a.header.Get("Retry-After") == "" {
			t.Error("the answer does not say when to try again")
		}
		// The owner of the address, from elsewhere, and other addresses from here are not held up.
		w.post(registerPath, object{"email": "ada@example.com", "password": password}, from("198.51.100.7")).want(http.StatusAccepted)
		w.post(registerPath, object{"email": "bob@example.com", "password": password}).want(http.StatusAccepted)
		if n := len(w.mails("ada@example.com")); n != 6 {
			t.Errorf("%d mails were sent", n)
		}
	})
}

// E1 for register, resend and forgot: an address with an account, one that waits for confirmation, and one that nobody has
// answer alike in status, headers and body. Time is alike by construction: the handlers never look whether an address is known,
// the courier does later.
func TestMailsGiveNothingAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("known@example.com")
	w.post(registerPath, object{"email": "waiting@example.com", "password": password}).want(http.StatusAccepted)
	for _, path := range []string{registerPath, "/v1/auth/email/resend", "/v1/auth/password/forgot"} {
		var first *answer
		for _, email := range []string{"known@example.com", "waiting@example.com", "nobody@example.com"} {
			body := object{"email": email}
			if path == registerPath {
				body["password"] = another
			}
			a := w.post(path, body).want(http.StatusAccepted)
			for _, own := range []string{"Date", "X-Request-Id"} {
				a.header.Del(own)
			}
			if first == nil {
				first = a
				continue
			}
			if diff := cmp.Diff(first.header, a.header); diff != "" || first.raw != a.raw {
				t.Errorf("%s answers %s differently: %s %s", path, email, diff, a.raw)
			}
		}
	}
}

// M1: no name of a column that a caller has no business with is accepted in any body, and nothing changes.
func TestNoBodyTakesColumns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("ada@example.com")
	var columns []string
	err := w.db.SelectContext(t.Context(), &columns, `
		SELECT DISTINCT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'goose_db_version'
		ORDER BY column_name`)
	if err != nil || len(columns) < 50 {
		t.Fatalf("%d columns, %v", len(columns), err)
	}
	columns = append(columns, "roles", "scope", "scopes", "is_admin", "admin", "active", "email_verified", "email_confirmed", "org_id", "operator", "sub")
	access := w.login("ada").text("access_token")
	bodies := map[string]object{
		registerPath:               {"email": "eve@example.com", "password": another, "username": "eve", "name": "Eve", "locale": "en"},
		"/v1/auth/email/confirm":   {"token": "x"},
		"/v1/auth/email/resend":    {"email": "eve@example.com"},
		"/v1/auth/login":           {"login": "ada", "password": password, "remember_me": true, "device_name": "x"},
		"/v1/auth/refresh":         {"refresh_token": "x"},
		"/v1/auth/logout":          {"refresh_token": "x"},
		"/v1/auth/password/forgot": {"email": "eve@example.com"},
		"/v1/auth/password/reset":  {"token": "x", "password": another},
		"/v1/auth/password/change": {"current_password": password, "new_password": another},
		"/v1/me":                   {"name": "Eve", "locale": "en"},
	}
	before := w.count(`SELECT count(*) FROM accounts`) + w.count(`SELECT count(*) FROM sessions`) + w.count(`SELECT count(*) FROM outbox`)
	for path, body := range bodies {
		for _, column := range columns {
			if _, own := body[column]; own {
				continue
			}
			body[column] = "admin"
			raw, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			method := http.MethodPost
			if path == "/v1/me" {
				method = http.MethodPatch
			}
			a := w.do(method, path, "application/json", raw, bearer(access), header("If-Match", "*")).want(http.StatusBadRequest)
			if !slices.ContainsFunc(a.faults(), func(f string) bool { return strings.HasPrefix(f, "/"+column+" ") }) {
				t.Errorf("%s with %q: %v", path, column, a.faults())
			}
			delete(body, column)
		}
	}
	after := w.count(`SELECT count(*) FROM accounts`) + w.count(`SELECT count(*) FROM sessions`) + w.count(`SELECT count(*) FROM outbox`)
	if before != after || w.count(`SELECT count(*) FROM role_grants WHERE role <> 'driver'`) != 0 {
		t.Error("a refused body has changed something")
	}
}

func TestRegisterPicksTheLanguageOfTheLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for address, c := range map[string]struct{ chosen, browser, want string }{
		"chosen@example.com":  {"sv", "de-AT,de;q=0.9", "sv"},
		"browser@example.com": {"", "de-AT,de;q=0.9,en;q=0.5", "de-AT"},
		"none@example.com":    {"", "", ""},
		"any@example.com":     {"", "*", ""},
		"broken@example.com":  {"", "<<<;q=x", ""},
		"long@example.com":    {"", strings.Repeat("de,", 400), ""},
	} {
		body := object{"email": address, "password": password}
		if c.chosen != "" {
			body["locale"] = c.chosen
		}
		w.post(registerPath, body, header("Accept-Language", c.browser)).want(http.StatusAccepted)
		if got := w.mail(address, notice.ConfirmEmail).Locale; got != c.want {
			t.Errorf("%s is written to in %q, not %q", address, got, c.want)
		}
	}
}
