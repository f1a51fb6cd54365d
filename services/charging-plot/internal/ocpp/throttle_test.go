package ocpp

import (
	"fmt"
	"testing"
	"time"
)

func TestThrottleHoldsBackAfterItsBurstAndForgives(t *testing.T) {
	t.Parallel()
	clock := now
	th := newThrottle(func() time.Time { return clock })
	for i := range 4 {
		if wait := th.wait("a", 4); wait != 0 {
			t.Fatalf("held back for %v after %d failures", wait, i)
		}
		th.fail("a", 4)
	}
	if wait := th.wait("a", 4); wait != 15*time.Second {
		t.Errorf("held back for %v", wait)
	}
	if wait := th.wait("b", 4); wait != 0 {
		t.Errorf("another key is held back for %v", wait)
	}
	clock = clock.Add(15 * time.Second)
	if wait := th.wait("a", 4); wait != 0 {
		t.Errorf("held back for %v after it served its time", wait)
	}
}

func TestThrottleIsBoundedAndKeepsTheWorst(t *testing.T) {
	t.Parallel()
	clock := now
	th := newThrottle(func() time.Time { return clock })
	for range 10 {
		th.fail("worst", 10)
	}
	for i := range mostFailures + 10 {
		th.fail(fmt.Sprint(i), 10)
	}
	if len(th.empty) > mostFailures {
		t.Errorf("%d keys are kept", len(th.empty))
	}
	if th.wait("worst", 10) == 0 {
		t.Error("a flood of other keys made the worst one forgotten")
	}
	clock = clock.Add(10 * time.Minute)
	th.fail("later", 10)
	if len(th.empty) != 1 {
		t.Errorf("%d keys are kept after all were forgiven", len(th.empty))
	}
}
