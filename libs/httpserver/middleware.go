package httpserver

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/problem"
)

// Names and values that every answer needs, as fasthttp wants them.
var (
	headerRequestID       = []byte(problem.RequestIDHeader)
	headerContentEncoding = []byte(fiber.HeaderContentEncoding)
	headerNoSniff         = []byte(fiber.HeaderXContentTypeOptions)
	headerReferrer        = []byte(fiber.HeaderReferrerPolicy)
	headerCSP             = []byte(fiber.HeaderContentSecurityPolicy)
	headerETag            = []byte("Etag") // as fasthttp keeps it
	headerOrigin          = []byte(fiber.HeaderOrigin)
	headerVary            = []byte(fiber.HeaderVary)

	noSniff    = []byte("nosniff")
	noReferrer = []byte("no-referrer")
	// Answers are data: nothing in them may run or be framed. Pages set their own.
	dataOnly = []byte("default-src 'none'; frame-ancestors 'none'")
)

// serve is the one middleware around every route. It is one function and not
// ten, since each layer of fiber costs a walk of its route tree.
func (s *Server) serve(c *fiber.Ctx) error {
	r := s.begin(c)
	err := s.handle(c, r)
	err = s.answer(c, err)
	if r.stream != nil {
		if err == nil && c.Method() != fiber.MethodHead {
			s.startStream(c, r)
			return nil
		}
		s.abandonStream(r)
	}
	r.close()
	s.finish(c, r, err)
	return nil
}

// begin makes the request's context and sets what every answer carries.
func (s *Server) begin(c *fiber.Ctx) *request {
	r := &request{
		server: s,
		parent: s.base,
		start:  time.Now(),
		id:     requestID(c),
	}
	r.deadline = r.start.Add(s.cfg.RequestTimeout)
	s.watch.begin(c, r)
	if len(s.trusted) > 0 {
		r.client = s.clientIP(c)
	}
	c.SetUserContext(r)
	s.setCommonHeaders(c, r)
	return r
}

func (s *Server) setCommonHeaders(c *fiber.Ctx, r *request) {
	header := &c.Response().Header
	var id [maxRequestID]byte
	header.SetCanonical(headerRequestID, append(id[:0], r.id...))
	header.SetCanonical(headerNoSniff, noSniff)
	header.SetCanonical(headerReferrer, noReferrer)
	header.SetCanonical(headerCSP, dataOnly)
	if s.draining.Load() {
		header.SetConnectionClose()
	}
	s.cors.allow(c)
}

var errPanic = errors.New("panic")

// handle refuses what no route wants, runs the route, and turns a panic into an error.
func (s *Server) handle(c *fiber.Ctx, r *request) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", errPanic, v)
			s.log.ErrorContext(r, "panic", "request_id", r.id, "error", err, "stack", string(debug.Stack()))
			c.Response().Reset()
			s.setCommonHeaders(c, r)
		}
	}()
	if err := refuse(c); err != nil {
		c.Response().SetConnectionClose()
		return err
	}
	if streams, err := s.takeBody(c); err != nil {
		return err
	} else if streams {
		r.deadline = time.Time{}
	}
	return c.Next()
}

// answer gives the response its last form. It returns err when the response
// tells of it.
func (s *Server) answer(c *fiber.Ctx, err error) error {
	if err != nil {
		if errors.Is(err, fiber.ErrMethodNotAllowed) {
			c.Append(fiber.HeaderAllow, fiber.MethodOptions) // fiber has listed the methods of the routes that match
			if c.Method() == fiber.MethodOptions {
				s.answerOptions(c)
				return nil
			}
		}
		if werr := problem.Write(c, err); werr != nil {
			c.Status(http.StatusInternalServerError)
			return errors.Join(err, werr)
		}
		if c.Request().IsBodyStream() {
			s.refuseRest(c)
		}
		return err
	}
	if c.Response().StatusCode() == http.StatusOK {
		notModified(c)
	}
	compress(c)
	return nil
}

// answerOptions tells what the path offers, which stands in Allow.
func (s *Server) answerOptions(c *fiber.Ctx) {
	s.cors.preflight(c)
	c.Status(http.StatusNoContent)
	c.Response().ResetBody()
}
