package httpserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"
)

var errNoServer = errors.New("httpserver: Stream outside of a Server")

// Stream answers with a body that has no end known before, such as server-sent
// events. Set status and headers first, return its result as the handler's.
// write runs once the handler has returned, so it must not touch c; what it
// needs it takes from c before. Its context carries the request's values and
// ends when the server stops, not with the request's deadline. Each Flush sends
// what is written and may take WriteTimeout; it fails when the client is gone,
// which shows only by writing: send a comment now and then. The request's log
// line comes when write returns. write is run in any case, so it may clean up
// after the handler: for HEAD, and when the handler fails after all, with a
// context that has ended and a writer that takes nothing.
func Stream(c *fiber.Ctx, write func(ctx context.Context, w *bufio.Writer) error) error {
	r := requestOf(c.UserContext())
	if r == nil {
		return errNoServer
	}
	r.stream = write
	return nil
}

// startStream hands the connection to the stream of r. Everything that is read
// from c is read before, since c belongs to the next request by then.
func (s *Server) startStream(c *fiber.Ctx, r *request) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.UserContext()))
	unlink := context.AfterFunc(s.streams, cancel)
	line := s.describe(c, r, nil)
	connection := c.Context().Conn()
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer cancel()
		defer unlink()
		err := s.runStream(ctx, r, bufio.NewWriter(&flusher{w: w, connection: connection, patience: s.cfg.WriteTimeout}))
		r.close()
		line.err = err
		s.conclude(r, line)
	})
}

// abandonStream runs the stream of r for what it cleans up.
func (s *Server) abandonStream(r *request) {
	ctx, cancel := context.WithCancel(r)
	cancel()
	_ = s.runStream(ctx, r, bufio.NewWriter(closed{}))
}

// closed is where an abandoned stream writes to.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, net.ErrClosed }

func (s *Server) runStream(ctx context.Context, r *request, w *bufio.Writer) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", errPanic, v)
			s.log.ErrorContext(ctx, "panic", "request_id", r.id, "error", err, "stack", string(debug.Stack()))
		}
	}()
	if err := r.stream(ctx, w); err != nil {
		return err
	}
	return w.Flush()
}

// flusher sends every write at once and gives each its own deadline.
type flusher struct {
	w          *bufio.Writer
	connection net.Conn
	patience   time.Duration
}

func (f *flusher) Write(p []byte) (int, error) {
	if err := f.connection.SetWriteDeadline(time.Now().Add(f.patience)); err != nil {
		return 0, err
	}
	n, err := f.w.Write(p)
	if err != nil {
		return n, err
	}
	return n, f.w.Flush()
}
