package httpserver

import (
	"bufio"
	"context"
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

// open starts to read the stream at /events.
func (w *world) open(t *testing.T, headers ...string) (*http.Response, *bufio.Reader) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response, bufio.NewReader(response.Body)
}

func events(next <-chan string) func(*Server) {
	return func(s *Server) {
		s.App().Get("/events", func(c *fiber.Ctx) error {
			c.Set("Content-Type", "text/event-stream")
			id := c.Get("Last-Event-ID")
			return Stream(c, func(ctx context.Context, w *bufio.Writer) error {
				fmt.Fprintf(w, "data: hello %s %s\n\n", id, RequestID(ctx))
				for {
					if err := w.Flush(); err != nil {
						return err
					}
					select {
					case text, more := <-next:
						if !more {
							return nil
						}
						fmt.Fprintf(w, "data: %s\n\n", text)
					case <-ctx.Done():
						fmt.Fprint(w, "data: bye\n\n")
						return w.Flush()
					}
				}
			})
		})
	}
}

func event(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	for {
		text, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("read stream: %v", err)
		}
		if text = strings.TrimSpace(text); text != "" {
			return text
		}
	}
}

func TestStreamOutlivesEveryTimeout(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	const timeout = time.Second // a flush that waits for the processor is not to take as long
	w := start(t, Config{RequestTimeout: timeout, WriteTimeout: timeout, ReadTimeout: timeout}, events(next))
	response, r := w.open(t, "Last-Event-ID", "7", "Accept-Encoding", "gzip, br, zstd")
	if got := response.Header.Get("Content-Encoding"); got != "" {
		t.Errorf("the stream is encoded as %s", got)
	}
	id := response.Header.Get("X-Request-Id")
	if got := event(t, r); got != "data: hello 7 "+id {
		t.Errorf("first event %q", got)
	}
	const rounds = 2
	for i := range rounds {
		<-time.After(timeout) // the promise is about time that passes
		next <- fmt.Sprint(i)
		if got, want := event(t, r), fmt.Sprintf("data: %d", i); got != want {
			t.Errorf("event %q, want %q", got, want)
		}
	}
	for _, entry := range w.logs.all(t) {
		if entry["request_id"] == id {
			t.Errorf("logged before its end: %v", entry)
		}
	}
	close(next)
	if rest, err := io.ReadAll(r); err != nil || strings.TrimSpace(string(rest)) != "" {
		t.Errorf("after the end: %q %v", rest, err)
	}
	entry := w.logs.wait(t, id)
	if entry["route"] != "/events" || entry["status"] != 200.0 || entry["duration_us"].(float64) < rounds*1e6 {
		t.Errorf("logged %v", entry)
	}
	if w.watch.active.Load() != 0 {
		t.Errorf("%d requests are under way", w.watch.active.Load())
	}
}

func TestStreamEndsWithTheServer(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, events(make(chan string)))
	_, r := w.open(t)
	event(t, r)
	began := time.Now()
	w.stop()
	if got := event(t, r); got != "data: bye" {
		t.Errorf("last event %q", got)
	}
	if err := <-w.done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

func TestStreamNoticesThatTheClientIsGone(t *testing.T) {
	t.Parallel()
	next, ended := make(chan string), make(chan error, 1)
	w := start(t, Config{}, func(s *Server) {
		s.App().Get("/events", func(c *fiber.Ctx) error {
			return Stream(c, func(_ context.Context, w *bufio.Writer) (err error) {
				defer func() { ended <- err }()
				for {
					fmt.Fprint(w, ": beat\n\n")
					if err := w.Flush(); err != nil {
						return err
					}
					<-next
				}
			})
		})
	})
	response, r := w.open(t)
	event(t, r)
	response.Body.Close()
	for {
		select {
		case next <- "":
		case err := <-ended:
			if err == nil {
				t.Error("the stream ended without an error")
			}
			return
		case <-time.After(10 * time.Second):
			t.Fatal("the stream goes on without a client")
		}
	}
}

func TestStreamIsCutOffWhenNobodyReads(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	w := start(t, Config{WriteTimeout: 200 * time.Millisecond}, func(s *Server) {
		s.App().Get("/events", func(c *fiber.Ctx) error {
			return Stream(c, func(_ context.Context, w *bufio.Writer) (err error) {
				defer func() { ended <- err }()
				chunk := strings.Repeat("x", 64<<10)
				for {
					if _, err := w.WriteString(chunk); err != nil {
						return err
					}
					if err := w.Flush(); err != nil {
						return err
					}
				}
			})
		})
	})
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, "GET /events HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the stream ended without an error")
		}
	case <-time.After(20 * time.Second):
		t.Error("the stream waits for a client that does not read")
	}
}

func TestStreamThatPanics(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, func(s *Server) {
		s.App().Get("/events", func(c *fiber.Ctx) error {
			return Stream(c, func(context.Context, *bufio.Writer) error { panic("oh") })
		})
	})
	response, r := w.open(t)
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("read: %v", err)
	}
	if entry := w.logs.wait(t, response.Header.Get("X-Request-Id")); !strings.Contains(fmt.Sprint(entry["error"]), "panic: oh") {
		t.Errorf("logged %v", entry)
	}
}

// A handler may have opened something that only its stream closes.
func TestStreamsThatAreNotSentAreRunAllTheSame(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	w := start(t, Config{}, func(s *Server) {
		s.App().Get("/events", func(c *fiber.Ctx) error {
			err := Stream(c, func(ctx context.Context, w *bufio.Writer) error {
				fmt.Fprint(w, "data: x\n\n")
				ended <- errors.Join(ctx.Err(), w.Flush())
				return nil
			})
			switch c.Query("then") {
			case "fail":
				return fiber.ErrNotFound
			case "panic":
				panic("oh")
			}
			return err
		})
	})
	for _, tt := range []struct {
		method, then string
		status       int
	}{{"HEAD", "", 200}, {"GET", "fail", 404}, {"GET", "panic", 500}} {
		if a := w.do(t, tt.method, "/events?then="+tt.then, nil); a.StatusCode != tt.status {
			t.Errorf("%s %s: %d", tt.method, tt.then, a.StatusCode)
		}
		if err := <-ended; !errors.Is(err, context.Canceled) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s %s: the stream saw %v", tt.method, tt.then, err)
		}
	}
}

func TestHeadOfAStream(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, events(make(chan string)))
	if a := w.do(t, "HEAD", "/events", nil); a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %d %v", a.StatusCode, a.Header)
	}
}
