package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

const emailsPath = "/v1/me/emails"

// addresses are the caller's as "address primary confirmed", in their order.
func (w *world) addresses(access with) []string {
	w.t.Helper()
	var out []string
	items, _ := w.get(emailsPath, access).want(http.StatusOK).body["items"].([]any)
	for _, one := range items {
		m, _ := one.(map[string]any)
		line, _ := m["email"].(string)
		for _, mark := range []string{"primary", "confirmed"} {
			if on, _ := m[mark].(bool); on {
				line += " " + mark
			}
		}
		out = append(out, line)
	}
	return out
}

func (w *world) delete(path string, change ...with) *answer {
	w.t.Helper()
	return w.do(http.MethodDelete, path, "", nil, change...)
}

func (w *world) wantAddresses(access with, want ...string) {
	w.t.Helper()
	if got := w.addresses(access); strings.Join(got, ", ") != strings.Join(want, ", ") {
		w.t.Errorf("the addresses are %v, want %v", got, want)
	}
}

func TestSeveralAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("ada@example.com")
	access := bearer(w.login("ada").text("access_token"))
	added := w.post(emailsPath, object{"email": "Work@Example.com"}, access).want(http.StatusCreated)
	id := added.text("id")
	w.wantAddresses(access, "ada@example.com primary confirmed", "Work@example.com")
	// Until it is confirmed it is nobody's.
	w.post("/v1/auth/login", object{"login": "work@example.com", "password": password}).want(http.StatusUnauthorized)
	w.poke(emailsPath+"/"+id+"/primary", access).want(http.StatusConflict, "email_unconfirmed")

	letter := w.mail("work@example.com", notice.ConfirmAddedEmail)
	if !strings.HasPrefix(letter.Link, issuer+"/v1/me/emails/confirm#token=ihr_ea_") || letter.Name != "" {
		t.Errorf("the letter is %+v", letter)
	}
	// P2: reading the page, as link scanners do, consumes nothing.
	for range 10 {
		w.get(emailsPath + "/confirm").want(http.StatusOK)
	}
	w.post(emailsPath+"/confirm", object{"token": letter.Token}).want(http.StatusOK)
	w.post(emailsPath+"/confirm", object{"token": letter.Token}).want(http.StatusBadRequest, "invalid_token")
	w.mail("ada@example.com", notice.ChangedEmails)
	w.wantAddresses(access, "ada@example.com primary confirmed", "Work@example.com confirmed")
	w.post("/v1/auth/login", object{"login": "WORK@example.com", "password": password}).want(http.StatusOK)

	before := w.get("/v1/me", access).want(http.StatusOK).header.Get("ETag")
	w.poke(emailsPath+"/"+id+"/primary", access).want(http.StatusNoContent)
	w.mail("ada@example.com", notice.ChangedEmails)
	w.mail("work@example.com", notice.ChangedEmails)
	me := w.get("/v1/me", access).want(http.StatusOK)
	if me.text("email") != "Work@example.com" || me.header.Get("ETag") == before {
		t.Errorf("the account is %s", me.raw)
	}
	w.delete(emailsPath+"/"+id, access).want(http.StatusConflict, "primary_email")
	items, _ := w.get(emailsPath, access).body["items"].([]any)
	second, _ := items[1].(map[string]any)
	old, _ := second["id"].(string)
	w.delete(emailsPath+"/"+old, access).want(http.StatusNoContent)
	w.delete(emailsPath+"/"+old, access).want(http.StatusNotFound, "no_such_email")
	w.wantAddresses(access, "Work@example.com primary confirmed")
	w.post("/v1/auth/login", object{"login": "ada@example.com", "password": password}).want(http.StatusUnauthorized)
}

func TestAddEmail(t *testing.T) {
	t.Parallel()

	// E1: what is somebody's is answered like what is nobody's; only its owner is told.
	t.Run("201 for an address that somebody has", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.person("bob@example.com")
		access := bearer(w.login("bob").text("access_token"))
		taken := w.post(emailsPath, object{"email": "ADA@example.com"}, access).want(http.StatusCreated)
		free := w.post(emailsPath, object{"email": "FREE@example.com"}, access).want(http.StatusCreated)
		mask := func(a *answer, address string) string {
			return strings.NewReplacer(a.text("id"), "ID", a.text("since"), "AT", address, "ADDRESS").Replace(a.raw)
		}
		if mask(taken, "ADA@example.com") != mask(free, "FREE@example.com") {
			t.Errorf("%s differs from %s", taken.raw, free.raw)
		}
		w.mail("ada@example.com", notice.AddressTaken)
		w.wantAddresses(access, "bob@example.com primary confirmed", "ADA@example.com", "FREE@example.com")
	})

	t.Run("201 again sends the link again, and the newest works", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := bearer(w.login("ada").text("access_token"))
		first := w.post(emailsPath, object{"email": "new@example.com"}, access).want(http.StatusCreated)
		w.mail("new@example.com", notice.ConfirmAddedEmail)
		second := w.post(emailsPath, object{"email": "new@example.com"}, access).want(http.StatusCreated)
		if first.text("id") != second.text("id") {
			t.Errorf("one address has the ids %s and %s", first.text("id"), second.text("id"))
		}
		older := w.mail("new@example.com", notice.ConfirmAddedEmail).Token
		w.poke(emailsPath+"/"+first.text("id")+"/resend", access).want(http.StatusAccepted)
		newest := w.mail("new@example.com", notice.ConfirmAddedEmail).Token
		w.post(emailsPath+"/confirm", object{"token": older}).want(http.StatusBadRequest, "invalid_token")
		w.post(emailsPath+"/confirm", object{"token": newest}).want(http.StatusOK)
		w.poke(emailsPath+"/"+first.text("id")+"/resend", access).want(http.StatusNotFound, "no_such_email")
	})

	t.Run("400 for what is no address, and nothing is kept", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := bearer(w.login("ada").text("access_token"))
		for _, bad := range []any{"", "nobody", "a@b", "x@example.com\r\nBcc: eve@example.com", "<a@example.com>", strings.Repeat("a", 300) + "@example.com", 7, nil} {
			w.post(emailsPath, object{"email": bad}, access).want(http.StatusBadRequest)
		}
		w.post(emailsPath, object{"email": "x@example.com", "confirmed": true}, access).want(http.StatusBadRequest)
		if n := w.count(`SELECT count(*) FROM pending_emails`); n != 0 {
			t.Errorf("%d addresses were kept", n)
		}
	})

	t.Run("401 for nobody and after the login has ended", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := bearer(w.login("ada").text("access_token"))
		w.post(emailsPath, object{"email": "x@example.com"}).want(http.StatusUnauthorized)
		w.post("/v1/auth/logout", object{}, access).want(http.StatusNoContent)
		w.post(emailsPath, object{"email": "x@example.com"}, access).want(http.StatusUnauthorized, "session_ended")
		w.get(emailsPath, access).want(http.StatusUnauthorized, "session_ended")
	})

	t.Run("409 for the own, and for an eleventh", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := bearer(w.login("ada").text("access_token"))
		w.post(emailsPath, object{"email": "ADA@example.com"}, access).want(http.StatusConflict, "email_own").wantFaults("/email email_own")
		for i := range 9 {
			w.post(emailsPath, object{"email": "x" + string(rune('a'+i)) + "@example.com"}, access).want(http.StatusCreated)
		}
		w.post(emailsPath, object{"email": "eleventh@example.com"}, access).want(http.StatusConflict, "too_many_emails")
	})

	t.Run("429 for a mailbox that is filled", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := bearer(w.login("ada").text("access_token"))
		for range 5 {
			w.post(emailsPath, object{"email": "victim@example.com"}, access).want(http.StatusCreated)
		}
		w.post(emailsPath, object{"email": "victim@example.com"}, access).want(http.StatusTooManyRequests, "too_many_attempts")
	})
}

// A1: what is another's is not there.
func TestAddressesOfOthersAreNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("ada@example.com")
	w.person("bob@example.com")
	ada, bob := bearer(w.login("ada").text("access_token")), bearer(w.login("bob").text("access_token"))
	id := w.post(emailsPath, object{"email": "new@example.com"}, ada).want(http.StatusCreated).text("id")
	for _, other := range []string{id, uuid.NewString()} {
		w.delete(emailsPath+"/"+other, bob).want(http.StatusNotFound, "no_such_email")
		w.poke(emailsPath+"/"+other+"/primary", bob).want(http.StatusNotFound, "no_such_email")
		w.poke(emailsPath+"/"+other+"/resend", bob).want(http.StatusNotFound, "no_such_email")
	}
	w.delete(emailsPath+"/nonsense", ada).want(http.StatusBadRequest)
	w.wantAddresses(ada, "ada@example.com primary confirmed", "new@example.com")
}
