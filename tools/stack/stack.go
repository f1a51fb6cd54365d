// Package stack is the whole product on one machine: a private Postgres and Redis, the three services and the gateway.
// stack.Start starts it and says where it is; the devstack command and the end-to-end tests are its users.
//
// The services run as child processes of their own binaries, or as goroutines of this process, from the same settings; between
// them there is always real HTTP with real tokens. State lives in one folder and survives a restart; nothing that was started
// outlives this process.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ihr-charging/charging-plot-api/tools/gateway"
	"github.com/ihr-charging/charging-plot-api/tools/localpostgres"
	"github.com/ihr-charging/charging-plot-api/tools/localredis"
	"github.com/ihr-charging/charging-plot-api/tools/process"
)

// Options say what to start.
type Options struct {
	Root  string // the repository's root, for the route table
	State string // the folder for what survives; Root/.local when empty
	// Listen is the gateway's address; 127.0.0.1:5000 when empty. When somebody else has that port the next free one is taken.
	Listen string
	// Runners run the services in this process. Without them the services are child processes of the programs in Binaries.
	Runners  map[string]Runner
	Binaries string
	// EmbeddedRedis takes the imitation even where a real Redis is installed.
	EmbeddedRedis bool
	// Environment holds further settings, by service; "" is for all.
	Environment map[string]map[string]string
	Output      io.Writer // what a person should see; nil drops it
	Verbose     bool      // all log lines go to Output, not only the urgent ones
}

// Stack is a running product.
type Stack struct {
	URL      string // the gateway's origin: http://127.0.0.1:5000
	Postgres *localpostgres.Server
	Redis    *localredis.Server

	opts     Options
	state    *state
	secrets  secrets
	console  *console
	services []*Service
	logs     []*logWriter
	redisLog *os.File
	gateway  struct {
		stop  context.CancelFunc
		ended chan error
	}
	failed   chan error
	stopping sync.Once
	stopErr  error
}

// Start starts everything and returns when every service is ready. When it fails, what was started is stopped again.
func Start(ctx context.Context, opts Options) (*Stack, error) {
	if opts.State == "" {
		opts.State = filepath.Join(opts.Root, ".local")
	}
	if opts.Listen == "" {
		opts.Listen = "127.0.0.1:5000"
	}
	if opts.Output == nil {
		opts.Output = io.Discard
	}
	s := &Stack{opts: opts, console: &console{out: opts.Output}, failed: make(chan error, 8)}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) (err error) {
	table, err := gateway.LoadTable(os.DirFS(filepath.Join(s.opts.Root, "deploy", "helm")))
	if err != nil {
		return err
	}
	if s.state, err = openState(s.opts.State); err != nil {
		return err
	}
	if s.secrets, err = s.state.secrets(); err != nil {
		return err
	}
	listener, err := s.listen(ctx)
	if err != nil {
		return err
	}
	s.URL = "http://" + listener.Addr().String()
	used := s.state.ports()
	if err := s.startStores(ctx, &used); err != nil {
		listener.Close()
		return err
	}
	if err := s.prepareServices(ctx, &used); err != nil {
		listener.Close()
		return err
	}
	// The gateway first: what asks early gets an answer that says to come back.
	if err := s.startGateway(ctx, listener, table, used.OCPP); err != nil {
		return err
	}
	for _, service := range s.services {
		if err := service.start(ctx); err != nil {
			return err
		}
	}
	waiting, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	all, waiting := errgroup.WithContext(waiting)
	for _, service := range s.services {
		all.Go(func() error { return service.awaitReady(waiting) })
	}
	if err := errors.Join(all.Wait(), s.state.savePorts(used)); err != nil {
		return err
	}
	for _, log := range s.logs {
		log.started.Store(true)
	}
	return nil
}

// startStores starts Postgres and Redis side by side.
func (s *Stack) startStores(ctx context.Context, used *ports) error {
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		s.Postgres, err = localpostgres.Start(ctx, localpostgres.Options{
			Folder: s.state.path("postgres"), Port: used.Postgres, Notice: s.console.line,
		})
		if err != nil {
			return err
		}
		used.Postgres = s.Postgres.Port()
		for _, service := range Services {
			if _, err := s.Postgres.Provision(ctx, databases[service], s.secrets.Databases[service]); err != nil {
				return err
			}
		}
		return nil
	})
	both.Go(func() (err error) {
		if s.redisLog, err = os.OpenFile(s.state.path("logs", "redis.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("log of redis: %w", err)
		}
		s.Redis, err = localredis.Start(ctx, localredis.Options{
			Port: used.Redis, Password: s.secrets.Redis, Output: s.redisLog, Embedded: s.opts.EmbeddedRedis, Notice: s.console.line,
		})
		if err != nil {
			return err
		}
		used.Redis = s.Redis.Port()
		return nil
	})
	return both.Wait()
}

// prepareServices settles ports, settings and logs.
func (s *Stack) prepareServices(ctx context.Context, used *ports) (err error) {
	taken := map[int]bool{}
	free := func(preferred int) (int, error) {
		for {
			port, err := process.FreePort(ctx, preferred)
			if err != nil || !taken[port] {
				taken[port] = true
				return port, err
			}
			preferred = 0
		}
	}
	for _, name := range Services {
		if used.Services[name], err = free(used.Services[name]); err != nil {
			return err
		}
	}
	if used.OCPP, err = free(used.OCPP); err != nil {
		return err
	}
	for _, name := range Services {
		log, err := openLog(s.state.path("logs", name+".log"), name, s.console, s.opts.Verbose)
		if err != nil {
			return err
		}
		s.logs = append(s.logs, log)
		service := &Service{
			Name:        name,
			Address:     net.JoinHostPort("127.0.0.1", strconv.Itoa(used.Services[name])),
			environment: s.environment(name, *used),
			output:      log,
			failed:      s.fail,
		}
		if s.opts.Runners != nil {
			service.runner = s.opts.Runners[name]
		} else {
			service.binary = filepath.Join(s.opts.Binaries, name)
		}
		s.services = append(s.services, service)
	}
	return nil
}

func (s *Stack) startGateway(ctx context.Context, listener net.Listener, table gateway.Table, ocpp int) error {
	instances := map[string][]gateway.Instance{}
	for _, service := range s.services {
		instance := gateway.Instance{HTTP: service.Address}
		if service.Name == ChargingPlot {
			instance.OCPP = net.JoinHostPort("127.0.0.1", strconv.Itoa(ocpp))
		}
		instances[service.Name] = []gateway.Instance{instance}
	}
	log, err := openLog(s.state.path("logs", "gateway.log"), "gateway", s.console, false)
	if err != nil {
		listener.Close()
		return err
	}
	s.logs = append(s.logs, log)
	// While a service starts, restarts or is killed the gateway has much to say; it is in the log, not in everybody's eye.
	g, err := gateway.New(gateway.Config{Routes: table, Instances: instances, Log: slog.New(slog.NewTextHandler(log.file, nil))})
	if err != nil {
		listener.Close()
		return err
	}
	ctx, s.gateway.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.gateway.ended = make(chan error, 1)
	go func() {
		err := g.Serve(ctx, listener)
		if err != nil {
			s.fail(fmt.Errorf("gateway: %w", err))
		}
		s.gateway.ended <- err
	}()
	return nil
}

// fail reports what ended without being asked to; more than a handful at once say nothing new.
func (s *Stack) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// Failed receives what ended without being asked to.
func (s *Stack) Failed() <-chan error { return s.failed }

// Service returns a service by its name; it panics on a name that is none.
func (s *Stack) Service(name string) *Service {
	return s.services[slices.IndexFunc(s.services, func(service *Service) bool { return service.Name == name })]
}

// Environment is the settings that a service runs with, for its management commands.
func (s *Stack) Environment(service string) map[string]string { return s.Service(service).environment }

// Binary is the path of a service's program, "" when it runs in this process.
func (s *Stack) Binary(service string) string { return s.Service(service).binary }

// Path is a path inside the state folder.
func (s *Stack) Path(parts ...string) string { return s.state.path(parts...) }

// ChargePointSecret is from what passwords of simulated charge points are derived.
func (s *Stack) ChargePointSecret() string { return s.secrets.ChargePoints }

// DatabaseURL is the superuser's connection string for a service's database.
func (s *Stack) DatabaseURL(service string) string { return s.Postgres.URL(databases[service]) }

// Say writes a line for a person.
func (s *Stack) Say(format string, args ...any) { s.console.line(fmt.Sprintf(format, args...)) }

// Stop stops everything in order: the gateway, the services, Redis, Postgres. Each has a time of its own to do so, so that one
// that hangs costs the others nothing; it is killed, or left behind where it runs in this process, and Stop says so.
func (s *Stack) Stop(ctx context.Context) error {
	s.stopping.Do(func() { s.stopErr = s.stop(ctx) })
	return s.stopErr
}

// patience is how long a service may drain: longer than its own time for requests under way.
const patience = 20 * time.Second

func (s *Stack) stop(ctx context.Context) error {
	for _, log := range s.logs {
		log.started.Store(false) // services warn of each other's absence again
	}
	var faults []error
	within := func(limit time.Duration, stop func(context.Context) error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		faults = append(faults, stop(ctx))
	}
	if s.gateway.stop != nil {
		s.gateway.stop()
		faults = append(faults, <-s.gateway.ended)
	}
	within(patience, func(ctx context.Context) error {
		var all errgroup.Group
		for _, service := range s.services {
			all.Go(func() error { return service.Stop(ctx) })
		}
		return all.Wait()
	})
	if s.Redis != nil {
		within(5*time.Second, s.Redis.Stop)
	}
	if s.Postgres != nil {
		within(20*time.Second, s.Postgres.Stop)
	}
	for _, log := range s.logs {
		log.close()
	}
	if s.redisLog != nil {
		s.redisLog.Close()
	}
	if s.state != nil {
		s.state.close()
	}
	return errors.Join(faults...)
}
