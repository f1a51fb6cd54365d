package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/authn/authntest"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	libocpi "github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/ocpi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

const audience = "https://charging.test/charging-plot"

// world is the whole service but for its OCPP edge, in whose place stands a charge point that answers as a test says. Its tests run in
// parallel, each with drivers and stations of its own, so nobody moves its clock unless the world is theirs alone.
type world struct {
	*postgrestest.World

	t        testing.TB
	base     string
	issuer   *authntest.Issuer
	client   *http.Client
	commands *chargePoints
	desk     *session.Desk
	herald   *reservation.Herald
	hub      *live.Hub
	hooks    *webhook.Store
	keys     *keys
	ocpi     *ocpi.API
}

// chargePoints answers commands.
type chargePoints struct {
	mu     sync.Mutex
	sent   []chargepoint.Command
	answer func(uuid.UUID, chargepoint.Command) (chargepoint.Outcome, error)
}

func (c *chargePoints) Send(_ context.Context, id uuid.UUID, command chargepoint.Command) (chargepoint.Outcome, error) {
	c.mu.Lock()
	c.sent = append(c.sent, command)
	answer := c.answer
	c.mu.Unlock()
	if answer != nil {
		return answer(id, command)
	}
	return chargepoint.Outcome{Status: chargepoint.CommandAccepted}, nil
}

func (c *chargePoints) answers(fn func(uuid.UUID, chargepoint.Command) (chargepoint.Outcome, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = fn
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, issuer: authntest.NewIssuer(t), commands: &chargePoints{}}
	w.World = postgrestest.New(t, postgrestest.Options{Wake: func() { w.hub.Wake() }})
	log := slog.New(slog.DiscardHandler)
	here := publichttp.NewGuard(publichttp.Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})
	w.hooks = webhook.NewStore(w.DB, webhook.StoreOptions{Guard: here, Key: []byte("test"), Now: w.Clock.Now})
	w.hub = live.NewHub(postgres.Events(w.DB), 20*time.Millisecond, log)
	w.desk = session.NewDesk(w.Store, w.commands, time.Second, log)
	w.herald = reservation.NewHerald(w.Store, w.commands, time.Second, log)
	changes := feed.NewSource(w.DB, feed.SourceOptions[httpapi.Plot]{
		Table: postgres.ChangeLog, PollInterval: 20 * time.Millisecond,
		Load: func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]httpapi.Plot, error) {
			plots, err := w.Store.GetPlots(ctx, ids)
			out := map[uuid.UUID]httpapi.Plot{}
			for _, p := range plots {
				out[p.ID] = httpapi.ToAPIPlot(p, w.Clock.Now())
			}
			return out, err
		},
	})
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	w.Must(err)
	server := httpserver.New(httpserver.Config{Listener: listener}, telemetry.Discard())
	httpapi.AllowBodies(server)
	document, err := httpapi.Document()
	w.Must(err)
	api := httpapi.New(httpapi.Deps{
		Plots: w.Store, Changes: changes, Reservations: w.Store, Herald: w.herald, Terms: postgrestest.Terms, Sessions: w.Store, Desk: w.desk, Tokens: w.Store, Vehicles: vehicle.BuiltIn(), Finished: w.Store,
		ChargePoints: w.Store, Upkeep: w.Store, Webhooks: w.hooks, Commands: central.NewRecorder(w.commands, w.Store, w.Clock.Now, log),
		Keys: central.NewLocksmith(w.Store, w.commands), Hub: w.hub, Events: w.Store.Events(), Stations: w.Store, Occupancies: w.Store,
		Cursors: page.NewCodec([]byte("test")), Now: w.Clock.Now, Log: log, CommandTimeout: time.Second, Heartbeat: 50 * time.Millisecond,
	})
	authenticate := w.issuer.Verifier(t, audience).Middleware()
	httpapi.Bodies(server)
	api.Register(server.App(), document, authenticate, idempotency.Middleware())
	httpapi.RegisterInternal(server.App(), w.commands, "charging-plot", authenticate)
	w.speakOCPI(here).Register(server.App(), document, libocpi.Middleware(w.admit), authenticate)

	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var parts sync.WaitGroup
	for _, run := range []func(context.Context) error{w.hub.Run, changes.Run, server.Run} {
		parts.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		w.ocpi.Wait()
		w.desk.Wait()
		stop()
		parts.Wait()
	})
	w.base = "http://" + listener.Addr().String()
	w.client = &http.Client{
		Transport: document.CheckingTransport(&http.Transport{}, func(err error) { t.Error(err) }), Timeout: time.Minute,
	}
	return w
}

// in is the world as a subtest uses it.
func (w *world) in(t *testing.T) *world {
	t.Helper()
	inner, outer := *w.World, *w
	inner.T = t
	outer.World, outer.t = &inner, t
	return &outer
}

// driver makes a driver and a token of theirs.
func (w *world) driver() (uuid.UUID, string) {
	id := uuid.New()
	return id, w.issuer.Mint(authn.Principal{
		Subject: id, Scopes: []string{"reservations:read", "reservations:write", "sessions:read", "sessions:write"}, Roles: []string{"driver"},
	}, audience)
}

var operatorScopes = []string{
	"reservations:read", "reservations:write", "sessions:read", "sessions:write", "plots:write", "charge-points:read", "charge-points:write",
}

// operator makes a token of somebody who works for an operator.
func (w *world) operator(id uuid.UUID) string {
	return w.issuer.Mint(authn.Principal{Scopes: operatorScopes, Roles: []string{"operator"}, Operator: id}, audience)
}

// admin makes a token of an administrator.
func (w *world) admin() string {
	return w.issuer.Mint(authn.Principal{Scopes: operatorScopes, Roles: []string{"admin"}}, audience)
}

// answer is what came back.
type answer struct {
	t      testing.TB
	Status int
	Header http.Header
	Body   []byte
}

// call sends a request with a token ("" for none) and a body (nil for none); headers come in pairs.
func (w *world) call(method, path, token string, body any, headers ...string) answer {
	w.t.Helper()
	var reader io.Reader
	if text, ok := body.(string); ok {
		reader = bytes.NewReader([]byte(text))
	} else if body != nil {
		text, err := json.Marshal(body)
		w.Must(err)
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, reader)
	w.Must(err)
	if reader != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.client.Do(request)
	w.Must(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	w.Must(err)
	return answer{w.t, response.StatusCode, response.Header, text}
}

// into reads the body.
func (a answer) into(out any) {
	a.t.Helper()
	if err := json.Unmarshal(a.Body, out); err != nil {
		a.t.Fatalf("the body %q: %v", a.Body, err)
	}
}

// wants checks the status, and the code of a problem.
func (a answer) wants(status int, code ...string) answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("status %d, want %d: %s", a.Status, status, a.Body)
	}
	if len(code) > 0 {
		var problem struct{ Type string }
		a.into(&problem)
		if problem.Type != "urn:ihr:problem:"+code[0] {
			a.t.Fatalf("the problem is %s, want %s: %s", problem.Type, code[0], a.Body)
		}
	}
	return a
}

// problem reads a problem document.
func (a answer) problem() (p struct {
	Detail     string
	NextFreeAt time.Time `json:"next_free_at"`
	PlotStatus string    `json:"plot_status"`
	Errors     []struct{ Pointer, Parameter, Code string }
},
) {
	a.t.Helper()
	a.into(&p)
	return p
}
