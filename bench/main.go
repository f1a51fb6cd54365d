// Command bench takes the measurements that the project has set itself goals for, and prints each beside its goal, with the machine,
// the data and the commit. What is missed is printed as missed.
//
// A measurement is a benchmark of a service (`go test -bench`) whose metrics are ratios against a reference that ran in the same
// minutes: times alone move with the machine. The table in goals.go says which.
//
//	bench [-run pattern] [-list]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run fails when a measurement could not be taken, not when a goal is missed.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	pattern := flags.String("run", "", "only goals whose names match this regular expression")
	list := flags.Bool("list", false, "list the goals, and measure nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*pattern)
	if err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	var chosen []goal
	for _, g := range goals {
		if wanted.MatchString(g.name) {
			chosen = append(chosen, g)
		}
	}
	if len(chosen) == 0 {
		return errors.New("no goal has such a name; -list names them")
	}
	if *list {
		for _, g := range chosen {
			fmt.Fprintf(out, "%-40s %s\n", g.name, g.aim())
		}
		return nil
	}
	fmt.Fprintf(out, "machine  %s\ncommit   %s\n\n", machine(), output(ctx, "git", "describe", "--always", "--dirty"))
	results, failures := measure(ctx, chosen, progress)
	for _, g := range chosen {
		fmt.Fprintln(out, g.report(results))
	}
	return errors.Join(failures...)
}

// measure runs each benchmark that the goals need once, and gives the metrics by benchmark and unit.
func measure(ctx context.Context, chosen []goal, progress io.Writer) (metrics, []error) {
	results := metrics{}
	var failures []error
	done := map[string]bool{}
	for _, g := range chosen {
		key := g.pkg + " " + g.bench
		if done[key] {
			continue
		}
		done[key] = true
		fmt.Fprintf(progress, "… %s\n", key)
		args := []string{"test", g.pkg, "-run", "^$", "-bench", g.bench, "-benchtime", g.time(), "-timeout", "2h"}
		args = append(args, g.args...)
		cmd := exec.CommandContext(ctx, "go", args...)
		text, err := cmd.CombinedOutput()
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w\n%s", key, err, text))
			continue
		}
		results.read(string(text))
	}
	return results, failures
}

// machine says what was measured on.
func machine() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.SplitSeq(string(text), "\n") {
			if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.Version())
}

func output(ctx context.Context, name string, args ...string) string {
	text, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "not known"
	}
	return strings.TrimSpace(string(text))
}
