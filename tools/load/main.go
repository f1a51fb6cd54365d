// Command load asks a running product the questions of drivers' apps for a while, and says how many went unanswered. It keeps its
// connections, tries nothing twice, and ends by itself: what a rolling update loses is seen.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		os.Exit(1)
	}
}

// ofEach is what is asked in turn: something of each service.
var ofEach = []string{
	"/v1/stations?near=48.8566,2.3522&radius_km=20&limit=20", "/v1/plots?limit=20", "/.well-known/jwks.json",
	"/v1/stations?bbox=2.2,48.8,2.4,48.9&limit=50", "/v1/reference",
}

func newCommand() *cobra.Command {
	var url string
	var paths []string
	var lasting time.Duration
	var workers int
	cmd := &cobra.Command{
		Use: "load", Short: "Ask for a while, and count what failed", Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if workers < 1 || len(paths) == 0 || lasting <= 0 {
				return errors.New("--workers and --for must be positive")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), lasting)
			defer cancel()
			return ask(ctx, url, paths, workers).report(cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&url, "url", "http://127.0.0.1:5000", "origin of the public API")
	flags.StringArrayVar(&paths, "path", ofEach, "path with query that is asked; several are asked in turn")
	flags.DurationVar(&lasting, "for", 30*time.Second, "how long")
	flags.IntVar(&workers, "workers", 8, "how many ask at once, each with a pause of ten milliseconds between two questions")
	return cmd
}

// tally is what happened.
type tally struct {
	took     []time.Duration
	failures map[string]int
}

func ask(ctx context.Context, url string, paths []string, workers int) tally {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	all := tally{failures: map[string]int{}}
	var mu sync.Mutex
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := worker; ctx.Err() == nil; i++ {
				began := time.Now()
				failure := once(ctx, client, url+paths[i%len(paths)])
				if ctx.Err() != nil {
					return // cut off by the end, not by the product
				}
				mu.Lock()
				all.took = append(all.took, time.Since(began))
				if failure != "" {
					all.failures[failure]++
				}
				mu.Unlock()
				select {
				case <-ctx.Done():
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
	group.Wait()
	return all
}

// once asks once, and says what went wrong, or "".
func once(ctx context.Context, client *http.Client, url string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err.Error()
	}
	answer, err := client.Do(request)
	if err != nil {
		return errors.Unwrap(err).Error()
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return "the answer broke off: " + err.Error()
	}
	if answer.StatusCode != http.StatusOK {
		return answer.Status
	}
	return ""
}

// report writes each kind of failure, and in the last line the sum: "requests N failed N …".
func (t tally) report(out io.Writer) error {
	failed := 0
	for what, n := range t.failures {
		failed += n
		if _, err := fmt.Fprintf(out, "%6d × %s\n", n, what); err != nil {
			return err
		}
	}
	slices.Sort(t.took)
	at := func(share float64) time.Duration {
		if len(t.took) == 0 {
			return 0
		}
		return t.took[int(share*float64(len(t.took)-1))].Round(10 * time.Microsecond)
	}
	_, err := fmt.Fprintf(out, "requests %d failed %d p50 %v p99 %v most %v\n", len(t.took), failed, at(0.5), at(0.99), at(1))
	return err
}
