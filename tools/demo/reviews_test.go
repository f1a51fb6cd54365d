package demo_test

import (
	"testing"

	"github.com/ihr-charging/charging-plot-api/tools/demo"
)

// Each station has reviews of different drivers, and stations are not all rated the same.
func TestReviewsAreOfDifferentDrivers(t *testing.T) {
	t.Parallel()
	averages := map[float64]bool{}
	for n := range 20 {
		drivers, total := map[int]bool{}, 0
		all := demo.Reviews(n)
		for _, r := range all {
			if drivers[r.Driver] || r.Driver < 0 || r.Driver >= min(demo.Reviewers, len(demo.Drivers())) {
				t.Errorf("station %d is reviewed by driver %d twice, or by nobody", n, r.Driver)
			}
			drivers[r.Driver] = true
			total += r.Rating
		}
		if len(all) < 2 {
			t.Errorf("station %d has %d reviews", n, len(all))
		}
		averages[float64(total)/float64(len(all))] = true
	}
	if len(averages) < 5 {
		t.Errorf("the ratings are only %v", averages)
	}
}
