package batch_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/batch"
)

func TestCallersThatComeWhileAWriteRunsShareTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var writes [][]int
		g := batch.New(1, 100, time.Minute, func(_ context.Context, items []int) error {
			time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock: the write takes a second of nobody's time
			writes = append(writes, slices.Sorted(slices.Values(items)))
			return nil
		})
		var wg sync.WaitGroup
		wg.Go(func() { _ = g.Do(t.Context(), 0) })
		synctest.Wait() // the first write is under way
		for i := 1; i <= 9; i++ {
			wg.Go(func() {
				if err := g.Do(t.Context(), i); err != nil {
					t.Errorf("item %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if len(writes) != 2 || !slices.Equal(writes[0], []int{0}) || !slices.Equal(writes[1], []int{1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			t.Errorf("the writes held %v, want one alone and the nine others together", writes)
		}
	})
}

func TestABadItemFailsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bad := errors.New("bad")
		stored := map[int]int{}
		g := batch.New(1, 100, time.Minute, func(_ context.Context, items []int) error {
			time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
			if slices.Contains(items, 3) {
				return bad
			}
			for _, i := range items {
				stored[i]++
			}
			return nil
		})
		results := make([]error, 6)
		var wg sync.WaitGroup
		wg.Go(func() { results[0] = g.Do(t.Context(), 0) })
		synctest.Wait()
		for i := 1; i <= 5; i++ {
			wg.Go(func() { results[i] = g.Do(t.Context(), i) })
		}
		wg.Wait()
		for i, err := range results {
			if want := i == 3; errors.Is(err, bad) != want {
				t.Errorf("item %d: %v", i, err)
			}
			if i != 3 && stored[i] != 1 {
				t.Errorf("item %d was stored %d times, want once", i, stored[i])
			}
		}
	})
}

func TestACallerThatLeavesHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		written := 0
		g := batch.New(1, 1, time.Minute, func(ctx context.Context, _ []int) error {
			if _, limited := ctx.Deadline(); !limited {
				t.Error("the write has no deadline")
			}
			time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
			written++
			return ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := g.Do(ctx, 1); !errors.Is(err, context.Canceled) {
				t.Errorf("the caller that left got %v", err)
			}
		})
		synctest.Wait()
		cancel()
		if err := g.Do(t.Context(), 2); err != nil {
			t.Errorf("the caller that stayed got %v", err)
		}
		wg.Wait()
		if written != 2 {
			t.Errorf("%d items were written, want both", written)
		}
	})
}

func TestWritersWorkSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		atWork, most, written := 0, 0, 0
		g := batch.New(2, 3, time.Minute, func(_ context.Context, items []int) error {
			mu.Lock()
			atWork++
			most, written = max(most, atWork), written+len(items)
			mu.Unlock()
			time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
			mu.Lock()
			atWork--
			mu.Unlock()
			return nil
		})
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 2 { // one each: nobody waits for company
			wg.Go(func() { _ = g.Do(t.Context(), i) })
		}
		synctest.Wait()
		for i := range 6 {
			wg.Go(func() { _ = g.Do(t.Context(), i) })
		}
		wg.Wait()
		if most != 2 || written != 8 || time.Since(began) != 2*time.Second {
			t.Errorf("%d writers wrote %d items in %s, want two, eight, and two seconds", most, written, time.Since(began))
		}
	})
}
