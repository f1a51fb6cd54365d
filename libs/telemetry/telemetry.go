// Package telemetry is being written.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Config says where telemetry goes.
type Config struct {
	Service      string     `env:"-"`
	Version      string     `env:"-"`
	OTLPEndpoint string     `env:"OTEL_EXPORTER_OTLP_ENDPOINT" desc:"collector (OTLP over HTTP); none: nothing is exported"`
	SampleRatio  float64    `env:"OTEL_TRACES_SAMPLER_ARG" envDefault:"0.1" desc:"share of the traces begun here that is kept"`
	LogLevel     slog.Level `env:"LOG_LEVEL" envDefault:"INFO" desc:"DEBUG, INFO, WARN or ERROR"`
	LogFormat    string     `env:"LOG_FORMAT" envDefault:"json" desc:"json or text"`
	LogOutput    io.Writer  `env:"-"`
}

// Telemetry is one service's logger, tracer and meter.
type Telemetry struct {
	log *slog.Logger
	tp  trace.TracerProvider
	mp  metric.MeterProvider
}

// Start begins.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) { return &Telemetry{}, nil }

// Discard is telemetry that keeps nothing, for tests.
func Discard() *Telemetry { return &Telemetry{} }

// Log is the service's logger.
func (t *Telemetry) Log() *slog.Logger { return t.log }

// Tracer makes a tracer.
func (t *Telemetry) Tracer(name string) trace.Tracer { return t.tp.Tracer(name) }

// Meter makes a meter.
func (t *Telemetry) Meter(name string) metric.Meter { return t.mp.Meter(name) }

// TracerProvider is for libraries that want one.
func (t *Telemetry) TracerProvider() trace.TracerProvider { return t.tp }

// MeterProvider is for libraries that want one.
func (t *Telemetry) MeterProvider() metric.MeterProvider { return t.mp }

// MetricsHandler answers /metrics in Prometheus' text format.
func (t *Telemetry) MetricsHandler() http.Handler { return http.NotFoundHandler() }

// Shutdown flushes.
func (t *Telemetry) Shutdown(ctx context.Context) error { return nil }
