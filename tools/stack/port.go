package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/ihr-charging/charging-plot-api/tools/process"
)

// listen opens the gateway's port, or the next free one, and says so and who has the wanted one.
func (s *Stack) listen(ctx context.Context) (net.Listener, error) {
	host, wanted, err := net.SplitHostPort(s.opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	first, err := strconv.Atoi(wanted)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	for port := first; port < first+100; port++ {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			if port != first && first != 0 {
				s.Say("Port %d is taken%s: the gateway listens on port %d.", first, holder(ctx, first), port)
			}
			return listener, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
			return nil, fmt.Errorf("listen: %w", err)
		}
	}
	return nil, fmt.Errorf("listen: no free port from %d on", first)
}

// holder says who listens on a port, as " by NAME (process N)", or "" when that cannot be seen.
func holder(ctx context.Context, port int) string {
	pid := listenerPID(port)
	if pid == 0 {
		raw, err := exec.CommandContext(ctx, "lsof", "-nP", "-t", "-sTCP:LISTEN", "-iTCP:"+strconv.Itoa(port)).Output()
		if err != nil {
			return ""
		}
		first, _, _ := strings.Cut(string(raw), "\n")
		if pid, err = strconv.Atoi(first); err != nil {
			return ""
		}
	}
	program, _, _ := strings.Cut(process.CommandLine(ctx, pid), " ")
	return fmt.Sprintf(" by %s (process %d)", filepath.Base(program), pid)
}

// listenerPID finds the process that listens on a port by the kernel's tables (Linux): the port's socket, then its owner.
func listenerPID(port int) int {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		for _, inode := range listening(table, port) {
			sockets["socket:["+inode+"]"] = true
		}
	}
	if len(sockets) == 0 {
		return 0
	}
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*") // a constant pattern
	for _, fd := range descriptors {
		if target, err := os.Readlink(fd); err == nil && sockets[target] {
			pid, err := strconv.Atoi(strings.Split(fd, "/")[2])
			if err == nil {
				return pid
			}
		}
	}
	return 0
}

// listening reads the inodes of the sockets that listen on a port from one of the kernel's tables.
func listening(table string, port int) []string {
	f, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer f.Close()
	const stateListen = "0A"
	suffix := fmt.Sprintf(":%04X", port)
	var inodes []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 9 && strings.HasSuffix(fields[1], suffix) && fields[3] == stateListen {
			inodes = append(inodes, fields[9])
		}
	}
	return inodes
}
