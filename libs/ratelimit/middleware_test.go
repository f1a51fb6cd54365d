package ratelimit

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

var ada, bob = uuid.MustParse("0190a6f0-3c2b-7000-8000-00000000000a"), uuid.MustParse("0190a6f0-3c2b-7000-8000-00000000000b")

// app has two limited routes. The header X-Is names the principal; app.Test comes
// from 0.0.0.0, which the server trusts, so X-Forwarded-For names the client.
func app(t *testing.T, l *Limiter, rules ...Rule) *fiber.App {
	t.Helper()
	server := httpserver.New(httpserver.Config{TrustedProxies: []string{"0.0.0.0"}}, telemetry.Discard())
	identify := func(c *fiber.Ctx) error {
		if id, err := uuid.Parse(c.Get("X-Is")); err == nil {
			c.SetUserContext(authn.NewContext(c.UserContext(), authn.Principal{Subject: id}))
		}
		return c.Next()
	}
	limited := l.Middleware(rules...)
	ok := func(c *fiber.Ctx) error { return c.SendString("ok") }
	server.App().Get("/search", identify, limited, ok)
	server.App().Post("/login", identify, limited, ok)
	server.App().Get("/things/:id", identify, limited, ok)
	return server.App()
}

type from struct{ address, principal string }

// try returns the statuses of n requests.
func try(t *testing.T, app *fiber.App, method, path string, n int, who from) (statuses []int, last *http.Response) {
	t.Helper()
	for range n {
		request := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
		request.Header.Set("X-Forwarded-For", who.address)
		request.Header.Set("X-Is", who.principal)
		response, err := app.Test(request, -1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		statuses, last = append(statuses, response.StatusCode), response
	}
	return statuses, last
}

func TestRules(t *testing.T) {
	t.Parallel()
	a := app(t, New(nil, Options{}),
		Rule{Name: "default", Anonymous: PerHour(3), Principal: PerHour(5)},
		Rule{Name: "login", Routes: []string{"POST /login"}, Anonymous: PerHour(2)},
		Rule{Name: "dear", Routes: []string{"GET /things/:id"}, Anonymous: PerHour(4), Cost: 2},
	)
	for _, step := range []struct {
		what         string
		method, path string
		n            int
		who          from
		want         []int
	}{
		{"an address", "GET", "/search", 4, from{address: "192.0.2.1"}, []int{200, 200, 200, 429}},
		{"another address", "GET", "/search", 1, from{address: "192.0.2.2"}, []int{200}},
		{"what the caller claims to be", "GET", "/search", 1, from{address: "198.51.100.9, 192.0.2.1"}, []int{429}},
		{"HEAD counts as GET", "HEAD", "/search", 1, from{address: "192.0.2.1"}, []int{429}},
		{"a principal at the same address", "GET", "/search", 6, from{"192.0.2.1", ada.String()}, []int{200, 200, 200, 200, 200, 429}},
		{"a principal elsewhere", "GET", "/search", 1, from{"192.0.2.77", ada.String()}, []int{429}},
		{"another principal", "GET", "/search", 1, from{"192.0.2.1", bob.String()}, []int{200}},
		{"a route with a rule of its own", "POST", "/login", 3, from{address: "192.0.2.1"}, []int{200, 200, 429}},
		{"a rule for all alike", "POST", "/login", 3, from{"192.0.2.1", ada.String()}, []int{200, 200, 429}},
		{"a route that costs two", "GET", "/things/1", 3, from{address: "192.0.2.1"}, []int{200, 200, 429}},
		{"its template is what counts", "GET", "/things/2", 1, from{address: "192.0.2.1"}, []int{429}},
		{"an IPv6 address", "GET", "/search", 2, from{address: "2001:db8::1"}, []int{200, 200}},
		{"its neighbour in the /64", "GET", "/search", 2, from{address: "2001:db8::2:3"}, []int{200, 429}},
		{"another /64", "GET", "/search", 1, from{address: "2001:db8:0:1::1"}, []int{200}},
		{"an IPv4 address in IPv6's clothes", "GET", "/search", 1, from{address: "::ffff:192.0.2.1"}, []int{429}},
	} {
		got, _ := try(t, a, step.method, step.path, step.n, step.who)
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", step.what, diff)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	a := app(t, New(nil, Options{}), Rule{Name: "default", Anonymous: PerMinute(3)})
	type headers struct{ Limit, Policy, RetryAfter, ContentType string }
	read := func(r *http.Response) headers {
		return headers{r.Header.Get("RateLimit"), r.Header.Get("RateLimit-Policy"), r.Header.Get("Retry-After"), r.Header.Get("Content-Type")}
	}
	_, first := try(t, a, "GET", "/search", 1, from{address: "192.0.2.1"})
	if diff := cmp.Diff(headers{`"default";r=2;t=20`, `"default";q=3;w=60`, "", "text/plain; charset=utf-8"}, read(first)); diff != "" {
		t.Errorf("within the budget (-want +got)\n%s", diff)
	}
	_, last := try(t, a, "GET", "/search", 3, from{address: "192.0.2.1"})
	if diff := cmp.Diff(headers{`"default";r=0;t=60`, `"default";q=3;w=60`, "20", "application/problem+json"}, read(last)); diff != "" {
		t.Errorf("beyond the budget (-want +got)\n%s", diff)
	}
}

func TestNoRuleNoLimit(t *testing.T) {
	t.Parallel()
	a := app(t, New(nil, Options{}), Rule{Name: "login", Routes: []string{"POST /login"}, Anonymous: PerHour(1)})
	got, last := try(t, a, "GET", "/search", 3, from{address: "192.0.2.1"})
	if diff := cmp.Diff([]int{200, 200, 200}, got); diff != "" || last.Header.Get("RateLimit") != "" {
		t.Errorf("an unlimited route: %v %s", got, last.Header.Get("RateLimit"))
	}
}
