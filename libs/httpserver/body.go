package httpserver

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// bodyRule is the larger limit of one route.
type bodyRule struct {
	method, path string
	limit        int
	stream       bool
}

// AllowBody raises the limit of request bodies for one route, given as it is
// registered with fiber ("/v1/stations/:id/photos"). Without stream the body is
// held in memory, as everywhere; with it the handler reads BodyReader(c), in
// constant memory, and its context has no deadline, since only the sender knows
// how long an upload takes.
func (s *Server) AllowBody(method, path string, limit int, stream bool) {
	s.bodies = append(s.bodies, bodyRule{method, path, limit, stream})
	if stream {
		s.app.Server().StreamRequestBody = true
	}
}

// ruleFor finds the rule of a request by its path, since bodies arrive before
// the router has seen the request.
func (s *Server) ruleFor(method, path string) *bodyRule {
	for i, rule := range s.bodies {
		if rule.method == method &&
			fiber.RoutePatternMatch(path, rule.path, fiber.Config{CaseSensitive: true, StrictRouting: true}) {
			return &s.bodies[i]
		}
	}
	return nil
}

// limitOf returns the limit of a request whose body is yet to be read, and the
// rule that sets it, if one does.
func (s *Server) limitOf(header *fasthttp.RequestHeader) (int, *bodyRule) {
	if len(s.bodies) == 0 {
		return s.cfg.BodyLimit, nil
	}
	uri := fasthttp.AcquireURI()
	defer fasthttp.ReleaseURI(uri)
	if err := uri.Parse(nil, header.RequestURI()); err != nil {
		return s.cfg.BodyLimit, nil
	}
	if rule := s.ruleFor(string(header.Method()), string(uri.PathOriginal())); rule != nil {
		return rule.limit, rule
	}
	return s.cfg.BodyLimit, nil
}

// headerReceived sets the limit before the body is read.
func (s *Server) headerReceived(header *fasthttp.RequestHeader) (config fasthttp.RequestConfig) {
	length := header.ContentLength()
	if length >= 0 && length <= s.cfg.BodyLimit || length == noBody {
		return config
	}
	if limit, rule := s.limitOf(header); rule != nil && !rule.stream {
		config.MaxRequestBodySize = limit
	}
	return config
}

// expect answers a caller who asks before sending a body (Expect: 100-continue).
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	if limit, _ := s.limitOf(&ctx.Request.Header); ctx.Request.Header.ContentLength() <= limit {
		// fasthttp says "continue" under the deadline of the answer before, which has passed on a connection that was idle meanwhile. One
		// that is set on ctx would be the answer's as well, however long the body takes.
		_ = ctx.Conn().SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout)) // on a connection that is closed; writing fails as well
		return http.StatusContinue
	}
	c := s.app.AcquireCtx(ctx)
	defer s.app.ReleaseCtx(c)
	_ = s.protocolError(c, fiber.ErrRequestEntityTooLarge)
	return http.StatusRequestEntityTooLarge
}

// takeBody brings a body that fasthttp left on the wire into memory, within the
// limit, except for routes that stream. It reports whether the route does.
func (s *Server) takeBody(c *fiber.Ctx) (streams bool, err error) {
	body := c.Request().BodyStream()
	if body == nil {
		return false, nil
	}
	limit := s.cfg.BodyLimit
	if rule := s.ruleFor(c.Method(), string(c.Request().URI().PathOriginal())); rule != nil {
		if rule.stream {
			return true, nil
		}
		limit = rule.limit
	}
	if c.Request().Header.ContentLength() > limit {
		return false, fiber.ErrRequestEntityTooLarge
	}
	all, err := io.ReadAll(io.LimitReader(body, int64(limit)+1))
	switch {
	case err != nil:
		return false, readFault(err)
	case len(all) > limit:
		return false, fiber.ErrRequestEntityTooLarge
	}
	if len(c.Request().Header.PeekTrailerKeys()) > 0 {
		return false, errTrailers
	}
	c.Request().SetBodyRaw(all)
	return false, nil
}

// BodyReader reads the body of a route that streams (AllowBody) as it arrives.
// Each read may take ReadTimeout. A body beyond the route's limit ends in a 413,
// one with trailers in a 400, one that stalls in a 408: return the error as it is.
func BodyReader(c *fiber.Ctx) io.Reader {
	r := requestOf(c.UserContext())
	body := c.Request().BodyStream()
	if r == nil || body == nil {
		return bytes.NewReader(c.Body())
	}
	limit := r.server.cfg.BodyLimit
	if rule := r.server.ruleFor(c.Method(), string(c.Request().URI().PathOriginal())); rule != nil {
		limit = rule.limit
	}
	return &streamedBody{
		c: c, body: body, left: int64(limit), missing: int64(c.Request().Header.ContentLength()), patience: r.server.cfg.ReadTimeout,
	}
}

type streamedBody struct {
	c        *fiber.Ctx
	body     io.Reader
	left     int64
	missing  int64 // what Content-Length still promises; below zero where there is none
	patience time.Duration
}

func (b *streamedBody) Read(p []byte) (int, error) {
	if err := b.c.Context().SetReadDeadline(time.Now().Add(b.patience)); err != nil {
		return 0, err
	}
	// One byte more than is left shows a body that is too large.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fiber.ErrRequestEntityTooLarge
	}
	b.missing -= int64(n)
	if errors.Is(err, io.EOF) {
		if b.missing > 0 { // fasthttp takes a connection that ends for the end of the body
			return n, readFault(io.ErrUnexpectedEOF)
		}
		if len(b.c.Request().Header.PeekTrailerKeys()) > 0 {
			return n, errTrailers
		}
		return n, io.EOF
	}
	if err != nil {
		return n, readFault(err)
	}
	return n, nil
}

// readFault tells a slow sender from a broken one.
func readFault(err error) error {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.Join(fiber.ErrRequestTimeout, err)
	}
	return errors.Join(fiber.ErrBadRequest, err)
}
