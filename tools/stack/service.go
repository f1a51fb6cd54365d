package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ihr-charging/charging-plot-api/tools/process"
)

// The services, in the order in which they are started.
const (
	Auth           = "auth"
	StationCatalog = "station-catalog"
	ChargingPlot   = "charging-plot"
)

// Services lists them.
var Services = []string{Auth, StationCatalog, ChargingPlot}

// Runner runs a service in this process until ctx ends. environ is its whole environment, output takes its log.
type Runner func(ctx context.Context, environ []string, output io.Writer) error

// Service is one of the three, running.
type Service struct {
	Name        string
	Address     string // host:port of its HTTP port
	environment map[string]string
	binary      string // the program, unless it runs in this process:
	runner      Runner
	output      io.Writer

	mu      sync.Mutex
	current running
	wanted  bool // it should be running: an end now is a failure
	failed  func(error)
}

// running is a started service: a child process, or a goroutine.
type running interface {
	Ended() <-chan struct{}
	Err() error
	Stop(ctx context.Context) error
	Kill()
}

// start runs the service and returns at once; awaitReady waits for its first good answer.
func (s *Service) start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	environ := make([]string, 0, len(s.environment))
	for _, name := range slices.Sorted(maps.Keys(s.environment)) {
		environ = append(environ, name+"="+s.environment[name])
	}
	if s.runner != nil {
		s.current = inProcess(ctx, s.Name, environ, s.output, s.runner)
	} else {
		p, err := process.Start(process.Spec{
			Name: s.Name, Path: s.binary, Args: []string{"serve"}, Env: environ, Output: s.output,
		})
		if err != nil {
			return err
		}
		s.current = p
	}
	s.wanted = true
	go s.watch(s.current)
	return nil
}

func (s *Service) watch(r running) {
	<-r.Ended()
	s.mu.Lock()
	unwanted := s.wanted && s.current == r
	s.mu.Unlock()
	if unwanted {
		err := r.Err()
		if err == nil {
			err = errors.New("it ended without an error")
		}
		s.failed(fmt.Errorf("%s ended: %w", s.Name, err))
	}
}

// awaitReady waits until /readyz says 200.
func (s *Service) awaitReady(ctx context.Context) error {
	s.mu.Lock()
	current := s.current
	s.mu.Unlock()
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ready(ctx, &client, s.Address) {
			return nil
		}
		select {
		case <-current.Ended():
			return fmt.Errorf("%s ended before it was ready: %w", s.Name, current.Err())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", s.Name, ctx.Err())
		case <-tick.C:
		}
	}
}

func ready(ctx context.Context, client *http.Client, address string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	answer, err := client.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// Kill ends the service's process as kill -9 does. It fails when the services run in one process.
func (s *Service) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runner != nil {
		return fmt.Errorf("%s runs in this process; only a stack of processes can kill", s.Name)
	}
	s.wanted = false
	s.current.Kill()
	return nil
}

// Start starts the service again after Kill or Stop, on the same address, and waits until it is ready.
func (s *Service) Start(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return s.awaitReady(ctx)
}

// Stop ends the service in order: it drains first.
func (s *Service) Stop(ctx context.Context) error {
	s.mu.Lock()
	current := s.current
	s.wanted = false
	s.mu.Unlock()
	if current == nil {
		return nil
	}
	return current.Stop(ctx)
}

// PID is the process id of the service, 0 when it runs in this process.
func (s *Service) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.current.(*process.Process); ok {
		return p.PID()
	}
	return 0
}

// inside is a service that runs in this process.
type inside struct {
	name  string
	stop  context.CancelFunc
	ended chan struct{}
	err   error
}

func inProcess(ctx context.Context, name string, environ []string, output io.Writer, run Runner) *inside {
	// The service ends by Stop, in the stack's order, not by the context of whoever started it.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	i := &inside{name: name, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(i.ended)
		i.err = run(ctx, environ, output)
	}()
	return i
}

func (i *inside) Ended() <-chan struct{} { return i.ended }

func (i *inside) Err() error {
	<-i.ended
	return i.err
}

func (i *inside) Stop(ctx context.Context) error {
	i.stop()
	select {
	case <-i.ended:
		return i.err
	case <-ctx.Done():
		return fmt.Errorf("%s did not stop in time", i.name)
	}
}

func (i *inside) Kill() { i.stop() }
