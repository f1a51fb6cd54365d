package stack_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq" // for the database that a service is given

	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

const root = "../.."

// The tests' own binary plays a service's program.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		if err := echo(ctx, os.Environ(), os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// echo is a service that is ready when it reaches its database, and says who it is.
func echo(ctx context.Context, environ []string, output io.Writer) error {
	settings := map[string]string{}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		settings[name] = value
	}
	if settings["BREAK"] != "" {
		_, _ = io.WriteString(output, "level=ERROR msg=broken\n")
		return errors.New("broken on purpose")
	}
	db, err := sql.Open("postgres", settings["DATABASE_URL"])
	if err != nil {
		return err
	}
	defer db.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if db.PingContext(r.Context()) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, settings["CLIENT_ID"]+" "+r.URL.Path)
	})
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", settings["LISTEN"])
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	_, _ = io.WriteString(output, "level=INFO msg=up\n")
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// said collects what a stack says to a person.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// folder is a state folder that any user may reach.
func folder(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "stack-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Clean(context.Background(), filepath.Join(parent, "state")); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(parent); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(parent, "state")
}

func inProcess() map[string]stack.Runner {
	return map[string]stack.Runner{stack.Auth: echo, stack.StationCatalog: echo, stack.ChargingPlot: echo}
}

func start(t *testing.T, opts stack.Options) *stack.Stack {
	t.Helper()
	opts.Root = root
	if opts.Listen == "" {
		opts.Listen = "127.0.0.1:0"
	}
	s, err := stack.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *stack.Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := new(http.Client).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func wantAnswer(t *testing.T, s *stack.Stack, path, want string) {
	t.Helper()
	if status, body := get(t, s.URL+path); status != http.StatusOK || body != want {
		t.Errorf("%s answers %d %q; want %q", path, status, body, want)
	}
}

func TestStackKeepsItsSecretsPortsAndDataOverARestart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	first := start(t, stack.Options{State: dir, Runners: inProcess(), EmbeddedRedis: true})
	wantAnswer(t, first, "/v1/stations", "station-catalog /v1/stations")
	wantAnswer(t, first, "/v1/me", "auth /v1/me")
	wantAnswer(t, first, "/v1/plots", "charging-plot /v1/plots")
	before := first.Environment(stack.Auth)
	stop(t, first)
	second := start(t, stack.Options{State: dir, Runners: inProcess(), EmbeddedRedis: true})
	for _, name := range []string{"LISTEN", "DATABASE_URL", "CLIENT_SECRET", "CURSOR_KEY", "KEY_ENCRYPTION_KEY", "SERVICE_CLIENTS"} {
		got := second.Environment(stack.Auth)[name]
		// The clients' audiences follow the gateway's address, which this test leaves to chance.
		want := strings.ReplaceAll(before[name], first.URL, second.URL)
		if got == "" || got != want {
			t.Errorf("%s changed over a restart", name)
		}
	}
}

func TestStackSaysWhoHasItsPort(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	out := &said{}
	s := start(t, stack.Options{State: folder(t), Runners: inProcess(), EmbeddedRedis: true, Listen: taken.Addr().String(), Output: out})
	if s.URL == "http://"+taken.Addr().String() || !strings.Contains(out.String(), "is taken by stack.test (process ") {
		t.Errorf("at %s it says:\n%s", s.URL, out)
	}
	wantAnswer(t, s, "/v1/stations", "station-catalog /v1/stations")
}

func TestTwoStacksDoNotShareAState(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	start(t, stack.Options{State: dir, Runners: inProcess(), EmbeddedRedis: true})
	_, err := stack.Start(t.Context(), stack.Options{Root: root, State: dir, Runners: inProcess(), Listen: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), "another stack runs") {
		t.Errorf("got %v", err)
	}
	if err := stack.Clean(t.Context(), dir); err == nil {
		t.Error("a running stack's state can be removed")
	}
}

func TestStackStopsAllWhenOnePartCannotStart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	out := &said{}
	opts := stack.Options{
		Root: root, State: dir, Runners: inProcess(), Listen: "127.0.0.1:0", Output: out,
		Environment: map[string]map[string]string{stack.ChargingPlot: {"BREAK": "yes"}},
	}
	if _, err := stack.Start(t.Context(), opts); err == nil || !strings.Contains(err.Error(), "broken on purpose") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(out.String(), "charging-plot   | level=ERROR msg=broken") || strings.Contains(out.String(), "msg=up") {
		t.Errorf("it says:\n%s", out)
	}
	opts.Environment = nil
	start(t, opts) // nothing is left that holds the state, its ports or its databases
}

func TestProcessesCanBeKilledAndComeBack(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binaries := t.TempDir()
	for _, name := range stack.Services {
		if err := os.Symlink(self, filepath.Join(binaries, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, stack.Options{State: folder(t), Binaries: binaries})
	catalog := s.Service(stack.StationCatalog)
	pid := catalog.PID()
	if err := catalog.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there: %v", pid, err)
	}
	if status, body := get(t, s.URL+"/v1/stations"); status != http.StatusServiceUnavailable || !strings.Contains(body, "service_unavailable") {
		t.Errorf("while it is gone: %d %s", status, body)
	}
	if err := catalog.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, s, "/v1/stations", "station-catalog /v1/stations")
	if catalog.PID() == pid {
		t.Error("the process is the same")
	}
	// An end that nobody asked for is reported.
	if err := syscall.Kill(s.Service(stack.Auth).PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-s.Failed(); !strings.Contains(err.Error(), "auth ended") {
		t.Errorf("reported as %v", err)
	}
}
