package find_test

import (
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
)

// TestGarbageIsBounded promises that a small process collects as Go does by itself, a large one before much garbage has gathered but
// not all the time, and neither later than GOGC says.
func TestGarbageIsBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		inUse, set uint64
		want       int
	}{{0, 100, 100}, {10, 100, 100}, {128, 100, 100}, {256, 100, 50}, {640, 100, 20}, {4096, 100, 10}, {256, 200, 50}, {10, 200, 100}, {256, 30, 30}} {
		if got := find.Growth(c.inUse<<20, c.set); got != c.want {
			t.Errorf("with %d MiB in use and %d %% set memory may grow by %d %%, want %d", c.inUse, c.set, got, c.want)
		}
	}
}
