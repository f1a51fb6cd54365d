package ocpp

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"go.opentelemetry.io/otel/trace"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// The reasons that more than one place gives for the end of a connection.
const (
	replaced = "replaced by a newer connection"
	restart  = "service restart"
)

const (
	longestIdentity = 255
	// passwordChecks is how many passwords are checked at a time: a storm of reconnections waits its turn instead of taking every
	// connection of the database.
	passwordChecks = 16
)

// Server is the edge. It is made by New, started by Run, and answers Send from then on.
type Server struct {
	cfg      Config
	proxies  []netip.Prefix
	central  chargepoint.Central
	log      *slog.Logger
	metrics  *metrics
	tracer   trace.Tracer
	upgrader websocket.Upgrader
	failures *throttle
	checks   chan struct{}

	opened atomic.Uint64 // how many sockets were opened, which numbers them

	mu       sync.Mutex
	conns    map[uuid.UUID]*conn // by charge point
	draining bool
	serving  sync.WaitGroup
}

// New makes a server that reports to central. It fails when cfg does.
func New(cfg Config, central chargepoint.Central, tel *telemetry.Telemetry) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("ocpp: %w", err)
	}
	cfg.Limits = cfg.withDefaults()
	proxies, err := parseProxies(cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, proxies: proxies, central: central, log: tel.Log(), tracer: tel.Tracer("ocpp"),
		failures: newThrottle(time.Now), checks: make(chan struct{}, passwordChecks), conns: map[uuid.UUID]*conn{},
		// Buffers that are only borrowed while a frame is written, and a small one for reading: idle sockets are the many.
		upgrader: websocket.Upgrader{
			HandshakeTimeout: cfg.WriteWait, ReadBufferSize: 1024, WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{},
			// Charge points send no Origin. A browser does, and a page has no business here, whatever it says its origin is.
			CheckOrigin: func(r *http.Request) bool { return r.Header.Get("Origin") == "" },
		},
	}
	s.metrics, err = newMetrics(tel.Meter("ocpp"), s.Connections)
	return s, err
}

// Connections returns how many sockets this process holds.
func (s *Server) Connections() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.conns))
}

// Run serves charge points until ctx ends. Then it takes no new ones, finishes the message that each is about, tells them to
// reconnect (close code 1012, spread over DrainSpread) and returns when all are gone, at the latest after DrainTimeout.
func (s *Server) Run(ctx context.Context) error {
	listener := s.cfg.Listener
	if listener == nil {
		var err error
		if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Listen); err != nil {
			return fmt.Errorf("ocpp: %w", err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ocpp/{identity}", s.connect)
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 8 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 2)
	if secure, err := s.listenTLS(ctx); err != nil {
		_ = listener.Close()
		return err
	} else if secure != nil {
		go func() { failed <- server.Serve(secure) }()
		s.log.InfoContext(ctx, "ocpp serving over TLS", "address", secure.Addr().String())
	}
	go func() { failed <- server.Serve(listener) }()
	s.log.InfoContext(ctx, "ocpp serving", "address", listener.Addr().String())

	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	s.drain(context.WithoutCancel(ctx), server)
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("ocpp: serve: %w", err)
	}
	return nil
}

// listenTLS gives the listener of those that come over TLS, nil when there is none.
func (s *Server) listenTLS(ctx context.Context) (net.Listener, error) {
	listener := s.cfg.TLSListener
	if listener == nil && s.cfg.TLSListen == "" {
		return nil, nil
	}
	secure, err := s.cfg.tls()
	if err != nil {
		return nil, fmt.Errorf("ocpp: %w", err)
	}
	if listener == nil {
		if listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.TLSListen); err != nil {
			return nil, fmt.Errorf("ocpp: %w", err)
		}
	}
	return &secureListener{Listener: listener, cfg: s.cfg, current: secure, seen: s.cfg.tlsFiles(), log: s.log}, nil
}

// proof is what the request shows for an identity, false when that is nothing. Whether a gateway before us spoke TLS it alone can say,
// and it is believed as far as its addresses are.
func (s *Server) proof(r *http.Request, identity string) (chargepoint.Proof, bool) {
	proof := chargepoint.Proof{Secure: r.TLS != nil}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && s.trusted(peer.Addr().Unmap()) {
		forwarded := r.Header.Get("X-Forwarded-Proto")
		proof.Secure = proof.Secure || forwarded == "https" || forwarded == "wss"
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		leaf := r.TLS.PeerCertificates[0]
		sum := sha256.Sum256(leaf.Raw)
		proof.Certificate = &chargepoint.Certificate{CommonName: leaf.Subject.CommonName, SHA256: sum[:]}
	}
	user, password, given := r.BasicAuth()
	if given && user == identity {
		proof.Password = password
	}
	return proof, (given && user == identity || !given && proof.Certificate != nil) && len(identity) <= longestIdentity
}

// drain ends every connection in order.
func (s *Server) drain(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DrainTimeout)
	defer cancel()
	s.mu.Lock()
	s.draining = true
	conns := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close()
	}
	pace := time.NewTicker(max(time.Microsecond, s.cfg.DrainSpread/time.Duration(max(1, len(conns)))))
	defer pace.Stop()
	for _, c := range conns {
		c.dismiss(closeServiceRestart, restart, time.Second)
		select {
		case <-pace.C:
		case <-ctx.Done():
		}
	}
	gone := make(chan struct{})
	go func() { s.serving.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-ctx.Done():
		for _, c := range conns {
			c.end(restart)
		}
		// What still runs now waits for the database. The process does not outlive its deadline for it.
		select {
		case <-gone:
		case <-time.After(time.Second):
			s.log.ErrorContext(ctx, "ocpp drain cut short", "connections", s.Connections())
		}
	}
	s.log.InfoContext(ctx, "ocpp drained", "connections", len(conns))
}

// connect answers the opening request of a websocket. It returns as soon as the socket is handed on, so that the buffers of the
// HTTP server are not kept for as long as the charge point stays.
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	identity, remote := r.PathValue("identity"), s.remote(r)
	log := s.log.With("charge_point", identity, "remote", remote)
	cp, refusal := s.admit(r, identity, remote)
	if refusal != nil {
		s.metrics.refused(r.Context(), refusal.reason)
		log.WarnContext(r.Context(), "ocpp connection refused", "reason", refusal.reason, "error", refusal.cause)
		refusal.write(w)
		return
	}
	number := s.opened.Add(1)
	header := http.Header{}
	offered := websocket.Subprotocols(r)
	speaks := agree(offered)
	if speaks != nil {
		header.Set("Sec-WebSocket-Protocol", speaks.protocol())
	}
	socket, err := s.upgrader.Upgrade(w, r, header)
	if err != nil {
		s.metrics.refused(r.Context(), "not a websocket")
		log.WarnContext(r.Context(), "ocpp connection refused", "reason", "not a websocket", "error", err)
		return
	}
	if speaks == nil {
		// OCPP-J, section 3.1.2: complete the handshake without a subprotocol, then close at once.
		s.metrics.refused(r.Context(), "no common subprotocol")
		log.WarnContext(r.Context(), "ocpp connection refused", "reason", "no common subprotocol", "offered", offered)
		message := websocket.FormatCloseMessage(websocket.CloseProtocolError, "this server speaks "+SubprotocolV16+" and "+SubprotocolV201)
		_ = socket.WriteControl(websocket.CloseMessage, message, time.Now().Add(s.cfg.WriteWait))
		_ = socket.Close()
		return
	}
	c := newConn(socket, number, cp, speaks, remote, s.cfg.Limits, log, s.handle)
	if s.cfg.Journal != nil {
		c.note = s.noter(cp.ID)
	}
	s.adopt(c) //nolint:contextcheck // the socket outlives its request
}

// A refusal is why a charge point may not connect, for it and for the log.
type refusal struct {
	status     int
	reason     string
	retryAfter time.Duration
	cause      error
}

func (f *refusal) write(w http.ResponseWriter) {
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="charge points", charset="UTF-8"`)
	}
	if f.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.retryAfter/time.Second)+1))
	}
	http.Error(w, http.StatusText(f.status), f.status)
}

// admit says who asks, or why he may not in. Whether an identity exists cannot be learned from it: both cases are one answer, and
// Central does the same work for both. Guesses are limited by address and identity together, so that guessing at a charge
// point's password does not lock that charge point out, and by address alone.
func (s *Server) admit(r *http.Request, identity, remote string) (chargepoint.ChargePoint, *refusal) {
	var none chargepoint.ChargePoint
	if s.full() {
		return none, &refusal{status: http.StatusServiceUnavailable, reason: "no room", retryAfter: 30 * time.Second}
	}
	pair, perMinute := remote+" "+identity, s.cfg.FailuresPerMinute
	if wait := max(s.failures.wait(pair, perMinute), s.failures.wait(remote, 20*perMinute)); wait > 0 {
		return none, &refusal{status: http.StatusTooManyRequests, reason: "too many failures", retryAfter: wait}
	}
	proof, given := s.proof(r, identity)
	if !given {
		s.failures.fail(pair, perMinute)
		s.failures.fail(remote, 20*perMinute)
		return none, &refusal{status: http.StatusUnauthorized, reason: "no credentials of this identity"}
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.HandlerTimeout)
	defer cancel()
	select {
	case s.checks <- struct{}{}:
		defer func() { <-s.checks }()
	case <-ctx.Done():
		return none, &refusal{status: http.StatusServiceUnavailable, reason: "too many at once", retryAfter: 10 * time.Second}
	}
	cp, err := s.central.Authenticate(ctx, identity, proof)
	switch {
	case err == nil:
		return cp, nil
	case fault.Of(err).Kind() == fault.Unauthenticated:
		s.failures.fail(pair, perMinute)
		s.failures.fail(remote, 20*perMinute)
		return none, &refusal{status: http.StatusUnauthorized, reason: "unknown identity or wrong proof"}
	default:
		return none, &refusal{
			status: http.StatusServiceUnavailable, reason: "the password could not be checked",
			retryAfter: cmp.Or(fault.Of(err).RetryAfter(), 10*time.Second), cause: err,
		}
	}
}

func (s *Server) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining || len(s.conns) >= s.cfg.Connections
}

// remote returns the address of the charge point: the peer's, or what the nearest proxy that is not ours says.
func (s *Server) remote(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusted(address); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address = hop.Unmap()
	}
	return address.String()
}

func (s *Server) trusted(address netip.Addr) bool {
	return slices.ContainsFunc(s.proxies, func(p netip.Prefix) bool { return p.Contains(address) })
}

// adopt puts a connection in the place of the one its charge point had, if any, and serves it. Two that open at the same time may
// arrive here in either order; the one that was opened later stays.
func (s *Server) adopt(c *conn) {
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		c.dismiss(closeServiceRestart, restart, 0)
		return
	}
	previous := s.conns[c.cp.ID]
	if previous != nil && previous.number > c.number {
		s.mu.Unlock()
		c.dismiss(closeReplaced, replaced, 0)
		return
	}
	s.conns[c.cp.ID] = c
	s.serving.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.serving.Done()
		defer close(c.gone)
		if previous != nil {
			previous.dismiss(closeReplaced, replaced, 0)
			<-previous.gone
		}
		s.serve(c)
	}()
}

// serve is the life of a connection, between what Central is told of its beginning and of its end.
func (s *Server) serve(c *conn) {
	defer s.release(c)
	if c.why() != "" {
		return // replaced before it began
	}
	connection := chargepoint.Connection{ID: c.id, Protocol: c.speaks.protocol(), Remote: c.remote}
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.HandlerTimeout)
	err := s.central.Connected(ctx, c.cp.ID, connection)
	cancel()
	if err != nil {
		c.log.Error("ocpp connection not noted", "error", err)
		c.dismiss(closeTryAgainLater, "try again later", 0)
		return
	}
	c.log.Info("ocpp connected")
	start := time.Now()
	c.serve()
	ctx, cancel = context.WithTimeout(context.Background(), s.cfg.HandlerTimeout)
	defer cancel()
	if err := s.central.Disconnected(ctx, c.cp.ID, connection); err != nil {
		c.log.Error("ocpp disconnection not noted", "error", err)
	}
	c.log.Info("ocpp disconnected", "reason", c.why(), "duration_s", int(time.Since(start).Seconds()))
}

// Replace ends a socket whose charge point has opened another at another process.
func (s *Server) Replace(id, connection uuid.UUID) {
	if c := s.conn(id); c != nil && c.id == connection {
		c.dismiss(closeReplaced, replaced, time.Second)
	}
}

// release forgets a connection unless another has taken its place already.
func (s *Server) release(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[c.cp.ID] == c {
		delete(s.conns, c.cp.ID)
	}
}

// conn returns the socket of a charge point, nil when this process has none.
func (s *Server) conn(id uuid.UUID) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[id]
}
