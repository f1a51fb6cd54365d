package lifecycle_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/libs/lifecycle"
)

var silent = slog.New(slog.DiscardHandler)

type journal struct {
	sync.Mutex
	lines []string
}

func (j *journal) note(line string) {
	j.Lock()
	defer j.Unlock()
	j.lines = append(j.lines, line)
}

// works until its context ends, then takes a while to stop.
func (j *journal) part(name string, stopping time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		j.note(name + " is told")
		time.Sleep(stopping) //nolint:forbidigo // by the clock of the test's bubble
		j.note(name + " is done")
		return ctx.Err()
	}
}

// after is a part that ends by itself.
func after(d time.Duration, err error) func(context.Context) error {
	return func(context.Context) error {
		time.Sleep(d) //nolint:forbidigo // by the clock of the test's bubble
		return err
	}
}

func TestPartsStopInReverseEachWhenTheOneAfterItHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		ctx, cancel := context.WithCancel(t.Context())
		group := lifecycle.New(ctx, silent)
		group.Go("database", log.part("database", time.Second))
		group.Go("follower", log.part("follower", time.Second))
		group.Go("http", log.part("http", 20*time.Second))
		cancel()
		if err := group.Wait(); err != nil {
			t.Errorf("the end of the context is %v", err)
		}
		want := []string{"http is told", "http is done", "follower is told", "follower is done", "database is told", "database is done"}
		if diff := cmp.Diff(want, log.lines); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestTheFirstFailureStopsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		failure, second := errors.New("the port is taken"), errors.New("could not flush")
		group := lifecycle.New(t.Context(), silent)
		group.Go("database", log.part("database", 0))
		group.Go("http", after(time.Second, failure))
		group.Go("mail", func(ctx context.Context) error { <-ctx.Done(); return second })
		err := group.Wait()
		if !errors.Is(err, failure) || !errors.Is(err, second) {
			t.Errorf("got %v", err)
		}
		if err.Error() != "http: the port is taken\nmail: could not flush" {
			t.Errorf("got %q", err)
		}
		if len(log.lines) != 2 {
			t.Errorf("the database was not stopped: %q", log.lines)
		}
		group.Go("late", func(context.Context) error { t.Error("a part was started after the end"); return nil })
	})
}

func TestAPartThatHasDoneItsWorkStopsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		group := lifecycle.New(ctx, silent)
		group.Go("seed", func(context.Context) error { return nil })
		stopped := time.Time{}
		group.Go("http", func(ctx context.Context) error { <-ctx.Done(); stopped = time.Now(); return nil })
		end := time.Now().Add(time.Hour)
		time.AfterFunc(time.Hour, cancel)
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		if stopped.Before(end) {
			t.Errorf("http was stopped %v early", end.Sub(stopped))
		}
	})
}

func TestWaitReturnsWhenEverybodyHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		group := lifecycle.New(t.Context(), silent)
		group.Go("one", after(time.Second, nil))
		group.Go("two", after(2*time.Second, nil))
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestAPartThatDoesNotStopIsLeftBehindAndNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		ctx, cancel := context.WithCancel(t.Context())
		group := lifecycle.New(ctx, silent)
		release := make(chan struct{})
		group.Go("database", log.part("database", 0))
		group.Go("stubborn", func(context.Context) error { <-release; return nil })
		cancel()
		began := time.Now()
		err := group.Wait()
		if err == nil || err.Error() != "stubborn: does not stop" {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != 30*time.Second || len(log.lines) != 2 {
			t.Errorf("after %v: %q", took, log.lines)
		}
		close(release)
	})
}

// Signals go to whole processes, so this test sends them to a copy of itself.
func TestTheSecondSignalEndsTheProcess(t *testing.T) {
	t.Parallel()
	if os.Getenv("LIFECYCLE_INNER") == "1" {
		ctx, stop := lifecycle.SignalContext()
		defer stop()
		fmt.Fprintln(os.Stdout, "ready")
		<-ctx.Done()
		fmt.Fprintln(os.Stdout, "stopping")
		select {} // and never stops
	}
	self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheSecondSignalEndsTheProcess$")
	self.Env = append(os.Environ(), "LIFECYCLE_INNER=1")
	out, err := self.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	expect := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("it never said %q", want)
	}
	expect("ready")
	if err := self.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	expect("stopping")
	// The process gives the signal back to the system a moment after the context's end.
	ended := make(chan error, 1)
	go func() { ended <- self.Wait() }()
	for {
		_ = self.Process.Signal(syscall.SIGINT)
		select {
		case err := <-ended:
			status, ok := self.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
				t.Errorf("it ended with %v", err)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}
