package httpserver

import (
	"bytes"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// The faults of conditional requests.
var (
	ErrPreconditionRequired = fault.Define(fault.PreconditionRequired, "if_match_required", "The change of a shared resource wants If-Match").
				At(fault.Field{Parameter: fiber.HeaderIfMatch, Code: "required", Detail: "must be the ETag that was last seen"})
	ErrPreconditionFailed = fault.Define(fault.PreconditionFailed, "stale", "The resource has changed since it was read")
)

// NotModified sets the ETag of the answer and reports whether the caller has it
// already: then the answer is an empty 304 and the handler returns nil. The etag
// is complete, quotes and all. An answer with an ETag becomes a 304 by itself in
// any case; NotModified saves making it.
func NotModified(c *fiber.Ctx, etag string) bool {
	c.Response().Header.SetCanonical(headerETag, []byte(etag))
	if !Holds(c, etag) {
		return false
	}
	c.Status(http.StatusNotModified)
	c.Response().ResetBody()
	return true
}

// Holds reports whether the caller names etag in If-None-Match, for handlers that
// have to find out more before they may answer with NotModified.
func Holds(c *fiber.Ctx, etag string) bool {
	return matches(c.Request().Header.PeekAll(fiber.HeaderIfNoneMatch), etag)
}

// IfMatch returns ErrPreconditionRequired when the request has no If-Match and
// ErrPreconditionFailed unless it names etag, the resource's present one. "*"
// names whatever is there.
func IfMatch(c *fiber.Ctx, etag string) error {
	return checkIfMatch(c.Request().Header.PeekAll(fiber.HeaderIfMatch), etag)
}

// CheckIfMatch is IfMatch for handlers that are given the header as a parameter.
func CheckIfMatch(header *string, etag string) error {
	if header == nil {
		return ErrPreconditionRequired
	}
	return checkIfMatch([][]byte{[]byte(*header)}, etag)
}

func checkIfMatch(lines [][]byte, etag string) error {
	switch {
	case len(lines) == 0:
		return ErrPreconditionRequired
	case !matches(lines, etag):
		return ErrPreconditionFailed
	default:
		return nil
	}
}

// matches compares weakly, also for If-Match: an ETag of ours names a version of
// the resource, and a proxy or our own compression may have marked it weak.
func matches(lines [][]byte, etag string) bool {
	want := bytes.TrimPrefix([]byte(etag), weak)
	for _, line := range lines {
		for rest := line; len(rest) > 0; {
			rest = bytes.TrimLeft(rest, " \t,")
			if len(rest) > 0 && rest[0] == '*' {
				return true
			}
			rest = bytes.TrimPrefix(rest, weak)
			if len(rest) == 0 || rest[0] != '"' {
				break
			}
			end := bytes.IndexByte(rest[1:], '"')
			if end < 0 {
				break
			}
			if bytes.Equal(rest[:end+2], want) {
				return true
			}
			rest = rest[end+2:]
		}
	}
	return false
}

var weak = []byte("W/")

// notModified turns a complete answer into a 304 when the caller has it.
func notModified(c *fiber.Ctx) {
	etag := c.Response().Header.PeekBytes(headerETag)
	if len(etag) == 0 || c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead {
		return
	}
	if matches(c.Request().Header.PeekAll(fiber.HeaderIfNoneMatch), string(etag)) {
		c.Status(http.StatusNotModified)
		c.Response().ResetBody()
	}
}
