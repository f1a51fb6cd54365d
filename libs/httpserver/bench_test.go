package httpserver

import (
	"context"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

var payload = []byte(`{"items":[` + strings.Repeat(`{"id":"0190a6f0-3c2b-7000-8000-000000000000","name":"Station"},`, 130) + `{}]}`)

func constant(c *fiber.Ctx) error {
	c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
	c.Response().SetBodyRaw(payload)
	return nil
}

// serveOnce runs a handler as the server does for each request of a connection,
// parsing and sockets apart.
func serveOnce(b *testing.B, handler fasthttp.RequestHandler) {
	b.Helper()
	var ctx fasthttp.RequestCtx
	var request fasthttp.Request
	request.Header.SetMethod(fiber.MethodGet)
	request.SetRequestURI("/v1/stations?near=48.85,2.35&limit=20")
	request.Header.SetHost("127.0.0.1:5000")
	request.Header.Set("User-Agent", "bench")
	request.Header.Set("Accept", "*/*")
	ctx.Init(&request, nil, nil)
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		ctx.Response.Reset()
		handler(&ctx)
		if ctx.Response.StatusCode() != fasthttp.StatusOK {
			b.Fatal(ctx.Response.StatusCode())
		}
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// cpuTime is what the process has used so far: on a machine that does other
// things, time says little.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkMiddleware compares a bare fiber app with a server of ours, first
// without telemetry and then with all of it.
func BenchmarkMiddleware(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		app.Get("/v1/stations", constant)
		serveOnce(b, app.Handler())
	})
	b.Run("discard", func(b *testing.B) {
		s := New(Config{}, telemetry.Discard())
		s.App().Get("/v1/stations", constant)
		s.App().Handler() // builds the tree
		serveOnce(b, s.App().Server().Handler)
	})
	b.Run("everything", func(b *testing.B) {
		tel, err := telemetry.Start(b.Context(), telemetry.Config{Service: "bench", LogOutput: io.Discard})
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = tel.Shutdown(context.Background()) }()
		s := New(Config{}, tel)
		s.App().Get("/v1/stations", constant)
		s.App().Handler()
		serveOnce(b, s.App().Server().Handler)
	})
}
