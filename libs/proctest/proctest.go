// Package proctest tells what a process costs, to benchmarks that run a service in a process of its own: what the senders and their checks
// cost is not the service's. It needs a Linux, and fails where it cannot tell: a figure of 0 would reach every goal.
package proctest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// CPU is the processor time that a process has used with all threads that it has now.
func CPU(t testing.TB, pid int) time.Duration {
	t.Helper()
	// Nanoseconds on a processor; the better known stat counts in hundredths of a second.
	threads, err := filepath.Glob(folder(pid) + "/task/*/schedstat")
	if err != nil || len(threads) == 0 {
		t.Fatalf("processor time cannot be known: no thread of %s (%v)", folder(pid), err)
	}
	var used time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(filepath.Clean(thread))
		if os.IsNotExist(err) {
			continue // it has ended just now
		}
		if err != nil {
			t.Fatal("processor time cannot be known: ", err)
		}
		nanoseconds, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(nanoseconds, 10, 64)
		if err != nil {
			t.Fatal("processor time cannot be known: ", err)
		}
		used += time.Duration(n)
	}
	return used
}

// Memory is the resident memory of a process in bytes, now.
func Memory(t testing.TB, pid int) float64 { t.Helper(); return status(t, pid, "VmRSS:") }

// PeakMemory is the most resident memory that a process has held, in bytes.
func PeakMemory(t testing.TB, pid int) float64 { t.Helper(); return status(t, pid, "VmHWM:") }

func status(t testing.TB, pid int, name string) float64 {
	t.Helper()
	text, err := os.ReadFile(folder(pid) + "/status")
	if err != nil {
		t.Fatal("memory cannot be known: ", err)
	}
	for line := range strings.Lines(string(text)) {
		rest, found := strings.CutPrefix(line, name)
		if !found {
			continue
		}
		kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
		if err != nil {
			t.Fatal("memory cannot be known: ", err)
		}
		return kib * 1024
	}
	t.Fatalf("memory cannot be known: %s/status has no %s", folder(pid), name)
	return 0
}

func folder(pid int) string { return "/proc/" + strconv.Itoa(pid) }
