// Package httpserver is how a service of ours speaks HTTP: the only fiber.New,
// with the same limits, middleware, probes and shutdown everywhere.
//
//	server := httpserver.New(cfg.HTTP, tel, httpserver.Check{Name: "postgres", Required: true, Probe: …})
//	api.RegisterHandlers(document.Router(server.App(), …), handlers)
//	err := server.Run(ctx) // until ctx ends, then drains
//
// What every request passes, in this order: recovery from panics, a request id,
// the span, the access log line and the duration histogram (both by route
// template, so that their number is bounded), security headers, the refusal of
// encoded bodies, trailers and ambiguous framing, a deadline in
// c.UserContext(), CORS, and on the way back problem documents, 304, OPTIONS and
// compression. Handlers use c.UserContext(), which is not cancelled when the
// client leaves but ends with the deadline and with the server.
//
// /healthz and /livez tell of the process alone, /readyz of its dependencies
// too, /metrics and /version are there. Gateways do not expose them.
//
// Identity never comes from headers here: see package authn. HSTS is left to
// the gateway, which alone knows TLS.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// Config says where to listen and how patient and generous to be. The zero
// value of a field means its default.
type Config struct {
	Listen          string        `env:"LISTEN" envDefault:"127.0.0.1:0" desc:"address to listen on"`
	Listener        net.Listener  `env:"-"` // in place of Listen
	TrustedProxies  []string      `env:"TRUSTED_PROXIES" desc:"addresses and networks of proxies whose X-Forwarded-For is believed"`
	CORSOrigins     []string      `env:"CORS_ORIGINS" desc:"origins of browser apps that may call, or *"`
	RequestTimeout  time.Duration `env:"REQUEST_TIMEOUT" envDefault:"10s" desc:"deadline of the work for one request"`
	ReadTimeout     time.Duration `env:"READ_TIMEOUT" envDefault:"5s" desc:"time to read one request"`
	WriteTimeout    time.Duration `env:"WRITE_TIMEOUT" envDefault:"15s" desc:"time to write one answer, or one flush of a stream"`
	IdleTimeout     time.Duration `env:"IDLE_TIMEOUT" envDefault:"75s" desc:"time a kept connection may be idle; longer than the gateway's"`
	DrainDelay      time.Duration `env:"DRAIN_DELAY" envDefault:"0s" desc:"time between not ready and not listening; 5s or more behind a load balancer"`
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"15s" desc:"time for requests under way to end"`
	BodyLimit       int           `env:"BODY_LIMIT" envDefault:"65536" desc:"largest request body in bytes, where the route does not say otherwise"`
}

// headLimit bounds the request line and headers: room for a large token.
const headLimit = 16 << 10

func (cfg *Config) fillDefaults() {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&cfg.RequestTimeout, 10 * time.Second},
		{&cfg.ReadTimeout, 5 * time.Second},
		{&cfg.WriteTimeout, 15 * time.Second},
		{&cfg.IdleTimeout, 75 * time.Second},
		{&cfg.ShutdownTimeout, 15 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.BodyLimit == 0 {
		cfg.BodyLimit = 64 << 10
	}
}

// Validate names every setting that cannot be right.
func (cfg Config) Validate() error {
	var faults []error
	for _, proxy := range cfg.TrustedProxies {
		if _, err := parseNetwork(proxy); err != nil {
			faults = append(faults, fmt.Errorf("TRUSTED_PROXIES: %q is neither an address nor a network", proxy))
		}
	}
	for _, origin := range cfg.CORSOrigins {
		if !validOrigin(origin) {
			faults = append(faults, fmt.Errorf("CORS_ORIGINS: %q is neither an origin such as https://app.example.com nor *", origin))
		}
	}
	for name, d := range map[string]time.Duration{
		"REQUEST_TIMEOUT": cfg.RequestTimeout, "READ_TIMEOUT": cfg.ReadTimeout, "WRITE_TIMEOUT": cfg.WriteTimeout,
		"IDLE_TIMEOUT": cfg.IdleTimeout, "DRAIN_DELAY": cfg.DrainDelay, "SHUTDOWN_TIMEOUT": cfg.ShutdownTimeout,
	} {
		if d < 0 {
			faults = append(faults, fmt.Errorf("%s must not be negative", name))
		}
	}
	if cfg.BodyLimit < 0 {
		faults = append(faults, errors.New("BODY_LIMIT must not be negative"))
	}
	return errors.Join(faults...)
}

// Server is the HTTP server of a service.
type Server struct {
	cfg     Config
	invalid error
	app     *fiber.App
	log     *slog.Logger
	trusted []netip.Prefix
	cors    cors
	watch   *watch
	checks  []*check
	bodies  []bodyRule

	lingering lingering

	// base ends when requests still under way are to be cut off, streams when
	// open-ended answers are to end.
	base        context.Context
	cutOff      context.CancelFunc
	streams     context.Context
	stopStreams context.CancelFunc

	// started is set once /readyz has found every required dependency.
	started  atomic.Bool
	draining atomic.Bool
	// listening is closed once requests can be answered.
	listening chan struct{}
	address   net.Addr

	routesOnce sync.Once
	routes     map[string]struct{}
}

// New makes a server that has the probes and nothing else. A faulty cfg is
// reported by Run.
func New(cfg Config, tel *telemetry.Telemetry, checks ...Check) *Server {
	cfg.fillDefaults()
	s := &Server{
		cfg:       cfg,
		invalid:   cfg.Validate(),
		log:       tel.Log(),
		cors:      newCORS(cfg.CORSOrigins),
		watch:     newWatch(tel),
		listening: make(chan struct{}),
	}
	s.base, s.cutOff = context.WithCancel(context.Background())
	s.streams, s.stopStreams = context.WithCancel(s.base)
	for _, proxy := range cfg.TrustedProxies {
		if network, err := parseNetwork(proxy); err == nil {
			s.trusted = append(s.trusted, network)
		}
	}
	s.app = fiber.New(fiber.Config{
		// Strings of a request outlive it: fasthttp would reuse their memory.
		Immutable:     true,
		CaseSensitive: true,
		StrictRouting: true,

		ReadTimeout:    cfg.ReadTimeout,
		WriteTimeout:   cfg.WriteTimeout,
		IdleTimeout:    cfg.IdleTimeout,
		ReadBufferSize: headLimit,
		BodyLimit:      cfg.BodyLimit,

		// fiber's own reading of X-Forwarded-Host and -Proto; addresses are ours (ClientIP).
		EnableTrustedProxyCheck: true,
		TrustedProxies:          cfg.TrustedProxies,

		DisablePreParseMultipartForm: true,
		DisableStartupMessage:        true,
		ErrorHandler:                 s.brokenOff,
	})
	transport := s.app.Server()
	transport.CloseOnShutdown = true
	transport.SecureErrorLogMessage = true
	transport.LazyRequestTime = true // nobody asks for it
	transport.Logger = silent{}
	transport.HeaderReceived = s.headerReceived
	transport.ExpectHandler = s.expect
	transport.ConnState = s.lingering.closed
	transport.Handler = s.knownMethods(transport.Handler)

	s.app.Use(s.serve)
	s.registerProbes(checks)
	return s
}

// App is where routes are registered, all of them before Run.
func (s *Server) App() *fiber.App { return s.app }

// Addr waits until the server listens and returns where. It returns nil when
// ctx ends first.
func (s *Server) Addr(ctx context.Context) net.Addr {
	select {
	case <-s.listening:
		return s.address
	case <-ctx.Done():
		return nil
	}
}

// Run serves until ctx ends. Then /readyz answers 503 and each answer closes
// its connection; after DrainDelay, in which load balancers look elsewhere, it
// stops listening, ends open streams and gives requests under way
// ShutdownTimeout to end. It returns nil after a clean stop, and an error when
// it could not listen or requests had to be cut off.
func (s *Server) Run(ctx context.Context) error {
	defer s.cutOff()
	if s.invalid != nil {
		return fmt.Errorf("HTTP settings: %w", s.invalid)
	}
	listener := s.cfg.Listener
	if listener == nil {
		var err error
		if listener, err = new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Listen); err != nil {
			return err
		}
	}
	s.address = listener.Addr()
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(listener) }()
	close(s.listening)
	s.log.InfoContext(ctx, "listening", "address", listener.Addr().String())

	select {
	case err := <-served:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	return s.drain(context.WithoutCancel(ctx), served)
}

func (s *Server) drain(ctx context.Context, served <-chan error) error {
	s.draining.Store(true)
	s.log.InfoContext(ctx, "draining", "delay", s.cfg.DrainDelay.String(), "active", s.watch.active.Load())
	select {
	case err := <-served:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-time.After(s.cfg.DrainDelay):
	}
	s.stopStreams()
	stop, cancel := context.WithTimeout(ctx, s.cfg.ShutdownTimeout)
	defer cancel()
	if err := s.app.ShutdownWithContext(stop); err != nil {
		return fmt.Errorf("shut down with %d requests under way: %w", s.watch.active.Load(), err)
	}
	if err := <-served; err != nil {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	s.log.InfoContext(ctx, "stopped")
	return nil
}

// parseNetwork reads an address or a network in CIDR form.
func parseNetwork(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// silent swallows what fasthttp prints by itself: failed requests are logged by
// protocolError, in our form.
type silent struct{}

func (silent) Printf(string, ...any) {}
