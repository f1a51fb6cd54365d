package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	exportTimeout  = 3 * time.Second
	metricInterval = 30 * time.Second
	// spanQueue and logQueue bound what is held for a collector that does not take it: about 4 MiB.
	// When they are full the newest is dropped; nothing that is asked to record ever waits.
	spanQueue = 4096
	logQueue  = 4096
)

// exporters are the three ways to the collector.
type exporters struct {
	traces  *otlptrace.Exporter
	metrics *otlpmetrichttp.Exporter
	logs    *otlploghttp.Exporter
}

// newExporters makes them without connecting. Headers, such as a collector's key, come from
// OTEL_EXPORTER_OTLP_HEADERS, which the exporters read themselves.
func newExporters(ctx context.Context, endpoint string) (out exporters, err error) {
	out.traces, err = otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(endpoint+"/v1/traces"),
		otlptracehttp.WithTimeout(exportTimeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxElapsedTime: 10 * time.Second,
		}))
	if err != nil {
		return out, fmt.Errorf("make the exporter of traces: %w", err)
	}
	out.metrics, err = otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL(endpoint+"/v1/metrics"),
		otlpmetrichttp.WithTimeout(exportTimeout),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false})) // the next reading replaces a lost one
	if err != nil {
		return out, fmt.Errorf("make the exporter of metrics: %w", err)
	}
	out.logs, err = otlploghttp.New(ctx,
		otlploghttp.WithEndpointURL(endpoint+"/v1/logs"),
		otlploghttp.WithTimeout(exportTimeout),
		otlploghttp.WithRetry(otlploghttp.RetryConfig{
			Enabled: true, InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxElapsedTime: 10 * time.Second,
		}))
	if err != nil {
		return out, fmt.Errorf("make the exporter of logs: %w", err)
	}
	return out, nil
}

func (e exporters) tracerProvider(about *resource.Resource, ratio float64) *sdktrace.TracerProvider {
	return sdktrace.NewTracerProvider(
		sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))),
		sdktrace.WithBatcher(e.traces, sdktrace.WithMaxQueueSize(spanQueue), sdktrace.WithExportTimeout(exportTimeout)),
	)
}

func (e exporters) metricReader(more sdkmetric.Producer) sdkmetric.Option {
	return sdkmetric.WithReader(sdkmetric.NewPeriodicReader(e.metrics,
		sdkmetric.WithInterval(metricInterval), sdkmetric.WithTimeout(exportTimeout), sdkmetric.WithProducer(more)))
}

// loggerProvider also gives the handler that feeds it; the trace ids travel in the record itself.
func (e exporters) loggerProvider(about *resource.Resource, cfg Config) (*sdklog.LoggerProvider, slog.Handler) {
	provider := sdklog.NewLoggerProvider(
		sdklog.WithResource(about),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(e.logs,
			sdklog.WithMaxQueueSize(logQueue), sdklog.WithExportTimeout(exportTimeout))),
	)
	handler := otelslog.NewHandler(cfg.Service, otelslog.WithLoggerProvider(provider))
	return provider, levelHandler{handler, cfg.LogLevel}
}

// levelHandler gives a handler without a level of its own the one of the lines.
type levelHandler struct {
	slog.Handler
	level slog.Level
}

func (h levelHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}

func (h levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelHandler{h.Handler.WithAttrs(attrs), h.level}
}

func (h levelHandler) WithGroup(name string) slog.Handler {
	return levelHandler{h.Handler.WithGroup(name), h.level}
}
