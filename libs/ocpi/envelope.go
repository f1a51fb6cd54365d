package ocpi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/problem"
)

// Status is a status code of OCPI.
type Status int

// The status codes that are used.
const (
	Success            Status = 1000
	ClientError        Status = 2000
	InvalidParameters  Status = 2001
	TooLittle          Status = 2002 // not enough information
	UnknownLocation    Status = 2003
	UnknownToken       Status = 2004
	ServerError        Status = 3000
	UnusableClient     Status = 3001 // the client's own API could not be used
	UnsupportedVersion Status = 3002
	NoEndpoints        Status = 3003 // the two have no version or endpoint in common
)

// Envelope is what every answer is wrapped in.
type Envelope struct {
	Data          any    `json:"data,omitempty"`
	StatusCode    Status `json:"status_code"`
	StatusMessage string `json:"status_message,omitempty"`
	Timestamp     Time   `json:"timestamp"`
}

// Write answers with data: 200, or 201 for what was made. Data may be nil.
func Write(c *fiber.Ctx, httpStatus int, data any) error {
	return write(c, httpStatus, Envelope{Data: data, StatusCode: Success, StatusMessage: "Success"})
}

func write(c *fiber.Ctx, httpStatus int, e Envelope) error {
	e.Timestamp = Time(time.Now())
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode an OCPI answer: %w", err)
	}
	c.Status(httpStatus)
	c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
	c.Response().SetBodyRaw(text)
	return nil
}

// statusKey is the extension of a fault that has a status code of OCPI's of its own.
const statusKey = "ocpi_status"

// As gives a fault the status code by which parties are told of it.
func As(f *fault.Fault, status Status) *fault.Fault { return f.With(statusKey, status) }

// writeFault answers with a fault, in OCPI's words.
func writeFault(c *fiber.Ctx, f *fault.Fault) error {
	if f.Kind() == fault.Unauthenticated {
		c.Set(fiber.HeaderWWWAuthenticate, `Token realm="ihr"`)
	}
	httpStatus, status := judge(f)
	if told, ok := f.Extensions()[statusKey].(Status); ok {
		status = told
	}
	message := f.Title()
	if f.Detail() != "" {
		message += ": " + f.Detail()
	}
	return write(c, httpStatus, Envelope{StatusCode: status, StatusMessage: Cut(message, maxMessage)})
}

// maxMessage is the most characters of a status message.
const maxMessage = 255

// judge gives the HTTP status of a fault, and the status code of OCPI that it has when nothing else is said.
func judge(f *fault.Fault) (httpStatus int, status Status) {
	switch f.Kind() {
	case fault.Invalid:
		for _, field := range f.Fields() {
			if field.Code == "syntax" || field.Code == "encoding" {
				return http.StatusBadRequest, InvalidParameters
			}
		}
		return http.StatusOK, InvalidParameters
	case fault.Unprocessable, fault.Conflict, fault.PreconditionFailed, fault.PreconditionRequired:
		return http.StatusOK, ClientError
	case fault.Gone:
		return http.StatusNotFound, ClientError
	case fault.Internal, fault.Unavailable, fault.Timeout:
		return problem.Status(f.Kind()), ServerError
	case fault.Unauthenticated, fault.Forbidden, fault.NotFound, fault.MethodNotAllowed, fault.NotAcceptable, fault.RequestTimeout,
		fault.TooLarge, fault.UnsupportedMedia, fault.Limited, fault.HeadersTooLarge:
	}
	return problem.Status(f.Kind()), ClientError
}
