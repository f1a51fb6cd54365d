package openapi

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// ErrInvalid is returned for a request that the document does not allow; its
// fields name every fault.
var ErrInvalid = fault.Define(fault.Invalid, "invalid_request", "The request is not valid")

// operation is an operation with its checks compiled.
type operation struct {
	Operation
	spec    *openapi3.Operation
	access  access
	query   parameters
	path    []*parameter
	headers []*parameter
	body    *body
}

func compileOperation(
	doc *openapi3.T, method, path string, item *openapi3.PathItem, spec *openapi3.Operation,
) (*operation, error) {
	op := &operation{Operation: Operation{ID: spec.OperationID, Method: method, Path: path}, spec: spec}
	if !slices.Contains(methods, method) {
		return nil, errors.New("this method is not served")
	}

	var faults []error
	var err error
	if op.access, err = compileAccess(doc, spec); err != nil {
		faults = append(faults, err)
	}
	for _, p := range allParameters(item, spec) {
		compiled, err := compileParameter(p)
		if err != nil {
			faults = append(faults, fmt.Errorf("parameter %s: %w", p.Name, err))
			continue
		}
		switch p.In {
		case openapi3.ParameterInQuery:
			op.query.add(compiled)
		case openapi3.ParameterInPath:
			op.path = append(op.path, compiled)
		case openapi3.ParameterInHeader:
			op.headers = append(op.headers, compiled)
		default:
			faults = append(faults, fmt.Errorf("parameter %s: a parameter in %s is not checked", p.Name, p.In))
		}
	}
	if op.body, err = compileBody(spec.RequestBody); err != nil {
		faults = append(faults, err)
	}
	return op, errors.Join(faults...)
}

// allParameters returns the operation's parameters and those of its path that it
// does not replace.
func allParameters(item *openapi3.PathItem, spec *openapi3.Operation) []*openapi3.Parameter {
	var all []*openapi3.Parameter
	for _, ref := range spec.Parameters {
		all = append(all, ref.Value)
	}
	for _, ref := range item.Parameters {
		if spec.Parameters.GetByInAndName(ref.Value.In, ref.Value.Name) == nil {
			all = append(all, ref.Value)
		}
	}
	return all
}

// check returns the fault of a request, or nil. also may be nil (Router.Also).
func (op *operation) check(c *fiber.Ctx, also look) error {
	if err := op.access.check(c); err != nil {
		return err
	}
	var found faults
	for _, p := range op.path {
		p.checkPath(c, &found)
	}
	op.query.check(c.Context().URI().QueryString(), &found)
	for _, p := range op.headers {
		p.checkHeader(c, &found)
	}
	mediaErr := op.checkBody(c, &found)
	switch {
	case len(found.fields) > 0:
		also.add(c, &found)
		return ErrInvalid.Detailf("%s", found.summary()).At(found.fields...)
	default:
		return mediaErr
	}
}

// look gives the faults that a handler would find (Router.Also).
type look func(*fiber.Ctx) error

// add adds what the handler would say of parameters and members that the document has nothing against.
func (l look) add(c *fiber.Ctx, found *faults) {
	if l == nil {
		return
	}
	err := l(c)
	if err == nil {
		return
	}
	known := found.fields
	for _, field := range fault.Of(err).Fields() {
		if !slices.ContainsFunc(known, func(f fault.Field) bool { return same(f, field) }) {
			found.fields = append(found.fields, field)
		}
	}
}

// same reports whether two faults are of one parameter, or of one member of the body, or of one that is part of the other.
func same(a, b fault.Field) bool {
	if a.Parameter != "" || b.Parameter != "" {
		return a.Parameter == b.Parameter
	}
	return strings.HasPrefix(a.Pointer+"/", b.Pointer+"/") || strings.HasPrefix(b.Pointer+"/", a.Pointer+"/")
}

// faults collects what is wrong with one request.
type faults struct {
	fields []fault.Field
}

func (f *faults) parameter(name, code, detail string) {
	f.fields = append(f.fields, fault.Field{Parameter: name, Code: code, Detail: detail})
}

func (f *faults) member(pointer, code, detail string) {
	f.fields = append(f.fields, fault.Field{Pointer: pointer, Code: code, Detail: detail})
}

// summary says the first fault in words, for callers who show one line.
func (f *faults) summary() string {
	first := f.fields[0]
	where := "the body"
	switch {
	case first.Parameter != "":
		where = first.Parameter
	case first.Pointer != "":
		where = first.Pointer
	}
	text := where + " " + first.Detail
	if more := len(f.fields) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more in errors)", more)
	}
	return text
}
