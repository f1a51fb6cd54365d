package search_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// BenchmarkFreshness lets 1,000 statuses a second arrive at an index of a million stations, which
// answers searches at the same time, and reports how long each takes from its arrival until every
// search sees it. An operation is a second.
func BenchmarkFreshness(b *testing.B) {
	const perSecond = 1000
	x, n := indexOf(b, 1_000_000)
	var (
		reading sync.WaitGroup
		over    atomic.Bool
		answers atomic.Int64
	)
	reading.Go(func() {
		queries := questions(n, askings[2])
		var r search.Result
		for i := 0; !over.Load(); i++ {
			x.Snapshot().Search(&queries[i%len(queries)], &r)
			answers.Add(1)
		}
	})
	arriving := make(chan search.StatusChange, 100*perSecond)
	var times timed
	applied := make(chan struct{})
	go func() {
		defer close(applied)
		var gathered []search.StatusChange
		for change := range arriving {
			gathered = append(gathered[:0], change)
			for len(arriving) > 0 {
				gathered = append(gathered, <-arriving)
			}
			x.Apply(search.Batch{Statuses: gathered})
			for i := range gathered {
				times = append(times, time.Since(gathered[i].At))
			}
		}
	}()
	r := rand.New(rand.NewPCG(9, 9))
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	start, sent := time.Now(), 0
	for b.Loop() {
		for due := sent + perSecond; sent < due; {
			<-tick.C
			for ; sent < due && time.Since(start) >= time.Duration(sent)*time.Second/perSecond; sent++ {
				station := r.IntN(n.size)
				arriving <- search.StatusChange{
					EVSE: evseID(station, r.IntN(evsesOf(station))), Status: search.Status(1 + 2*r.IntN(2)), At: time.Now(),
				}
			}
		}
	}
	close(arriving)
	<-applied
	over.Store(true)
	reading.Wait()
	times.report(b, "µs")
	b.ReportMetric(float64(len(times))/b.Elapsed().Seconds(), "changes/s")
	b.ReportMetric(float64(answers.Load())/b.Elapsed().Seconds(), "searches/s")
}
