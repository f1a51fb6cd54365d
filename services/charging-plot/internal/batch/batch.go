// Package batch is group commit: what many callers want written at the same moment is written together, and each is told only after
// the write that held its item has been committed.
//
// A write begins as soon as there is something to write and fewer than the group's writers are at work; what arrives meanwhile waits for
// the next. So a single caller waits no longer than it would alone, and a thousand share a few transactions.
package batch

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Group collects items. Make one with New; it needs no closing.
type Group[T any] struct {
	write   func(ctx context.Context, items []T) error
	limit   int
	timeout time.Duration
	writers int

	mu      sync.Mutex
	waiting []entry[T]
	writing int
}

type entry[T any] struct {
	item T
	done chan error // buffered, so that a caller that has left holds nobody up
}

// New makes a group whose write takes at most limit items and at most timeout, with so many writers at once: a second one works while the
// first waits for its commit. When a write of several items fails, each is tried alone once, so that one bad item does not take its
// neighbours with it.
func New[T any](writers, limit int, timeout time.Duration, write func(ctx context.Context, items []T) error) *Group[T] {
	return &Group[T]{writers: writers, write: write, limit: limit, timeout: timeout}
}

// Do has the item written and returns what became of it. When ctx ends first it returns ctx's error, and the item may still be
// written.
func (g *Group[T]) Do(ctx context.Context, item T) error {
	e := entry[T]{item: item, done: make(chan error, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, e)
	start := g.writing < g.writers
	if start {
		g.writing++
	}
	g.mu.Unlock()
	if start {
		go g.run(context.WithoutCancel(ctx)) // the write is for everybody in it, not only for the caller who happened to come first
	}
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Group[T]) run(ctx context.Context) {
	for {
		runtime.Gosched() // those who were just told, or came with the first, get to say what they have before it is counted
		g.mu.Lock()
		n := min(len(g.waiting), g.limit)
		if n == 0 {
			g.writing--
			g.mu.Unlock()
			return
		}
		entries := g.waiting[:n:n]
		g.waiting = g.waiting[n:]
		g.mu.Unlock()
		g.flush(ctx, entries)
	}
}

func (g *Group[T]) flush(ctx context.Context, entries []entry[T]) {
	items := make([]T, len(entries))
	for i, e := range entries {
		items[i] = e.item
	}
	err := g.once(ctx, items)
	for i, e := range entries {
		if err != nil && len(entries) > 1 {
			e.done <- g.once(ctx, items[i:i+1])
			continue
		}
		e.done <- err
	}
}

func (g *Group[T]) once(ctx context.Context, items []T) error {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	return g.write(ctx, items)
}
