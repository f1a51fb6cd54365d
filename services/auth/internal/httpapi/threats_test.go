package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// everywhere calls every operation of the document as somebody, with a query and headers of its own, and hands each answer over.
func (w *world) everywhere(query string, judge func(what string, a *answer), change ...with) {
	w.t.Helper()
	for path, item := range contract(w.t).Paths.Map() {
		for method := range item.Operations() {
			path := strings.NewReplacer("{", "", "}", "").Replace(path)
			kind, content := "", []byte(nil)
			switch {
			case strings.HasPrefix(path, "/oauth"):
				kind, content = "application/x-www-form-urlencoded", []byte("a=b")
			case method == http.MethodPost, method == http.MethodPut:
				kind, content = "application/json", []byte(`{}`)
			case method == http.MethodPatch:
				kind, content = "application/merge-patch+json", []byte(`{}`)
			}
			judge(method+" "+path, w.do(method, path+query, kind, content, change...))
		}
	}
}

func contract(t testing.TB) *openapi3.T {
	t.Helper()
	spec, err := httpapi.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// C1, F1: there is nothing of a browser's to ride on and nowhere to be sent to. No answer sets a cookie, lets credentials cross origins
// or redirects, whoever asks, whatever they bring; a token in a cookie is none; and a form of another site's cannot post what we take.
func TestNothingRidesOnABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	access := w.as("root@example.com", role.Grant{Role: role.Admin})
	token := w.login("root").text("access_token")
	answers := 0
	judge := func(what string, a *answer) {
		answers++
		if a.status >= 300 && a.status < 400 || a.header.Get("Location") != "" && !strings.HasPrefix(a.header.Get("Location"), "/v1/") {
			t.Errorf("%s sends to %q with %d", what, a.header.Get("Location"), a.status)
		}
		for _, name := range []string{"Set-Cookie", "Refresh", "Access-Control-Allow-Credentials"} {
			if value := a.header.Get(name); value != "" {
				t.Errorf("%s: %s is %q", what, name, value)
			}
		}
		if origin := a.header.Get("Access-Control-Allow-Origin"); origin != "" && !strings.Contains(what, "/.well-known/") {
			t.Errorf("%s: the origin %q may read it", what, origin)
		}
	}
	evil := "https://evil.example"
	for name, to := range map[string]string{
		"next": evil, "redirect_uri": evil, "return_to": "//evil.example", "url": "////evil.example", "continue": "/\\evil.example", "goto": "javascript:alert(1)",
	} {
		w.everywhere("?"+name+"="+url.QueryEscape(to), judge, header("Origin", evil), header("Referer", evil))
	}
	for _, as := range [][]with{
		nil,
		{access},
		{header("Origin", "null")},
		{access, header("Origin", evil)},
		{header("Cookie", "session=fixed; access_token="+token)},
		{header("Host", "evil.example"), header("X-Forwarded-Host", "evil.example")},
	} {
		w.everywhere("", judge, as...)
	}
	if answers < 600 {
		t.Errorf("%d answers were looked at", answers)
	}

	// A cookie is nobody.
	for _, name := range []string{"access_token", "token", "session", "Authorization"} {
		w.get("/v1/me", header("Cookie", name+"="+token)).want(http.StatusUnauthorized)
		w.get("/v1/me", header("Cookie", name+"=Bearer "+token)).want(http.StatusUnauthorized)
	}
	// What a form of another site may send without being asked is not taken where anything changes.
	for path, item := range contract(t).Paths.Map() {
		if item.Post == nil || strings.HasPrefix(path, "/oauth") || strings.Contains(path, "{") {
			continue
		}
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
			a := w.do(http.MethodPost, path, kind, []byte(`{"login":"root","password":"x"}`), header("Origin", evil))
			if !slices.Contains([]int{http.StatusUnsupportedMediaType, http.StatusUnauthorized, http.StatusBadRequest}, a.status) &&
				item.Post.RequestBody != nil {
				t.Errorf("%s takes %s: %d %s", path, kind, a.status, a.raw)
			}
		}
	}
}

// F1: the contract knows no place to be sent to and no redirect.
func TestTheContractHasNoRedirect(t *testing.T) {
	t.Parallel()
	places := []string{"redirect", "return", "next", "continue", "callback", "goto", "target_url", "uri"}
	named := func(what, name string) {
		for _, place := range places {
			if strings.Contains(strings.ToLower(name), place) {
				t.Errorf("%s has %s", what, name)
			}
		}
	}
	spec := contract(t)
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			what := method + " " + path
			for _, parameter := range op.Parameters {
				named(what, parameter.Value.Name)
			}
			if op.RequestBody != nil {
				for _, media := range op.RequestBody.Value.Content {
					for name := range media.Schema.Value.Properties {
						named(what, name)
					}
				}
			}
			for status, response := range op.Responses.Map() {
				if strings.HasPrefix(status, "3") && status != "304" {
					t.Errorf("%s answers %s", what, status)
				}
				for name := range response.Value.Headers {
					if name == "Set-Cookie" {
						t.Errorf("%s sets a cookie", what)
					}
				}
			}
		}
	}
}

// L1: a budget that is used up stays so for every spelling of the path and every other method; what is not the path is not there.
func TestNoSpellingGetsAroundALimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.limiter = true })
	const path = "/v1/auth/email/resend"
	me := from("203.0.113.9")
	ask := func(path string, change ...with) *answer {
		return w.do(http.MethodPost, path, "application/json", []byte(`{"email":"x"}`), append([]with{me}, change...)...)
	}
	spent := 0
	for ask(path).status != http.StatusTooManyRequests && spent < 200 {
		spent++
	}
	for _, spelled := range []string{
		path + "/", path + "//", "/" + path, "/v1//auth/email/resend", "/V1/auth/email/resend", "/v1/auth/email/RESEND", "/v1/auth/email%2fresend",
		"/v1/auth/email/%72esend", "/v1/auth/./email/resend", "/v1/auth/x/../email/resend", path + "?a=b", path + "?", path + "#x", path + ";a=b",
		path + "%20", path + "%00", path + ".json", "/v1/auth/email\\resend",
	} {
		if a := ask(spelled); !slices.Contains([]int{http.StatusTooManyRequests, http.StatusNotFound, http.StatusMethodNotAllowed}, a.status) {
			t.Errorf("%s: %d %s", spelled, a.status, a.raw)
		}
	}
	for _, change := range []with{
		header("X-Forwarded-For", "198.51.100.1, 203.0.113.9"), header("X-Real-Ip", "198.51.100.2"), header("Forwarded", "for=198.51.100.3"),
		header("True-Client-Ip", "198.51.100.4"), header("Cf-Connecting-Ip", "198.51.100.5"), header("X-Http-Method-Override", "GET"),
		header("X-Original-Url", "/v1/me"), header("User-Agent", "another"), header("Authorization", "Bearer x"), header("X-Request-Id", "another"),
	} {
		ask(path, change).want(http.StatusTooManyRequests)
	}
}

// replica is another process of the service on the same database.
func (w *world) replica() *world {
	other := &world{t: w.t, db: w.db, mailbox: w.mailbox}
	other.serve(w.needs)
	return other
}

// E2, L1: guesses at one account from one network, sent to three replicas at once under all its names, from all the /64's addresses
// and with every claim of having come from elsewhere, are ten and no more.
func TestThreeReplicasShareABudgetOfGuesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("ada@example.com")
	replicas := []*world{w, w.replica(), w.replica()}
	var (
		wait    sync.WaitGroup
		mu      sync.Mutex
		answers = map[int]int{}
	)
	for i := range 12 {
		wait.Go(func() {
			for j := range 10 {
				login := []string{"ada", "ADA", "ada@example.com", "Ada@EXAMPLE.com"}[j%4]
				a := replicas[i%3].post(loginPath, object{"login": login, "password": another},
					from(fmt.Sprintf("198.51.100.%d, 2001:db8:0:7::%x", j, i*10+j)), header("User-Agent", fmt.Sprint("agent ", i, j)))
				mu.Lock()
				answers[a.status]++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if answers[http.StatusUnauthorized] != 10 || answers[http.StatusTooManyRequests] != 110 {
		t.Errorf("the answers are %v, want 10 guesses and 110 refusals", answers)
	}
	replicas[1].login("ada", from("192.0.2.1"))
}

// D1: what one person is answered is never another's, on one connection or many, with the validators of the other, and nothing between
// here and there may keep it.
func TestNobodyIsAnsweredWithAnothersBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := []string{"ada", "bob", "cyd"}
	people := make([]with, len(names))
	first := make([]*answer, len(names))
	paths := []string{"/v1/me", "/v1/me/emails", "/v1/me/sessions", "/v1/me/mfa", "/v1/me/passkeys", "/v1/me/export"}
	for i, name := range names {
		people[i] = w.as(name + "@example.com")
		first[i] = w.get("/v1/me", people[i]).want(http.StatusOK)
	}
	var wait sync.WaitGroup
	for i := range 6 {
		wait.Go(func() {
			for j := range 60 {
				who, path := (i+j)%len(people), paths[j%len(paths)]
				other := (who + 1) % len(people)
				method := http.MethodGet
				if j%7 == 0 {
					method = http.MethodHead
				}
				a := w.do(method, path, "", nil, people[who], header("If-None-Match", first[other].header.Get("ETag")),
					header("X-User", names[other]), header("Cookie", "user="+names[other]), header("X-Forwarded-User", names[other]))
				if a.status != http.StatusOK {
					t.Errorf("%s as %s: %d %s", path, names[who], a.status, a.raw)
				}
				for k, name := range names {
					if k != who && strings.Contains(a.raw, name+"@example.com") {
						t.Errorf("%s: %s reads of %s: %s", path, names[who], name, a.raw)
					}
				}
				if kept := a.header.Get("Cache-Control"); !strings.Contains(kept, "no-store") && !strings.Contains(kept, "private") {
					t.Errorf("%s may be kept: Cache-Control is %q", path, kept)
				}
			}
		})
	}
	wait.Wait()
}

// S1: what is written into any parameter is looked for and never run: no answer is a fault of ours, none waits for a sleep, and
// nothing is made in the database.
func TestNothingThatIsWrittenIsRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.as("root@example.com", role.Grant{Role: role.Admin})
	tables := w.count(`SELECT count(*) FROM pg_class`)
	payloads := []string{
		`'`, `"`, `\`, `%`, `' OR '1'='1`, `') OR ('1'='1' --`, `'; CREATE TABLE canary(); --`, `1; SELECT pg_sleep(20)`, `'||pg_sleep(20)||'`,
		`$$;SELECT pg_sleep(20);$$`, `{{7*7}}`, `${7*7}`, `1e999`, "a\x00b", `-1`, `*`, `[$ne]=1`, `../../etc/passwd`, strings.Repeat("x", 3000),
	}
	asked, slowest, last := 0, time.Duration(0), time.Now()
	count := func() {
		asked++
		slowest, last = max(slowest, time.Since(last)), time.Now()
	}
	for path, item := range contract(t).Paths.Map() {
		for method, op := range item.Operations() {
			for _, payload := range payloads {
				escaped := url.PathEscape(payload)
				if before, _, parameter := strings.Cut(path, "{"); parameter {
					a := w.do(method, before+escaped, "application/json", []byte(`{}`), admin)
					count()
					if a.status >= http.StatusInternalServerError {
						t.Errorf("%s %s with %q: %d %s", method, path, payload, a.status, a.raw)
					}
				}
				for _, parameter := range op.Parameters {
					if parameter.Value.In != "query" {
						continue
					}
					a := w.get(path+"?"+parameter.Value.Name+"="+url.QueryEscape(payload), admin)
					count()
					if a.status >= http.StatusInternalServerError {
						t.Errorf("%s?%s=%q: %d %s", path, parameter.Value.Name, payload, a.status, a.raw)
					}
				}
			}
		}
	}
	for _, payload := range payloads {
		for path, body := range map[string]object{
			loginPath: {"login": payload, "password": payload}, registerPath: {"email": payload, "password": payload, "username": payload},
			forgotPath: {"email": payload}, refreshPath: {"refresh_token": payload}, confirmPath: {"token": payload}, acceptPath: {"token": payload},
		} {
			w.exec(`DELETE FROM throttles`)
			a := w.post(path, body)
			count()
			if a.status >= http.StatusInternalServerError || a.status < http.StatusBadRequest {
				t.Errorf("%s with %q: %d %s", path, payload, a.status, a.raw)
			}
		}
	}
	if slowest > 15*time.Second {
		t.Errorf("a request took %s: it slept", slowest)
	}
	if now := w.count(`SELECT count(*) FROM pg_class`); now != tables {
		t.Errorf("the database has %d relations, %d before", now, tables)
	}
	if asked < 500 {
		t.Errorf("%d requests were made", asked)
	}
}
