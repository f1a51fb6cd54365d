// Package pause waits the way a service should: no longer than its context, and not in step with
// its replicas.
//
//	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
//		if err = try(ctx); err == nil {
//			return nil
//		}
//		if pause.For(ctx, pause.Around(wait, 0.5)) != nil {
//			return err
//		}
//	}
package pause

import (
	"context"
	"math/rand/v2"
	"time"
)

// For waits for d, or returns ctx's error when ctx ends first. Without time to wait it still looks
// at ctx.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Around gives a random duration of about d, at most the given part (0 to 1) of it less or more:
// Around(time.Minute, 0.1) lies between 54 and 66 seconds. It keeps those apart who would otherwise
// come together: caches that expire, replicas that poll, callers that try again.
func Around(d time.Duration, part float64) time.Duration {
	return d + time.Duration(float64(d)*part*(2*rand.Float64()-1)) //nolint:gosec // nothing hangs on guessing it
}
