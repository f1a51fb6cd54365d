package httpserver

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadiness promises that a process is not ready before it has found what it requires, and that from then on whatever fails only
// degrades it.
func TestReadiness(t *testing.T) {
	t.Parallel()
	var postgres, redis atomic.Pointer[error]
	probe := func(state *atomic.Pointer[error]) func(context.Context) (string, error) {
		return func(context.Context) (string, error) {
			if err := state.Load(); err != nil {
				return "", *err
			}
			return "fine", nil
		}
	}
	away := errors.New("dial postgres://user:hunter2@db")
	w := start(t, Config{}, nil,
		Check{Name: "postgres", Required: true, Probe: probe(&postgres)},
		Check{Name: "redis", Probe: probe(&redis)},
	)
	ok := func(name string, required bool) checkStatus {
		return checkStatus{Name: name, Required: required, Status: "ok", Detail: "fine"}
	}
	failed := func(name string, required bool) checkStatus {
		return checkStatus{Name: name, Required: required, Status: "failed"}
	}
	for _, step := range []struct {
		what            string
		postgres, redis *error
		status          int
		want            readiness
	}{
		{"it starts with nothing there", &away, &away, 503, readiness{"unready", []checkStatus{failed("postgres", true), failed("redis", false)}}},
		{"the required one is still away", &away, nil, 503, readiness{"unready", []checkStatus{failed("postgres", true), ok("redis", false)}}},
		{"the required one is there", nil, &away, 200, readiness{"degraded", []checkStatus{ok("postgres", true), failed("redis", false)}}},
		{"all well", nil, nil, 200, readiness{"ready", []checkStatus{ok("postgres", true), ok("redis", false)}}},
		{"the required one fails", &away, nil, 200, readiness{"degraded", []checkStatus{failed("postgres", true), ok("redis", false)}}},
		{"both fail", &away, &away, 200, readiness{"degraded", []checkStatus{failed("postgres", true), failed("redis", false)}}},
		{"all well again", nil, nil, 200, readiness{"ready", []checkStatus{ok("postgres", true), ok("redis", false)}}},
	} {
		postgres.Store(step.postgres)
		redis.Store(step.redis)
		for range 2 { // asked twice, logged once
			a := w.do(t, "GET", "/readyz", nil)
			var got readiness
			if err := json.Unmarshal(a.body, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step.want, got); diff != "" || a.StatusCode != step.status {
				t.Errorf("%s: %d (-want +got)\n%s", step.what, a.StatusCode, diff)
			}
		}
		for name, failing := range map[string]bool{"postgres": step.postgres != nil, "redis": step.redis != nil} {
			want := regexp.MustCompile(`(?m)^dependency_failing\{dependency="` + name + `".*\} ` + map[bool]string{true: "1", false: "0"}[failing] + `$`)
			if a := w.do(t, "GET", "/metrics", nil); !want.Match(a.body) {
				t.Errorf("%s: the metrics lack %s", step.what, want)
			}
		}
		for _, path := range []string{"/healthz", "/livez"} {
			if a := w.do(t, "GET", path, nil); a.StatusCode != 200 {
				t.Errorf("%s: %s is %d", step.what, path, a.StatusCode)
			}
		}
	}
	changes := 0
	for _, entry := range w.logs.all(t) {
		if strings.HasPrefix(entry["msg"].(string), "dependency ") {
			changes++
		}
	}
	if changes != 10 {
		t.Errorf("%d changes were logged, want 10", changes)
	}
}

func TestASlowDependencyIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, nil, Check{Name: "stuck", Required: true, Probe: func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}})
	if a := w.do(t, "GET", "/readyz", nil); a.StatusCode != 503 {
		t.Errorf("status %d: %s", a.StatusCode, a.body)
	}
}

func TestVersionAndMetrics(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, nil)
	a := w.do(t, "GET", "/version", nil)
	var b build
	if err := json.Unmarshal(a.body, &b); err != nil || !strings.HasPrefix(b.Go, "go1.") {
		t.Errorf("version %s: %v", a.body, err)
	}
	a = w.do(t, "GET", "/metrics", nil)
	if a.StatusCode != 200 || !strings.Contains(string(a.body), `http_server_request_duration_seconds_count{`) ||
		!strings.Contains(string(a.body), `http_route="/version"`) {
		t.Errorf("metrics %d: %.2000s", a.StatusCode, a.body)
	}
}
