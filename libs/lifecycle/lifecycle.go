// Package lifecycle starts the parts of a service and stops them in order.
//
//	ctx, stop := lifecycle.SignalContext()
//	defer stop()
//	group := lifecycle.New(ctx, log)
//	group.Go("feed", source.Run)     // started first, stopped last
//	group.Go("follower", follower.Run)
//	group.Go("http", server.Run)     // started last, stopped first: it drains while the rest works
//	return group.Wait()
//
// A part is a function that works until its context ends. When one fails, or when ctx ends, all are
// stopped, the last started first, each when the one after it has returned.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// stopTimeout is how long a part may take to return when its context has ended. A server that
// drains and then waits for its last requests takes some twenty seconds.
const stopTimeout = 30 * time.Second

// Group is a set of parts that live and end together.
type Group struct {
	ctx    context.Context //nolint:containedctx // the life of the whole, which the parts' are cut from
	log    *slog.Logger
	failed chan struct{} // closed at the first failure

	mu       sync.Mutex
	parts    []*part
	stopping bool
	failure  error
}

type part struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error // to be read when done is closed
}

// New makes a group that is stopped when ctx ends.
func New(ctx context.Context, log *slog.Logger) *Group {
	return &Group{ctx: ctx, log: log, failed: make(chan struct{})}
}

// Go starts a part. Its context carries the values of the group's but ends when its turn to stop
// has come, not before. A part that returns nil has done its work and the others go on; one that
// returns an error stops the group. In a group that is stopping nothing is started any more.
func (g *Group) Go(name string, fn func(context.Context) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopping {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(g.ctx))
	p := &part{name: name, cancel: cancel, done: make(chan struct{})}
	g.parts = append(g.parts, p)
	go func() {
		defer close(p.done)
		err := fn(ctx)
		if err != nil && (ctx.Err() == nil || !errors.Is(err, ctx.Err())) {
			p.err = fmt.Errorf("%s: %w", name, err)
			g.fail(p.err)
		}
	}()
}

func (g *Group) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failure == nil && !g.stopping {
		g.failure = err
		close(g.failed)
	}
}

// Wait returns when every part has: by itself, or stopped because one failed or the group's context
// ended. It returns the first failure joined with those of stopping; that the context ended is none.
// A part that does not return within half a minute of its context's end is left behind and named
// in the error.
func (g *Group) Wait() error {
	select {
	case <-g.allDone():
	case <-g.failed:
		g.log.Error("a part failed, stopping", "error", g.failure)
	case <-g.ctx.Done():
		g.log.Info("stopping")
	}
	return g.stop()
}

// allDone is closed when every part has returned. Its goroutine ends with the parts.
func (g *Group) allDone() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			g.mu.Lock()
			if i == len(g.parts) {
				g.mu.Unlock()
				return
			}
			p := g.parts[i]
			g.mu.Unlock()
			<-p.done
		}
	}()
	return done
}

func (g *Group) stop() error {
	g.mu.Lock()
	g.stopping = true
	parts, failures := g.parts, []error{}
	if g.failure != nil {
		failures = append(failures, g.failure)
	}
	first := g.failure
	g.mu.Unlock()

	for i := len(parts) - 1; i >= 0; i-- {
		p := parts[i]
		p.cancel()
		timeout := time.NewTimer(stopTimeout)
		select {
		case <-p.done:
			if p.err != nil && !errors.Is(first, p.err) {
				failures = append(failures, p.err)
			}
		case <-timeout.C:
			failures = append(failures, fmt.Errorf("%s: does not stop", p.name))
		}
		timeout.Stop()
	}
	return errors.Join(failures...)
}

// SignalContext gives a context that ends at SIGINT or SIGTERM, and a function that ends it and lets
// signals be. A second signal ends the process at once, for people who cannot wait.
func SignalContext() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
