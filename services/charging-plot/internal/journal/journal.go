// Package journal writes down what charge points and the service say to each other. It is beside the conversation and never in its way:
// Note returns at once, messages are written together shortly after, and when more is said than can be written the record has a gap,
// which is logged, while what was said counts all the same.
package journal

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// Store keeps messages.
type Store interface {
	StoreMessages(ctx context.Context, messages []chargepoint.Message) error
	// RollMessages makes room for the days to come and drops what is older than before.
	RollMessages(ctx context.Context, now, before time.Time) error
}

const (
	room       = 8192 // messages that wait to be written
	together   = 500  // that are written in one statement
	gather     = 100 * time.Millisecond
	rollEvery  = time.Hour
	rollAgain  = 10 * time.Second // after a failure
	writeLimit = 10 * time.Second
)

// Journal implements chargepoint.Journal. It is made by New and written by Run.
type Journal struct {
	store Store
	keep  time.Duration
	now   func() time.Time
	log   *slog.Logger
	queue chan chargepoint.Message
	lost  atomic.Int64
}

var _ chargepoint.Journal = (*Journal)(nil)

// New makes a journal that keeps messages for a while.
func New(store Store, keep time.Duration, now func() time.Time, log *slog.Logger) *Journal {
	return &Journal{store: store, keep: keep, now: now, log: log, queue: make(chan chargepoint.Message, room)}
}

// Note implements chargepoint.Journal.
func (j *Journal) Note(m chargepoint.Message) {
	select {
	case j.queue <- m:
	default:
		j.lost.Add(1)
	}
}

// Run writes until ctx ends, and then what is left.
func (j *Journal) Run(ctx context.Context) error {
	ticker := time.NewTicker(gather)
	defer ticker.Stop()
	var roll time.Time
	for {
		if now := j.now(); !now.Before(roll) {
			roll = now.Add(j.roll(ctx, now))
		}
		select {
		case <-ctx.Done():
			for j.flush(context.WithoutCancel(ctx)) {
				continue
			}
			return nil
		case <-ticker.C:
		}
		for j.flush(ctx) {
			continue
		}
	}
}

// roll returns when it wants to be called again.
func (j *Journal) roll(ctx context.Context, now time.Time) time.Duration {
	if err := j.store.RollMessages(ctx, now, now.Add(-j.keep)); err != nil {
		if ctx.Err() == nil {
			j.log.WarnContext(ctx, "the days of the message log could not be rolled", "error", err)
		}
		return rollAgain
	}
	return rollEvery
}

// flush writes what waits, as much as one statement takes, and tells whether there is more.
func (j *Journal) flush(ctx context.Context) (more bool) {
	messages := make([]chargepoint.Message, 0, together)
	for len(messages) < together {
		select {
		case m := <-j.queue:
			messages = append(messages, m)
			continue
		default:
		}
		break
	}
	if n := j.lost.Swap(0); n > 0 {
		j.log.WarnContext(ctx, "the message log has a gap", "messages", n)
	}
	if len(messages) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	if err := j.store.StoreMessages(ctx, messages); err != nil {
		j.log.WarnContext(ctx, "messages could not be logged", "messages", len(messages), "error", err)
		return false
	}
	return len(messages) == together
}
