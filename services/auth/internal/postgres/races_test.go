package postgres_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// races are what became of families whose token was presented by many at once.
type races struct {
	killed   int // families that ended though nobody stole anything
	forks    int // families with more than one successor
	lost     int // lost answers that were not given again
	detected int // replays after the grace that ended their family
}

// race gives families to the same number of workers as there are connections: in each family so many present the token at once, then
// one whose answer was lost asks again, then a thief comes after the grace.
func race(w *world, families, each int) (r races) {
	w.t.Helper()
	id := w.person("ada@example.com")
	type family struct{ first, next token.Hash }
	all := make([]family, families)
	var mu sync.Mutex
	abreast(families, func(i int) {
		_, first := w.begin(id, home)
		all[i].first = first
		var (
			wait       sync.WaitGroup
			successors = map[string]bool{}
			refused    = 0
		)
		ask := func() {
			rotation := rotation(first, home)
			turn, err := w.sessions.Rotate(w.t.Context(), rotation)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				w.t.Errorf("Rotate: %v", err)
			case turn.Outcome == session.Rotated:
				successors[string(rotation.Sealed)], all[i].next = true, rotation.Successor
			case turn.Outcome == session.Repeated:
				successors[string(turn.Sealed)] = true
			default:
				refused++
			}
		}
		for range each {
			wait.Go(ask)
		}
		wait.Wait()
		before := len(successors)
		ask() // the answer was lost
		mu.Lock()
		defer mu.Unlock()
		if refused > 0 {
			r.killed++
		}
		if before != 1 {
			r.forks++
		}
		if len(successors) != before {
			r.lost++
		}
	})
	w.exec(`UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds' WHERE used_at IS NOT NULL`)
	abreast(families, func(i int) {
		replay, err := w.sessions.Rotate(w.t.Context(), rotation(all[i].first, home))
		if err != nil {
			w.t.Errorf("Rotate: %v", err)
			return
		}
		after, err := w.sessions.Rotate(w.t.Context(), rotation(all[i].next, home))
		if err != nil {
			w.t.Errorf("Rotate: %v", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if replay.Outcome == session.Reused && after.Outcome == session.Refused {
			r.detected++
		}
	})
	return r
}

// abreast calls do for 0 to n-1, eight at a time.
func abreast(n int, do func(i int)) {
	var wait sync.WaitGroup
	for k := range 8 {
		wait.Go(func() {
			for i := k; i < n; i += 8 {
				do(i)
			}
		})
	}
	wait.Wait()
}

// R1: of fifty at once in each family one is the successor, nobody is logged out for it, a lost answer comes again, and every replay
// after the grace ends its family. BenchmarkRefreshRaces does it with ten thousand.
func TestRefreshRaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.SetMaxOpenConns(16)
	if got := race(w, 6, 50); got != (races{detected: 6}) {
		t.Errorf("of 6 families: %+v", got)
	}
}

// BenchmarkRefreshRaces prints how many of ten thousand families were killed, forked or given a lost answer anew in vain, and the share
// of replays that were not detected.
func BenchmarkRefreshRaces(b *testing.B) {
	const families = 10_000
	for b.Loop() {
		w := newWorld(b)
		w.db.SetMaxOpenConns(16)
		got := race(w, families, 50)
		b.ReportMetric(float64(got.killed), "killed")
		b.ReportMetric(float64(got.forks), "forks")
		b.ReportMetric(float64(got.lost), "lost-answers")
		b.ReportMetric(float64(families-got.detected), "undetected")
		if b.Failed() {
			b.Fatal(fmt.Sprint("some could not be asked: ", got))
		}
	}
}
