package journal_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/journal"
)

// A shelf keeps what it is given, unless it is told to fail.
type shelf struct {
	mu    sync.Mutex
	kept  []chargepoint.Message
	fails error
	news  chan int
	rolls []time.Time
}

func (s *shelf) StoreMessages(_ context.Context, messages []chargepoint.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails == nil {
		s.kept = append(s.kept, messages...)
	}
	s.news <- len(messages)
	return s.fails
}

func (s *shelf) RollMessages(_ context.Context, _, before time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rolls = append(s.rolls, before)
	return nil
}

func TestEverythingIsWrittenTogetherAndInOrder(t *testing.T) {
	t.Parallel()
	s := &shelf{news: make(chan int, 100)}
	noon := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	j := journal.New(s, time.Hour, func() time.Time { return noon }, slog.New(slog.DiscardHandler))
	for range 1200 {
		j.Note(chargepoint.Message{Action: "before"})
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	for n := 0; n < 1200; {
		got := <-s.news
		if n += got; got > 500 {
			t.Errorf("%d messages in one statement", got)
		}
	}
	// A statement that fails costs its messages and nothing else.
	s.mu.Lock()
	s.fails = errors.New("no database")
	s.mu.Unlock()
	j.Note(chargepoint.Message{Action: "lost"})
	<-s.news
	s.mu.Lock()
	s.fails = nil
	s.mu.Unlock()
	j.Note(chargepoint.Message{Action: "at the end"})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) != 1201 || s.kept[1200].Action != "at the end" {
		t.Errorf("%d messages are kept", len(s.kept))
	}
	if len(s.rolls) != 1 || !s.rolls[0].Equal(noon.Add(-time.Hour)) {
		t.Errorf("rolled %v", s.rolls)
	}
}

// Nobody who speaks waits for the log: what does not fit is a gap.
func TestAFullJournalHoldsUpNobody(t *testing.T) {
	t.Parallel()
	s := &shelf{news: make(chan int, 100)}
	j := journal.New(s, time.Hour, time.Now, slog.New(slog.DiscardHandler))
	for range 10_000 {
		j.Note(chargepoint.Message{})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Run(ctx); err != nil {
		t.Error(err)
	}
	if len(s.kept) != 8192 {
		t.Errorf("%d messages are kept", len(s.kept))
	}
}
