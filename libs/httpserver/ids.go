package httpserver

import (
	"context"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// idSpan is a span of which nothing is kept: its ids, for the log and for the
// peers that are asked on behalf of the request. Having a tracer start one costs
// twenty times as much.
type idSpan struct {
	noop.Span
	context trace.SpanContext
}

func (s *idSpan) make() {
	var ids struct {
		trace trace.TraceID
		span  trace.SpanID
	}
	randomize(ids.trace[:])
	randomize(ids.span[:])
	s.context = trace.NewSpanContext(trace.SpanContextConfig{TraceID: ids.trace, SpanID: ids.span})
}

// SpanContext returns the ids, of a trace that is not sampled.
func (s *idSpan) SpanContext() trace.SpanContext { return s.context }

// spanKey is what OpenTelemetry asks a context for its span by, and keeps to itself.
var spanKey = func() (key any) {
	trace.SpanFromContext(overheard{context.Background(), &key})
	return key
}()

// overheard is a context that remembers what it was asked for.
type overheard struct {
	context.Context
	key *any
}

func (o overheard) Value(key any) any {
	*o.key = key
	return nil
}
