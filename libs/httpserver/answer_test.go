package httpserver

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

func decode(t *testing.T, encoding string, body []byte) string {
	t.Helper()
	var out bytes.Buffer
	var err error
	switch encoding {
	case "":
		return string(body)
	case "gzip":
		_, err = fasthttp.WriteGunzip(&out, body)
	case "br":
		_, err = fasthttp.WriteUnbrotli(&out, body)
	case "zstd":
		_, err = fasthttp.WriteUnzstd(&out, body)
	default:
		t.Fatalf("encoding %q", encoding)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCompression(t *testing.T) {
	t.Parallel()
	large := `{"items":[` + strings.Repeat(`{"name":"Station","connector":"IEC_62196_T2_COMBO"},`, 100) + `{}]}`
	w := start(t, Config{}, func(s *Server) {
		s.App().Get("/large", func(c *fiber.Ctx) error {
			c.Set("ETag", `"v1"`)
			c.Set("Content-Type", c.Query("type", "application/json; charset=utf-8"))
			return c.SendString(large)
		})
		s.App().Get("/small", func(c *fiber.Ctx) error { return c.JSON("small") })
		s.App().Get("/encoded", func(c *fiber.Ctx) error {
			c.Set("Content-Type", "text/plain")
			c.Set("Content-Encoding", "identity-of-mine")
			return c.SendString(large)
		})
	})
	for name, tt := range map[string]struct{ path, accept, want string }{
		"nothing asked":      {"/large", "", ""},
		"gzip":               {"/large", "gzip", "gzip"},
		"br":                 {"/large", "br", "br"},
		"zstd":               {"/large", "zstd", "zstd"},
		"what browsers send": {"/large", "gzip, deflate, br, zstd", "zstd"},
		"weights":            {"/large", "zstd;q=0.1, br;q=0.5, gzip;q=0.9", "gzip"},
		"a refusal":          {"/large", "zstd;q=0, br;q=0.0, gzip", "gzip"},
		"anything":           {"/large", "*", "zstd"},
		"anything but":       {"/large", "zstd;q=0, *", "br"},
		"identity preferred": {"/large", "identity, gzip;q=0.5", ""},
		"unknown":            {"/large", "deflate, compress", ""},
		"a broken weight":    {"/large", "gzip;q=high", ""},
		"upper case":         {"/large", "GZIP", "gzip"},
		"a small answer":     {"/small", "gzip", ""},
		"a picture":          {"/large?type=image/png", "gzip", ""},
		"events":             {"/large?type=text/event-stream", "gzip", ""},
		"a vector picture":   {"/large?type=image/svg%2Bxml", "gzip", "gzip"},
		"GeoJSON":            {"/large?type=application/geo%2Bjson", "gzip", "gzip"},
		"CSV":                {"/large?type=text/csv", "gzip", "gzip"},
		"what is encoded":    {"/encoded", "gzip", "identity-of-mine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var headers []string
			if tt.accept != "" {
				headers = []string{"Accept-Encoding", tt.accept}
			}
			a := w.do(t, "GET", tt.path, nil, headers...)
			got := a.Header.Get("Content-Encoding")
			if got != tt.want {
				t.Fatalf("Accept-Encoding %q is answered with %q, want %q", tt.accept, got, tt.want)
			}
			if strings.HasPrefix(tt.path, "/large") {
				if text := decode(t, got, a.body); text != large {
					t.Errorf("decodes to %.100q", text)
				}
				etag := `"v1"`
				if got != "" {
					etag = `W/"v1"`
				}
				if a.Header.Get("ETag") != etag {
					t.Errorf("ETag %s, want %s", a.Header.Get("ETag"), etag)
				}
			}
			varies := strings.Contains(a.Header.Get("Vary"), "Accept-Encoding")
			if want := tt.path == "/large" || got != "" && got != "identity-of-mine"; varies != want {
				t.Errorf("Vary %q", a.Header.Get("Vary"))
			}
		})
	}
	if got, head := w.do(t, "GET", "/large", nil, "Accept-Encoding", "gzip"), w.do(t, "HEAD", "/large", nil, "Accept-Encoding", "gzip"); got.ContentLength != head.ContentLength {
		t.Errorf("HEAD says %d, GET %d", head.ContentLength, got.ContentLength)
	}
}

func TestConditionalReads(t *testing.T) {
	t.Parallel()
	made := make(chan struct{}, 100)
	w := start(t, Config{}, func(s *Server) {
		s.App().Get("/saved", func(c *fiber.Ctx) error {
			if NotModified(c, `"v1"`) {
				return nil
			}
			made <- struct{}{}
			return c.SendString("the thing")
		})
		s.App().Get("/automatic", func(c *fiber.Ctx) error {
			c.Set("ETag", `"v1"`)
			return c.SendString("the thing")
		})
		s.App().Post("/automatic", func(c *fiber.Ctx) error {
			c.Set("ETag", `"v1"`)
			return c.SendString("the thing")
		})
	})
	for _, path := range []string{"/saved", "/automatic"} {
		for match, want := range map[string]int{
			``: 200, `"v1"`: 304, `W/"v1"`: 304, `"v0"`: 200, `"v0", "v1"`: 304, `"v0" , W/"v1"`: 304, `*`: 304,
			`v1`: 200, `"v1`: 200, `"a,b", "v1"`: 304, `"V1"`: 200,
		} {
			for _, method := range []string{"GET", "HEAD"} {
				a := w.do(t, method, path, nil, "If-None-Match", match)
				if a.StatusCode != want || a.Header.Get("ETag") != `"v1"` {
					t.Errorf("%s %s with If-None-Match %s: %d, ETag %s", method, path, match, a.StatusCode, a.Header.Get("ETag"))
				}
				if a.StatusCode == 304 && len(a.body) > 0 {
					t.Errorf("a 304 with a body: %s", a.body)
				}
			}
		}
	}
	if n := len(made); n != 2*5 {
		t.Errorf("the answer was made %d times, want 10", n)
	}
	if a := w.do(t, "POST", "/automatic", nil, "If-None-Match", `"v1"`); a.StatusCode != 200 {
		t.Errorf("POST is answered %d", a.StatusCode)
	}
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, func(s *Server) {
		s.App().Put("/thing", func(c *fiber.Ctx) error {
			if err := IfMatch(c, `"v2"`); err != nil {
				return err
			}
			return c.SendStatus(http.StatusNoContent)
		})
	})
	for match, want := range map[string]int{``: 428, `"v2"`: 204, `W/"v2"`: 204, `"v1"`: 412, `"v1", "v2"`: 204, `*`: 204, `v2`: 412} {
		var headers []string
		if match != "" {
			headers = []string{"If-Match", match}
		}
		a := w.do(t, "PUT", "/thing", nil, headers...)
		if a.StatusCode != want {
			t.Errorf("If-Match %q: %d %s, want %d", match, a.StatusCode, a.body, want)
		}
		if want >= 400 {
			a.problem(t)
		}
	}
	v2 := `"v2"`
	if err := CheckIfMatch(nil, v2); fault.Of(err).Kind() != fault.PreconditionRequired {
		t.Errorf("without a header: %v", err)
	}
	if err := CheckIfMatch(&v2, `"v3"`); !errors.Is(err, ErrPreconditionFailed) {
		t.Errorf("with a stale one: %v", err)
	}
	if err := CheckIfMatch(&v2, v2); err != nil {
		t.Errorf("with the right one: %v", err)
	}
}

func TestClientIP(t *testing.T) {
	t.Parallel()
	register := func(s *Server) {
		s.App().Get("/ip", func(c *fiber.Ctx) error { return c.SendString(ClientIP(c).String()) })
		s.App().Get("/host", func(c *fiber.Ctx) error { return c.SendString(c.BaseURL()) })
	}
	direct := start(t, Config{}, register)
	behind := start(t, Config{TrustedProxies: []string{"127.0.0.1", "10.0.0.0/8", "fd00::/8"}}, register)
	for name, tt := range map[string]struct {
		w         *world
		forwarded []string
		want      string
	}{
		"nobody is trusted":           {direct, []string{"192.0.2.1"}, "127.0.0.1"},
		"a proxy tells":               {behind, []string{"192.0.2.1"}, "192.0.2.1"},
		"a proxy tells nothing":       {behind, nil, "127.0.0.1"},
		"the caller made up the left": {behind, []string{"198.51.100.1, 192.0.2.1"}, "192.0.2.1"},
		"two proxies":                 {behind, []string{"192.0.2.1, 10.1.2.3"}, "192.0.2.1"},
		"two header lines":            {behind, []string{"192.0.2.1", "10.1.2.3"}, "192.0.2.1"},
		"only proxies":                {behind, []string{"10.9.9.9, 10.1.2.3"}, "10.9.9.9"},
		"IPv6":                        {behind, []string{"2001:db8::1, fd00::1"}, "2001:db8::1"},
		"IPv4 in IPv6":                {behind, []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		"garbage":                     {behind, []string{"unknown"}, "127.0.0.1"},
		"garbage behind a proxy":      {behind, []string{"evil, 10.1.2.3"}, "10.1.2.3"},
		"empty":                       {behind, []string{""}, "127.0.0.1"},
		"a port":                      {behind, []string{"192.0.2.1:80"}, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var headers []string
			for _, line := range tt.forwarded {
				headers = append(headers, "X-Forwarded-For", line)
			}
			if a := tt.w.do(t, "GET", "/ip", nil, headers...); string(a.body) != tt.want {
				t.Errorf("%v gives %s, want %s", tt.forwarded, a.body, tt.want)
			}
		})
	}
	a := direct.do(t, "GET", "/host", nil, "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https")
	if string(a.body) != direct.url {
		t.Errorf("the base URL is %s, though nobody is trusted", a.body)
	}
}

// silentBody fails the test when it is read.
type silentBody struct{ t *testing.T }

func (b silentBody) Read([]byte) (int, error) {
	b.t.Error("the body was sent")
	return 0, io.EOF
}

func TestBodiesThatAreAnnounced(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, func(s *Server) {
		s.AllowBody("POST", "/large", 1<<20, false)
		size := func(c *fiber.Ctx) error { return c.JSON(len(c.Body())) }
		s.App().Post("/large", size)
		s.App().Post("/small", size)
	})
	w.http.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
	send := func(path string, size int64, body io.Reader) answer {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, body)
		if err != nil {
			t.Fatal(err)
		}
		request.ContentLength = size
		request.Header.Set("Expect", "100-continue")
		return w.send(t, request)
	}
	if a := send("/large", 1<<20, strings.NewReader(strings.Repeat("x", 1<<20))); string(a.body) != "1048576" {
		t.Errorf("within the limit: %d %s", a.StatusCode, a.body)
	}
	for path, size := range map[string]int64{"/small": 1 << 20, "/large": 10 << 20} {
		a := send(path, size, silentBody{t})
		if a.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s beyond the limit: %d %s", path, a.StatusCode, a.body)
		}
		a.problem(t)
	}
}

// TestABodyIsAnnouncedOnAConnectionThatWasIdle keeps a connection, and then a body, for longer than an answer may take to be written.
func TestABodyIsAnnouncedOnAConnectionThatWasIdle(t *testing.T) {
	t.Parallel()
	const patience = 500 * time.Millisecond
	w := start(t, Config{WriteTimeout: patience}, func(s *Server) {
		s.App().Post("/", func(c *fiber.Ctx) error { return c.Send(c.Body()) })
	})
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(connection)
	send := func(text string) *http.Response {
		t.Helper()
		if _, err := io.WriteString(connection, text); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	body := func(answer *http.Response) string {
		defer answer.Body.Close()
		all, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	if got := body(send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none")); got != "one" {
		t.Fatalf("the first answer is %q", got)
	}
	<-time.After(3 * patience)
	if answer := send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"); answer.StatusCode != http.StatusContinue {
		t.Fatalf("what was announced is answered with %d", answer.StatusCode)
	}
	<-time.After(3 * patience) // a body may take longer than its answer
	if got := body(send("two")); got != "two" {
		t.Errorf("the second answer is %q", got)
	}
}

func TestBodyOfARoute(t *testing.T) {
	t.Parallel()
	const large, limit = 1 << 20, 3 << 20
	w := start(t, Config{}, func(s *Server) {
		s.AllowBody("POST", "/photos/:id", large, false)
		s.AllowBody("POST", "/imports", limit, true)
		size := func(c *fiber.Ctx) error {
			return c.JSON(fiber.Map{"bytes": len(c.Body()), "streamed": c.Request().IsBodyStream()})
		}
		s.App().Post("/photos/:id", size)
		s.App().Post("/small", size)
		s.App().Post("/imports", func(c *fiber.Ctx) error {
			streamed := c.Request().IsBodyStream()
			_, deadline := c.UserContext().Deadline()
			n, err := io.Copy(io.Discard, BodyReader(c))
			if err != nil {
				return err
			}
			return c.JSON(fiber.Map{"bytes": n, "streamed": streamed, "deadline": deadline})
		})
	})
	chunked := func(n int) io.Reader { return io.MultiReader(strings.NewReader(strings.Repeat("x", n))) }
	sized := func(n int) io.Reader { return strings.NewReader(strings.Repeat("x", n)) }
	for name, tt := range map[string]struct {
		path string
		body io.Reader
		want string // the answer, or the status
	}{
		"the default limit":              {"/small", sized(64 << 10), `{"bytes":65536,"streamed":false}`},
		"the default limit, chunked":     {"/small", chunked(64 << 10), `{"bytes":65536,"streamed":false}`},
		"beyond it":                      {"/small", sized(64<<10 + 1), "413"},
		"beyond it, chunked":             {"/small", chunked(64<<10 + 1), "413"},
		"no body":                        {"/small", nil, `{"bytes":0,"streamed":false}`},
		"a larger limit":                 {"/photos/7", sized(large), `{"bytes":1048576,"streamed":false}`},
		"a larger limit, chunked":        {"/photos/7", chunked(large), `{"bytes":1048576,"streamed":false}`},
		"beyond the larger one":          {"/photos/7", sized(large + 1), "413"},
		"beyond the larger one, chunked": {"/photos/7", chunked(large + 1), "413"},
		"a stream":                       {"/imports", sized(limit), `{"bytes":3145728,"deadline":false,"streamed":true}`},
		"a stream, chunked":              {"/imports", chunked(limit), `{"bytes":3145728,"deadline":false,"streamed":true}`},
		"beyond a stream's limit":        {"/imports", sized(limit + 1), "413"},
		"beyond it in chunks":            {"/imports", chunked(limit + 1), "413"},
		"a short stream":                 {"/imports", sized(10), `{"bytes":10,"deadline":false,"streamed":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := w.do(t, "POST", tt.path, tt.body)
			if tt.want == "413" {
				if a.StatusCode != 413 {
					t.Fatalf("status %d: %s", a.StatusCode, a.body)
				}
				a.problem(t)
				return
			}
			if string(a.body) != tt.want {
				t.Errorf("%d %s, want %s", a.StatusCode, a.body, tt.want)
			}
		})
	}
}

// TestABodyThatBreaksOff promises that a stream whose sender went away does not look like one that has ended.
func TestABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	w := start(t, Config{}, func(s *Server) {
		s.AllowBody("POST", "/imports", 1<<20, true)
		s.App().Post("/imports", func(c *fiber.Ctx) error {
			_, err := io.Copy(io.Discard, BodyReader(c))
			ended <- err
			return err
		})
	})
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /imports HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"+strings.Repeat("x", 100_000)); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a body ended with %v", err)
	}
}
