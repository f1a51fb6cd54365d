package httpserver

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/trace"
)

// request is the context of one request, and what the server remembers of it.
// It carries the deadline without a timer until somebody waits for it: most
// answers come from memory and never do.
type request struct {
	server   *Server
	parent   context.Context // the server's, with the span when there is one
	deadline time.Time       // zero: none
	id       string
	start    time.Time
	span     trace.Span // nil when none was started
	ids      idSpan     // in its place where spans are not kept
	client   netip.Addr
	stream   func(ctx context.Context, w *bufio.Writer) error

	mu     sync.Mutex
	inner  atomic.Pointer[innerContext]
	closed bool
}

type innerContext struct {
	context.Context
	cancel context.CancelFunc
}

type requestKey struct{}

// requestOf returns the request that ctx belongs to, or nil outside of this server.
func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// RequestID returns the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	if r := requestOf(ctx); r != nil {
		return r.id
	}
	return ""
}

func (r *request) Deadline() (time.Time, bool) {
	if inner := r.inner.Load(); inner != nil {
		return inner.Deadline()
	}
	return r.deadline, !r.deadline.IsZero()
}

func (r *request) Done() <-chan struct{} { return r.materialize().Done() }

func (r *request) Err() error {
	if inner := r.inner.Load(); inner != nil {
		return inner.Err()
	}
	if err := r.parent.Err(); err != nil {
		return err
	}
	if !r.deadline.IsZero() && !time.Now().Before(r.deadline) {
		return context.DeadlineExceeded
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return context.Canceled
	}
	return nil
}

// Value answers for the wrapped context too, so that package context recognises
// it as its own and needs no goroutine for a context derived from this one.
func (r *request) Value(key any) any {
	switch {
	case key == any(requestKey{}):
		return r
	case key == spanKey && r.ids.context.IsValid():
		return &r.ids
	}
	if inner := r.inner.Load(); inner != nil {
		return inner.Value(key)
	}
	return r.parent.Value(key)
}

func (r *request) materialize() *innerContext {
	if inner := r.inner.Load(); inner != nil {
		return inner
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if inner := r.inner.Load(); inner != nil {
		return inner
	}
	inner := new(innerContext)
	if r.deadline.IsZero() {
		inner.Context, inner.cancel = context.WithCancel(r.parent)
	} else {
		inner.Context, inner.cancel = context.WithDeadline(r.parent, r.deadline)
	}
	if r.closed {
		inner.cancel()
	}
	r.inner.Store(inner)
	return inner
}

// close ends the context: work that outlives its request must not go on under its name.
func (r *request) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if inner := r.inner.Load(); inner != nil {
		inner.cancel()
	}
}

// maxRequestID is the longest id taken over from a caller.
const maxRequestID = 128

// requestID returns the caller's id when it is harmless in logs and headers,
// and a new one otherwise.
func requestID(c *fiber.Ctx) string {
	given := c.Request().Header.PeekBytes(headerRequestID)
	if len(given) == 0 || len(given) > maxRequestID {
		return newRequestID()
	}
	for _, b := range given {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case b == '-', b == '_', b == '.', b == ':', b == '/', b == '+', b == '=':
		default:
			return newRequestID()
		}
	}
	return string(given)
}

// newRequestID makes 32 hexadecimal digits. They tell requests apart and guard nothing.
func newRequestID() string {
	var id [16]byte
	var digits [2 * len(id)]byte
	randomize(id[:])
	hex.Encode(digits[:], id[:])
	return string(digits[:])
}

// randomize fills eights of bytes with what tells apart and guards nothing.
func randomize(id []byte) {
	for ; len(id) > 0; id = id[8:] {
		binary.LittleEndian.PutUint64(id, rand.Uint64()|1) //nolint:gosec // not a secret; never all zero, which a trace's id must not be
	}
}
