package telemetry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

func TestDurationsAreReadWithTheOtherMetrics(t *testing.T) {
	t.Parallel()
	tel := start(t, telemetry.Config{})
	waits := tel.Durations("test", "test.wait", "How long one waits.", []float64{.001, .01})
	waits.Series(attribute.NewSet(attribute.String("kind", "never"))) // has nothing to show
	short := waits.Series(attribute.NewSet(attribute.String("kind", "short")))
	for _, took := range []time.Duration{time.Millisecond, time.Millisecond + 1, 10 * time.Millisecond, time.Second} {
		short.Record(took, trace.SpanContext{})
	}
	answer := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	text := answer.Body.String()
	for _, want := range []string{
		"# HELP test_wait_seconds How long one waits.",
		`test_wait_seconds_bucket{kind="short",le="0.001"} 1`, // a bucket's upper end belongs to it
		`test_wait_seconds_bucket{kind="short",le="0.01"} 3`, `test_wait_seconds_bucket{kind="short",le="+Inf"} 4`,
		`test_wait_seconds_sum{kind="short"} 1.012000001`, `test_wait_seconds_count{kind="short"} 4`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "never") {
		t.Error("a series without a value is shown")
	}
}
