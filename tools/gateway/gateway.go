// Package gateway is the local stand-in for the Kubernetes Gateway: one origin before all services, driven by the same route
// table as the HTTPRoutes.
//
// It forwards to the instances of a service that are ready, and takes a refused connection to the next instance, so that a
// service may restart behind it. It removes what only a gateway may say (X-Forwarded-*, X-User-* and their kin), says it
// itself, and drops trailers. Streams (SSE, WebSocket) pass unbuffered. What it has to say itself is a problem document:
// 503 with Retry-After when no instance answers, 504 when one is too slow, 502 when one breaks off.
package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/problem"
)

// What the gateway itself answers.
var (
	ErrNoRoute     = fault.Define(fault.NotFound, "not_found", "Nothing is here")
	ErrBadPath     = fault.Define(fault.Invalid, "bad_path", "The path is ambiguous")
	ErrBadMethod   = fault.Define(fault.MethodNotAllowed, "method_not_allowed", "The method is not allowed here")
	ErrLongTarget  = fault.Define(fault.HeadersTooLarge, "headers_too_large", "The request line is too long")
	ErrLongHead    = fault.Define(fault.HeadersTooLarge, "headers_too_large", "The headers are too long")
	ErrDown        = fault.Define(fault.Unavailable, "service_unavailable", "The service does not answer")
	ErrSlow        = fault.Define(fault.Timeout, "service_timeout", "The service did not answer in time")
	ErrBrokenReply = fault.Define(fault.Internal, "bad_gateway", "The service broke off its answer")
)

// Instance is one running copy of a service: host:port of each of its ports.
type Instance struct {
	HTTP string
	OCPP string // "" when the service has none
}

// Config says what stands behind the gateway.
type Config struct {
	Routes    Table
	Instances map[string][]Instance // by service
	// Timeout is how long an instance may take until its answer begins; 45 s when zero, more than the longest long poll.
	Timeout time.Duration
	Log     *slog.Logger
}

// Gateway is an http.Handler. Run keeps its knowledge of who is ready fresh.
type Gateway struct {
	routes Table
	pools  map[string]*pool // by service
	proxy  *httputil.ReverseProxy
	log    *slog.Logger
}

// New makes a gateway. Every service of the table needs at least one instance.
func New(cfg Config) (*Gateway, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 45 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{routes: cfg.Routes, pools: map[string]*pool{}, log: cfg.Log}
	for _, service := range cfg.Routes.Services() {
		instances := cfg.Instances[service]
		if len(instances) == 0 {
			return nil, errors.New("gateway: no instance of " + service)
		}
		g.pools[service] = newPool(instances)
	}
	g.proxy = &httputil.ReverseProxy{
		Rewrite: rewrite,
		Transport: &http.Transport{
			DialContext:           g.dial,
			ResponseHeaderTimeout: cfg.Timeout,
			MaxIdleConnsPerHost:   256,
			IdleConnTimeout:       30 * time.Second, // less than the services keep theirs
			ExpectContinueTimeout: time.Second,
			DisableCompression:    true,
		},
		FlushInterval: -1, // no buffering: a live event is worth nothing later
		ErrorHandler:  g.failed,
		ErrorLog:      slog.NewLogLogger(cfg.Log.Handler(), slog.LevelWarn),
	}
	return g, nil
}

// Run asks every instance twice a second whether it is ready, until ctx ends.
func (g *Gateway) Run(ctx context.Context) error {
	probes := newProber()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, p := range g.pools {
			probes.ask(ctx, p)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// dial connects to a service's name ("auth.http") by way of an instance that is ready, or of any that accepts.
func (g *Gateway) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	service, port, _ := strings.Cut(host, ".")
	return g.pools[service].dial(ctx, network, port)
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("X-Request-Id")
	if !plausibleID(id) {
		id = uuid.NewString()
		r.Header.Set("X-Request-Id", id)
	}
	if err := refuse(r); err != nil {
		g.write(w, r, err)
		return
	}
	// A service would cut the connection on a head it has no room for, while we still write it.
	switch {
	case len(r.RequestURI) > longestTarget:
		g.write(w, r, ErrLongTarget.Detailf("path and query may have %d bytes", longestTarget))
		return
	case headBytes(r) > longestHead:
		g.write(w, r, ErrLongHead.Detailf("the request line and all headers may have %d bytes", longestHead))
		return
	}
	route, ok := g.routes.Find(r.URL.Path)
	if !ok || internal(r.URL.Path) {
		g.write(w, r, ErrNoRoute.Detailf("no service answers %s", r.URL.Path))
		return
	}
	target := &url.URL{Scheme: "http", Host: route.Service + "." + route.Port}
	g.proxy.ServeHTTP(unasked{w}, r.WithContext(context.WithValue(r.Context(), targetKey{}, target)))
}

// unasked keeps to itself the 100 of a service that the gateway asked (rewrite): a caller who did not ask may take it for the answer, and
// one who did is told by the server as its body is read.
type unasked struct{ http.ResponseWriter }

func (w unasked) WriteHeader(status int) {
	if status != http.StatusContinue {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Unwrap is for http.ResponseController.
func (w unasked) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A service reads 16 KiB of a request's head, the gateway's own headers among them: longestTarget leaves room for headers, longestHead
// for what the gateway says.
const (
	longestTarget = 12 << 10
	longestHead   = 15 << 10
)

// headBytes is how long the head of a request is as HTTP/1.1 writes it.
func headBytes(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len(" ") + len(" HTTP/1.1\r\n") + len("Host: ") + len(r.Host) + 2*len("\r\n")
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(": ") + len(value) + len("\r\n")
		}
	}
	return n
}

type targetKey struct{}

// internal says whether the path is for operators and probes, who talk to a service directly.
func internal(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "healthz", "readyz", "livez", "startupz", "metrics", "debug", "version":
		return true
	}
	return false
}

// refuse names what two servers may read differently: a path that means another one after cleaning or decoding.
func refuse(r *http.Request) error {
	if r.Method == http.MethodTrace || r.Method == http.MethodConnect {
		return ErrBadMethod
	}
	if r.URL.Path == "*" {
		return ErrBadPath
	}
	escaped := strings.ToLower(r.URL.EscapedPath())
	for _, bad := range []string{"%2f", "%5c", "%2e", "%00", `\`, "//", "/./", "/../"} {
		if strings.Contains(escaped, bad) {
			return ErrBadPath.Detailf("the path holds %q", bad)
		}
	}
	if strings.HasSuffix(escaped, "/.") || strings.HasSuffix(escaped, "/..") {
		return ErrBadPath.Detailf("the path ends in a dot segment")
	}
	return nil
}

// largeBody is a body that a service is asked about before it is sent.
const largeBody = 32 << 10

func rewrite(p *httputil.ProxyRequest) {
	target, ok := p.In.Context().Value(targetKey{}).(*url.URL)
	if !ok {
		return // without a host the transport refuses the request
	}
	p.SetURL(target)
	p.Out.Host = p.In.Host
	for name := range p.Out.Header {
		if ours(name) {
			p.Out.Header.Del(name)
		}
	}
	// A service that will not read a large body says so before it is sent; told in the midst of it, its answer could get lost.
	if p.Out.ContentLength < 0 || p.Out.ContentLength > largeBody {
		p.Out.Header.Set("Expect", "100-continue")
	}
	p.Out.Trailer = nil
	p.Out.Header.Del("Trailer")
	p.SetXForwarded()
}

// ours says whether only a gateway may set the header.
func ours(name string) bool {
	name = strings.ReplaceAll(name, "_", "-")
	for _, prefix := range []string{"X-Forwarded", "X-User", "X-Auth", "X-Envoy", "X-Original", "X-Rewrite"} {
		if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return true
		}
	}
	switch http.CanonicalHeaderKey(name) {
	case "Forwarded", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "X-Http-Method-Override", "X-Method-Override":
		return true
	}
	return false
}

// failed answers for an instance that did not.
func (g *Gateway) failed(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the client is gone
	}
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errNoInstance):
		err = ErrDown.Because(err).After(time.Second)
	case errors.As(err, &timeout) && timeout.Timeout():
		err = ErrSlow.Because(err).After(time.Second)
	default:
		err = ErrBrokenReply.Because(err).After(time.Second)
	}
	g.log.WarnContext(r.Context(), "forward", "path", r.URL.Path, "error", err.Error())
	g.write(w, r, err)
}

func (g *Gateway) write(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	id := r.Header.Get("X-Request-Id")
	document := problem.From(f, r.URL.EscapedPath(), id)
	if errors.Is(f, ErrBrokenReply) {
		document.Status = http.StatusBadGateway
	}
	body, err := json.Marshal(document)
	if err != nil {
		g.log.ErrorContext(r.Context(), "write problem", "error", err.Error())
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Request-Id", id)
	if after := f.RetryAfter(); after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(after.Round(time.Second).Seconds())))
	}
	w.WriteHeader(document.Status)
	_, _ = w.Write(body) // a client that is gone is told nothing
}

// plausibleID keeps an id that may stand in logs and headers.
func plausibleID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
