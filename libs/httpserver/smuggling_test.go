package httpserver

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

// raw sends bytes over a connection of their own and returns what comes back.
func (w *world) raw(t *testing.T, request string) *bufio.Reader {
	t.Helper()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, request); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(connection)
}

// TestSmuggling sends requests byte by byte that two parsers could read
// differently. Each must be refused, and nothing that follows it on the same
// connection may be taken for a request: the second request of each case asks for
// /smuggled, which must never run unless the first one is plain.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
	long := strings.Repeat("a", 20<<10)
	for name, tt := range map[string]struct {
		raw    string
		status int // of the first answer; 0: the connection is closed without one
		next   bool
	}{
		"a plain GET":                       {"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200, true},
		"a plain POST":                      {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 200, true},
		"a chunked POST":                    {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 200, true},
		"two different lengths":             {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 50\r\n\r\nhi", 400, false},
		"two equal lengths":                 {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 400, false},
		"a list of lengths":                 {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2, 2\r\n\r\nhi", 400, false},
		"a signed length":                   {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: +2\r\n\r\nhi", 400, false},
		"a negative length":                 {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -2\r\n\r\nhi", 400, false},
		"a hexadecimal length":              {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0x2\r\n\r\nhi", 400, false},
		"a length that overflows":           {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\nhi", 400, false},
		"an empty length":                   {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\nhi", 400, false},
		"length and chunks":                 {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, false},
		"chunks and length":                 {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", 400, false},
		"an unknown transfer encoding":      {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, false},
		"gzip before chunks":                {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, false},
		"chunks twice":                      {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, false},
		"chunks and identity":               {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400, false},
		"a folded transfer encoding":        {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, false},
		"a folded header":                   {"GET /echo HTTP/1.1\r\nHost: h\r\nX-A: b\r\n c\r\n\r\n", 400, false},
		"a header folded by a tab":          {"GET /echo HTTP/1.1\r\nHost: h\r\nX-A: b\r\n\tc\r\n\r\n", 400, false},
		"a blank before the colon":          {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, false},
		"a header without a name":           {"GET /echo HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", 400, false},
		"a header line without a colon":     {"GET /echo HTTP/1.1\r\nHost: h\r\nX-A\r\n\r\n", 400, false},
		"chunks over HTTP/1.0":              {"POST /echo HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, false},
		"a chunk size with 0x":              {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n", 400, false},
		"a signed chunk size":               {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nhi\r\n0\r\n\r\n", 400, false},
		"a chunk size that overflows":       {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhi\r\n0\r\n\r\n", 400, false},
		"a chunk longer than its size":      {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhix\r\n0\r\n\r\n", 400, false},
		"a chunk line ended by LF alone":    {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\nhi\r\n0\r\n\r\n", 400, false},
		"lines ended by LF alone":           {"GET /echo HTTP/1.1\nHost: h\n\n", 400, false},
		"a bare CR in a header":             {"GET /echo HTTP/1.1\r\nHost: h\r\nX-A: b\rX-B: c\r\n\r\n", 400, false},
		"a NUL in a header":                 {"GET /echo HTTP/1.1\r\nHost: h\r\nX-A: b\x00c\r\n\r\n", 400, false},
		"two hosts":                         {"GET /echo HTTP/1.1\r\nHost: h\r\nHost: evil\r\n\r\n", 400, false},
		"no host":                           {"GET /echo HTTP/1.1\r\nX-A: b\r\n\r\n", 400, false},
		"a blank in the target":             {"GET /echo /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", 400, false},
		"a target for another host":         {"GET http://evil/echo HTTP/1.1\r\nHost: h\r\n\r\n", 400, false},
		"a target for the same host":        {"GET http://h/echo HTTP/1.1\r\nHost: h\r\n\r\n", 200, true},
		"an unknown protocol version":       {"GET /echo HTTP/3.1\r\nHost: h\r\n\r\n", 400, false},
		"HTTP/2's preface":                  {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, false},
		"a trailer that poses as a header":  {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-User: admin\r\n\r\n", 400, false},
		"a trailer behind nothing":          {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-User: admin\r\n\r\n", 400, false},
		"a trailer of a GET":                {"GET /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-User: admin\r\n\r\n", 400, false},
		"one header ended by LF alone":      {"GET /echo HTTP/1.1\r\nHost: h\r\nX-A: b\nX-B: c\r\n\r\n", 400, false},
		"a declared trailer":                {"POST /echo HTTP/1.1\r\nHost: h\r\nTrailer: X-User\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-User: admin\r\n\r\n", 400, false},
		"a trailer that changes the length": {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nContent-Length: 50\r\n\r\n", 400, false},
		"headers beyond the limit":          {"GET /echo HTTP/1.1\r\nHost: h\r\nX-A: " + long + "\r\n\r\n", 431, false},
		"a target beyond the limit":         {"GET /" + long + " HTTP/1.1\r\nHost: h\r\n\r\n", 431, false},
		"a compressed body":                 {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi", 415, false},
		"a compressed chunked body":         {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 415, false},
		"CONNECT":                           {"CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n", 405, true},
		"TRACE":                             {"TRACE /echo HTTP/1.1\r\nHost: h\r\n\r\n", 405, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached := make(chan struct{}, 1)
			users := make(chan string, 1)
			w := start(t, Config{}, func(s *Server) {
				echo := func(c *fiber.Ctx) error {
					users <- c.Get("X-User")
					return c.Send(c.Body())
				}
				s.App().Get("/echo", echo)
				s.App().Post("/echo", echo)
				s.App().Get("/smuggled", func(*fiber.Ctx) error { reached <- struct{}{}; return nil })
			})
			reader := w.raw(t, tt.raw+smuggled)
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatalf("no answer: %v", err)
			}
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != tt.status {
				t.Errorf("status %d, want %d: %s", response.StatusCode, tt.status, body)
			}
			if response.StatusCode >= 400 {
				readProblem(t, response.StatusCode, response.Header, body)
			}
			_, err = http.ReadResponse(reader, nil)
			if followed := err == nil; followed != tt.next {
				t.Errorf("a second answer: %v, want %v", followed, tt.next)
			}
			if got := len(reached) > 0; got != tt.next {
				t.Errorf("the request behind was run: %v, want %v", got, tt.next)
			}
			if len(users) > 0 {
				if user := <-users; user != "" {
					t.Errorf("the handler saw X-User %q", user)
				}
			}
		})
	}
}

func TestSlowRequestsAreCutOff(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"a head that never ends": "GET /version HTTP/1.1\r\nHost: h\r\nX-A: b",
		"a body that never ends": "POST /version HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhi",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, Config{ReadTimeout: time.Second}, nil)
			reader := w.raw(t, raw)
			response, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatalf("no answer: %v", err)
			}
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusRequestTimeout {
				t.Errorf("status %d: %s", response.StatusCode, body)
			}
			readProblem(t, response.StatusCode, response.Header, body)
			if _, err := reader.ReadByte(); err != io.EOF {
				t.Errorf("the connection goes on: %v", err)
			}
		})
	}
}
