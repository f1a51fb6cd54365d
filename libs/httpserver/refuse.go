package httpserver

import (
	"bytes"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// What a request must not be, whatever its route.
var (
	errEncoded  = fault.Define(fault.UnsupportedMedia, "content_encoding", "Request bodies are read as they are, without Content-Encoding")
	errTrailers = fault.Define(fault.Invalid, "trailers", "Trailers are not accepted")
	errFraming  = fault.Define(fault.Invalid, "ambiguous_framing", "The request can be read in more than one way")
	errMethod   = fault.Define(fault.MethodNotAllowed, "method_not_allowed", "The method is not known here")
)

// refuse returns the fault of a request that fasthttp lets through and that a
// proxy before us might have understood differently.
func refuse(c *fiber.Ctx) error {
	header := &c.Request().Header
	raw := header.RawHeaders()
	if err := refuseLines(raw); err != nil {
		return err
	}
	if !header.IsHTTP11() && string(header.Protocol()) != "HTTP/1.0" {
		return errFraming.Detailf("the protocol is neither HTTP/1.1 nor HTTP/1.0")
	}
	if uri := header.RequestURI(); len(uri) > 0 && uri[0] != '/' && !agrees(c, uri) {
		return errFraming.Detailf("the request target and the Host header name different hosts")
	}
	// Trailers would mix with the headers, after a gateway has cleaned those.
	if len(header.PeekTrailerKeys()) > 0 {
		return errTrailers
	}
	if header.ContentLength() == noBody {
		return nil
	}
	if encoding := header.PeekBytes(headerContentEncoding); len(encoding) > 0 && !bytes.EqualFold(encoding, identity) {
		return errEncoded
	}
	if hasLine(raw, "content-length") && hasLine(raw, "transfer-encoding") {
		return errFraming.Detailf("Content-Length and Transfer-Encoding exclude each other")
	}
	return nil
}

// noBody is fasthttp's length of a request that has neither a length nor chunks.
const noBody = -2

var identity = []byte("identity")

// refuseLines wants each header on a line of its own: a folded header is one to
// us and may be two to somebody else, and so may be one ended by LF alone.
func refuseLines(raw []byte) error {
	for at := 0; ; {
		end := bytes.IndexByte(raw[at:], '\n')
		if end < 0 {
			return nil
		}
		end += at
		if end == 0 || raw[end-1] != '\r' {
			return errFraming.Detailf("header lines must end in CR LF")
		}
		at = end + 1
		if at < len(raw) && (raw[at] == ' ' || raw[at] == '\t') {
			return errFraming.Detailf("header lines must not be folded")
		}
	}
}

// hasLine reports whether one of the header lines has the name, given in lower case.
func hasLine(raw []byte, name string) bool {
	for line := range bytes.Lines(raw) {
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return true
		}
	}
	return false
}

// agrees reports whether a request target that is not a path is "*" or names the
// host of the Host header.
func agrees(c *fiber.Ctx, uri []byte) bool {
	return string(uri) == "*" || bytes.EqualFold(c.Request().URI().Host(), c.Request().Header.Host())
}

// knownMethods answers methods that fiber has never heard of, which it would
// otherwise do itself and in plain text.
func (s *Server) knownMethods(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		switch string(ctx.Method()) {
		case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
			next(ctx)
		default:
			c := s.app.AcquireCtx(ctx)
			defer s.app.ReleaseCtx(c)
			c.Set(fiber.HeaderAllow, allMethods)
			_ = s.protocolError(c, errMethod)
		}
	}
}

const allMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// brokenOff answers a request that could not be read to its end.
func (s *Server) brokenOff(c *fiber.Ctx, err error) error {
	s.refuseRest(c)
	return s.protocolError(c, err)
}

// protocolError answers a request that never reached the middleware: it could
// not be parsed, was too large or too slow.
func (s *Server) protocolError(c *fiber.Ctx, err error) error {
	r := s.begin(c)
	defer r.close()
	s.finish(c, r, s.answer(c, err))
	return nil
}
