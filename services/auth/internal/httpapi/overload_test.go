package httpapi_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// peakMB is the most memory that this process has held so far, in MB.
func peakMB(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal("this needs a Linux: ", err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		b.Fatal("the system does not say how much memory was held")
	}
	kb, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb / 1000
}

// processorSeconds is the time that this process has computed for.
func processorSeconds(b *testing.B) float64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

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

// plainly makes the world send without holding every answer against the document, which would be measured too.
func (w *world) plainly() *world {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	w.http = &http.Client{Transport: transport}
	w.t.Cleanup(transport.CloseIdleConnections)
	return w
}

// BenchmarkLoginOverload sends ten times as many logins at once as are hashed or may wait, over and over, and prints the most memory
// that the process, the senders included, has held, and how many were answered otherwise than with 401, 503 or 504.
func BenchmarkLoginOverload(b *testing.B) {
	w := newWorld(b, dear, func(o *options) { o.conns = 50 }).plainly()
	for b.Loop() {
		statuses := crowd(4000, 680, func(i int) int {
			return w.post(loginPath, object{"login": fmt.Sprint("nobody", i), "password": another}, from(fmt.Sprintf("10.%d.%d.1", i/250, i%250))).status
		})
		known := statuses[http.StatusUnauthorized] + statuses[http.StatusServiceUnavailable] + statuses[http.StatusGatewayTimeout]
		b.ReportMetric(peakMB(b), "MB-peak")
		b.ReportMetric(float64(statuses[http.StatusUnauthorized]), "checked")
		b.ReportMetric(float64(4000-known), "other-answers")
	}
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

// BenchmarkPerCore prints how many logins and refreshes a second of processor does, the sender included and Postgres not.
func BenchmarkPerCore(b *testing.B) {
	b.Run("login", func(b *testing.B) {
		w := newWorld(b, dear).plainly()
		w.person("ada@example.com")
		w.login("ada") // hashes the password anew, with the real costs
		begun := processorSeconds(b)
		for b.Loop() {
			w.login("ada")
		}
		b.ReportMetric(float64(b.N)/(processorSeconds(b)-begun), "logins/core-s")
	})
	b.Run("refresh", func(b *testing.B) {
		w := newWorld(b).plainly()
		w.person("ada@example.com")
		refresh := w.login("ada").text("refresh_token")
		begun := processorSeconds(b)
		for b.Loop() {
			refresh = w.post(refreshPath, object{"refresh_token": refresh}).want(http.StatusOK).text("refresh_token")
		}
		b.ReportMetric(float64(b.N)/(processorSeconds(b)-begun), "refreshes/core-s")
	})
}
