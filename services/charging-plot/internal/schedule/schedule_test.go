package schedule_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/schedule"
)

// jobs counts what was done.
type jobs struct {
	mu      sync.Mutex
	due     int // reservations that are to begin
	begun   int
	silent  []time.Time
	trimmed []time.Time
	rolled  []time.Time
	failing bool
}

func (j *jobs) BeginReservations(_ context.Context, limit int) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failing {
		return 0, errors.New("no database")
	}
	n := min(j.due, limit)
	j.due -= n
	j.begun += n
	return n, nil
}

func (j *jobs) GiveUpReservations(context.Context, int) (int, error) { return 0, nil }
func (j *jobs) TimeOutSessions(context.Context, int) (int, error)    { return 0, nil }
func (j *jobs) ExpirePushes(context.Context, int) (int, error)       { return 0, nil }
func (j *jobs) PurgeAnswers(context.Context) (int64, error)          { return 0, nil }

func (j *jobs) RollHistory(_ context.Context, before time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rolled = append(j.rolled, before)
	return nil
}

func (j *jobs) FallSilent(_ context.Context, since time.Time, _ int) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.silent = append(j.silent, since)
	return 0, nil
}

func (j *jobs) TrimEvents(_ context.Context, before time.Time) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.trimmed = append(j.trimmed, before)
	return 0, nil
}

func TestRunDoesEverythingThatIsDueEachTick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &jobs{due: 450} // more than one batch
		cfg := schedule.Config{Tick: time.Second, SilentAfter: 10 * time.Minute, KeepEvents: time.Hour, KeepHistory: 48 * time.Hour}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		began := time.Now()
		go func() {
			defer close(done)
			if err := schedule.Run(ctx, cfg, j, j, time.Now, slog.New(slog.DiscardHandler)); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		if j.begun != 450 {
			t.Errorf("the first tick began %d of 450", j.begun)
		}
		j.mu.Lock()
		j.due, j.failing = 3, true
		j.mu.Unlock()
		time.Sleep(1500 * time.Millisecond) //nolint:forbidigo // the bubble's clock
		j.mu.Lock()
		j.failing = false
		j.mu.Unlock()
		time.Sleep(2 * time.Minute) //nolint:forbidigo // the bubble's clock
		stop()
		<-done
		if j.begun != 453 {
			t.Errorf("after a tick that failed %d were begun, want 453", j.begun)
		}
		if len(j.silent) < 100 || !j.silent[0].Equal(began.Add(-10*time.Minute)) {
			t.Errorf("%d looks for silence, the first since %s", len(j.silent), j.silent[0])
		}
		if len(j.trimmed) != 3 || !j.trimmed[0].Equal(began.Add(-time.Hour)) {
			t.Errorf("in two minutes events were trimmed %d times", len(j.trimmed))
		}
		if len(j.rolled) != 3 || !j.rolled[0].Equal(began.Add(-48*time.Hour)) {
			t.Errorf("histories were rolled at %v", j.rolled)
		}
	})
}
