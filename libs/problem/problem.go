// Package problem is the border between faults and HTTP: it turns a fault into
// an RFC 9457 document ("application/problem+json") and back, and it alone knows
// which status code a fault has.
//
// A server ends every failed request with Write; a client reads the document
// and calls Document.Fault:
//
//	{"type": "urn:ihr:problem:plot_taken", "title": "The plot is taken", "status": 409,
//	 "detail": "…", "instance": "/v1/reservations", "request_id": "…",
//	 "errors": [{"parameter": "limit", "code": "range", "detail": "must be at most 500"}]}
//
// The private cause of a fault never enters the document.
package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// ContentType is the media type of a problem document.
const ContentType = "application/problem+json"

// TypePrefix and the code of a fault make the type of its document.
const TypePrefix = "urn:ihr:problem:"

// RequestIDHeader carries the request id on every request and response.
const RequestIDHeader = "X-Request-Id"

var statuses = [...]int{
	fault.Invalid:              http.StatusBadRequest,
	fault.Unauthenticated:      http.StatusUnauthorized,
	fault.Forbidden:            http.StatusForbidden,
	fault.NotFound:             http.StatusNotFound,
	fault.MethodNotAllowed:     http.StatusMethodNotAllowed,
	fault.NotAcceptable:        http.StatusNotAcceptable,
	fault.RequestTimeout:       http.StatusRequestTimeout,
	fault.Conflict:             http.StatusConflict,
	fault.Gone:                 http.StatusGone,
	fault.PreconditionFailed:   http.StatusPreconditionFailed,
	fault.TooLarge:             http.StatusRequestEntityTooLarge,
	fault.UnsupportedMedia:     http.StatusUnsupportedMediaType,
	fault.Unprocessable:        http.StatusUnprocessableEntity,
	fault.PreconditionRequired: http.StatusPreconditionRequired,
	fault.Limited:              http.StatusTooManyRequests,
	fault.HeadersTooLarge:      http.StatusRequestHeaderFieldsTooLarge,
	fault.Internal:             http.StatusInternalServerError,
	fault.Unavailable:          http.StatusServiceUnavailable,
	fault.Timeout:              http.StatusGatewayTimeout,
}

// Status returns the status code of a kind; an unknown kind is a 500.
func Status(kind fault.Kind) int {
	if kind == 0 || int(kind) >= len(statuses) {
		return http.StatusInternalServerError
	}
	return statuses[kind]
}

// KindOf returns the kind that a status code stands for: the inverse of Status,
// and for codes that no kind has, Invalid for other 4xx and Unavailable or
// Internal for other 5xx.
func KindOf(status int) fault.Kind {
	for _, kind := range fault.Kinds() {
		if statuses[kind] == status {
			return kind
		}
	}
	switch {
	case status == http.StatusBadGateway:
		return fault.Unavailable
	case status >= 400 && status < 500:
		return fault.Invalid
	default:
		return fault.Internal
	}
}

// Document is a problem document of RFC 9457. Extensions are further members of
// the same JSON object.
type Document struct {
	Type       string
	Title      string
	Status     int
	Detail     string
	Instance   string
	RequestID  string
	Errors     []Error
	Extensions map[string]any
}

// Error is one faulty input.
type Error struct {
	Pointer   *string `json:"pointer,omitempty"`
	Parameter string  `json:"parameter,omitempty"`
	Code      string  `json:"code"`
	Detail    string  `json:"detail,omitempty"`
}

// members are the fixed members of the object, in the order they are written.
type members struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail,omitempty"`
	Instance  string  `json:"instance,omitempty"`
	RequestID string  `json:"request_id,omitempty"`
	Errors    []Error `json:"errors,omitempty"`
}

var memberNames = []string{"type", "title", "status", "detail", "instance", "request_id", "errors"}

// From makes the document of a fault. instance is the path of the request.
func From(f *fault.Fault, instance, requestID string) Document {
	d := Document{
		Type:       TypePrefix + f.Code(),
		Title:      f.Title(),
		Status:     Status(f.Kind()),
		Detail:     f.Detail(),
		Instance:   instance,
		RequestID:  requestID,
		Extensions: f.Extensions(),
	}
	for _, field := range f.Fields() {
		e := Error{Parameter: field.Parameter, Code: field.Code, Detail: field.Detail}
		if field.Parameter == "" {
			e.Pointer = &field.Pointer
		}
		d.Errors = append(d.Errors, e)
	}
	return d
}

// Fault returns the fault that the document tells of. A document of another
// server, whose type is not ours, gets the code "remote".
func (d Document) Fault() *fault.Fault {
	code, ours := strings.CutPrefix(d.Type, TypePrefix)
	if !ours || code == "" {
		code = "remote"
	}
	title := d.Title
	if title == "" {
		title = http.StatusText(d.Status)
	}
	if title == "" {
		title = "Unknown problem"
	}
	f := fault.Define(KindOf(d.Status), code, title)
	if d.Detail != "" {
		f = f.Detailf("%s", d.Detail)
	}
	for _, e := range d.Errors {
		field := fault.Field{Parameter: e.Parameter, Code: e.Code, Detail: e.Detail}
		if e.Pointer != nil {
			field.Pointer = *e.Pointer
		}
		f = f.At(field)
	}
	for _, key := range slices.Sorted(maps.Keys(d.Extensions)) {
		f = f.With(key, d.Extensions[key])
	}
	return f
}

// MarshalJSON writes the fixed members first and the extensions, sorted, after
// them. An extension with the name of a fixed member is an error.
func (d Document) MarshalJSON() ([]byte, error) {
	out, err := json.Marshal(members{d.Type, d.Title, d.Status, d.Detail, d.Instance, d.RequestID, d.Errors})
	if err != nil || len(d.Extensions) == 0 {
		return out, err
	}
	for _, name := range memberNames {
		if _, taken := d.Extensions[name]; taken {
			return nil, fmt.Errorf("extension %q has the name of a member of every problem", name)
		}
	}
	more, err := json.Marshal(d.Extensions)
	if err != nil {
		return nil, err
	}
	out[len(out)-1] = ','
	return append(out, more[1:]...), nil
}

// UnmarshalJSON keeps members that are not fixed as extensions.
func (d *Document) UnmarshalJSON(data []byte) error {
	var m members
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	var extensions map[string]any
	if err := json.Unmarshal(data, &extensions); err != nil {
		return err
	}
	for _, name := range memberNames {
		delete(extensions, name)
	}
	if len(extensions) == 0 {
		extensions = nil
	}
	*d = Document{m.Type, m.Title, m.Status, m.Detail, m.Instance, m.RequestID, m.Errors, extensions}
	return nil
}

// Faults of the router and the protocol, which arrive as *fiber.Error.
var (
	errNoRoute        = fault.Define(fault.NotFound, "no_such_path", "There is nothing at this path")
	errMethod         = fault.Define(fault.MethodNotAllowed, "method_not_allowed", "The resource does not offer this method")
	errBodyTooLarge   = fault.Define(fault.TooLarge, "body_too_large", "The body is too large")
	errHeadTooLarge   = fault.Define(fault.HeadersTooLarge, "headers_too_large", "The request line and headers are too large")
	errRequestTimeout = fault.Define(fault.RequestTimeout, "request_timeout", "The request arrived too slowly")
	errMalformed      = fault.Define(fault.Invalid, "malformed_request", "The request is malformed")
)

// FaultOf is fault.Of that also understands the errors of fiber's router and of
// the HTTP parser.
func FaultOf(err error) *fault.Fault {
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return f
	}
	fe, ok := errors.AsType[*fiber.Error](err)
	if !ok {
		return fault.Of(err)
	}
	switch fe.Code {
	case http.StatusNotFound:
		return errNoRoute.Because(err)
	case http.StatusMethodNotAllowed:
		return errMethod.Because(err)
	case http.StatusRequestEntityTooLarge:
		return errBodyTooLarge.Because(err)
	case http.StatusRequestHeaderFieldsTooLarge:
		return errHeadTooLarge.Because(err)
	case http.StatusRequestTimeout:
		return errRequestTimeout.Because(err)
	}
	if fe.Code >= 400 && fe.Code < 500 {
		if kind := KindOf(fe.Code); kind != fault.Invalid {
			return fault.Define(kind, strings.ReplaceAll(kind.String(), " ", "_"), http.StatusText(fe.Code)).Because(err)
		}
		return errMalformed.Because(err)
	}
	return fault.Of(err)
}

// Write answers the request with the problem that err amounts to. It sets the
// status, Retry-After when the fault says when to try again, and
// WWW-Authenticate on a 401. The request id is the one that is already in the
// response's headers.
func Write(c *fiber.Ctx, err error) error {
	f := FaultOf(err)
	if d := f.RetryAfter(); d > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(seconds(d)))
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Response().Header.Del(fiber.HeaderETag)
	c.Response().Header.Del(fiber.HeaderContentEncoding)
	if write, ok := c.Locals(writerKey{}).(func(*fiber.Ctx, *fault.Fault) error); ok {
		return write(c, f)
	}
	doc := From(f, string(c.Request().URI().PathOriginal()), string(c.Response().Header.Peek(RequestIDHeader)))
	body, merr := json.Marshal(doc)
	if merr != nil {
		doc.Extensions = nil
		if body, merr = json.Marshal(doc); merr != nil {
			return fmt.Errorf("problem document: %w", merr)
		}
	}
	if f.Kind() == fault.Unauthenticated && len(c.Response().Header.Peek(fiber.HeaderWWWAuthenticate)) == 0 {
		c.Set(fiber.HeaderWWWAuthenticate, challenge(c, f))
	}
	c.Status(doc.Status)
	c.Response().Header.SetContentType(ContentType)
	c.Response().SetBodyRaw(body)
	return nil
}

type writerKey struct{}

// As has the fault of the request, should it end in one, answered by write and not as a document: for protocols that tell of faults
// in words of their own. Status and body are write's to set.
func As(c *fiber.Ctx, write func(c *fiber.Ctx, f *fault.Fault) error) { c.Locals(writerKey{}, write) }

// challenge follows RFC 6750: a request without credentials learns only the
// scheme, one with bad credentials that they are bad.
func challenge(c *fiber.Ctx, f *fault.Fault) string {
	if len(c.Request().Header.Peek(fiber.HeaderAuthorization)) == 0 {
		return `Bearer realm="ihr"`
	}
	return `Bearer realm="ihr", error="invalid_token", error_description="` + quotable(f.Title()) + `"`
}

// quotable keeps what may stand in a quoted string of a header.
func quotable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, s)
}

// seconds rounds up, so that nobody comes back too early.
func seconds(d time.Duration) int {
	return int(math.Ceil(d.Seconds()))
}
