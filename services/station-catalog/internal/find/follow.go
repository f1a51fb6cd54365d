package find

import (
	"context"
	"time"
)

const (
	// logPoll is how long a change of a status or a rating can go unnoticed when its notification was lost.
	logPoll = time.Second
	// heldPoll is how long one can go unnoticed after the transaction that held it back.
	heldPoll = 50 * time.Millisecond
)

// follower reads a log whose rows are told again when they change: those of statuses and of ratings.
type follower[C any] struct {
	name  string
	gauge *gauge
	wake  chan struct{}
	// read gives what was set behind the place that the replica has come to.
	read func(ctx context.Context) (C, error)
	// take puts it into the index, and tells whether there may be more at once, or when older transactions have ended.
	take func(C) (more, held bool)
}

// run follows the log until ctx ends.
func (f *follower[C]) run(ctx context.Context, r *Replica) {
	tick := time.NewTicker(logPoll)
	defer tick.Stop()
	for {
		var again <-chan time.Time
		for more := true; more && ctx.Err() == nil; {
			f.gauge.ask()
			changes, err := f.read(ctx)
			f.gauge.answered()
			if err != nil {
				if ctx.Err() == nil && !f.gauge.failed.Swap(true) {
					r.log.WarnContext(ctx, "search index: what is live cannot be read", "log", f.name, "error", err)
				}
				break
			}
			var held bool
			if more, held = f.take(changes); !more {
				f.gauge.caughtUp()
				if held {
					again = time.After(heldPoll)
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		case <-again:
		case <-tick.C:
		}
	}
}

// signal wakes whoever listens, and never blocks.
func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
