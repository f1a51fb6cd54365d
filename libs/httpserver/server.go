// Package httpserver is being written.
package httpserver

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/problem"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// Config says where to listen and how patient and generous to be.
type Config struct {
	Listen          string        `env:"LISTEN" envDefault:"127.0.0.1:0" desc:"address to listen on"`
	Listener        net.Listener  `env:"-"`
	TrustedProxies  []string      `env:"TRUSTED_PROXIES" desc:"addresses or networks whose X-Forwarded-For is believed"`
	CORSOrigins     []string      `env:"CORS_ORIGINS" desc:"origins of browser apps, or *"`
	RequestTimeout  time.Duration `env:"REQUEST_TIMEOUT" envDefault:"10s" desc:"deadline of one request"`
	ReadTimeout     time.Duration `env:"READ_TIMEOUT" envDefault:"5s" desc:"time to read one request"`
	WriteTimeout    time.Duration `env:"WRITE_TIMEOUT" envDefault:"15s" desc:"time to write one answer"`
	IdleTimeout     time.Duration `env:"IDLE_TIMEOUT" envDefault:"75s" desc:"time a kept connection may be idle"`
	DrainDelay      time.Duration `env:"DRAIN_DELAY" envDefault:"0s" desc:"time between not ready and not listening"`
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"15s" desc:"time for requests under way to end"`
	BodyLimit       int           `env:"BODY_LIMIT" envDefault:"65536" desc:"largest request body, in bytes"`
}

// Check is one dependency of /readyz.
type Check struct {
	Name     string
	Required bool
	Probe    func(context.Context) (detail string, err error)
}

// Server is the HTTP server of a service.
type Server struct{ app *fiber.App }

// New makes a server.
func New(cfg Config, tel *telemetry.Telemetry, checks ...Check) *Server {
	return &Server{app: fiber.New(fiber.Config{Immutable: true, CaseSensitive: true, StrictRouting: true, DisableStartupMessage: true, ErrorHandler: problem.Write})}
}

// App is where routes are registered.
func (s *Server) App() *fiber.App { return s.app }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error { return errors.New("httpserver: being written") }

// AllowBody raises the body limit of a route; with stream the handler reads c.Context().RequestBodyStream().
func (s *Server) AllowBody(method, path string, limit int, stream bool) {}

// RequestID is the id of the request.
func RequestID(ctx context.Context) string { return "" }

// ClientIP is the address of the caller, seen through the trusted proxies.
func ClientIP(c *fiber.Ctx) netip.Addr { return netip.Addr{} }

// NotModified sets the ETag and answers 304 (true) when the caller has it already.
func NotModified(c *fiber.Ctx, etag string) bool { return false }

// IfMatch is a fault (428, 412) unless the request's If-Match is etag.
func IfMatch(c *fiber.Ctx, etag string) error { return nil }

// CheckIfMatch is IfMatch for strict handlers, which are given the header as a parameter.
func CheckIfMatch(header *string, etag string) error { return nil }

// Stream answers with a body that has no end known before (SSE): no request deadline, a fresh write timeout for each flush.
// write runs after the handler has returned and must not use c; its context ends when the server drains.
func Stream(c *fiber.Ctx, write func(ctx context.Context, w *bufio.Writer) error) error { return nil }
