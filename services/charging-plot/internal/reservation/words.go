package reservation

import (
	"fmt"
	"time"
)

// minutes are what callers send durations in.
func minutes(d time.Duration) int { return int(d / time.Minute) }

func between(least, most time.Duration) string {
	return fmt.Sprintf("must be between %d and %d minutes", minutes(least), minutes(most))
}

// ahead says how far in the future a beginning may lie, in the largest unit that says it exactly.
func ahead(most time.Duration) string {
	n, unit := minutes(most), "minute"
	switch {
	case n >= 24*60 && n%(24*60) == 0:
		n, unit = n/(24*60), "day"
	case n >= 60 && n%60 == 0:
		n, unit = n/60, "hour"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("must be at most %d %s from now", n, unit)
}
