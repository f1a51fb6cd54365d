package httpserver

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

func TestAccessLog(t *testing.T) {
	t.Parallel()
	ada := uuid.MustParse("0190a6f0-3c2b-7000-8000-00000000000a")
	taken := fault.Define(fault.Conflict, "plot_taken", "The plot is taken")
	w := start(t, Config{}, func(s *Server) {
		s.App().Get("/", func(c *fiber.Ctx) error { return c.SendString("root") })
		s.App().Get("/things/:id", func(c *fiber.Ctx) error {
			c.SetUserContext(authn.NewContext(c.UserContext(), authn.Principal{Subject: ada}))
			return c.SendString("thing")
		})
		s.App().Post("/things/:id", func(*fiber.Ctx) error { return fmt.Errorf("reserve: %w", taken.Because(errors.New("row 7"))) })
		s.App().Put("/things/:id", func(*fiber.Ctx) error { return fmt.Errorf("store: %w", errors.New("disk full")) })
	})
	type entry map[string]any
	for name, tt := range map[string]struct {
		method, path string
		want         entry
	}{
		"a good one":         {"GET", "/things/plot-4711?secret=s3cr3t", entry{"level": "INFO", "method": "GET", "route": "/things/:id", "status": 200.0, "principal": ada.String()}},
		"the caller's fault": {"POST", "/things/plot-4711", entry{"level": "INFO", "method": "POST", "route": "/things/:id", "status": 409.0, "fault": "plot_taken"}},
		"ours":               {"PUT", "/things/plot-4711", entry{"level": "ERROR", "method": "PUT", "route": "/things/:id", "status": 500.0, "fault": "internal", "error": "store: disk full"}},
		"the root":           {"GET", "/", entry{"level": "INFO", "method": "GET", "route": "/", "status": 200.0}},
		"no route":           {"GET", "/made/up", entry{"level": "INFO", "method": "GET", "route": "unmatched", "status": 404.0, "fault": "no_such_path"}},
		"a made-up method":   {"BREW", "/made/up", entry{"level": "INFO", "method": "_OTHER", "route": "unmatched", "status": 405.0, "fault": "method_not_allowed"}},
		"a probe":            {"GET", "/healthz", entry{"level": "DEBUG", "method": "GET", "route": "/healthz", "status": 200.0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := w.do(t, tt.method, tt.path, nil, "Authorization", "Bearer s3cr3t")
			id := a.Header.Get("X-Request-Id")
			got := w.logs.wait(t, id)
			for key, want := range tt.want {
				if got[key] != want {
					t.Errorf("%s is %v, want %v", key, got[key], want)
				}
			}
			for _, key := range []string{"principal", "fault", "error"} {
				if _, wanted := tt.want[key]; !wanted && got[key] != nil {
					t.Errorf("%s is %v, want none", key, got[key])
				}
			}
			if took, ok := got["duration_us"].(float64); !ok || took < 0 {
				t.Errorf("duration %v", got["duration_us"])
			}
		})
	}
	t.Cleanup(func() {
		for _, entry := range w.logs.all(t) {
			if line := fmt.Sprint(entry); strings.Contains(line, "s3cr3t") || strings.Contains(line, "plot-4711") {
				t.Errorf("a secret or an id is logged: %s", line)
			}
		}
	})
}

func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, func(s *Server) {
		s.App().Get("/things/:id", func(c *fiber.Ctx) error { return c.SendStatus(http.StatusNoContent) })
	})
	for i := range 200 {
		w.do(t, "GET", fmt.Sprintf("/things/%d", i), nil, "Host", fmt.Sprintf("h%d", i))
		w.do(t, "GET", fmt.Sprintf("/made/up/%d", i), nil)
		w.do(t, fmt.Sprintf("M%d", i), "/things/1", nil)
	}
	if n := len(*w.watch.series.Load()); n != 3 {
		t.Errorf("%d series, want 3", n)
	}
	metrics := string(w.do(t, "GET", "/metrics", nil).body)
	counts := regexp.MustCompile(`(?m)^http_server_request_duration_seconds_count\{(.*)\} (\d+)$`).FindAllStringSubmatch(metrics, -1)
	total := 0
	for _, count := range counts {
		if strings.Contains(count[1], `http_route="/things/:id"`) && count[2] == "200" {
			total++
		}
		if strings.Contains(count[1], `http_route="unmatched"`) {
			total++
		}
	}
	if total != 3 {
		t.Errorf("counts %v", counts)
	}
}

func TestTraces(t *testing.T) {
	t.Parallel()
	w := start(t, Config{}, func(s *Server) {
		s.App().Get("/trace", func(c *fiber.Ctx) error {
			return c.SendString(trace.SpanContextFromContext(c.UserContext()).TraceID().String())
		})
	})
	const given = "4bf92f3577b34da6a3ce929d0e0e4736"
	if a := w.do(t, "GET", "/trace", nil, "Traceparent", "00-"+given+"-00f067aa0ba902b7-01"); string(a.body) != given {
		t.Errorf("the caller's trace %s became %s", given, a.body)
	}
	for _, broken := range []string{"", "00-xyz", "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01"} {
		a := w.do(t, "GET", "/trace", nil, "Traceparent", broken)
		if len(a.body) != 32 || string(a.body) == given || string(a.body) == strings.Repeat("0", 32) {
			t.Errorf("traceparent %q gives the trace %s", broken, a.body)
		}
		entry := w.logs.wait(t, a.Header.Get("X-Request-Id"))
		if entry["trace_id"] != string(a.body) {
			t.Errorf("the log says trace %v, the handler %s", entry["trace_id"], a.body)
		}
	}
}
