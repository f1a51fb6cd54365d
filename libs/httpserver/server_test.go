package httpserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/problem"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// world is a server of its own on a loopback port, and what it logged.
type world struct {
	*Server
	url  string
	logs *lines
	http *http.Client
	stop context.CancelFunc
	done <-chan error
}

// start runs a server with the routes that register adds, until the test ends.
func start(t testing.TB, cfg Config, register func(*Server), checks ...Check) *world {
	t.Helper()
	logs := &lines{changed: make(chan struct{}, 1)}
	tel, err := telemetry.Start(t.Context(), telemetry.Config{Service: "test", LogOutput: logs, LogLevel: slog.LevelDebug})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	s := New(cfg, tel, checks...)
	if register != nil {
		register(s)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- s.Run(ctx)
		close(done)
	}()
	addr := s.Addr(t.Context())
	if addr == nil {
		t.Fatal("the server does not listen")
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	w := &world{Server: s, url: "http://" + addr.String(), logs: logs, http: client, stop: stop, done: done}
	t.Cleanup(func() {
		stop()
		client.CloseIdleConnections()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the server does not stop")
		}
	})
	return w
}

func discard() *telemetry.Telemetry { return telemetry.Discard() }

// answer is a response that has been read.
type answer struct {
	*http.Response
	body []byte
}

func (w *world) do(t *testing.T, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	return w.send(t, request)
}

func (w *world) send(t *testing.T, request *http.Request) answer {
	t.Helper()
	response, err := w.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response, all}
}

// problem reads the answer as a problem document and checks what all of them have.
func (a answer) problem(t *testing.T) problem.Document {
	t.Helper()
	return readProblem(t, a.StatusCode, a.Header, a.body)
}

func readProblem(t *testing.T, status int, header http.Header, body []byte) problem.Document {
	t.Helper()
	if got := header.Get("Content-Type"); got != problem.ContentType {
		t.Fatalf("content type %q of a %d, want %q; body %s", got, status, problem.ContentType, body)
	}
	var d problem.Document
	if err := json.Unmarshal(body, &d); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if d.Status != status || d.Title == "" || !strings.HasPrefix(d.Type, problem.TypePrefix) {
		t.Errorf("incomplete problem of a %d: %s", status, body)
	}
	if d.RequestID == "" || d.RequestID != header.Get("X-Request-Id") {
		t.Errorf("request id %q in the problem, %q in the header", d.RequestID, header.Get("X-Request-Id"))
	}
	return d
}

// lines collects the JSON lines of a log.
type lines struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

func (l *lines) all(t *testing.T) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []map[string]any
	for line := range strings.Lines(l.text.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v in log line %s", err, line)
		}
		all = append(all, entry)
	}
	return all
}

// wait returns the first log line of the request with this id: it may come a
// moment after the answer.
func (l *lines) wait(t *testing.T, id string) map[string]any {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		for _, entry := range l.all(t) {
			if entry["msg"] == "request" && entry["request_id"] == id {
				return entry
			}
		}
		select {
		case <-l.changed:
		case <-timeout:
			t.Fatalf("no log line of request %s", id)
		}
	}
}

func TestErrorsAreProblems(t *testing.T) {
	t.Parallel()
	w := start(t, Config{RequestTimeout: 50 * time.Millisecond}, func(s *Server) {
		s.App().Get("/v1/things/:id", func(c *fiber.Ctx) error { return c.SendString("thing") })
		s.App().Post("/v1/things", func(c *fiber.Ctx) error { return c.SendStatus(http.StatusCreated) })
		s.App().Get("/panic", func(*fiber.Ctx) error { panic("the secret is plot-4711") })
		s.App().Get("/secret", func(*fiber.Ctx) error { return errors.New("dial postgres://user:hunter2@db: refused") })
		s.App().Get("/slow", func(c *fiber.Ctx) error { <-c.UserContext().Done(); return c.UserContext().Err() })
	})

	for name, tt := range map[string]struct {
		method, path string
		body         io.Reader
		headers      []string
		status       int
		code         string
		allow        string
	}{
		"404":                      {method: "GET", path: "/nothing/here", status: 404, code: "no_such_path"},
		"404 by case":              {method: "GET", path: "/V1/things/1", status: 404, code: "no_such_path"},
		"404 by slash":             {method: "GET", path: "/v1/things/1/", status: 404, code: "no_such_path"},
		"405":                      {method: "DELETE", path: "/v1/things/1", status: 405, code: "method_not_allowed", allow: "GET, HEAD, OPTIONS"},
		"405 for a made-up method": {method: "BREW", path: "/v1/things/1", status: 405, code: "method_not_allowed", allow: allMethods},
		"413":                      {method: "POST", path: "/v1/things", body: strings.NewReader(strings.Repeat("x", 64<<10+1)), status: 413, code: "body_too_large"},
		"415 for a gzip body": {
			method: "POST", path: "/v1/things", body: strings.NewReader("\x1f\x8b"), headers: []string{"Content-Encoding", "gzip"},
			status: 415, code: "content_encoding",
		},
		"431":                      {method: "GET", path: "/v1/things/1", headers: []string{"X-Large", strings.Repeat("x", 17<<10)}, status: 431, code: "headers_too_large"},
		"500 for a panic":          {method: "GET", path: "/panic", status: 500, code: "internal"},
		"500 for anything untyped": {method: "GET", path: "/secret", status: 500, code: "internal"},
		"504":                      {method: "GET", path: "/slow", status: 504, code: "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := w.do(t, tt.method, tt.path, tt.body, tt.headers...)
			if a.StatusCode != tt.status {
				t.Fatalf("status %d, want %d: %s", a.StatusCode, tt.status, a.body)
			}
			d := a.problem(t)
			if d.Type != problem.TypePrefix+tt.code {
				t.Errorf("type %s, want code %s", d.Type, tt.code)
			}
			if strings.Contains(string(a.body), "plot-4711") || strings.Contains(string(a.body), "hunter2") {
				t.Errorf("a private cause is shown: %s", a.body)
			}
			if got := a.Header.Get("Allow"); got != tt.allow {
				t.Errorf("Allow %q, want %q", got, tt.allow)
			}
			entry := w.logs.wait(t, d.RequestID)
			if entry["fault"] != tt.code || entry["status"] != float64(tt.status) {
				t.Errorf("logged %v", entry)
			}
			if _, logged := entry["error"]; logged != (tt.status >= 500) {
				t.Errorf("the cause of a %d is logged: %v", tt.status, logged)
			}
		})
	}
}

func TestBodyLimitCountsChunkedBodiesToo(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, func(s *Server) {
		s.App().Post("/", func(c *fiber.Ctx) error { return c.SendStatus(http.StatusNoContent) })
	})
	// A reader of unknown length makes the client send chunks.
	a := w.do(t, "POST", "/", io.MultiReader(strings.NewReader(strings.Repeat("x", 64<<10+1))))
	if a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatalf("status %d", a.StatusCode)
	}
	a.problem(t)
	if a = w.do(t, "POST", "/", io.MultiReader(strings.NewReader(strings.Repeat("x", 64<<10)))); a.StatusCode != http.StatusNoContent {
		t.Errorf("a body just within the limit: status %d %s", a.StatusCode, a.body)
	}
}

func TestStringsOfARequestOutliveIt(t *testing.T) {
	t.Parallel()
	var kept []string
	var want []string
	w := start(t, Config{}, func(s *Server) {
		s.App().Get("/keep/:id", func(c *fiber.Ctx) error {
			kept = append(kept, c.Params("id"), c.Query("q"), c.Get("X-Word"), c.Path(), c.OriginalURL(), c.Hostname())
			return nil
		})
	})
	for _, word := range []string{"alpha", "bravo", "delta"} {
		w.do(t, "GET", "/keep/"+word+"?q="+word, nil, "X-Word", word)
		want = append(want, word, word, word, "/keep/"+word, "/keep/"+word+"?q="+word, strings.TrimPrefix(w.url, "http://"))
	}
	for i := range want {
		if kept[i] != want[i] {
			t.Errorf("kept string %d became %q, was %q", i, kept[i], want[i])
		}
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, func(s *Server) {
		s.App().Get("/id", func(c *fiber.Ctx) error { return c.SendString(RequestID(c.UserContext())) })
	})
	for name, tt := range map[string]struct {
		given string
		kept  bool
	}{
		"a caller's id is kept":            {"0b5e-4711_A.z:/+=", true},
		"one with a blank is replaced":     {"a b", false},
		"one with quotes is replaced":      {`a"b`, false},
		"one with non-ASCII is replaced":   {"ä", false},
		"one that is too long is replaced": {strings.Repeat("a", 129), false},
		"an absent one is made":            {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := w.do(t, "GET", "/id", nil, "X-Request-Id", tt.given)
			got := a.Header.Get("X-Request-Id")
			if string(a.body) != got {
				t.Errorf("the context says %q, the header %q", a.body, got)
			}
			if (got == tt.given) != tt.kept {
				t.Errorf("given %q, got %q", tt.given, got)
			}
			if !tt.kept && len(got) != 32 {
				t.Errorf("made id %q", got)
			}
		})
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, func(s *Server) {
		s.App().Get("/page", func(c *fiber.Ctx) error {
			c.Set("Content-Security-Policy", "default-src 'self'")
			return c.SendString("page")
		})
	})
	for _, path := range []string{"/healthz", "/nothing"} {
		a := w.do(t, "GET", path, nil)
		for name, want := range map[string]string{
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
			"Server":                  "",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
	if got := w.do(t, "GET", "/page", nil).Header.Get("Content-Security-Policy"); got != "default-src 'self'" {
		t.Errorf("a page cannot set its own policy: %q", got)
	}
}

func TestHeadAndOptions(t *testing.T) {
	t.Parallel()
	w := start(t, Config{CORSOrigins: []string{"https://app.example.com"}}, func(s *Server) {
		s.App().Get("/v1/things", func(c *fiber.Ctx) error { return c.SendString("things") })
		s.App().Post("/v1/things", func(c *fiber.Ctx) error { return c.SendString("made") })
	})
	if a := w.do(t, "HEAD", "/v1/things", nil); a.StatusCode != 200 || a.ContentLength != 6 || len(a.body) != 0 {
		t.Errorf("HEAD: %d, length %d, body %q", a.StatusCode, a.ContentLength, a.body)
	}
	if a := w.do(t, "OPTIONS", "/v1/things", nil); a.StatusCode != 204 || a.Header.Get("Allow") != "GET, HEAD, POST, OPTIONS" {
		t.Errorf("OPTIONS: %d, Allow %q", a.StatusCode, a.Header.Get("Allow"))
	}
	if a := w.do(t, "OPTIONS", "/nothing", nil); a.StatusCode != 404 {
		t.Errorf("OPTIONS of nothing: %d", a.StatusCode)
	}
	preflight := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization"}
	a := w.do(t, "OPTIONS", "/v1/things", nil, append(preflight, "Origin", "https://app.example.com")...)
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":      "https://app.example.com",
		"Access-Control-Allow-Methods":     "GET, HEAD, POST, OPTIONS",
		"Access-Control-Allow-Headers":     corsHeaders,
		"Access-Control-Allow-Credentials": "",
		"Vary":                             "Origin",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("preflight: %s is %q, want %q", name, got, want)
		}
	}
	for _, origin := range []string{"null", "https://app.example.com.evil.example", "https://evil.example", "http://app.example.com", "https://app.example.com:8443"} {
		a := w.do(t, "OPTIONS", "/v1/things", nil, append(preflight, "Origin", origin)...)
		if got := a.Header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("origin %s is allowed as %q", origin, got)
		}
		if got := a.Header.Get("Access-Control-Allow-Methods"); got != "" {
			t.Errorf("origin %s learns methods %q", origin, got)
		}
	}
	if a := w.do(t, "GET", "/v1/things", nil, "Origin", "https://app.example.com"); a.Header.Get("Access-Control-Expose-Headers") != corsExposed {
		t.Errorf("exposed headers %q", a.Header.Get("Access-Control-Expose-Headers"))
	}
}

func TestCORSForAll(t *testing.T) {
	t.Parallel()
	w := start(t, Config{CORSOrigins: []string{"*"}}, nil)
	a := w.do(t, "GET", "/version", nil, "Origin", "https://any.example")
	if a.Header.Get("Access-Control-Allow-Origin") != "*" || a.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("headers %v", a.Header)
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	t.Parallel()
	err := Config{
		TrustedProxies: []string{"10.0.0.0/8", "gateway"}, CORSOrigins: []string{"https://ok.example", "evil", "https://x/y"},
		ReadTimeout: -1, BodyLimit: -1,
	}.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{`"gateway"`, `"evil"`, `"https://x/y"`, "READ_TIMEOUT", "BODY_LIMIT"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named in: %v", want, err)
		}
	}
	s := New(Config{TrustedProxies: []string{"gateway"}}, discard())
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "gateway") {
		t.Errorf("Run with a faulty config: %v", err)
	}
}

func TestRunSaysWhenItCannotListen(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := New(Config{Listen: taken.Addr().String()}, discard())
	if err := s.Run(t.Context()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Run on a taken address: %v", err)
	}
}
