package live_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
)

// memory is an event log.
type memory struct {
	mu     sync.Mutex
	events []live.Event
	broken bool
}

func (m *memory) append(plots ...uuid.UUID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range plots {
		m.events = append(m.events, live.Event{Position: live.Position{XID: 10, Seq: int64(len(m.events) + 1)}, Kind: live.StatusChanged, PlotID: id})
	}
}

var errBroken = errors.New("no database")

func (m *memory) Head(context.Context) (live.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return live.Position{}, errBroken
	}
	return live.Position{XID: 10, Seq: int64(len(m.events))}, nil
}

func (m *memory) After(_ context.Context, after live.Position, limit int) (out []live.Event, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return nil, errBroken
	}
	for _, e := range m.events {
		if after.Before(e.Position) && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (m *memory) Oldest(context.Context) (live.Position, bool, error) {
	return live.Position{}, false, nil
}

// run runs a hub in a bubble until the test's end.
func run(t *testing.T, log *memory) *live.Hub {
	t.Helper()
	h := live.NewHub(log, time.Second, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	synctest.Wait()
	return h
}

func drain(s *live.Subscription) (n int, open bool) {
	for {
		select {
		case _, more := <-s.Events():
			if !more {
				return n, false
			}
			n++
		default:
			return n, true
		}
	}
}

func TestTheHubTellsEachListenerItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		a, b := uuid.New(), uuid.New()
		log.append(a) // before anybody listens
		h := run(t, log)
		onA, onBoth := h.Subscribe([]uuid.UUID{a}, nil, 10), h.Subscribe([]uuid.UUID{a, b}, []uuid.UUID{{}}, 10)
		log.append(a, b, b)
		h.Wake()
		synctest.Wait()
		if n, _ := drain(onA); n != 1 {
			t.Errorf("the listener of one plot heard %d events, want 1", n)
		}
		if n, _ := drain(onBoth); n != 3 {
			t.Errorf("the listener of both plots and their station heard %d events, want each of 3 once", n)
		}
		onA.Close()
		onA.Close()
		log.append(a)
		h.Wake()
		synctest.Wait()
		if n, open := drain(onA); n != 0 || open {
			t.Errorf("a closed listener heard %d events", n)
		}
	})
}

func TestTheHubFindsWhatNobodyWokeItFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, a := &memory{}, uuid.New()
		h := run(t, log)
		s := h.Subscribe([]uuid.UUID{a}, nil, 10)
		log.append(a)
		time.Sleep(1100 * time.Millisecond) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		if n, _ := drain(s); n != 1 {
			t.Errorf("heard %d events within the poll interval", n)
		}
	})
}

func TestASlowListenerIsCutOffAndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, a := &memory{}, uuid.New()
		h := run(t, log)
		slow, quick := h.Subscribe([]uuid.UUID{a}, nil, 2), h.Subscribe([]uuid.UUID{a}, nil, 10)
		log.append(a, a, a, a)
		h.Wake()
		synctest.Wait()
		if n, open := drain(slow); n != 2 || open {
			t.Errorf("the slow listener was given %d events and is open: %t", n, open)
		}
		if n, open := drain(quick); n != 4 || !open {
			t.Errorf("the quick listener was given %d events and is open: %t", n, open)
		}
	})
}

func TestTheHubOutlivesALogThatIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, a := &memory{broken: true}, uuid.New()
		h := run(t, log)
		if s := h.Subscribe([]uuid.UUID{a}, nil, 1); s.Complete {
			t.Error("the hub says where it stands without having seen the log")
		}
		log.mu.Lock()
		log.broken = false
		log.mu.Unlock()
		time.Sleep(2 * time.Second) //nolint:forbidigo // the bubble's clock
		s := h.Subscribe([]uuid.UUID{a}, nil, 1)
		log.append(a)
		h.Wake()
		synctest.Wait()
		if n, _ := drain(s); n != 1 || !s.Complete {
			t.Errorf("once the log is back %d events are heard", n)
		}
	})
}

func TestParsePosition(t *testing.T) {
	t.Parallel()
	p := live.Position{XID: 18446744073709551615, Seq: 7}
	if got, err := live.ParsePosition(p.String()); err != nil || got != p {
		t.Errorf("%s is read as %s (%v)", p, got, err)
	}
	for _, text := range []string{"", "1", "-1", "1-", "a-1", "1-b", "1--1", "99999999999999999999999-1", "1-1-1"} {
		if _, err := live.ParsePosition(text); !errors.Is(err, live.ErrBadPosition) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
