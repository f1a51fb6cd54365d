package httpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/problem"
)

// peer answers its requests one after the other as it is told; the last answer repeats.
type peer struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func newPeer(t *testing.T, answers ...func(w http.ResponseWriter, r *http.Request)) *peer {
	t.Helper()
	p := &peer{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		n := len(p.requests)
		p.requests, p.bodies = append(p.requests, r), append(p.bodies, string(body))
		p.mu.Unlock()
		answers[min(n, len(answers)-1)](w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *peer) seen() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

func ok(body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

func status(code int, header ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func faulty(f *fault.Fault) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		document := problem.From(f, "/v1/x", "request-1")
		w.Header().Set("Content-Type", problem.ContentType)
		w.WriteHeader(document.Status)
		_ = json.NewEncoder(w).Encode(document)
	}
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestDoSendsAndReads(t *testing.T) {
	t.Parallel()
	p := newPeer(t, ok(`{"answer":42}`))
	client := httpclient.New(httpclient.Config{BaseURL: p.URL + "/base/", Tokens: token("secret")})
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	var out struct {
		Answer int `json:"answer"`
	}
	err := client.Do(trace.ContextWithSpanContext(t.Context(), span), http.MethodPut, "/v1/things", url.Values{"a": {"b c"}},
		map[string]int{"question": 7}, &out, httpclient.Header("If-Match", `"3"`))
	if err != nil || out.Answer != 42 {
		t.Fatalf("got %+v, %v", out, err)
	}
	r := p.seen()[0]
	got := map[string]string{
		"request": r.Method + " " + r.URL.String(), "body": p.bodies[0], "type": r.Header.Get("Content-Type"),
		"if-match": r.Header.Get("If-Match"), "authorization": r.Header.Get("Authorization"), "trace": r.Header.Get("Traceparent"),
	}
	want := map[string]string{
		"request": "PUT /base/v1/things?a=b+c", "body": `{"question":7}`, "type": "application/json", "if-match": `"3"`,
		"authorization": "Bearer secret", "trace": "00-01000000000000000000000000000000-0200000000000000-01",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type token string

func (s token) Token(context.Context) (string, error) { return string(s), nil }

func TestAProblemBecomesItsFault(t *testing.T) {
	t.Parallel()
	taken := fault.Define(fault.Conflict, "plot_taken", "The plot is taken")
	p := newPeer(t, faulty(taken.Detailf("until noon").With("next_free_at", "12:00").At(fault.Field{Parameter: "plot_id", Code: "taken"})))
	err := httpclient.New(httpclient.Config{BaseURL: p.URL}).GetJSON(t.Context(), "/v1/x", nil, nil)
	if !errors.Is(err, taken) {
		t.Fatalf("got %v", err)
	}
	f := fault.Of(err)
	if f.Kind() != fault.Conflict || f.Detail() != "until noon" || f.Extensions()["next_free_at"] != "12:00" || len(f.Fields()) != 1 {
		t.Errorf("the fault is %+v", f)
	}
	if n := len(p.seen()); n != 1 {
		t.Errorf("a conflict was asked for %d times", n)
	}
}

func TestOtherAnswersBecomeFaultsToo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		kind   fault.Kind
	}{
		"an empty 404":     {status(404), fault.NotFound},
		"a 418":            {status(418), fault.Invalid},
		"HTML":             {status(403, "Content-Type", "text/html"), fault.Forbidden},
		"500":              {status(500), fault.Unavailable},
		"a peer's own 500": {faulty(fault.Define(fault.Internal, "internal", "Internal")), fault.Unavailable},
		"a redirect":       {status(302, "Location", "http://elsewhere.test/"), fault.Unavailable},
		"no JSON":          {ok(`<html>`), fault.Internal},
		"a wrong type":     {ok(`{"a":"text"}`), fault.Internal},
		"too long":         {ok(`{"b":"` + strings.Repeat("x", 2000) + `"}`), fault.Internal},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(200)
		}, fault.Unavailable},
		"a problem that lies": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", problem.ContentType)
			w.WriteHeader(409)
			_, _ = io.WriteString(w, `{"status":200,"title":"x"}`)
		}, fault.Conflict},
		"a problem of nonsense": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", problem.ContentType)
			w.WriteHeader(410)
			_, _ = io.WriteString(w, `[`)
		}, fault.Gone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, test.answer)
			var out struct {
				A int `json:"a"`
			}
			err := httpclient.New(httpclient.Config{BaseURL: p.URL, MaxResponse: 1000}).GetJSON(t.Context(), "/", nil, &out)
			if err == nil || fault.Of(err).Kind() != test.kind {
				t.Errorf("got %v, a %v fault", err, fault.Of(err).Kind())
			}
		})
	}
}

func TestWhatMayHappenTwiceIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method  string
		first   func(http.ResponseWriter, *http.Request)
		options []httpclient.Option
		want    int
	}{
		"GET hung up on":          {http.MethodGet, hangUp, nil, 2},
		"GET 503":                 {http.MethodGet, status(503), nil, 2},
		"GET 502":                 {http.MethodGet, status(502), nil, 2},
		"GET 500":                 {http.MethodGet, status(500), nil, 1},
		"GET 404":                 {http.MethodGet, status(404), nil, 1},
		"DELETE 504":              {http.MethodDelete, status(504), nil, 2},
		"POST hung up on":         {http.MethodPost, hangUp, nil, 1},
		"POST 503":                {http.MethodPost, status(503), nil, 1},
		"POST 503 with a key":     {http.MethodPost, status(503), []httpclient.Option{httpclient.IdempotencyKey("k")}, 2},
		"POST hung up with a key": {http.MethodPost, hangUp, []httpclient.Option{httpclient.IdempotencyKey("k")}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, test.first, ok(`{}`))
			err := httpclient.New(httpclient.Config{BaseURL: p.URL}).Do(t.Context(), test.method, "/", nil, map[string]int{"n": 1}, nil, test.options...)
			if n := len(p.seen()); n != test.want || (err == nil) != (test.want == 2) {
				t.Errorf("%d requests, %v", n, err)
			}
			for _, body := range p.bodies {
				if body != `{"n":1}` {
					t.Errorf("a try sent %q", body)
				}
			}
		})
	}
}

func TestTriesAreLimited(t *testing.T) {
	t.Parallel()
	p := newPeer(t, status(503))
	err := httpclient.New(httpclient.Config{BaseURL: p.URL}).GetJSON(t.Context(), "/", nil, nil)
	if n := len(p.seen()); n != 3 || !errors.Is(err, httpclient.ErrPeer) {
		t.Errorf("%d requests, %v", n, err)
	}
}

func TestRetryAfterIsHeeded(t *testing.T) {
	t.Parallel()
	p := newPeer(t, status(429, "Retry-After", "1"), ok(`{}`))
	began := time.Now()
	if err := httpclient.New(httpclient.Config{BaseURL: p.URL}).GetJSON(t.Context(), "/", nil, nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < time.Second || took > 5*time.Second {
		t.Errorf("came back after %v", took)
	}
	far := newPeer(t, status(503, "Retry-After", "3600"))
	began = time.Now()
	err := httpclient.New(httpclient.Config{BaseURL: far.URL}).GetJSON(t.Context(), "/", nil, nil)
	if took := time.Since(began); took > 2*time.Second || len(far.seen()) != 1 {
		t.Errorf("waited %v and asked %d times", took, len(far.seen()))
	}
	if fault.Of(err).RetryAfter() != time.Hour {
		t.Errorf("the fault says to come back after %v", fault.Of(err).RetryAfter())
	}
}

func TestACallEndsInTime(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	p := newPeer(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	client := httpclient.New(httpclient.Config{BaseURL: p.URL, Timeout: 100 * time.Millisecond})
	began := time.Now()
	err := client.GetJSON(t.Context(), "/", nil, nil)
	if took := time.Since(began); !errors.Is(err, httpclient.ErrPeer) || !errors.Is(err, context.DeadlineExceeded) || took > 3*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	began = time.Now()
	if err := client.GetJSON(t.Context(), "/", nil, nil, httpclient.Timeout(300*time.Millisecond)); err == nil || time.Since(began) < 300*time.Millisecond {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

func TestAPeerThatIsAwayIsUnavailable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	client := httpclient.New(httpclient.Config{BaseURL: "http://" + listener.Addr().String()})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if err := client.Do(t.Context(), method, "/", url.Values{"token": {"geheim"}}, nil, nil); !errors.Is(err, httpclient.ErrPeer) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// issuer gives out tokens t1, t2, … and counts.
func issuer(t *testing.T, expiresIn int, asked *atomic.Int32, check func(r *http.Request)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if check != nil {
			check(r)
		}
		_, _ = fmt.Fprintf(w, `{"access_token":"t%d","token_type":"Bearer","expires_in":%d}`, asked.Add(1), expiresIn)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/oauth/token"
}

func TestClientCredentialsAskOnceForMany(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	source := httpclient.ClientCredentials(issuer(t, 300, &asked, func(r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		got := []string{r.Method, r.URL.Path, id, secret, r.PostForm.Encode()}
		want := []string{"POST", "/oauth/token", "plots", "s%3Acret", "grant_type=client_credentials&resource=https%3A%2F%2Fcharging.test%2Fstations"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}), httpclient.Credential{ID: "plots", Secret: "s:cret"}, "https://charging.test/stations")
	var work sync.WaitGroup
	for range 20 {
		work.Go(func() {
			if got, err := source.Token(t.Context()); err != nil || got != "t1" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	work.Wait()
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestATokenNearItsEndIsNotUsed(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	source := httpclient.ClientCredentials(issuer(t, 30, &asked, nil), httpclient.Credential{ID: "plots", Secret: "secret"}, "")
	for want := range 3 {
		if got, err := source.Token(t.Context()); err != nil || got != fmt.Sprintf("t%d", want+1) {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	source := httpclient.ClientCredentials(issuer(t, 300, &asked, nil), httpclient.Credential{ID: "plots", Secret: "secret"}, "")
	p := newPeer(t, status(401), ok(`{}`))
	if err := httpclient.New(httpclient.Config{BaseURL: p.URL, Tokens: source}).Do(t.Context(), http.MethodPost, "/", nil, nil, nil); err != nil {
		t.Error(err)
	}
	var used []string
	for _, r := range p.seen() {
		used = append(used, r.Header.Get("Authorization"))
	}
	if diff := cmp.Diff([]string{"Bearer t1", "Bearer t2"}, used); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	never := newPeer(t, status(401))
	err := httpclient.New(httpclient.Config{BaseURL: never.URL, Tokens: source}).GetJSON(t.Context(), "/", nil, nil)
	if fault.Of(err).Kind() != fault.Unauthenticated || len(never.seen()) != 2 {
		t.Errorf("%d requests, %v", len(never.seen()), err)
	}
}

func TestWithoutATokenNothingIsSent(t *testing.T) {
	t.Parallel()
	refusing := newPeer(t, faulty(fault.Define(fault.Unauthenticated, "invalid_client", "Unknown client")))
	p := newPeer(t, ok(`{}`))
	client := httpclient.New(httpclient.Config{BaseURL: p.URL, Tokens: httpclient.ClientCredentials(refusing.URL, httpclient.Credential{ID: "plots", Secret: "secret"}, "")})
	err := client.GetJSON(t.Context(), "/", nil, nil)
	if !errors.Is(err, httpclient.ErrPeer) || len(p.seen()) != 0 {
		t.Errorf("%d requests, %v", len(p.seen()), err)
	}
	if !strings.Contains(err.Error(), "invalid_client") {
		t.Errorf("the log would not say why: %v", err)
	}
}

func TestOpenPassesAnAnswerOnAsItComes(t *testing.T) {
	t.Parallel()
	rest := make(chan struct{})
	p := newPeer(t,
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "first ")
			_ = http.NewResponseController(w).Flush()
			<-rest
			_, _ = io.WriteString(w, "last")
		},
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
	)
	client := httpclient.New(httpclient.Config{BaseURL: p.URL})
	ctx, cancel := context.WithCancel(t.Context())
	answer, err := client.Open(ctx, "/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel() // the handler has returned
	first := make([]byte, 6)
	if _, err := io.ReadFull(answer.Body, first); err != nil || string(first) != "first " {
		t.Errorf("before the end %q has come (%v)", first, err)
	}
	close(rest)
	if last, err := io.ReadAll(answer.Body); err != nil || string(last) != "last" {
		t.Errorf("then %q (%v)", last, err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	held, err := client.Open(t.Context(), "/x", nil, httpclient.Header("If-None-Match", `"1"`))
	if err != nil || held.StatusCode != http.StatusNotModified {
		t.Fatalf("what is held: %v", err)
	}
	if err := held.Body.Close(); err != nil {
		t.Error(err)
	}
	if answer, err := client.Open(t.Context(), "/x", nil); err == nil || fault.Of(err).Kind() != fault.NotFound {
		t.Errorf("a 404 is %v and %v", answer, err)
	}
}
