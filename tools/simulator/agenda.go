package simulator

import (
	"math"
	"slices"
	"time"
)

// An agenda is what a station intends to do later. It belongs to one goroutine. A station has a handful of tasks at most, so that
// they are simply searched.
type agenda struct {
	tasks []*task
}

// A task is one intention.
type task struct {
	at time.Time
	do func()
}

// cancel makes nothing of it. A nil task may be cancelled too.
func (t *task) cancel() {
	if t != nil {
		t.do = nil
	}
}

func (a *agenda) add(at time.Time, do func()) *task {
	t := &task{at: at, do: do}
	a.tasks = append(a.tasks, t)
	return t
}

// next returns how long it is until the first task, and forgets the cancelled ones.
func (a *agenda) next(now time.Time) time.Duration {
	a.tasks = slices.DeleteFunc(a.tasks, func(t *task) bool { return t.do == nil })
	wait := time.Duration(math.MaxInt64)
	for _, t := range a.tasks {
		wait = min(wait, t.at.Sub(now))
	}
	return max(0, wait)
}

// run does what is due. Tasks may add tasks.
func (a *agenda) run(now time.Time) {
	var due []*task
	kept := a.tasks[:0]
	for _, t := range a.tasks {
		switch {
		case t.do == nil:
		case t.at.After(now):
			kept = append(kept, t)
		default:
			due = append(due, t)
		}
	}
	clear(a.tasks[len(kept):])
	a.tasks = kept
	for _, t := range due {
		if do := t.do; do != nil {
			do()
		}
	}
}
