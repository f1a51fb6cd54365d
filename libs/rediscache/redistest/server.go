package redistest

import (
	"bufio"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Server is a Redis of the test's own, to be killed and frozen.
type Server struct {
	URL string

	t    testing.TB
	port string
	mu   sync.Mutex
	cmd  *exec.Cmd
}

// NewServer starts a redis-server on a free port; it ends with the test. The test fails when the
// program is not installed.
func NewServer(t testing.TB) *Server {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, port: port, URL: "redis://127.0.0.1:" + port + "/0"}
	s.Start()
	t.Cleanup(s.Kill)
	return s
}

// Start starts it, empty, and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal("redis-server is not installed: this test stops and freezes one of its own (on Debian: apt-get install redis-server)")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The program's output tells when it is ready.
	s.cmd = exec.Command(program, "--port", s.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.t.TempDir()) //nolint:noctx // Kill ends it
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start redis-server: %v", err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			go func() {
				for lines.Scan() { // so that it never waits for its output to be read
				}
			}()
			return
		}
	}
	_ = s.cmd.Wait()
	s.cmd = nil
	s.t.Fatalf("redis-server did not start:\n%s", said.String())
}

// Kill ends it at once. Killing a dead one does nothing.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Freeze stops it without closing its connections: they take commands and answer none.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets it go on.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(signal syscall.Signal) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatalf("signal redis-server: %v", err)
	}
}
