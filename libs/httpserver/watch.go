package httpserver

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/problem"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

const scope = "github.com/ihr-charging/charging-plot-api/libs/httpserver"

// unmatched is the route of requests that no route wants, so that their paths,
// which anyone can make up, never become names of series or spans.
const unmatched = "unmatched"

// watch sees every request: its span, its duration, how many there are.
type watch struct {
	tracer   trace.Tracer
	silent   bool // there are no traces
	records  bool // some spans are kept
	duration *telemetry.Durations
	metrics  fiber.Handler
	meter    metric.Meter
	active   atomic.Int64

	// series holds what each series that was seen has in common, made once.
	series atomic.Pointer[map[seriesKey]*series]
	mu     sync.Mutex
	log    slog.Handler
}

// series are the requests of one route with one outcome.
type series struct {
	durations *telemetry.DurationSeries
	log       slog.Handler // has written its attributes already
}

type seriesKey struct {
	method, route string
	status        int
}

// durations are the bounds of the histogram in seconds: the usual ones, and
// finer ones below, where answers from memory are.
var durations = []float64{
	.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30,
}

func newWatch(tel *telemetry.Telemetry) *watch {
	w := &watch{
		tracer: tel.Tracer(scope), records: tel.Records(), metrics: adaptor.HTTPHandler(tel.MetricsHandler()),
		meter: tel.Meter(scope), log: tel.Log().Handler(),
	}
	_, w.silent = tel.TracerProvider().(noop.TracerProvider)
	w.series.Store(&map[seriesKey]*series{})
	w.duration = tel.Durations(scope, "http.server.request.duration", "Duration of HTTP requests.", durations)
	_, err := w.meter.Int64ObservableUpDownCounter("http.server.active_requests",
		metric.WithUnit("{request}"),
		metric.WithDescription("Requests under way, open streams among them."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(w.active.Load())
			return nil
		}))
	if err != nil {
		tel.Log().Error("no gauge of active requests", "error", err)
	}
	return w
}

// watchDependencies shows which dependencies failed when they were last asked: a
// pod that is degraded looks ready from outside.
func (w *watch) watchDependencies(checks []*check) {
	names := make([]metric.MeasurementOption, len(checks))
	for i, c := range checks {
		names[i] = metric.WithAttributes(attribute.String("dependency", c.Name))
	}
	_, err := w.meter.Int64ObservableGauge("dependency.failing",
		metric.WithDescription("1 while what the service needs does not answer, or is behind, else 0."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for i, c := range checks {
				var failing int64
				if c.failing.Load() {
					failing = 1
				}
				o.Observe(failing, names[i])
			}
			return nil
		}))
	if err != nil {
		slog.New(w.log).Error("no gauge of dependencies", "error", err)
	}
}

var spanOptions = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}

// begin counts the request and starts its span, as a child of the caller's when
// a valid traceparent came along. Where no span is kept, one that begins here is
// but its ids, in the request itself.
func (w *watch) begin(c *fiber.Ctx, r *request) {
	w.active.Add(1)
	header := &c.Request().Header
	if len(header.Peek("Traceparent")) > 0 {
		r.parent = propagation.TraceContext{}.Extract(r.parent, carrier{c})
	} else if w.silent {
		return
	} else if !w.records {
		r.ids.make()
		return
	}
	r.parent, r.span = w.tracer.Start(r.parent, c.Method(), spanOptions...)
}

// carrier lets the propagator read the request's headers.
type carrier struct{ c *fiber.Ctx }

func (h carrier) Get(key string) string { return string(h.c.Request().Header.Peek(key)) }
func (h carrier) Set(string, string)    {}
func (h carrier) Keys() []string        { return nil }

// line is what is said about a finished request.
type line struct {
	ctx       context.Context
	method    string
	route     string
	status    int
	principal string
	code      string
	err       error // worth a look: ours, or of a stream that broke
}

// finish says what became of a request.
func (s *Server) finish(c *fiber.Ctx, r *request, err error) {
	s.conclude(r, s.describe(c, r, err))
}

// describe takes from c what the log line, the span and the histogram need.
func (s *Server) describe(c *fiber.Ctx, r *request, err error) line {
	l := line{
		ctx:    r,
		method: method(c),
		route:  s.template(c),
		status: c.Response().StatusCode(),
	}
	if p, ok := authn.FromContext(c.UserContext()); ok {
		l.principal = p.Subject.String()
	}
	if err != nil {
		l.code = problem.FaultOf(err).Code()
		if l.status >= http.StatusInternalServerError {
			l.err = err
		}
	}
	return l
}

// method returns the method of the request, "_OTHER" for one that is made up.
func method(c *fiber.Ctx) string {
	switch m := c.Method(); m {
	case fiber.MethodGet, fiber.MethodHead, fiber.MethodPost, fiber.MethodPut, fiber.MethodPatch, fiber.MethodDelete, fiber.MethodOptions:
		return m
	default:
		return "_OTHER"
	}
}

// template returns the path of the route as it was registered.
func (s *Server) template(c *fiber.Ctx) string {
	s.routesOnce.Do(func() {
		s.routes = make(map[string]struct{})
		for _, route := range s.app.GetRoutes(true) {
			s.routes[route.Path] = struct{}{}
		}
	})
	path := c.Route().Path
	if _, ok := s.routes[path]; !ok || path == "/" && string(c.Request().URI().PathOriginal()) != "/" {
		return unmatched
	}
	return path
}

func (s *Server) conclude(r *request, l line) {
	took := time.Since(r.start)
	s.watch.active.Add(-1)
	in := s.watch.seriesOf(seriesKey{l.method, l.route, l.status})
	var traced trace.SpanContext
	if r.span != nil {
		traced = r.span.SpanContext()
		endSpan(r.span, l)
	}
	in.durations.Record(took, traced)
	writeLine(in.log, r, took, &l)
}

// writeLine writes the access log line. It makes the record itself: slog would look
// up the line of code that logs, which is always this one.
func writeLine(handler slog.Handler, r *request, took time.Duration, l *line) {
	level := l.level()
	if !handler.Enabled(l.ctx, level) {
		return
	}
	record := slog.NewRecord(r.start.Add(took), level, "request", 0)
	record.AddAttrs(
		slog.Int64("duration_us", took.Microseconds()),
		slog.String("request_id", r.id),
	)
	if l.principal != "" {
		record.AddAttrs(slog.String("principal", l.principal))
	}
	if l.code != "" {
		record.AddAttrs(slog.String("fault", l.code))
	}
	if l.err != nil {
		record.AddAttrs(slog.Any("error", l.err))
	}
	_ = handler.Handle(l.ctx, record) // a log that cannot be written has nowhere to say so
}

// level keeps probes out of the ordinary log, which they would fill.
func (l *line) level() slog.Level {
	switch {
	case l.status >= http.StatusInternalServerError && l.err != nil:
		return slog.LevelError
	case l.err != nil:
		return slog.LevelWarn
	}
	switch l.route {
	case "/healthz", "/livez", "/readyz", "/metrics":
		return slog.LevelDebug
	default:
		return slog.LevelInfo
	}
}

// seriesOf returns what the requests of a series have in common, built with the first.
func (w *watch) seriesOf(key seriesKey) *series {
	if known, ok := (*w.series.Load())[key]; ok {
		return known
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	next := maps.Clone(*w.series.Load())
	next[key] = &series{
		durations: w.duration.Series(attribute.NewSet(
			attribute.String("http.request.method", key.method),
			attribute.String("http.route", key.route),
			attribute.Int("http.response.status_code", key.status),
		)),
		log: w.log.WithAttrs([]slog.Attr{
			slog.String("method", key.method),
			slog.String("route", key.route),
			slog.Int("status", key.status),
		}),
	}
	w.series.Store(&next)
	return next[key]
}

// endSpan names the span after the route. No URL is in it: paths and queries
// hold ids and could hold secrets.
func endSpan(span trace.Span, l line) {
	if span.IsRecording() {
		span.SetName(l.method + " " + l.route)
		span.SetAttributes(
			attribute.String("http.request.method", l.method),
			attribute.String("http.route", l.route),
			attribute.Int("http.response.status_code", l.status),
		)
		if l.code != "" {
			span.SetAttributes(attribute.String("error.type", l.code))
		}
		if l.err != nil {
			span.SetStatus(codes.Error, l.code)
		}
	}
	span.End()
}
