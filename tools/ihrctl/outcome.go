package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/mattn/go-isatty"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/sync/semaphore"
)

// failures is how many targets failed.
type failures int

func (f failures) Error() string { return fmt.Sprintf("%d targets failed", int(f)) }

// outcome is how one target fared.
type outcome struct {
	Context  string   `json:"context"`
	OK       bool     `json:"ok"`
	Services []result `json:"services"`
}

// result is how one service of a target fared: Did when it went well, Error when not.
type result struct {
	Service string `json:"service"`
	Did     string `json:"did,omitempty"`
	Error   string `json:"error,omitempty"`
}

func (r result) said() string {
	if r.Error != "" {
		return "FAILED: " + r.Error
	}
	return r.Did
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// guarded is a writer for several goroutines at once.
type guarded struct {
	mu sync.Mutex
	w  io.Writer
}

func (g *guarded) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.w.Write(b)
}

// onEach does a verb to every target. A service that fails ends its target, unless the verb is to go on; never the other targets.
func onEach(ctx context.Context, o options, progress io.Writer, run runner, name string, do verb, goOn bool) []outcome {
	outcomes := make([]outcome, len(o.contexts))
	version, _ := run.Run(ctx, "helm", "version", "--short")
	helm4 := strings.HasPrefix(version, "v4")
	drawn, lines := progress, io.Discard // where bars are drawn, and where plain lines go instead
	if !isTerminal(progress) {
		drawn, lines = nil, progress
	}
	lines = &guarded{w: lines}
	bars := mpb.NewWithContext(ctx, mpb.WithOutput(drawn))
	places := semaphore.NewWeighted(int64(o.parallel))
	var all sync.WaitGroup
	for i, cluster := range o.contexts {
		bar := bars.AddBar(int64(len(o.services)),
			mpb.PrependDecorators(decor.Name(cluster+" ", decor.WCSyncSpaceR), decor.Name(name, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.CountersNoUnit("%d of %d"), decor.Elapsed(decor.ET_STYLE_MMSS, decor.WC{W: 7})))
		all.Go(func() {
			outcomes[i] = outcome{Context: cluster}
			if err := places.Acquire(ctx, 1); err != nil {
				outcomes[i].Services = []result{{Service: o.services[0], Error: err.Error()}}
				bar.Abort(false)
				return
			}
			defer places.Release(1)
			outcomes[i].do(ctx, &target{options: o, context: cluster, runner: run, helm4: helm4}, do, goOn, bar, lines)
		})
	}
	all.Wait()
	bars.Wait()
	return outcomes
}

func (o *outcome) do(ctx context.Context, t *target, do verb, goOn bool, bar *mpb.Bar, lines io.Writer) {
	o.OK = true
	for i, service := range t.services {
		did, err := do(ctx, t, service)
		r := result{Service: service, Did: did}
		if err != nil {
			r.Error = err.Error()
			o.OK = false
		}
		o.Services = append(o.Services, r)
		_, _ = fmt.Fprintf(lines, "%s: %s %s (%d of %d)\n", t.context, service, r.said(), i+1, len(t.services))
		if err != nil && !goOn {
			bar.Abort(false)
			return
		}
		bar.Increment()
	}
}

func countFailed(outcomes []outcome) int {
	n := 0
	for _, o := range outcomes {
		if !o.OK {
			n++
		}
	}
	return n
}

func report(out io.Writer, asJSON bool, outcomes []outcome) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(outcomes)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, o := range outcomes {
		for _, r := range o.Services {
			fmt.Fprintf(table, "%s\t%s\t%s\n", o.Context, r.Service, r.said())
		}
	}
	return table.Flush()
}
