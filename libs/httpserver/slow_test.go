package httpserver

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

// sluggards keep n connections that each send a byte of a head or a body at each pause, and open another when one is cut off, until
// stop. cut counts those.
func sluggards(t testing.TB, address string, n int, pause time.Duration) (cut *atomic.Int64, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	cut = &atomic.Int64{}
	dawdle := func(begin string) {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return
		}
		defer connection.Close()
		defer context.AfterFunc(ctx, func() { _ = connection.Close() })()
		closed := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, connection)
			close(closed)
		}()
		for next := begin; ; next = "x" {
			if _, err := io.WriteString(connection, next); err != nil {
				break
			}
			select {
			case <-closed:
				if ctx.Err() == nil {
					cut.Add(1)
				}
				return
			case <-time.After(pause):
			}
		}
		<-closed
		if ctx.Err() == nil {
			cut.Add(1)
		}
	}
	for i := range n {
		begin := "GET /fast HTTP/1.1\r\nHost: h\r\nX-A: b"
		if i%2 == 0 {
			begin = "POST /fast HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n"
		}
		wait.Go(func() {
			for ctx.Err() == nil {
				dawdle(begin)
			}
		})
	}
	return cut, func() { cancel(); wait.Wait() }
}

// fast registers what others ask for meanwhile.
func fast(s *Server) {
	s.App().Get("/fast", func(c *fiber.Ctx) error { return c.SendString("there you are") })
	s.App().Post("/fast", func(c *fiber.Ctx) error { return c.SendString("there you are") })
}

// asks asks n times, one after the other, and returns how long each took, sorted.
func (w *world) asks(t testing.TB, n int) []time.Duration {
	t.Helper()
	took := make([]time.Duration, n)
	for i := range took {
		begun := time.Now()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/fast", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := w.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(response.Status, err)
		}
		_ = response.Body.Close()
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return took
}

// Whoever is slow costs the others nothing: everybody else is answered, and the slow are cut off again and again.
func TestSlowConnectionsHoldNobodyUp(t *testing.T) {
	t.Parallel()
	w := start(t, Config{ReadTimeout: time.Second}, fast)
	cut, stop := sluggards(t, w.Addr(t.Context()).String(), 200, 100*time.Millisecond)
	defer stop()
	deadline := time.Now().Add(15 * time.Second)
	for cut.Load() < 300 {
		w.asks(t, 50)
		if time.Now().After(deadline) {
			t.Fatalf("the 200 slow connections were cut off %d times in 15 s", cut.Load())
		}
	}
}

// BenchmarkSlowConnections compares what a request takes beside two thousand slow connections with what it takes alone.
func BenchmarkSlowConnections(b *testing.B) {
	w := start(b, Config{ReadTimeout: 5 * time.Second}, fast)
	const asked = 20000
	p99 := func(took []time.Duration) float64 { return float64(took[len(took)*99/100].Microseconds()) / 1000 }
	for b.Loop() {
		w.asks(b, asked/10) // to warm up
		alone := p99(w.asks(b, asked))
		cut, stop := sluggards(b, w.Addr(b.Context()).String(), 2000, time.Second)
		w.asks(b, asked/10) // until they are all there
		beside := p99(w.asks(b, asked))
		for cut.Load() < 2000 {
			w.asks(b, 100)
		}
		stop()
		b.ReportMetric(alone, "ms-p99-alone")
		b.ReportMetric(beside, "ms-p99-beside")
		b.ReportMetric(beside/alone, "x-p99")
		b.ReportMetric(float64(cut.Load()), "cut-off")
	}
}
