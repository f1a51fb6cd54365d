// Package telemetry gives a service its logger, its tracer and its meter.
//
//	tel, err := telemetry.Start(ctx, cfg)
//	defer tel.Shutdown(context.WithoutCancel(ctx))
//	tel.Log().InfoContext(ctx, "plot reserved", "plot_id", id)
//
// Logs are lines of JSON (or text, for people) on standard output, with the trace_id and span_id of
// the context they are given. Metrics are at MetricsHandler in Prometheus' text format. With
// OTEL_EXPORTER_OTLP_ENDPOINT set, traces, metrics and logs also go to that collector by OTLP over
// HTTP; a collector that is away or hangs costs what is queued for it, never a request's time.
//
// Nothing personal and no secret belongs in any of the three: ids, route templates, counts and
// durations do. Providers are handed on, not made global, so that several services can live in one
// process; only the W3C trace context propagator is global, being the same for all.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

const (
	// flushTimeout is how long each provider may take to hand over what it holds at the end.
	flushTimeout = 3 * time.Second
	// cardinalityLimit is how many attribute sets one instrument may have; the rest are added up
	// as otel.metric.overflow. It is what stands between a careless attribute and the memory.
	cardinalityLimit = 2000
)

// Config says what is kept and where it goes.
type Config struct {
	Service string `env:"-"` // the service's name, such as auth
	Version string `env:"-"`

	OTLPEndpoint string     `env:"OTEL_EXPORTER_OTLP_ENDPOINT" desc:"collector that takes OTLP over HTTP, such as http://127.0.0.1:4318; nothing is sent when empty"`
	SampleRatio  float64    `env:"OTEL_TRACES_SAMPLER_ARG" envDefault:"0.1" desc:"share of the traces begun here that are kept, 0 to 1; a caller's decision is followed"`
	LogLevel     slog.Level `env:"LOG_LEVEL" envDefault:"INFO" desc:"DEBUG, INFO, WARN or ERROR"`
	LogFormat    string     `env:"LOG_FORMAT" envDefault:"json" desc:"json or text"`

	LogOutput io.Writer `env:"-"` // standard output when nil
}

// Validate reports every setting that cannot be used.
func (c Config) Validate() error {
	var faults []error
	if c.OTLPEndpoint != "" {
		u, err := url.Parse(c.OTLPEndpoint)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			faults = append(faults, errors.New("OTEL_EXPORTER_OTLP_ENDPOINT: not an http or https URL"))
		}
	}
	if c.SampleRatio < 0 || c.SampleRatio > 1 {
		faults = append(faults, errors.New("OTEL_TRACES_SAMPLER_ARG: not between 0 and 1"))
	}
	if c.LogFormat != "" && c.LogFormat != "json" && c.LogFormat != "text" {
		faults = append(faults, errors.New("LOG_FORMAT: neither json nor text"))
	}
	return errors.Join(faults...)
}

// Telemetry is one service's logger, tracer, meter and what stands behind them.
type Telemetry struct {
	log     *slog.Logger
	traces  trace.TracerProvider
	records bool

	durations *allDurations
	metrics   metric.MeterProvider
	handler   http.Handler
	shutdown  []func(context.Context) error
}

// Start makes a service's telemetry. It does not wait for the collector. Its errors are those of
// Validate.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	otel.SetTextMapPropagator(propagation.TraceContext{})
	about, err := resource.New(ctx, resource.WithFromEnv(), resource.WithAttributes(
		attribute.String("service.name", cfg.Service),
		attribute.String("service.version", cfg.Version),
		attribute.String("service.instance.id", uuid.NewString()),
	))
	if err != nil {
		return nil, fmt.Errorf("telemetry: describe the service: %w", err)
	}
	t := &Telemetry{durations: new(allDurations)}
	handlers := []slog.Handler{cfg.lineHandler()}
	endpoint := strings.TrimSuffix(cfg.OTLPEndpoint, "/")
	registry := prometheus.NewRegistry()
	readers, err := prometheusReader(registry, t.durations)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	t.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})

	if endpoint == "" {
		// Requests still get trace ids, for the logs and for peers; nothing is recorded.
		t.traces = sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSampler(sdktrace.NeverSample()))
	} else {
		out, err := newExporters(ctx, endpoint)
		if err != nil {
			return nil, fmt.Errorf("telemetry: %w", err)
		}
		traces := out.tracerProvider(about, cfg.SampleRatio)
		logs, logHandler := out.loggerProvider(about, cfg)
		readers = append(readers, out.metricReader(t.durations))
		handlers = append(handlers, logHandler)
		t.traces, t.records = traces, true
		t.shutdown = append(t.shutdown, traces.Shutdown, logs.Shutdown)
	}
	metrics := sdkmetric.NewMeterProvider(append(readers,
		sdkmetric.WithResource(about), sdkmetric.WithCardinalityLimit(cardinalityLimit))...)
	t.metrics = metrics
	t.shutdown = append(t.shutdown, metrics.Shutdown)

	all := handlers[0]
	if len(handlers) > 1 {
		all = slog.NewMultiHandler(handlers...)
	}
	t.log = slog.New(all).With("service", cfg.Service)
	reportExportFailures(slog.New(handlers[0]).With("service", cfg.Service))
	return t, nil
}

// Discard keeps nothing. It is for tests and for tools that have no telemetry.
func Discard() *Telemetry {
	return &Telemetry{
		log:     slog.New(slog.DiscardHandler),
		traces:  tracenoop.NewTracerProvider(),
		metrics: metricnoop.NewMeterProvider(),
		handler: promhttp.HandlerFor(prometheus.NewRegistry(), promhttp.HandlerOpts{}),

		durations: new(allDurations),
	}
}

// Log is the service's logger. Use its …Context methods, so that lines carry the trace.
func (t *Telemetry) Log() *slog.Logger { return t.log }

// Tracer makes the tracer of a package.
func (t *Telemetry) Tracer(name string) trace.Tracer { return t.traces.Tracer(name) }

// Records tells whether some spans are kept. Without a collector none is, and a span is but its ids.
func (t *Telemetry) Records() bool { return t.records }

// Meter makes the meter of a package.
func (t *Telemetry) Meter(name string) metric.Meter { return t.metrics.Meter(name) }

// TracerProvider is for libraries that make their own tracer.
func (t *Telemetry) TracerProvider() trace.TracerProvider { return t.traces }

// MeterProvider is for libraries that make their own meter.
func (t *Telemetry) MeterProvider() metric.MeterProvider { return t.metrics }

// MetricsHandler answers with all metrics, those of the Go runtime and the process among them, in
// Prometheus' text format.
func (t *Telemetry) MetricsHandler() http.Handler { return t.handler }

// Shutdown hands over what is still held. The providers do so side by side and within three
// seconds each, so that a collector that hangs delays the end of a service by three seconds in all.
// What could not be handed over is lost, and the error says so. Logs go on to standard output.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	var work sync.WaitGroup
	failures := make([]error, len(t.shutdown))
	for i, shutdown := range t.shutdown {
		work.Go(func() { failures[i] = shutdown(ctx) })
	}
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	select {
	case <-done:
		return errors.Join(failures...)
	case <-ctx.Done():
		// An exporter that does not heed its context must not hold the process either.
		return fmt.Errorf("telemetry: hand over what is held: %w", ctx.Err())
	}
}

// lineHandler writes the log lines.
func (c Config) lineHandler() slog.Handler {
	out := c.LogOutput
	if out == nil {
		out = os.Stdout
	}
	if c.LogFormat == "text" {
		return traceHandler{slog.NewTextHandler(out, &slog.HandlerOptions{Level: c.LogLevel})}
	}
	return newLines(out, c.LogLevel)
}

// traceHandler adds the ids of the context's span to each line.
type traceHandler struct{ slog.Handler }

func (h traceHandler) Handle(ctx context.Context, record slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record = record.Clone()
		record.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

func (h traceHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traceHandler{h.Handler.WithAttrs(attrs)}
}

func (h traceHandler) WithGroup(name string) slog.Handler {
	return traceHandler{h.Handler.WithGroup(name)}
}

func prometheusReader(registry *prometheus.Registry, more sdkmetric.Producer) ([]sdkmetric.Option, error) {
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register runtime metrics: %w", err)
		}
	}
	reader, err := promexporter.New(promexporter.WithRegisterer(registry), promexporter.WithoutScopeInfo(), promexporter.WithProducer(more))
	if err != nil {
		return nil, fmt.Errorf("make the Prometheus reader: %w", err)
	}
	return []sdkmetric.Option{sdkmetric.WithReader(reader)}, nil
}

var lastExportFailure atomic.Int64

// reportExportFailures sends what the exporters complain of to the log, at most once a minute: a
// collector that is away would otherwise be the loudest part of the service. The handler is the
// process's, so with several services in one the last one started logs it.
func reportExportFailures(log *slog.Logger) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		now, last := time.Now().Unix(), lastExportFailure.Load()
		if now-last >= 60 && lastExportFailure.CompareAndSwap(last, now) {
			log.Warn("telemetry is not delivered", "error", err)
		}
	}))
}
