// Package openapi holds a service to its OpenAPI document (3.0.3), in both directions.
//
// Load compiles the document. Router wraps the router that the generated
// handlers are registered with, so that every request is checked against the
// operation of the very route that fiber matched:
//
//	document, err := openapi.Load(spec)
//	api.RegisterHandlers(
//	    document.Router(server.App(), verifier.Middleware(), limiter.Middleware(rules...), idempotency.Middleware()),
//	    api.NewStrictHandler(handlers, nil))
//
// Checked are, in this order: the `security:` of the operation (deny by default,
// see ErrUnauthenticated and ErrForbidden), then path, query and header
// parameters and the body, every fault of which is named at once in one
// ErrInvalid: unknown, missing, duplicate and malformed parameters by name,
// unknown, missing, duplicate and malformed members of the body by JSON pointer,
// each with what would be allowed. Nothing is clamped or guessed.
//
// Parameters are compiled to a table at load; a GET costs a scan of its query
// string. Bodies are judged by kin-openapi. What the checks cannot judge exactly
// (deepObject parameters, cookies, …) Load refuses.
//
// An object schema of a request body that lists properties is closed unless it
// says `additionalProperties` otherwise.
//
// CheckingTransport is the other direction, for tests: a http.RoundTripper that
// reports each response that the document does not promise.
package openapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
)

// Document is a loaded OpenAPI document. It is safe for concurrent use.
type Document struct {
	spec       *openapi3.T
	json       []byte
	etag       string
	operations []*operation
	// byRoute finds an operation by method and path as fiber spells it.
	byRoute map[string]*operation
}

// Operation is one operation of a document.
type Operation struct {
	ID     string // operationId
	Method string // in upper case
	Path   string // as the document spells it: /v1/stations/{id}
}

// Load reads a document, YAML or JSON. It returns every reason why the document
// cannot be held to: it is no valid OpenAPI 3.0, refers outside of itself, or
// uses what the checks do not know.
func Load(spec []byte) (*Document, error) {
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = false
	parsed, err := parse(loader, spec)
	if err != nil {
		return nil, fmt.Errorf("parse OpenAPI document: %w", err)
	}
	if err := parsed.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("invalid OpenAPI document: %w", err)
	}
	if !strings.HasPrefix(parsed.OpenAPI, "3.0.") {
		return nil, fmt.Errorf("OpenAPI %s is not read, only 3.0", parsed.OpenAPI)
	}
	restoreIDs(parsed)
	d := &Document{spec: parsed, byRoute: make(map[string]*operation)}
	if d.json, err = parsed.MarshalJSON(); err != nil {
		return nil, fmt.Errorf("render OpenAPI document: %w", err)
	}
	sum := sha256.Sum256(d.json)
	d.etag = `"` + hex.EncodeToString(sum[:8]) + `"`
	return d, d.compile()
}

// parse reads a document. The loader reads JSON as YAML, which takes three times as long.
func parse(loader *openapi3.Loader, spec []byte) (*openapi3.T, error) {
	if !json.Valid(spec) {
		return loader.LoadFromData(spec)
	}
	parsed := new(openapi3.T)
	if err := json.Unmarshal(spec, parsed); err != nil {
		return nil, err
	}
	return parsed, loader.ResolveRefsIn(parsed, nil)
}

// restoreIDs undoes what the code generator does to the document it embeds: it begins operation ids with a capital letter, as Go
// names have it, where the contract has a small one.
func restoreIDs(spec *openapi3.T) {
	for _, item := range spec.Paths.Map() {
		for _, op := range item.Operations() {
			if id := op.OperationID; id != "" {
				op.OperationID = strings.ToLower(id[:1]) + id[1:]
			}
		}
	}
}

func (d *Document) compile() error {
	var faults []error
	ids := make(map[string]struct{})
	for _, path := range d.spec.Paths.InMatchingOrder() {
		item := d.spec.Paths.Value(path)
		for method, spec := range item.Operations() {
			op, err := compileOperation(d.spec, method, path, item, spec)
			if err != nil {
				faults = append(faults, fmt.Errorf("%s %s: %w", method, path, err))
				continue
			}
			if _, taken := ids[op.ID]; taken || op.ID == "" {
				faults = append(faults, fmt.Errorf("%s %s: the operationId %q is missing or taken", method, path, op.ID))
			}
			ids[op.ID] = struct{}{}
			d.operations = append(d.operations, op)
			d.byRoute[method+" "+FiberPath(path)] = op
		}
	}
	slices.SortFunc(d.operations, func(a, b *operation) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	})
	return errors.Join(faults...)
}

// FiberPath spells a path of the document as fiber does: {id} becomes :id.
func FiberPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

// JSON returns the document as JSON.
func (d *Document) JSON() []byte { return d.json }

// Handler serves the document as JSON, with an ETag.
func (d *Document) Handler() fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "public, max-age=300")
		if httpserver.NotModified(c, d.etag) {
			return nil
		}
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(d.json)
	}
}

// Operations returns the operations, by path and method.
func (d *Document) Operations() []Operation {
	all := make([]Operation, len(d.operations))
	for i, op := range d.operations {
		all[i] = op.Operation
	}
	return all
}

// Judge says whether a caller may use an operation, as the checks of Router do before any request reaches a handler, and returns the
// scopes by which they may: ErrUnauthenticated, ErrForbidden, and ErrNoOperation for what the document does not have. known is
// false for an anonymous caller. An operation with HTTP Basic is judged by whoever verifies that.
func (d *Document) Judge(method, path string, caller authn.Principal, known bool) (scopes []string, err error) {
	op, there := d.byRoute[method+" "+FiberPath(path)]
	if !there {
		return nil, ErrNoOperation
	}
	return op.access.judge(caller, known)
}

// ErrNoOperation is returned for a method and path that a document does not have.
var ErrNoOperation = errors.New("openapi: no such operation")

// methods are those that a document may describe here.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}
