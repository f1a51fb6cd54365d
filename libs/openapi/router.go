package openapi

import (
	"fmt"
	"slices"

	"github.com/gofiber/fiber/v2"
)

// Router returns a router that registers with r and puts in front of each
// handler first those of before, in order, and then the check of the operation
// with that method and path. Registering what the document does not describe
// panics: such a route would be open and unchecked.
//
// Middleware belongs into before and not into r.Use: there it runs for this very
// route, knows its template, and costs no walk of the route tree.
func (d *Document) Router(r fiber.Router, before ...fiber.Handler) Router {
	return Router{&router{Router: r, document: d, before: before, also: map[string]look{}}}
}

// Router is a fiber.Router that accepts the document's operations only.
type Router struct{ *router }

type router struct {
	fiber.Router
	document *Document
	before   []fiber.Handler
	also     map[string]look // by method and path as fiber spells it
}

// Also gives an operation what its handler would refuse in a query or a body, so that a request which the document refuses is told of
// all its faults at once. look runs for such requests alone, so what it reads need not be well-formed; what it says of parameters and
// members that the document has refused already is left out. It belongs before the registration of the operation.
func (r Router) Also(method, path string, look func(*fiber.Ctx) error) {
	r.also[method+" "+FiberPath(path)] = look
}

// wrap builds the chain of one operation.
func (r *router) wrap(method, path string, handlers []fiber.Handler) []fiber.Handler {
	route := method + " " + path
	op, ok := r.document.byRoute[route]
	if !ok {
		panic(fmt.Sprintf("openapi: the document has no operation %s", route))
	}
	also := r.also[route]
	check := func(c *fiber.Ctx) error {
		if err := op.check(c, also); err != nil {
			return err
		}
		return c.Next()
	}
	return slices.Concat(r.before, []fiber.Handler{check}, handlers)
}

func (r *router) Add(method, path string, handlers ...fiber.Handler) fiber.Router {
	r.Router.Add(method, path, r.wrap(method, path, handlers)...)
	return r
}

// Get registers with the router's own Get, which answers HEAD too.
func (r *router) Get(path string, handlers ...fiber.Handler) fiber.Router {
	r.Router.Get(path, r.wrap(fiber.MethodGet, path, handlers)...)
	return r
}

func (r *router) Head(path string, handlers ...fiber.Handler) fiber.Router {
	return r.Add(fiber.MethodHead, path, handlers...)
}

func (r *router) Post(path string, handlers ...fiber.Handler) fiber.Router {
	return r.Add(fiber.MethodPost, path, handlers...)
}

func (r *router) Put(path string, handlers ...fiber.Handler) fiber.Router {
	return r.Add(fiber.MethodPut, path, handlers...)
}

func (r *router) Delete(path string, handlers ...fiber.Handler) fiber.Router {
	return r.Add(fiber.MethodDelete, path, handlers...)
}

func (r *router) Patch(path string, handlers ...fiber.Handler) fiber.Router {
	return r.Add(fiber.MethodPatch, path, handlers...)
}

func (r *router) Options(path string, handlers ...fiber.Handler) fiber.Router {
	return r.Add(fiber.MethodOptions, path, handlers...)
}

func (r *router) Connect(path string, handlers ...fiber.Handler) fiber.Router {
	return r.Add(fiber.MethodConnect, path, handlers...)
}

func (r *router) Trace(path string, handlers ...fiber.Handler) fiber.Router {
	return r.Add(fiber.MethodTrace, path, handlers...)
}

// What follows would register routes past the document.

func (r *router) All(path string, _ ...fiber.Handler) fiber.Router {
	panic("openapi: All(" + path + ") is not an operation")
}

func (r *router) Static(prefix, _ string, _ ...fiber.Static) fiber.Router {
	panic("openapi: Static(" + prefix + ") is not an operation")
}

func (r *router) Group(prefix string, _ ...fiber.Handler) fiber.Router {
	panic("openapi: Group(" + prefix + ") hides paths from the document; register full paths")
}

func (r *router) Route(prefix string, _ func(fiber.Router), _ ...string) fiber.Router {
	panic("openapi: Route(" + prefix + ") hides paths from the document; register full paths")
}

func (r *router) Mount(prefix string, _ *fiber.App) fiber.Router {
	panic("openapi: Mount(" + prefix + ") is not an operation")
}
