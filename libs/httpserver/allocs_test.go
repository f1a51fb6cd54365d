//go:build !race

package httpserver_test

// Under the race detector a sync.Pool forgets at random, and so allocations mean nothing.

import (
	"io"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/ratelimit"
)

// TestTheStackAllocatesLittle bounds what stands before every handler, all of it: what comes back here is paid by each request of
// each service.
//
//nolint:paralleltest // it counts the allocations of the whole process
func TestTheStackAllocatesLittle(t *testing.T) {
	server, issuer := stack(t, io.Discard, ratelimit.PerSecond(50_000_000))
	server.App().Handler() // builds the tree of routes
	handler := server.App().Server().Handler
	token := issuer.Mint(authn.Principal{Subject: uuid.Must(uuid.NewV7()), Kind: authn.User, Scopes: []string{"profile"}}, audience)
	for name, tt := range map[string]struct {
		authorization string
		most          float64
	}{
		// The request, its id, the query as text, what may be wrong with it, and what fiber copies.
		"anonymous": {"", 8},
		// And the token, with the context that carries whose it is.
		"with a token": {"Bearer " + token, 13},
	} {
		var request fasthttp.Request
		request.Header.SetMethod(fiber.MethodGet)
		request.SetRequestURI("/v1/stations?near=48.8566,2.3522&connector=IEC_62196_T2_COMBO&min_power_kw=50&available=true&limit=20")
		request.Header.SetHost("127.0.0.1:5000")
		if tt.authorization != "" {
			request.Header.Set("Authorization", tt.authorization)
		}
		var ctx fasthttp.RequestCtx
		ctx.Init(&request, nil, nil)
		ask := func() {
			ctx.Response.Reset()
			handler(&ctx)
		}
		for range 1000 { // until leases are long
			ask()
		}
		if allocs := testing.AllocsPerRun(2000, ask); allocs > tt.most || ctx.Response.StatusCode() != fasthttp.StatusOK {
			t.Errorf("%s: %v allocations a request, want %v at most; status %d", name, allocs, tt.most, ctx.Response.StatusCode())
		}
	}
}
