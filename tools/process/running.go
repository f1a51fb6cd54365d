package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// CommandLine is what a running process was started with, or "" when there is no such process.
func CommandLine(ctx context.Context, pid int) string {
	if raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline")); err == nil {
		return strings.TrimSpace(strings.ReplaceAll(string(raw), "\x00", " "))
	}
	raw, err := exec.CommandContext(ctx, "ps", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// StopStranger ends a process that an earlier run left behind: first the given signal, then, when ctx ends, SIGKILL. It says
// whether the process is gone.
func StopStranger(ctx context.Context, pid int, signal syscall.Signal) bool {
	if syscall.Kill(pid, signal) != nil {
		return gone(pid)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !gone(pid) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			_ = syscall.Kill(pid, syscall.SIGKILL) // what it says is asked of the process table below
			return gone(pid)
		}
	}
	return true
}

func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }
