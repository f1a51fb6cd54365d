package httpserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

// TestARefusedSenderGetsTheAnswer sends bodies that are refused by their length,
// to the end and without reading a byte before: the answer must still be there.
func TestARefusedSenderGetsTheAnswer(t *testing.T) {
	t.Parallel()
	const size = 4 << 20 // more than the kernel's buffers hold
	refuse := func(*fiber.Ctx) error { return fiber.ErrForbidden }
	for name, tt := range map[string]struct {
		streams bool
		path    string
		want    int
	}{
		"beyond the limit of a server that holds bodies":   {false, "/small", http.StatusRequestEntityTooLarge},
		"beyond the limit of a server that streams bodies": {true, "/small", http.StatusRequestEntityTooLarge},
		"of a stream that its route does not want":         {true, "/imports", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, Config{}, func(s *Server) {
				s.AllowBody("POST", "/imports", 2*size, tt.streams)
				s.App().Post("/imports", refuse)
				s.App().Post("/small", refuse)
			})
			connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", tt.path, size, strings.Repeat("x", size)); err != nil {
				t.Fatalf("the body could not be sent to its end: %v", err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != tt.want || !answer.Close {
				t.Errorf("status %d, closes %v, %v; want %d and the connection's end", answer.StatusCode, answer.Close, err, tt.want)
			}
		})
	}
}

// TestALingeringConnectionIsCut never stops sending after a refusal: the server must
// end the connection by itself.
func TestALingeringConnectionIsCut(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, func(*Server) {})
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(10 * lingerFor)); err != nil {
		t.Fatal(err)
	}
	if _, err = io.WriteString(connection, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000000\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = io.WriteString(connection, strings.Repeat("x", 16<<10))
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		t.Error("the connection was still open")
	}
}
