// Package lifecycle is being written.
package lifecycle

import (
	"context"
	"log/slog"
)

// Group runs the parts of a service.
type Group struct{}

// New makes a group.
func New(ctx context.Context, log *slog.Logger) *Group { return &Group{} }

// Go starts a part.
func (g *Group) Go(name string, fn func(context.Context) error) {}

// Wait waits for all.
func (g *Group) Wait() error { return nil }

// SignalContext ends at SIGINT or SIGTERM.
func SignalContext() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}
