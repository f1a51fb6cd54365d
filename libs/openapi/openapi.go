// Package openapi is being written.
package openapi

import (
	"net/http"

	"github.com/gofiber/fiber/v2"
)

// Document is a loaded OpenAPI document.
type Document struct{}

// Operation is one operation of a document.
type Operation struct {
	ID     string // operationId
	Method string // upper case
	Path   string // as in the document: /v1/stations/{id}
}

// Load reads an OpenAPI 3.0.3 document, YAML or JSON.
func Load(spec []byte) (*Document, error) { return &Document{}, nil }

// Router returns a router over r that puts, in front of each handler registered through it, first the handlers
// of before (authn, ratelimit, idempotency …) and then the check of the operation: security, parameters, body.
// Give it to the generated RegisterHandlers: the route fiber matched then is the operation that is checked.
// Registering a path that the document does not have panics.
//
//	api.RegisterHandlers(doc.Router(server.App(), verifier.Middleware(), limiter.Middleware(rules...), idempotency.Middleware()), api.NewStrictHandler(…))
func (d *Document) Router(r fiber.Router, before ...fiber.Handler) fiber.Router { return r }

// JSON is the document as JSON.
func (d *Document) JSON() []byte { return nil }

// Handler serves JSON with an ETag.
func (d *Document) Handler() fiber.Handler { return func(c *fiber.Ctx) error { return nil } }

// Operations lists the operations.
func (d *Document) Operations() []Operation { return nil }

// CheckingTransport checks every response against the document.
func (d *Document) CheckingTransport(next http.RoundTripper, onFault func(error)) http.RoundTripper { return next }
