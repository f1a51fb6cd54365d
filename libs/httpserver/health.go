package httpserver

import (
	"context"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
)

// Check is one dependency of /readyz. One that is required must hold before the
// process is ready for the first time, so that a release that cannot work takes
// no requests. From then on a failing one, required or not, makes the process
// "degraded", which is ready: what needs the dependency answers 503 with a
// reason, the rest goes on, and a gateway without any pod could do neither.
// Probe returns a public word on the state and, when it is bad, why; the reason
// goes to the log alone.
type Check struct {
	Name     string
	Required bool
	Probe    func(context.Context) (detail string, err error)
}

// check is a Check and whether it failed last, so that only changes are logged.
type check struct {
	Check
	failing atomic.Bool
}

// probeTimeout bounds one probe; kubelets give up after a second by default.
const probeTimeout = 900 * time.Millisecond

type readiness struct {
	Status string        `json:"status"` // ready, degraded, unready or draining
	Checks []checkStatus `json:"checks"`
}

type checkStatus struct {
	Name     string `json:"name"`
	Required bool   `json:"required"` // to become ready, not to stay it
	Status   string `json:"status"`   // ok or failed
	Detail   string `json:"detail,omitempty"`
}

type build struct {
	Module   string `json:"module"`
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
}

func (s *Server) registerProbes(checks []Check) {
	for _, c := range checks {
		s.checks = append(s.checks, &check{Check: c})
	}
	s.watch.watchDependencies(s.checks)
	alive := func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "no-store")
		return c.JSON(fiber.Map{"status": "alive"})
	}
	s.app.Get("/healthz", alive)
	s.app.Get("/livez", alive)
	s.app.Get("/readyz", s.readyz)
	s.app.Get("/metrics", s.watch.metrics)
	version := readBuild()
	s.app.Get("/version", func(c *fiber.Ctx) error { return c.JSON(version) })
}

func (s *Server) readyz(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	if s.draining.Load() {
		return c.Status(http.StatusServiceUnavailable).JSON(readiness{Status: "draining", Checks: []checkStatus{}})
	}
	answer := s.probe(c.UserContext())
	if answer.Status == "unready" {
		c.Status(http.StatusServiceUnavailable)
	}
	return c.JSON(answer)
}

// probe asks every dependency at once.
func (s *Server) probe(ctx context.Context) readiness {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	answer := readiness{Status: "ready", Checks: make([]checkStatus, len(s.checks))}
	var probes sync.WaitGroup
	for i, c := range s.checks {
		probes.Go(func() { answer.Checks[i] = s.probeOne(ctx, c) })
	}
	probes.Wait()
	for _, status := range answer.Checks {
		switch {
		case status.Status == "ok":
		case status.Required && !s.started.Load():
			answer.Status = "unready"
		case answer.Status == "ready":
			answer.Status = "degraded"
		}
	}
	if answer.Status != "unready" {
		s.started.Store(true)
	}
	return answer
}

func (s *Server) probeOne(ctx context.Context, c *check) checkStatus {
	detail, err := c.Probe(ctx)
	status := checkStatus{Name: c.Name, Required: c.Required, Status: "ok", Detail: detail}
	if err != nil {
		status.Status = "failed"
	}
	if failed := err != nil; c.failing.Swap(failed) != failed {
		if failed {
			s.log.WarnContext(ctx, "dependency failed", "dependency", c.Name, "required", c.Required, "error", err)
		} else {
			s.log.InfoContext(ctx, "dependency recovered", "dependency", c.Name)
		}
	}
	return status
}

func readBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{Version: "unknown"}
	}
	b := build{Module: info.Main.Path, Version: info.Main.Version, Go: info.GoVersion}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			b.Revision = setting.Value
		case "vcs.time":
			b.Time = setting.Value
		case "vcs.modified":
			b.Modified = setting.Value == "true"
		}
	}
	return b
}
