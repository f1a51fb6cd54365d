//go:build !linux

package search_test

import "time"

var started = time.Now()

// cpuTime is the time of day, for want of something better.
func cpuTime() time.Duration { return time.Since(started) }
