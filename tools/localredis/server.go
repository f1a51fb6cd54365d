// Package localredis runs a private Redis for development and tests: localredis.Start takes the installed redis-server (or
// valkey-server), and where there is none an embedded imitation, and says which. It listens on a free port of the loopback
// interface, wants a password, and keeps nothing on disk: what is in Redis is never the only copy.
package localredis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/libs/pause"
	"github.com/ihr-charging/charging-plot-api/tools/process"
)

// Options say how the server runs.
type Options struct {
	Port     int          // taken if it is free; else another one
	Password string       // clients must give it
	Output   *os.File     // the server's log; nil drops it
	Embedded bool         // the imitation even where the real one is installed
	Notice   func(string) // what a person should know; nil drops it
}

// Server is a running Redis.
type Server struct {
	mu       sync.Mutex
	opts     Options
	port     int
	program  string // "" for the imitation
	process  *process.Process
	embedded *miniredis.Miniredis
}

// Start starts the server and returns when it answers.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Notice == nil {
		opts.Notice = func(string) {}
	}
	port, err := process.FreePort(ctx, opts.Port)
	if err != nil {
		return nil, err
	}
	s := &Server{opts: opts, port: port}
	if !opts.Embedded {
		s.program = find()
	}
	if s.program == "" {
		opts.Notice("No redis-server is installed: an embedded imitation takes its place (apt-get install redis-server for the real one).")
	}
	if err := s.Run(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func find() string {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Run starts the server again on the same port after Kill; Start has called it already.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.program == "" {
		return s.runEmbedded(ctx)
	}
	// The settings come by standard input, so that the password stands in no process list.
	settings := strings.Join([]string{
		"bind 127.0.0.1", "port " + strconv.Itoa(s.port), "requirepass " + s.opts.Password,
		`save ""`, "appendonly no", "daemonize no", "databases 64", "dir " + strconv.Quote(os.TempDir()),
		"maxmemory 256mb", "maxmemory-policy allkeys-lru", "",
	}, "\n")
	spec := process.Spec{
		Name: "redis", Path: s.program, Args: []string{"-"},
		Env: []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}, Input: bytes.NewReader([]byte(settings)),
	}
	if s.opts.Output != nil {
		spec.Output = s.opts.Output
	}
	var err error
	if s.process, err = process.Start(spec); err != nil {
		return err
	}
	if err := s.awaitReady(ctx); err != nil {
		s.process.Kill()
		return err
	}
	return nil
}

// runEmbedded starts the imitation. Somebody who looks for a free port may hold ours for a moment, so it asks again for a while.
func (s *Server) runEmbedded(ctx context.Context) error {
	const tries = 50
	for try := 1; ; try++ {
		m := miniredis.NewMiniRedis()
		m.RequireAuth(s.opts.Password)
		err := m.StartAddr(s.address())
		if err == nil {
			s.embedded = m
			return nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || try == tries {
			return fmt.Errorf("embedded redis: %w", err)
		}
		if err := pause.For(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	client := redis.NewClient(&redis.Options{Addr: s.address(), Password: s.opts.Password, MaxRetries: -1, ContextTimeoutEnabled: true})
	defer client.Close()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := client.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		select {
		case <-s.process.Ended():
			return fmt.Errorf("redis ended at once: %w", errors.Join(s.process.Err(), err))
		case <-ctx.Done():
			return fmt.Errorf("redis does not answer: %w", err)
		case <-tick.C:
		}
	}
}

func (s *Server) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL is the connection string of one of its numbered databases.
func (s *Server) URL(database int) string {
	u := url.URL{Scheme: "redis", User: url.UserPassword("", s.opts.Password), Host: s.address(), Path: "/" + strconv.Itoa(database)}
	return u.String()
}

// Port is where it listens on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// Real says whether it is a Redis, not the imitation.
func (s *Server) Real() bool { return s.program != "" }

// Kill ends the server at once, with everything it held.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.embedded != nil {
		s.embedded.Close()
		s.embedded = nil
	}
	if s.process != nil {
		s.process.Kill()
		s.process = nil
	}
}

// Stop ends the server in order.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.embedded != nil {
		s.embedded.Close()
		s.embedded = nil
	}
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	return p.Stop(ctx)
}
