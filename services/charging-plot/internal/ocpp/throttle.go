package ocpp

import (
	"maps"
	"sync"
	"time"
)

// mostFailures bounds the memory that a flood of wrong guesses can take; past it the mildest is forgotten.
const mostFailures = 20000

// A throttle counts failures by key and says when a key has had too many: a bucket that takes burst failures and empties evenly
// over a minute. Success costs nothing, so a fleet that reconnects all at once is never held up.
type throttle struct {
	mu    sync.Mutex
	now   func() time.Time
	empty map[string]time.Time // when the bucket of a key will be empty
	swept time.Time
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, empty: map[string]time.Time{}}
}

// wait returns how long a key must wait before it may try again, 0 when it need not.
func (t *throttle) wait(key string, perMinute int) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	full := t.now().Add(time.Minute - time.Minute/time.Duration(perMinute))
	return max(0, t.empty[key].Sub(full))
}

// fail counts one failure of a key.
func (t *throttle) fail(key string, perMinute int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if len(t.empty) >= mostFailures {
		t.forget(now)
	}
	from := t.empty[key]
	if from.Before(now) {
		from = now
	}
	t.empty[key] = from.Add(time.Minute / time.Duration(perMinute))
}

// forget makes room: it drops the buckets that are empty, at most once a second, and else the one of a few that will be empty
// first, so that a flood of new keys costs little time and does not wash out the worst ones.
func (t *throttle) forget(now time.Time) {
	if now.Sub(t.swept) >= time.Second {
		t.swept = now
		maps.DeleteFunc(t.empty, func(_ string, empty time.Time) bool { return !empty.After(now) })
	}
	if len(t.empty) < mostFailures {
		return
	}
	var first string
	looked := 0
	for key, empty := range t.empty {
		if first == "" || empty.Before(t.empty[first]) {
			first = key
		}
		if looked++; looked == 16 {
			break
		}
	}
	delete(t.empty, first)
}
