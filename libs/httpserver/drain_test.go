package httpserver

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
)

// balancer is a load balancer as a Kubernetes service is one: it asks each
// backend whether it is ready, some ten times a second, and sends requests only
// to those that were.
type balancer struct {
	backends []*world
	ready    []atomic.Bool
	next     atomic.Uint64
}

func (b *balancer) check(ctx context.Context, t *testing.T) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		for i, w := range b.backends {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/readyz", http.NoBody)
			if err != nil {
				t.Error(err)
				return
			}
			response, err := client.Do(request)
			if err == nil {
				response.Body.Close()
			}
			b.ready[i].Store(err == nil && response.StatusCode == http.StatusOK)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// pick gives the next backend that is ready, and waits for one as long as none
// is; nil when ctx ends.
func (b *balancer) pick(ctx context.Context) *world {
	for ctx.Err() == nil {
		for range b.backends {
			i := int(b.next.Add(1) % uint64(len(b.backends)))
			if b.ready[i].Load() {
				return b.backends[i]
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// TestDrainLosesNoRequest stops one of two servers under load; the clients keep
// their connections and never try again.
func TestDrainLosesNoRequest(t *testing.T) {
	t.Parallel()
	register := func(s *Server) {
		s.App().Get("/work", func(c *fiber.Ctx) error {
			select {
			case <-time.After(5 * time.Millisecond):
				return c.SendString("done")
			case <-c.UserContext().Done():
				return c.UserContext().Err()
			}
		})
	}
	b := &balancer{
		backends: []*world{
			start(t, Config{DrainDelay: 500 * time.Millisecond}, register),
			start(t, Config{DrainDelay: 500 * time.Millisecond}, register),
		},
		ready: make([]atomic.Bool, 2),
	}
	for i := range b.ready {
		b.ready[i].Store(true)
	}
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { b.check(ctx, t) })

	var done, failed atomic.Int64
	warm := make(chan struct{})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 40}}
	for range 40 {
		all.Go(func() {
			for w := b.pick(ctx); w != nil; w = b.pick(ctx) {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/work", http.NoBody)
				if err != nil {
					t.Error(err)
					return
				}
				response, err := client.Do(request)
				if err != nil {
					failed.Add(1)
					t.Logf("failed: %v", err)
					continue
				}
				body, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil || response.StatusCode != http.StatusOK || string(body) != "done" {
					failed.Add(1)
					t.Logf("failed: %d %s %v", response.StatusCode, body, err)
					continue
				}
				if done.Add(1) == 200 {
					close(warm)
				}
			}
		})
	}
	<-warm
	before := done.Load()
	began := time.Now()
	b.backends[0].stop()
	if err := <-b.backends[0].done; err != nil {
		t.Errorf("Run: %v", err)
	}
	took := time.Since(began)
	during := done.Load() - before
	stop()
	all.Wait()
	client.CloseIdleConnections()
	t.Logf("%d requests done, %d of them while one server stopped (%v); %d failed", done.Load(), during, took, failed.Load())
	if failed.Load() > 0 || during == 0 {
		t.Errorf("%d requests failed, %d done during the stop", failed.Load(), during)
	}
}

func TestDrainTellsAndWaits(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	w := start(t, Config{DrainDelay: 300 * time.Millisecond}, func(s *Server) {
		s.App().Get("/slow", func(c *fiber.Ctx) error {
			close(entered)
			<-release
			return c.SendString("done")
		})
	})
	slow := make(chan answer, 1)
	go func() { slow <- w.do(t, "GET", "/slow", nil) }()
	<-entered
	if a := w.do(t, "GET", "/readyz", nil); a.StatusCode != 200 || a.Close {
		t.Errorf("before: %d, close %v", a.StatusCode, a.Close)
	}
	w.stop()
	a := w.do(t, "GET", "/readyz", nil)
	for a.StatusCode == 200 {
		a = w.do(t, "GET", "/readyz", nil)
	}
	if a.StatusCode != 503 || !strings.Contains(string(a.body), `"draining"`) || !a.Close {
		t.Errorf("while draining: %d %s, close %v", a.StatusCode, a.body, a.Close)
	}
	if a := w.do(t, "GET", "/healthz", nil); a.StatusCode != 200 {
		t.Errorf("a draining process is alive, healthz says %d", a.StatusCode)
	}
	close(release)
	if a := <-slow; a.StatusCode != 200 || string(a.body) != "done" {
		t.Errorf("the request under way: %d %s", a.StatusCode, a.body)
	}
	if err := <-w.done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestDrainCutsOffWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	entered, ended := make(chan struct{}), make(chan error, 1)
	s := New(Config{ShutdownTimeout: 200 * time.Millisecond, RequestTimeout: time.Minute}, discard())
	s.App().Get("/stuck", func(c *fiber.Ctx) error {
		close(entered)
		<-c.UserContext().Done()
		ended <- c.UserContext().Err()
		return c.UserContext().Err()
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr(t.Context()).String()+"/stuck", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
		}
	}()
	<-entered
	stop()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "1 requests under way") {
		t.Errorf("Run: %v", err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the context ended without a reason")
		}
	case <-time.After(10 * time.Second):
		t.Error("the handler is not told to stop")
	}
}
