package httpserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/authn/authntest"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/libs/ratelimit"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache/redistest"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

const spec = `
openapi: 3.0.3
info: {title: Stations, version: "1"}
paths:
  /v1/stations:
    get:
      operationId: searchStations
      security: [{}, {bearer: []}]
      parameters:
        - {name: near, in: query, schema: {type: string, maxLength: 40}}
        - {name: connector, in: query, schema: {type: string, maxLength: 100}}
        - {name: min_power_kw, in: query, schema: {type: number, minimum: 0}}
        - {name: available, in: query, schema: {type: boolean}}
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 500}}
        - {name: cursor, in: query, schema: {type: string}}
      responses: {"200": {description: Stations.}}
    post:
      operationId: createStation
      security: [{bearer: ["stations:write"]}]
      requestBody:
        required: true
        content: {application/json: {schema: {type: object, required: [name], properties: {name: {type: string}}}}}
      responses: {"201": {description: Made.}}
components:
  securitySchemes:
    bearer: {type: http, scheme: bearer}
`

const audience = "https://charging.test/stations"

// stack is a server with everything in front of its handlers that a service has.
func stack(t testing.TB, log io.Writer, limit ratelimit.Limit) (*httpserver.Server, *authntest.Issuer) {
	t.Helper()
	tel, err := telemetry.Start(t.Context(), telemetry.Config{Service: "stations", LogOutput: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	document, err := openapi.Load([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	issuer := authntest.NewIssuer(t)
	limiter := ratelimit.New(redistest.New(t), ratelimit.Options{Namespace: "stations"})
	server := httpserver.New(httpserver.Config{}, tel)
	routes := document.Router(server.App(),
		issuer.Verifier(t, audience).Middleware(),
		limiter.Middleware(ratelimit.Rule{Name: "default", Anonymous: limit}),
		idempotency.Middleware(),
	)
	answer := []byte(`{"items":[` + strings.Repeat(`{"id":"0190a6f0-3c2b-7000-8000-000000000000","name":"Station"},`, 130) + `{}]}`)
	routes.Get("/v1/stations", func(c *fiber.Ctx) error {
		c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
		c.Response().SetBodyRaw(answer)
		return nil
	})
	routes.Post("/v1/stations", func(c *fiber.Ctx) error { return c.SendStatus(http.StatusCreated) })
	return server, issuer
}

// log is a writer that may be read while it is written.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) last(t *testing.T) map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(l.text.String()), "\n")
	var entry map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &entry); err != nil {
		t.Fatal(err)
	}
	return entry
}

// Whoever refuses a request, the answer, the headers and the log line are the same.
func TestTheWholeStack(t *testing.T) {
	t.Parallel()
	var lines log
	server, issuer := stack(t, &lines, ratelimit.PerHour(7))
	ada := uuid.Must(uuid.NewV7())
	driver := "Bearer " + issuer.Mint(authn.Principal{Subject: ada, Kind: authn.User, Scopes: []string{"profile"}}, audience)
	operator := "Bearer " + issuer.Mint(authn.Principal{Subject: ada, Kind: authn.User, Scopes: []string{"stations:write"}}, audience)
	type seen struct {
		Status                  int
		Code, Principal, Budget string
	}
	for _, step := range []struct {
		what, method, path, token, body string
		want                            seen
	}{
		{"a stranger reads", "GET", "/v1/stations?limit=5", "", "", seen{200, "", "", `"default";r=6`}},
		{"a stranger errs", "GET", "/v1/stations?limit=0&x=1", "", "", seen{400, "invalid_request", "", `"default";r=5`}},
		{"a stranger writes", "POST", "/v1/stations", "", `{"name":"n"}`, seen{401, "unauthenticated", "", `"default";r=4`}},
		{"a bad token", "GET", "/v1/stations", "Bearer x.y.z", "", seen{401, "invalid_token", "", ``}},
		{"a driver reads", "GET", "/v1/stations", driver, "", seen{200, "", ada.String(), `"default";r=6`}},
		{"a driver writes", "POST", "/v1/stations", driver, `{"name":"n"}`, seen{403, "insufficient_scope", ada.String(), `"default";r=5`}},
		{"an operator errs", "POST", "/v1/stations", operator, `{"nome":"n"}`, seen{400, "invalid_request", ada.String(), `"default";r=4`}},
		{"an operator writes", "POST", "/v1/stations", operator, `{"name":"n"}`, seen{201, "", ada.String(), `"default";r=3`}},
		{"a stranger again", "GET", "/v1/stations", "", "", seen{200, "", "", `"default";r=3`}},
	} {
		request := httptest.NewRequestWithContext(t.Context(), step.method, step.path, strings.NewReader(step.body))
		request.Header.Set("Content-Type", "application/json")
		if step.token != "" {
			request.Header.Set("Authorization", step.token)
		}
		response, err := server.App().Test(request, -1)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		entry := lines.last(t)
		code, _ := entry["fault"].(string)
		principal, _ := entry["principal"].(string)
		budget, _, _ := strings.Cut(response.Header.Get("RateLimit"), ";t=")
		got := seen{int(entry["status"].(float64)), code, principal, budget}
		if diff := cmp.Diff(step.want, got); diff != "" || response.StatusCode != step.want.Status {
			t.Errorf("%s: %d (-want +got)\n%s", step.what, response.StatusCode, diff)
		}
		if entry["route"] != "/v1/stations" || entry["request_id"] != response.Header.Get("X-Request-Id") {
			t.Errorf("%s: logged %v", step.what, entry)
		}
	}
}

// BenchmarkStack is a search with a token, a budget in Redis, checked parameters
// and all telemetry, without what a search does and without sockets.
func BenchmarkStack(b *testing.B) {
	server, issuer := stack(b, io.Discard, ratelimit.PerSecond(50_000_000))
	server.App().Handler() // builds the tree of routes
	handler := server.App().Server().Handler
	token := issuer.Mint(authn.Principal{Subject: uuid.Must(uuid.NewV7()), Kind: authn.User, Scopes: []string{"profile"}}, audience)
	var request fasthttp.Request
	request.Header.SetMethod(fiber.MethodGet)
	request.SetRequestURI("/v1/stations?near=48.8566,2.3522&connector=IEC_62196_T2_COMBO&min_power_kw=50&available=true&limit=20")
	request.Header.SetHost("127.0.0.1:5000")
	request.Header.Set("User-Agent", "bench")
	request.Header.Set("Authorization", "Bearer "+token)
	var ctx fasthttp.RequestCtx
	ctx.Init(&request, nil, nil)
	b.ReportAllocs()
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		ctx.Response.Reset()
		handler(&ctx)
		if ctx.Response.StatusCode() != fasthttp.StatusOK {
			b.Fatal(ctx.Response.StatusCode(), string(ctx.Response.Body()))
		}
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/op")
}
