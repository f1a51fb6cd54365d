// Package fault says what went wrong, in a form that survives from the line
// that noticed it to the caller who must be told.
//
// A fault has a kind (what sort of thing happened), a stable code (public, what
// programs match on), a title and a detail for people, the faulty inputs, and a
// private cause for the logs. Faults are defined once, beside the function that
// returns them, and refined where they happen:
//
//	var ErrTaken = fault.Define(fault.Conflict, "plot_taken", "The plot is taken")
//
//	return ErrTaken.Detailf("plot %s is reserved until %s", id, until).Because(err)
//
// errors.Is compares codes, so a refined fault is still the defined one. There
// is no HTTP here; package problem turns faults into answers.
package fault

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Kind is the sort of a fault. Package problem gives each its status code.
type Kind uint8

// The kinds. The zero Kind is none of them, so that a forgotten kind shows.
const (
	// Invalid is input that can never be right, whatever the state.
	Invalid Kind = iota + 1
	// Unauthenticated is a caller who is not known.
	Unauthenticated
	// Forbidden is a known caller who may not do this.
	Forbidden
	// NotFound is a thing that is absent, or hidden from the caller.
	NotFound
	// MethodNotAllowed is a resource that exists but cannot be used in this way.
	MethodNotAllowed
	// NotAcceptable is a representation that is not offered.
	NotAcceptable
	// RequestTimeout is a caller who sent too slowly.
	RequestTimeout
	// Conflict is a request that the present state does not allow.
	Conflict
	// Gone is a thing that was there and will not return.
	Gone
	// PreconditionFailed is a stale If-Match.
	PreconditionFailed
	// TooLarge is a body beyond the limit.
	TooLarge
	// UnsupportedMedia is a body in a format or encoding that is not read.
	UnsupportedMedia
	// Unprocessable is well-formed input that contradicts itself or an earlier request.
	Unprocessable
	// PreconditionRequired is a change of a shared resource without If-Match.
	PreconditionRequired
	// Limited is a caller over the budget.
	Limited
	// HeadersTooLarge is a request head beyond the limit.
	HeadersTooLarge
	// Internal is our mistake. Its text is fixed; the cause goes to the logs.
	Internal
	// Unavailable is a dependency that does not answer; trying again may help.
	Unavailable
	// Timeout is work that did not end within its deadline.
	Timeout
)

var kindNames = [...]string{
	Invalid:              "invalid",
	Unauthenticated:      "unauthenticated",
	Forbidden:            "forbidden",
	NotFound:             "not found",
	MethodNotAllowed:     "method not allowed",
	NotAcceptable:        "not acceptable",
	RequestTimeout:       "request timeout",
	Conflict:             "conflict",
	Gone:                 "gone",
	PreconditionFailed:   "precondition failed",
	TooLarge:             "too large",
	UnsupportedMedia:     "unsupported media",
	Unprocessable:        "unprocessable",
	PreconditionRequired: "precondition required",
	Limited:              "limited",
	HeadersTooLarge:      "headers too large",
	Internal:             "internal",
	Unavailable:          "unavailable",
	Timeout:              "timeout",
}

// String names the kind in plain words.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// Kinds returns every kind, in order.
func Kinds() []Kind {
	all := make([]Kind, 0, len(kindNames)-1)
	for k := Invalid; int(k) < len(kindNames); k++ {
		all = append(all, k)
	}
	return all
}

// Field is one faulty input: where it is, what is wrong with it, and what would
// be right. Exactly one of Pointer and Parameter is set.
type Field struct {
	// Pointer is an RFC 6901 JSON pointer into the body; "" is the body itself
	// when Parameter is empty too.
	Pointer string
	// Parameter is the name of a query, path or header parameter.
	Parameter string
	// Code is stable and short: "required", "unknown", "range".
	Code string
	// Detail says for people what is allowed.
	Detail string
}

// Fault is an error with a public and a private side. It is immutable: every
// method that changes something returns a copy.
type Fault struct {
	kind       Kind
	code       string
	title      string
	detail     string
	fields     []Field
	retryAfter time.Duration
	extensions map[string]any
	cause      error
}

// Define makes the fault that a package-level variable names. The code is part
// of the public API: lower snake case, never changed. Define panics when one of
// the three is missing, since that is a mistake in the program.
func Define(kind Kind, code, title string) *Fault {
	if kind == 0 || int(kind) >= len(kindNames) || code == "" || title == "" {
		panic(fmt.Sprintf("fault: Define(%v, %q, %q) wants a kind, a code and a title", kind, code, title))
	}
	return &Fault{kind: kind, code: code, title: title}
}

func (f *Fault) clone() *Fault {
	c := *f
	return &c
}

// Detailf sets the public detail: what happened this time, for people.
func (f *Fault) Detailf(format string, args ...any) *Fault {
	c := f.clone()
	c.detail = fmt.Sprintf(format, args...)
	return c
}

// At adds faulty inputs.
func (f *Fault) At(fields ...Field) *Fault {
	c := f.clone()
	c.fields = slices.Concat(f.fields, fields)
	return c
}

// After says when trying again makes sense.
func (f *Fault) After(d time.Duration) *Fault {
	c := f.clone()
	c.retryAfter = d
	return c
}

// With adds a public member that is particular to this fault, such as the next
// free time of a plot that is taken. The value must be fit for encoding/json.
func (f *Fault) With(key string, value any) *Fault {
	c := f.clone()
	c.extensions = maps.Clone(f.extensions)
	if c.extensions == nil {
		c.extensions = make(map[string]any, 1)
	}
	c.extensions[key] = value
	return c
}

// Because keeps the private cause. It is logged and never shown.
func (f *Fault) Because(err error) *Fault {
	c := f.clone()
	c.cause = err
	return c
}

// Error is the text for logs: it holds the private cause. Callers are shown
// Title and Detail.
func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.code)
	b.WriteString(": ")
	if f.detail != "" {
		b.WriteString(f.detail)
	} else {
		b.WriteString(f.title)
	}
	for i, field := range f.fields {
		if i == 0 {
			b.WriteString(" [")
		} else {
			b.WriteString("; ")
		}
		if field.Parameter != "" {
			b.WriteString(field.Parameter)
		} else {
			b.WriteString("#" + field.Pointer)
		}
		b.WriteString(" " + field.Code)
		if i == len(f.fields)-1 {
			b.WriteString("]")
		}
	}
	if f.cause != nil {
		b.WriteString(": ")
		b.WriteString(f.cause.Error())
	}
	return b.String()
}

// Unwrap returns the private cause, so that errors.Is and errors.As see it.
func (f *Fault) Unwrap() error { return f.cause }

// Is reports whether target is a fault of the same code.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.code == f.code
}

// Kind returns the sort of the fault.
func (f *Fault) Kind() Kind { return f.kind }

// Code returns the stable public code.
func (f *Fault) Code() string { return f.code }

// Title returns the text that is the same for every fault of this code.
func (f *Fault) Title() string { return f.title }

// Detail returns what happened this time, or "".
func (f *Fault) Detail() string { return f.detail }

// Fields returns the faulty inputs. The caller must not change them.
func (f *Fault) Fields() []Field { return f.fields }

// RetryAfter returns how long to wait before trying again, or 0.
func (f *Fault) RetryAfter() time.Duration { return f.retryAfter }

// Extensions returns the public members particular to this fault. The caller
// must not change them.
func (f *Fault) Extensions() map[string]any { return f.extensions }

var (
	errInternal = Define(Internal, "internal", "Internal error").
			Detailf("Something went wrong on our side. The request id leads us to it.")
	errTimeout  = Define(Timeout, "timeout", "The request took too long").After(time.Second)
	errCanceled = Define(Unavailable, "canceled", "The request was cut off").After(time.Second)
)

// Of returns the fault within err, or the one that err amounts to: Timeout for
// context.DeadlineExceeded, Unavailable for context.Canceled (the server is
// stopping, or the caller has left), and for anything else Internal with a
// fixed text and err as the private cause. Of(nil) is nil.
func Of(err error) *Fault {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errTimeout.Because(err)
	case errors.Is(err, context.Canceled):
		return errCanceled.Because(err)
	default:
		return errInternal.Because(err)
	}
}
