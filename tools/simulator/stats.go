package simulator

import (
	"math"
	"sync/atomic"
	"time"
)

// buckets of a latency histogram, each a tenth of a decade from 10 µs on.
const buckets = 80

// Stats counts what the stations of a fleet did.
type Stats struct {
	connected   atomic.Int64
	connections atomic.Int64
	refused     atomic.Int64
	calls       atomic.Int64
	commands    atomic.Int64
	failures    atomic.Int64
	timeouts    atomic.Int64
	started     atomic.Int64
	stopped     atomic.Int64
	answers     atomic.Int64
	slowest     atomic.Int64
	latency     [buckets]atomic.Int64
}

// Totals is what Stats says at a moment.
type Totals struct {
	Connected   int64 // now
	Connections int64 // sockets opened
	Refused     int64 // tries to open one that failed
	Calls       int64 // sent
	Answers     int64 // received
	Commands    int64 // received from the central system
	Failures    int64 // messages that one side refused
	Timeouts    int64 // calls without an answer
	Started     int64 // transactions begun
	Stopped     int64 // transactions whose stop was acknowledged
	Median      time.Duration
	P99         time.Duration
	Slowest     time.Duration
}

func (s *Stats) answered(took time.Duration) {
	s.answers.Add(1)
	bucket := int(10 * math.Log10(float64(took)/float64(10*time.Microsecond)))
	s.latency[max(0, min(bucket, buckets-1))].Add(1)
	for {
		slowest := s.slowest.Load()
		if int64(took) <= slowest || s.slowest.CompareAndSwap(slowest, int64(took)) {
			return
		}
	}
}

// Totals adds up. Latencies are exact to a quarter.
func (s *Stats) Totals() Totals {
	return Totals{
		Connected: s.connected.Load(), Connections: s.connections.Load(), Refused: s.refused.Load(), Calls: s.calls.Load(),
		Answers: s.answers.Load(), Commands: s.commands.Load(), Failures: s.failures.Load(), Timeouts: s.timeouts.Load(),
		Started: s.started.Load(), Stopped: s.stopped.Load(),
		Median: s.quantile(0.5), P99: s.quantile(0.99), Slowest: time.Duration(s.slowest.Load()),
	}
}

func (s *Stats) quantile(q float64) time.Duration {
	var counts [buckets]int64
	var all int64
	for i := range counts {
		counts[i] = s.latency[i].Load()
		all += counts[i]
	}
	rank := int64(math.Ceil(q * float64(all)))
	for i, n := range counts {
		if rank -= n; rank <= 0 && all > 0 {
			return time.Duration(float64(10*time.Microsecond) * math.Pow(10, float64(i+1)/10))
		}
	}
	return 0
}
