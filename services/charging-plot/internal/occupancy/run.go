package occupancy

import (
	"context"
	"log/slog"
	"time"
)

// Window is how far back the typical week looks.
const Window = 8 * 7 * 24 * time.Hour

// Store computes what is due in the database.
type Store interface {
	// PostponeQuiet puts off stations that are due and of which nobody has ever said anything, at most limit of them, and returns how many.
	PostponeQuiet(ctx context.Context, until time.Time, limit int) (int, error)
	// ComputeOccupancy computes one station that is due and its plots, which are due again at a time. It returns false when none is.
	ComputeOccupancy(ctx context.Context, again time.Time) (bool, error)
}

// Config says how often.
type Config struct {
	Tick  time.Duration // between looks
	Every time.Duration // how old what is computed may be
}

const quietLimit = 5000

// Run computes what is due until ctx ends. Every replica runs it; the store sees to it that each station is computed once. What fails is
// logged and comes again.
func Run(ctx context.Context, cfg Config, store Store, now func() time.Time, log *slog.Logger) error {
	ticker := time.NewTicker(cfg.Tick)
	defer ticker.Stop()
	for {
		if err := tick(ctx, cfg, store, now); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "occupancies could not be computed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func tick(ctx context.Context, cfg Config, store Store, now func() time.Time) error {
	for n := quietLimit; n == quietLimit; {
		var err error
		if n, err = store.PostponeQuiet(ctx, now().Add(cfg.Every), quietLimit); err != nil {
			return err
		}
	}
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = store.ComputeOccupancy(ctx, now().Add(cfg.Every)); err != nil {
			return err
		}
	}
	return nil
}
