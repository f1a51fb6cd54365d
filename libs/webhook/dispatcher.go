package webhook

import (
	"context"
	"log/slog"
	"time"
)

// Queue is a service's events on their way to its webhooks.
type Queue interface {
	// DispatchWebhooks hands on up to limit events and returns how many there were, 0 when another replica is at it.
	DispatchWebhooks(ctx context.Context, limit int) (int, error)
}

// Dispatcher hands a service's events to webhooks as they happen. Every replica runs one.
type Dispatcher struct {
	queue Queue
	poll  time.Duration
	then  func() // called when there may be something to send
	wake  chan struct{}
	log   *slog.Logger
}

// NewDispatcher makes a dispatcher that looks every poll, and when it is woken.
func NewDispatcher(queue Queue, poll time.Duration, then func(), log *slog.Logger) *Dispatcher {
	return &Dispatcher{queue: queue, poll: poll, then: then, wake: make(chan struct{}, 1), log: log}
}

// Wake has the dispatcher look at once. It never blocks.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

const dispatchedAtOnce = 500

// Run works until ctx ends. It returns nil.
func (d *Dispatcher) Run(ctx context.Context) error {
	ticker := time.NewTicker(d.poll)
	defer ticker.Stop()
	for {
		n, err := d.queue.DispatchWebhooks(ctx, dispatchedAtOnce)
		if err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "events could not be handed to webhooks", "error", err)
		}
		if n > 0 {
			d.then()
		}
		if n == dispatchedAtOnce && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-ticker.C:
		}
	}
}
