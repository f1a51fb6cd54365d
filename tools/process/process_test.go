package process_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/tools/process"
)

// The tests' own binary plays the parent that dies: it starts a child, says its number, and waits to be killed.
func TestMain(m *testing.M) {
	if os.Getenv("PROCESS_TEST_PARENT") == "" {
		os.Exit(m.Run())
	}
	child, err := process.Start(process.Spec{Name: "sleep", Path: "/bin/sleep", Args: []string{"600"}})
	if err != nil {
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString(strconv.Itoa(child.PID()) + "\n")
	<-child.Ended()
}

func TestAChildDoesNotOutliveAParentThatIsKilled(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Log("no /proc: only the Linux kernel gives a death signal; nothing to promise here")
		return
	}
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), "PROCESS_TEST_PARENT=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(process.CommandLine(t.Context(), child), "sleep 600") {
		t.Fatalf("process %d is %q", child, process.CommandLine(t.Context(), child))
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed, as wanted
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for strings.Contains(process.CommandLine(t.Context(), child), "sleep 600") {
		select {
		case <-tick.C:
		case <-limit:
			_ = syscall.Kill(child, syscall.SIGKILL)
			t.Fatal("the child lives on")
		}
	}
}

func TestStopAsksFirstAndKillsLater(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T, script string) *process.Process {
		t.Helper()
		ready, says := io.Pipe()
		p, err := process.Start(process.Spec{Name: "shell", Path: "/bin/sh", Args: []string{"-c", script}, Output: says})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, ready) }()
		return p
	}
	t.Run("in order", func(t *testing.T) {
		t.Parallel()
		p := start(t, `trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done`)
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := p.Err(); err == nil || err.Error() != "exit status 7" {
			t.Errorf("ended with %v; want its own exit status 7", err)
		}
	})
	t.Run("by force", func(t *testing.T) {
		t.Parallel()
		p := start(t, `trap '' TERM; echo up; while :; do sleep 0.01; done`)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := p.Stop(ctx); err == nil {
			t.Error("Stop does not say that it had to kill")
		}
		<-p.Ended()
	})
}

func TestStartSaysWhatCannotBeStarted(t *testing.T) {
	t.Parallel()
	if _, err := process.Start(process.Spec{Name: "ghost", Path: "/no/such/program"}); err == nil || !strings.Contains(err.Error(), "ghost") {
		t.Errorf("got %v", err)
	}
}

func TestAChildSeesOnlyWhatItIsGiven(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p, err := process.Start(process.Spec{
		Name: "env", Path: "/usr/bin/env", Env: []string{"ONLY=this"}, Output: &out,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Err(); err != nil || out.String() != "ONLY=this\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}
