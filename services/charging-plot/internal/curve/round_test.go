package curve_test

import (
	"math"
	"strconv"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/curve"
)

// TestRoundKnowsNoMinusZero promises that a reading of a moment before the start is at 0 s and not at -0.
func TestRoundKnowsNoMinusZero(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{-0.0001: "0", math.Copysign(0, -1): "0", -0.0006: "-0.001", 1.23456: "1.235"} {
		if got := strconv.FormatFloat(curve.Round(v), 'f', -1, 64); got != want {
			t.Errorf("%v is rounded to %s, want %s", v, got, want)
		}
	}
}
