package rediscache_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache/redistest"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry/telemetrytest"
)

func TestTelemetryShowsCommandsAndNeverValues(t *testing.T) {
	t.Parallel()
	tel, sent := telemetrytest.New(t)
	server := redistest.NewServer(t)
	client, err := rediscache.Open(rediscache.Config{URL: server.URL, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, span := tel.Tracer("test").Start(t.Context(), "request")
	set := options(1)
	set.Telemetry = tel
	cache := rediscache.New[string](client, set)
	for range 2 {
		if _, err := cache.Get(ctx, "geheimer key", func(context.Context) (string, error) { return "geheimer value", nil }); err != nil {
			t.Fatal(err)
		}
	}
	span.End()
	all := sent()
	for _, want := range []string{"request", "set", "cache.requests", "hit", "miss", "detail"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not sent", want)
		}
	}
	if strings.Contains(all, "geheim") {
		t.Error("a key or a value is sent")
	}
}
