package httpapi_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// crowd sends n requests, so many at once, and counts the answers by status.
func crowd(n, atOnce int, ask func(i int) int) map[int]int {
	var (
		wait     sync.WaitGroup
		mu       sync.Mutex
		statuses = map[int]int{}
	)
	for k := range atOnce {
		wait.Go(func() {
			for i := k; i < n; i += atOnce {
				status := ask(i)
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return statuses
}

// BenchmarkGuesses sends ten thousand guesses at one account by both of its names from one network to three replicas, and prints how many
// were looked at: the budget is ten, and one more each minute.
func BenchmarkGuesses(b *testing.B) {
	for b.Loop() {
		w := newWorld(b, func(o *options) { o.conns = 30 })
		w.person("ada@example.com")
		replicas := []*world{w, w.replica(), w.replica()}
		statuses := crowd(10_000, 30, func(i int) int {
			login := []string{"ada", "ada@example.com"}[i%2]
			return replicas[i%3].post(loginPath, object{"login": login, "password": another}, from(fmt.Sprintf("2001:db8:0:7::%x", i))).status
		})
		b.ReportMetric(float64(statuses[http.StatusUnauthorized]), "looked-at")
		b.ReportMetric(float64(10_000-statuses[http.StatusUnauthorized]-statuses[http.StatusTooManyRequests]), "other-answers")
	}
}
