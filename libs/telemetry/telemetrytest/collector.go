// Package telemetrytest is a collector for tests that ask what telemetry says, and what it must not.
//
//	tel, sent := telemetrytest.New(t)
//	… // use tel
//	if strings.Contains(sent(), "secret") { … }
package telemetrytest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// New gives telemetry that keeps every trace, and a function that ends it and returns all that it
// sent to its collector: traces, metrics and logs as protobuf, in which every text stands plainly.
func New(t testing.TB) (tel *telemetry.Telemetry, sent func() string) {
	t.Helper()
	var mu sync.Mutex
	var all strings.Builder
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read what telemetry sends: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		all.Write(body)
	}))
	t.Cleanup(collector.Close)
	tel, err := telemetry.Start(t.Context(), telemetry.Config{
		Service: "test", OTLPEndpoint: collector.URL, SampleRatio: 1, LogOutput: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	return tel, func() string {
		if err := tel.Shutdown(t.Context()); err != nil {
			t.Errorf("hand over telemetry: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}
