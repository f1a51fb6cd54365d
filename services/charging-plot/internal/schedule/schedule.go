// Package schedule does what nobody asks for: claims begin and are given up, orders time out, silent charge points are no longer
// believed, old events go. Every replica runs it; the store sees to it that each thing happens once.
package schedule

import (
	"context"
	"log/slog"
	"time"
)

// Jobs are the things to do. Each takes up to limit and returns how many it did.
type Jobs interface {
	BeginReservations(ctx context.Context, limit int) (int, error)
	GiveUpReservations(ctx context.Context, limit int) (int, error)
	TimeOutSessions(ctx context.Context, limit int) (int, error)
	FallSilent(ctx context.Context, since time.Time, limit int) (int, error)
	ExpirePushes(ctx context.Context, limit int) (int, error)
}

// Chores are the things to clean up.
type Chores interface {
	TrimEvents(ctx context.Context, before time.Time) (int64, error)
	PurgeAnswers(ctx context.Context) (int64, error)
	// RollHistory makes room for the histories to come, and forgets those from before a time, unless that is zero.
	RollHistory(ctx context.Context, before time.Time) error
}

// Config says how often.
type Config struct {
	Tick        time.Duration // between looks; a claim begins at most this late
	SilentAfter time.Duration // a charge point that has said nothing for so long is not believed
	KeepEvents  time.Duration // how far back a live stream can be replayed
	KeepHistory time.Duration // how far back plots' histories go; 0: for ever
}

const (
	limit       = 200
	choresEvery = time.Minute
)

// Run works until ctx ends. A job that fails is logged and comes again with the next tick.
func Run(ctx context.Context, cfg Config, jobs Jobs, chores Chores, now func() time.Time, log *slog.Logger) error {
	ticker := time.NewTicker(cfg.Tick)
	defer ticker.Stop()
	var cleaned time.Time
	for {
		Tick(ctx, cfg, jobs, now, log)
		if at := now(); at.Sub(cleaned) >= choresEvery {
			cleaned = at
			clean(ctx, cfg, chores, at, log)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Tick does everything that is due.
func Tick(ctx context.Context, cfg Config, jobs Jobs, now func() time.Time, log *slog.Logger) {
	for name, job := range map[string]func() (int, error){
		"begin reservations":     func() (int, error) { return jobs.BeginReservations(ctx, limit) },
		"give up reservations":   func() (int, error) { return jobs.GiveUpReservations(ctx, limit) },
		"time out sessions":      func() (int, error) { return jobs.TimeOutSessions(ctx, limit) },
		"silence charge points":  func() (int, error) { return jobs.FallSilent(ctx, now().Add(-cfg.SilentAfter), limit) },
		"expire pushed statuses": func() (int, error) { return jobs.ExpirePushes(ctx, limit) },
	} {
		// More than one batch may be due, after an outage for instance; a batch that is not full was the last.
		for n := limit; n == limit && ctx.Err() == nil; {
			var err error
			if n, err = job(); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "a scheduled job failed", "job", name, "error", err)
				break
			}
		}
	}
}

func clean(ctx context.Context, cfg Config, chores Chores, now time.Time, log *slog.Logger) {
	if _, err := chores.TrimEvents(ctx, now.Add(-cfg.KeepEvents)); err != nil && ctx.Err() == nil {
		log.WarnContext(ctx, "old events could not be removed", "error", err)
	}
	if _, err := chores.PurgeAnswers(ctx); err != nil && ctx.Err() == nil {
		log.WarnContext(ctx, "expired idempotency keys could not be removed", "error", err)
	}
	var before time.Time
	if cfg.KeepHistory > 0 {
		before = now.Add(-cfg.KeepHistory)
	}
	if err := chores.RollHistory(ctx, before); err != nil && ctx.Err() == nil {
		log.WarnContext(ctx, "the tables of plots' histories could not be made or removed", "error", err)
	}
}
