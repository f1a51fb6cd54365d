package pause_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/pause"
)

func TestForWaitsAsLongAsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := pause.For(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if err := pause.For(t.Context(), -1); err != nil {
			t.Errorf("without time: %v", err)
		}
	})
}

func TestForEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := pause.For(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if err := pause.For(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without time: %v", err)
		}
	})
}

func TestAroundStaysWithinItsPart(t *testing.T) {
	t.Parallel()
	low, high := time.Hour, time.Duration(0)
	for range 10_000 {
		d := pause.Around(time.Minute, 0.1)
		low, high = min(low, d), max(high, d)
	}
	if low < 54*time.Second || low > 55*time.Second || high > 66*time.Second || high < 65*time.Second {
		t.Errorf("between %v and %v", low, high)
	}
	if d := pause.Around(time.Minute, 0); d != time.Minute {
		t.Errorf("without a part: %v", d)
	}
}
