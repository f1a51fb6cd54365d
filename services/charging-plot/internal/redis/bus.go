// Package redis wakes the live streams of every replica when one of them has written events.
//
// Nothing but the wake-up goes through Redis: the events are in Postgres, in their order, and each replica reads them there. So a
// message that is lost, or a Redis that is away, costs a stream at most the time until its replica looks by itself.
package redis

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	channel = "charging-plot:events"
	// coalesce is how long wake-ups are gathered into one: at a thousand commits a second a hundred messages do.
	coalesce = 10 * time.Millisecond
	// retryAfter is the pause before a lost subscription is tried again.
	retryAfter = time.Second
)

// Bus carries wake-ups between replicas.
type Bus struct {
	client  redis.UniversalClient
	onWake  func()
	log     *slog.Logger
	pending chan struct{}
}

// New makes a bus that calls onWake for every wake-up, its own too.
func New(client redis.UniversalClient, onWake func(), log *slog.Logger) *Bus {
	return &Bus{client: client, onWake: onWake, log: log, pending: make(chan struct{}, 1)}
}

// Wake says that events were committed. It wakes this process at once and the others soon, and never blocks.
func (b *Bus) Wake() {
	b.onWake()
	select {
	case b.pending <- struct{}{}:
	default:
	}
}

// Publish sends wake-ups until ctx ends.
func (b *Bus) Publish(ctx context.Context) error {
	quiet := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.pending:
		}
		err := b.client.Publish(ctx, channel, "").Err()
		if err != nil && !quiet && ctx.Err() == nil {
			b.log.WarnContext(ctx, "other replicas are not woken: their live streams lag by the poll interval", "error", err)
		}
		quiet = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(coalesce):
		}
	}
}

// Subscribe hears the other replicas until ctx ends, and again after every loss of Redis.
func (b *Bus) Subscribe(ctx context.Context) error {
	for ctx.Err() == nil {
		b.hear(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
	return nil
}

func (b *Bus) hear(ctx context.Context) {
	subscription := b.client.Subscribe(ctx, channel)
	defer subscription.Close()
	// A Receive that waits for the network does not see the end of its context; closing the connection under it does end it.
	defer context.AfterFunc(ctx, func() { subscription.Close() })()
	for {
		// Receive, unlike Channel, says when the connection is lost.
		message, err := subscription.Receive(ctx)
		if err != nil {
			return
		}
		switch message.(type) {
		case *redis.Subscription, *redis.Message: // what was said before the subscription held is looked for
			b.onWake()
		}
	}
}
