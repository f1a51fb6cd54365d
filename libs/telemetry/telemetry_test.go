package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// buffer may be written by several goroutines.
type buffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

func start(t *testing.T, cfg telemetry.Config) *telemetry.Telemetry {
	t.Helper()
	cfg.Service, cfg.Version = "tested", "1.2.3"
	if cfg.LogOutput == nil {
		cfg.LogOutput = io.Discard
	}
	tel, err := telemetry.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tel
}

func TestLogLinesCarryTheTrace(t *testing.T) {
	t.Parallel()
	var out buffer
	tel := start(t, telemetry.Config{LogOutput: &out, LogLevel: slog.LevelInfo})
	ctx, span := tel.Tracer("test").Start(t.Context(), "work")
	tel.Log().DebugContext(ctx, "not wanted")
	tel.Log().With("plot_id", "p1").InfoContext(ctx, "reserved", "minutes", 30)
	tel.Log().InfoContext(t.Context(), "outside")
	span.End()

	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), out.String())
	}
	var inside, outside map[string]any
	for i, line := range []*map[string]any{&inside, &outside} {
		if err := json.Unmarshal([]byte(lines[i]), line); err != nil {
			t.Fatal(err)
		}
	}
	for key, want := range map[string]any{
		"msg": "reserved", "level": "INFO", "service": "tested", "plot_id": "p1", "minutes": 30.0,
		"trace_id": span.SpanContext().TraceID().String(), "span_id": span.SpanContext().SpanID().String(),
	} {
		if inside[key] != want {
			t.Errorf("%s is %v, want %v", key, inside[key], want)
		}
	}
	if _, has := outside["trace_id"]; has {
		t.Error("a line outside of any span has a trace_id")
	}
}

func TestWithoutACollectorThereAreTraceIDsAndNoSpans(t *testing.T) {
	t.Parallel()
	tel := start(t, telemetry.Config{SampleRatio: 1})
	_, span := tel.Tracer("test").Start(t.Context(), "work")
	defer span.End()
	if !span.SpanContext().IsValid() || span.IsRecording() {
		t.Errorf("valid %v, recording %v", span.SpanContext().IsValid(), span.IsRecording())
	}
}

func TestMetricsHandlerShowsWhatWasCounted(t *testing.T) {
	t.Parallel()
	tel := start(t, telemetry.Config{})
	counter, err := tel.Meter("test").Int64Counter("reservations")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 7, metric.WithAttributes(attribute.String("outcome", "reserved")))
	answer := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for _, want := range []string{`reservations_total{outcome="reserved"} 7`, "go_goroutines", `service_name="tested"`} {
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("no %s in:\n%s", want, answer.Body)
		}
	}
}

func TestCardinalityIsBounded(t *testing.T) {
	t.Parallel()
	tel := start(t, telemetry.Config{})
	counter, err := tel.Meter("test").Int64Counter("careless")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		counter.Add(t.Context(), 1, metric.WithAttributes(attribute.Int("id", i)))
	}
	answer := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if n := strings.Count(answer.Body.String(), "careless_total{"); n > 2000 || !strings.Contains(answer.Body.String(), "otel_metric_overflow") {
		t.Errorf("%d series", n)
	}
}

func TestACollectorGetsAllThree(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	bodies := map[string]string{}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies[r.URL.Path] += string(body) // protobuf, in which texts are plain
	}))
	defer collector.Close()
	tel := start(t, telemetry.Config{OTLPEndpoint: collector.URL + "/", SampleRatio: 1})
	ctx, span := tel.Tracer("test").Start(t.Context(), "reserve a plot")
	tel.Log().InfoContext(ctx, "plot reserved")
	counter, err := tel.Meter("test").Int64Counter("reservations")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(ctx, 1)
	span.End()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	traceID := span.SpanContext().TraceID()
	for path, wants := range map[string][]string{
		"/v1/traces":  {"reserve a plot", "tested", string(traceID[:])},
		"/v1/metrics": {"reservations", "tested"},
		"/v1/logs":    {"plot reserved", "tested", string(traceID[:])},
	} {
		for _, want := range wants {
			if !strings.Contains(bodies[path], want) {
				t.Errorf("%s got no %q", path, want)
			}
		}
	}
}

// A collector that takes connections and never answers.
func TestAHangingCollectorCostsNothing(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer collector.Close()
	defer close(release)
	tel := start(t, telemetry.Config{OTLPEndpoint: collector.URL, SampleRatio: 1})
	counter, err := tel.Meter("test").Int64Counter("requests")
	if err != nil {
		t.Fatal(err)
	}
	// Several times what the queues hold.
	const requests = 20_000
	var slowest, total time.Duration
	for range requests {
		began := time.Now()
		ctx, span := tel.Tracer("test").Start(t.Context(), "request")
		tel.Log().InfoContext(ctx, "served", "status", 200)
		counter.Add(ctx, 1)
		span.End()
		took := time.Since(began)
		slowest, total = max(slowest, took), total+took
	}
	t.Logf("%d requests: mean %v, slowest %v", requests, total/requests, slowest)
	if mean := total / requests; mean > time.Millisecond {
		t.Errorf("a request's telemetry took %v on average", mean)
	}
	if slowest > time.Second {
		t.Errorf("a request waited %v", slowest)
	}
	began := time.Now()
	err = tel.Shutdown(context.WithoutCancel(t.Context()))
	if err == nil {
		t.Error("what was lost is not mentioned")
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("Shutdown took %v", took)
	}
}

func TestACollectorThatIsAwayDoesNotDelayTheStart(t *testing.T) {
	t.Parallel()
	began := time.Now()
	tel := start(t, telemetry.Config{OTLPEndpoint: "http://127.0.0.1:1"})
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Start took %v", took)
	}
	_ = tel.Shutdown(t.Context()) // metrics cannot be delivered, as they should not
}

func TestValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	err := telemetry.Config{OTLPEndpoint: "geheim:4317", SampleRatio: 2, LogFormat: "xml"}.Validate()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER_ARG", "LOG_FORMAT"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in: %v", name, err)
		}
	}
	if strings.Contains(err.Error(), "geheim") {
		t.Errorf("a value is printed: %v", err)
	}
	if _, err := telemetry.Start(t.Context(), telemetry.Config{LogFormat: "xml"}); err == nil {
		t.Error("Start takes what Validate refuses")
	}
}

func TestDiscardCanBeUsedLikeAnyOther(t *testing.T) {
	t.Parallel()
	tel := telemetry.Discard()
	ctx, span := tel.Tracer("test").Start(t.Context(), "work")
	tel.Log().InfoContext(ctx, "said")
	counter, err := tel.Meter("test").Int64Counter("counted")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(ctx, 1)
	span.End()
	answer := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Errorf("/metrics answers %d", answer.Code)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
