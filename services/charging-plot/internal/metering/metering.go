// Package metering does what readings call for apart from being stored: they are summed up, running sessions are priced and stopped at
// their limits, and the tables of readings are made ahead and dropped when their time is over. Every replica runs it; the store sees to
// it that each thing happens once.
package metering

import (
	"context"
	"log/slog"
	"time"
)

// Store does the work in the database.
type Store interface {
	RollUp(ctx context.Context, limit int) (int, error)
	EnsurePartitions(ctx context.Context) error
	DropReadings(ctx context.Context, before time.Time, limit int) (weeks, rows int64, err error)
	// DropMinutes and DropQuarters forget what readings were summed up to.
	DropMinutes(ctx context.Context, before time.Time, limit int) (rows int64, err error)
	DropQuarters(ctx context.Context, before time.Time, limit int) (rows int64, err error)
}

// Desk stops what has reached its limit.
type Desk interface {
	Enforce(ctx context.Context, limit int) (int, error)
}

// Config says how often and how long.
type Config struct {
	Tick time.Duration // between looks; a limit is overstepped by at most this and what the charge point takes
	// How long readings are kept, and what they were summed up to by the minute and the quarter of an hour; 0: for ever.
	Keep, KeepMinutes, KeepQuarters time.Duration
}

const (
	limit       = 100
	choresEvery = 10 * time.Minute
	dropLimit   = 50_000
)

// Run works until ctx ends. What fails is logged and comes again.
func Run(ctx context.Context, cfg Config, store Store, desk Desk, now func() time.Time, log *slog.Logger) error {
	ticker := time.NewTicker(cfg.Tick)
	defer ticker.Stop()
	var cleaned time.Time
	for {
		if at := now(); at.Sub(cleaned) >= choresEvery {
			if chores(ctx, cfg, store, at, log) {
				cleaned = at
			}
		}
		for name, job := range map[string]func(context.Context, int) (int, error){"sum up readings": store.RollUp, "stop at limits": desk.Enforce} {
			for n := limit; n == limit && ctx.Err() == nil; {
				var err error
				if n, err = job(ctx, limit); err != nil && ctx.Err() == nil {
					log.WarnContext(ctx, "a scheduled job failed", "job", name, "error", err)
					break
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// chores reports whether everything was done; what was not is tried with the next tick.
func chores(ctx context.Context, cfg Config, store Store, now time.Time, log *slog.Logger) bool {
	if err := store.EnsurePartitions(ctx); err != nil {
		if ctx.Err() == nil {
			log.WarnContext(ctx, "a table for readings could not be made", "error", err)
		}
		return false
	}
	done := true
	for _, job := range []struct {
		what string
		keep time.Duration
		drop func(ctx context.Context, before time.Time, limit int) (rows int64, err error)
	}{
		{"readings", cfg.Keep, func(ctx context.Context, before time.Time, limit int) (int64, error) {
			weeks, rows, err := store.DropReadings(ctx, before, limit)
			if weeks > 0 {
				log.InfoContext(ctx, "old weeks of readings are gone", "weeks", weeks)
			}
			return rows, err
		}},
		{"minutes", cfg.KeepMinutes, store.DropMinutes},
		{"quarters", cfg.KeepQuarters, store.DropQuarters},
	} {
		if job.keep == 0 {
			continue
		}
		rows, err := job.drop(ctx, now.Add(-job.keep), dropLimit)
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "what is old could not be removed", "what", job.what, "error", err)
		}
		if rows > 0 {
			log.InfoContext(ctx, "what was old is gone", "what", job.what, "rows", rows)
		}
		done = done && err == nil && rows < dropLimit
	}
	return done
}
