package httpserver

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v2"
)

func newRequest(deadline time.Duration) *request {
	r := &request{parent: context.Background(), start: time.Now(), id: "id"}
	if deadline > 0 {
		r.deadline = r.start.Add(deadline)
	}
	return r
}

func TestRequestContextEndsByItsDeadline(t *testing.T) {
	t.Parallel()
	for name, touch := range map[string]func(*request){
		"untouched": func(*request) {},
		"waited on": func(r *request) { r.Done() },
		"derived from": func(r *request) {
			ctx, cancel := context.WithCancel(r)
			context.AfterFunc(ctx, cancel)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRequest(time.Second)
				touch(r)
				if deadline, ok := r.Deadline(); !ok || time.Until(deadline) != time.Second {
					t.Errorf("deadline %v %v", deadline, ok)
				}
				if r.Err() != nil {
					t.Errorf("over at once: %v", r.Err())
				}
				<-time.After(time.Second)
				synctest.Wait()
				if !errors.Is(r.Err(), context.DeadlineExceeded) {
					t.Errorf("after its deadline: %v", r.Err())
				}
				<-r.Done()
				r.close()
			})
		})
	}
}

func TestRequestContextEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	r := newRequest(time.Hour)
	child, cancel := context.WithCancel(r)
	defer cancel()
	r.close()
	<-child.Done()
	late := newRequest(time.Hour)
	late.close()
	if !errors.Is(late.Err(), context.Canceled) {
		t.Errorf("a closed one says %v", late.Err())
	}
	<-late.Done()
}

func TestRequestContextEndsWithTheServer(t *testing.T) {
	t.Parallel()
	base, stop := context.WithCancel(context.Background())
	touched, untouched := newRequest(time.Hour), newRequest(time.Hour)
	touched.parent, untouched.parent = base, base
	done := touched.Done()
	stop()
	<-done
	if !errors.Is(untouched.Err(), context.Canceled) {
		t.Errorf("it says %v", untouched.Err())
	}
}

func TestRequestContextWithoutDeadline(t *testing.T) {
	t.Parallel()
	r := newRequest(0)
	if _, ok := r.Deadline(); ok || r.Err() != nil {
		t.Errorf("it has a deadline, or is over: %v", r.Err())
	}
	select {
	case <-r.Done():
		t.Error("it is over")
	default:
	}
	r.close()
	<-r.Done()
}

// A context derived from the request's must not cost a goroutine.
func TestRequestContextIsKnownToPackageContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		r := newRequest(0)
		var cancels []context.CancelFunc
		for range 10_000 {
			_, cancel := context.WithCancel(r)
			cancels = append(cancels, cancel)
		}
		if n := runtime.NumGoroutine() - before; n > 5000 {
			t.Errorf("10,000 derived contexts cost %d goroutines", n)
		}
		for _, cancel := range cancels {
			cancel()
		}
		r.close()
	})
}

func TestHandlersGetTheDeadline(t *testing.T) {
	t.Parallel()
	var left time.Duration
	var after context.Context
	w := start(t, Config{RequestTimeout: time.Minute}, func(s *Server) {
		s.App().Get("/", func(c *fiber.Ctx) error {
			deadline, _ := c.UserContext().Deadline()
			left = time.Until(deadline)
			after = c.UserContext()
			return c.SendStatus(http.StatusNoContent)
		})
	})
	a := w.do(t, "GET", "/", nil)
	w.logs.wait(t, a.Header.Get("X-Request-Id"))
	if left < 50*time.Second || left > time.Minute {
		t.Errorf("the deadline is %v away", left)
	}
	if !errors.Is(after.Err(), context.Canceled) {
		t.Errorf("after the request its context says %v", after.Err())
	}
}
