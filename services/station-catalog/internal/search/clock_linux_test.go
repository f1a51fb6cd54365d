package search_test

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is how long the calling thread has computed. Other than the time of day it does not run
// on while something else has the core, which on a shared machine is most of what a p99 would show.
func cpuTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
