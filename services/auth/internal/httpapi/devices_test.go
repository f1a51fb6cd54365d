package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

const devicesPath = "/v1/me/sessions"

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

func items(a *answer) []map[string]any {
	list, _ := a.body["items"].([]any)
	out := make([]map[string]any, len(list))
	for i, one := range list {
		out[i], _ = one.(map[string]any)
	}
	return out
}

func TestListSessions(t *testing.T) {
	t.Parallel()

	t.Run("200 with what the owner recognises them by, newest first", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.person("bob@example.com")
		w.login("bob")
		w.post("/v1/auth/login", object{"login": "ada", "password": password, "device_name": "Ada's laptop", "remember_me": true},
			from("203.0.113.77"), header("User-Agent", firefox)).want(http.StatusOK)
		access := bearer(w.login("ada", from("2001:db8:1:2:3::4")).text("access_token"))
		got := items(w.get(devicesPath, access).want(http.StatusOK))
		if len(got) != 2 {
			t.Fatalf("the logins are %v", got)
		}
		now, laptop := got[0], got[1]
		if now["current"] != true || now["area"] != "2001:db8:1::/48" || now["agent"] != nil || now["remembered"] != false {
			t.Errorf("this login is %v", now)
		}
		if laptop["current"] != false || laptop["area"] != "203.0.113.0/24" || laptop["agent"] != "Firefox on Linux" ||
			laptop["device_name"] != "Ada's laptop" || laptop["remembered"] != true {
			t.Errorf("the laptop is %v", laptop)
		}
	})

	t.Run("200 page by page, and 400 for a cursor of another", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.person("bob@example.com")
		var access with
		for range 5 {
			access = bearer(w.login("ada").text("access_token"))
		}
		seen, path := map[string]bool{}, devicesPath+"?limit=2"
		cursor := ""
		for pages := 1; ; pages++ {
			page := w.get(path, access).want(http.StatusOK)
			for _, one := range items(page) {
				id, _ := one["id"].(string)
				seen[id] = true
			}
			next := page.text("next_cursor")
			if (next == "") != (page.header.Get("Link") == "") {
				t.Errorf("the cursor is %q, the link %q", next, page.header.Get("Link"))
			}
			if next == "" {
				if pages != 3 {
					t.Errorf("%d pages", pages)
				}
				break
			}
			cursor, path = next, strings.TrimSuffix(strings.TrimPrefix(page.header.Get("Link"), "<"), `>; rel="next"`)
		}
		if len(seen) != 5 {
			t.Errorf("%d logins were seen", len(seen))
		}
		w.login("bob")
		bob := bearer(w.login("bob").text("access_token"))
		w.get(devicesPath+"?cursor="+cursor, bob).want(http.StatusBadRequest, "bad_cursor")
		for _, query := range []string{"?limit=0", "?limit=501", "?limit=x", "?cursor=", "?cursor=x", "?cursor='--", "?order=id", "?limit=1&limit=2"} {
			w.get(devicesPath+query, access).want(http.StatusBadRequest)
		}
	})
}

func TestEndSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("ada@example.com")
	w.person("bob@example.com")
	stolen := w.login("ada", from("203.0.113.77"))
	access := bearer(w.login("ada").text("access_token"))
	id, _ := items(w.get(devicesPath, access))[1]["id"].(string)
	w.delete(devicesPath+"/"+id, bearer(w.login("bob").text("access_token"))).want(http.StatusNotFound, "no_such_session")
	w.delete(devicesPath + "/" + id).want(http.StatusUnauthorized)
	w.delete(devicesPath+"/"+id, access).want(http.StatusNoContent)
	w.delete(devicesPath+"/"+id, access).want(http.StatusNotFound, "no_such_session")
	w.delete(devicesPath+"/"+uuid.NewString(), access).want(http.StatusNotFound, "no_such_session")
	w.delete(devicesPath+"/x", access).want(http.StatusBadRequest)
	w.post("/v1/auth/refresh", object{"refresh_token": stolen.text("refresh_token")}).want(http.StatusUnauthorized)
	w.get("/v1/me", bearer(stolen.text("access_token"))).want(http.StatusUnauthorized, "session_ended")
	w.get("/v1/me", access).want(http.StatusOK)
	// The own one, too.
	own, _ := items(w.get(devicesPath, access))[0]["id"].(string)
	w.delete(devicesPath+"/"+own, access).want(http.StatusNoContent)
	w.get("/v1/me", access).want(http.StatusUnauthorized, "session_ended")
}

func TestALoginOfAStrangerIsToldToTheOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("ada@example.com")
	w.login("ada", from("192.0.2.1"))                                          // the first ever
	w.login("ada", from("198.51.100.7"))                                       // the phone, elsewhere
	w.login("ada", from("192.0.2.1"), header("User-Agent", "another program")) // another program, at home
	if letters := w.mails("ada@example.com"); len(letters) != 0 {
		t.Fatalf("the owner is told of what they know: %+v", letters)
	}
	w.login("ada", from("203.0.113.66"), header("User-Agent", firefox))
	letter := w.mail("ada@example.com", notice.NewDevice)
	if letter.Facts.Device != "Firefox on Linux" || letter.Facts.Area != "203.0.113.0/24" || letter.Facts.At.IsZero() {
		t.Errorf("the letter tells of %+v", letter.Facts)
	}
	w.login("ada", from("203.0.113.66"), header("User-Agent", firefox))
	if letters := w.mails("ada@example.com"); len(letters) != 0 {
		t.Errorf("the second time the owner is told again: %+v", letters)
	}
}
