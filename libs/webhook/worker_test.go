package webhook_test

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/webhook"
)

func TestDeliversASignedMessageOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, secret := w.endpoint("/hook", uuid.New())
	w.enqueue(e, "a", 7)
	w.work(webhook.WorkerConfig{})
	w.work(webhook.WorkerConfig{}) // of another replica
	m := w.next()
	if err := webhook.Verify(m.header, m.raw, w.clock.now(), secret); err != nil {
		t.Errorf("its signature: %v", err)
	}
	if m.body.Type != "thing.happened" || m.body.Data.N != 7 || !m.body.Timestamp.Equal(w.clock.now()) || m.header.Get("Content-Type") != "application/json" {
		t.Errorf("the message is %s with %v", m.raw, m.header)
	}
	w.until("it is on record", func() bool { return w.deliveries(e)[0].State == webhook.Delivered })
	d := w.deliveries(e)[0]
	if d.ID.String() != m.id || d.Attempts != 1 || d.FinishedAt.IsZero() {
		t.Errorf("on record is %+v", d)
	}
	if a := w.attempts(d); len(a) != 1 || a[0].Status != http.StatusNoContent || a[0].Reason != "" || a[0].Number != 1 {
		t.Errorf("tries on record: %+v", a)
	}
	if w.get(e).DeliveredAt.IsZero() {
		t.Error("the endpoint does not know of its success")
	}
	w.clock.advance(time.Hour)
	w.enqueue(e, "a", 8)
	if m := w.next(); m.body.Data.N != 8 {
		t.Errorf("the message came again: %s", m.raw)
	}
}

func TestTriesAgainLaterAndLaterAndThenGivesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, _ := w.endpoint("/hook", uuid.New())
	w.answers(func(message) int { return http.StatusInternalServerError })
	w.work(webhook.WorkerConfig{Backoff: []time.Duration{time.Minute, time.Hour}, PauseAfter: 100})
	w.enqueue(e, "a", 1, 2)
	var first string
	for try, pause := range []time.Duration{time.Minute, time.Hour, 0} {
		m := w.next()
		if first == "" {
			first = m.id
		}
		if m.id != first || m.body.Data.N != 1 {
			t.Fatalf("try %d is of message %d", try+1, m.body.Data.N)
		}
		w.until("the try is on record", func() bool { return len(w.attempts(w.deliveries(e)[1])) == try+1 })
		d := w.deliveries(e)[1]
		if pause == 0 {
			if d.State != webhook.Failed || d.Attempts != 3 {
				t.Errorf("after the last try: %+v", d)
			}
			break
		}
		if wait := d.DueAt.Sub(w.clock.now()); d.State != webhook.Pending || wait < pause*99/100 || wait > pause*101/100 {
			t.Errorf("after try %d: %s, the next in %v, wanted %v", try+1, d.State, wait, pause)
		}
		w.clock.advance(pause + pause/50)
	}
	if m := w.next(); m.body.Data.N != 2 {
		t.Errorf("after one that failed comes %s, wanted the next of its key", m.raw)
	}
	if a := w.attempts(w.deliveries(e)[1])[0]; a.Status != 500 || a.Reason != "status" {
		t.Errorf("on record is %+v", a)
	}
}

// One message of each key fails at first: those behind it wait, other keys do not.
func TestKeepsTheOrderOfAKeyAcrossFailuresAndWorkers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const each = 8
	keys := []string{"a", "b", "c"}
	e, _ := w.endpoint("/hook", uuid.New())
	var mu sync.Mutex
	failed := map[string]bool{}
	w.answers(func(m message) int {
		mu.Lock()
		defer mu.Unlock()
		if m.body.Data.N%each == 3 && !failed[m.id] {
			failed[m.id] = true
			return http.StatusBadGateway
		}
		return http.StatusOK
	})
	for n := range each {
		for k, key := range keys {
			w.enqueue(e, key, k*each+n)
		}
	}
	// The lease outlives the step of the clock, which a claim under way may not have seen.
	cfg := webhook.WorkerConfig{Backoff: []time.Duration{time.Minute, time.Minute}, PauseAfter: 100, Lease: time.Hour}
	for range 3 {
		w.work(cfg)
	}
	// Three messages before, one try that fails: then all stand still.
	came := make(map[int][]int)
	take := func(n int) {
		for range n {
			m := w.next()
			came[m.body.Data.N/each] = append(came[m.body.Data.N/each], m.body.Data.N%each)
		}
	}
	take(len(keys) * 4)
	w.until("the failures are on record", func() bool {
		waiting := 0
		for _, d := range w.deliveries(e) {
			if d.State == webhook.Pending && d.Attempts == 1 && d.DueAt.After(w.clock.now()) && len(w.attempts(d)) == 1 {
				waiting++
			}
		}
		return waiting == len(keys)
	})
	w.clock.advance(2 * time.Minute)
	take(len(keys) * (each - 3))
	for k := range keys {
		want := []int{0, 1, 2, 3, 3, 4, 5, 6, 7}
		if len(came[k]) != len(want) {
			t.Fatalf("of key %d came %v, wanted %v", k, came[k], want)
		}
		for i := range want {
			if came[k][i] != want[i] {
				t.Fatalf("of key %d came %v, wanted %v", k, came[k], want)
			}
		}
	}
}

func TestHeedsRetryAfterAndLeavesAFailingEndpointAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	busy, _ := w.endpoint("/busy", uuid.New())
	dead, _ := w.endpoint("/dead", uuid.New())
	w.answers(func(m message) int {
		if m.path == "/busy" {
			return http.StatusServiceUnavailable // with Retry-After: 600
		}
		return http.StatusInternalServerError
	})
	w.enqueue(busy, "a", 1)
	for _, key := range []string{"a", "b", "c"} {
		w.enqueue(dead, key, 1)
	}
	w.work(webhook.WorkerConfig{Backoff: []time.Duration{time.Minute, time.Minute}, PauseAfter: 3, Lease: time.Hour})
	for range 4 {
		w.next()
	}
	w.until("the tries are on record", func() bool {
		return w.get(busy).FailingSince.Equal(w.clock.now()) && len(w.attempts(w.deliveries(busy)[0])) == 1 && len(w.attempts(w.deliveries(dead)[0])) == 1 &&
			len(w.attempts(w.deliveries(dead)[1])) == 1 && len(w.attempts(w.deliveries(dead)[2])) == 1
	})
	if wait := w.deliveries(busy)[0].DueAt.Sub(w.clock.now()); wait != 10*time.Minute {
		t.Errorf("the next try is in %v, wanted what Retry-After says", wait)
	}
	// Both are left alone altogether now, for a message that is due as well.
	w.enqueue(busy, "z", 2)
	w.enqueue(dead, "z", 2)
	healthy, _ := w.endpoint("/healthy", uuid.New())
	w.enqueue(healthy, "z", 2)
	if m := w.next(); m.path != "/healthy" {
		t.Errorf("%s was not left alone", m.path)
	}
	w.clock.advance(11 * time.Minute)
	for range 6 {
		w.next()
	}
}

func TestDisablesWhatIsGoneOrFailsForTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone, _ := w.endpoint("/gone", uuid.New())
	failing, _ := w.endpoint("/failing", uuid.New())
	w.answers(func(m message) int {
		if m.path == "/gone" {
			return http.StatusGone
		}
		return http.StatusNotFound
	})
	w.work(webhook.WorkerConfig{Backoff: []time.Duration{time.Hour}, DisableAfter: 24 * time.Hour})
	w.enqueue(gone, "a", 1)
	w.enqueue(failing, "a", 1)
	w.next()
	w.next()
	w.until("the one that answered 410 is disabled", func() bool { return w.get(gone).Disabled == webhook.Gone })
	if d := w.deliveries(gone)[0]; d.State != webhook.Failed {
		t.Errorf("its delivery is %s", d.State)
	}
	w.until("the other one is failing", func() bool { return !w.get(failing).FailingSince.IsZero() })
	if w.get(failing).Disabled != webhook.Enabled {
		t.Error("one failure disables")
	}
	w.clock.advance(25 * time.Hour)
	w.next()
	w.until("it has failed for too long", func() bool { return w.get(failing).Disabled == webhook.Failing })
	w.enqueue(failing, "b", 2)
	if _, err := w.store.Test(t.Context(), failing.ID, everything); !errors.Is(err, webhook.ErrDisabled) {
		t.Errorf("a test of a disabled endpoint: %v", err)
	}
	// Its owner mends it.
	w.answers(nil)
	mended, err := w.store.Update(t.Context(), failing.ID, everything, func(e *webhook.Endpoint) error {
		e.Disabled = webhook.Enabled
		return nil
	})
	if err != nil || !mended.FailingSince.IsZero() {
		t.Errorf("mended: %+v, %v", mended, err)
	}
	if m := w.next(); m.body.Data.N != 2 {
		t.Errorf("what waited does not come: %s", m.raw)
	}
}

func TestATryWhoseProcessDiedIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, _ := w.endpoint("/hook", uuid.New())
	held, release := make(chan struct{}), make(chan struct{})
	var came atomic.Int64
	w.answers(func(message) int {
		if came.Add(1) == 1 {
			close(held)
			<-release
		}
		return http.StatusOK
	})
	w.enqueue(e, "a", 1)
	w.work(webhook.WorkerConfig{Lease: time.Minute}) // stuck in its try, as good as dead
	<-held
	w.clock.advance(2 * time.Minute)
	w.work(webhook.WorkerConfig{Lease: time.Minute})
	second := w.next()
	w.until("the second try is on record", func() bool { return w.deliveries(e)[0].State == webhook.Delivered })
	close(release)
	if late := w.next(); late.id != second.id {
		t.Errorf("the messages are %s and %s, wanted the same one twice", late.id, second.id)
	}
	if a := w.attempts(w.deliveries(e)[0]); len(a) != 1 || a[0].Number != 2 {
		t.Errorf("on record are %+v, wanted the second try alone", a)
	}
}

func TestATryThatShutdownBreaksOffIsGivenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, _ := w.endpoint("/hook", uuid.New())
	held, release := make(chan struct{}), make(chan struct{})
	w.answers(func(message) int {
		close(held)
		<-release
		return http.StatusOK
	})
	t.Cleanup(func() { close(release) })
	w.enqueue(e, "a", 1)
	stop := w.work(webhook.WorkerConfig{Grace: 10 * time.Millisecond})
	<-held
	stop()
	if d := w.deliveries(e)[0]; d.State != webhook.Pending || d.Attempts != 0 || d.DueAt.After(w.clock.now()) {
		t.Errorf("after the shutdown: %+v, wanted it due and untried", d)
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, _ := w.endpoint("/hook", uuid.New())
	w.enqueue(e, "a", 1, 2)
	stop := w.work(webhook.WorkerConfig{})
	w.next()
	w.next()
	w.until("both are delivered", func() bool {
		d := w.deliveries(e)
		return d[0].State == webhook.Delivered && d[1].State == webhook.Delivered
	})
	stop()
	w.clock.advance(time.Hour)
	w.enqueue(e, "a", 3)
	w.clock.advance(time.Hour)
	now := w.clock.now()
	if err := w.store.Purge(t.Context(), now.Add(-90*time.Minute), now.Add(-3*time.Hour)); err != nil || len(w.deliveries(e)) != 3 || w.deliveries(e)[0].State != webhook.Pending {
		t.Errorf("nothing is old yet: %+v, %v", w.deliveries(e), err)
	}
	if err := w.store.Purge(t.Context(), now.Add(-30*time.Minute), now.Add(-90*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if d := w.deliveries(e); len(d) != 1 || d[0].State != webhook.Failed {
		t.Errorf("left is %+v, wanted the one that waited too long, given up", d)
	}
}
