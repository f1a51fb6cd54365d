package simulator

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/authn/authntest"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	chargingplot "github.com/ihr-charging/charging-plot-api/services/charging-plot"
)

var (
	blackoutStations = flag.Int("stations", 60, "stations in the blackout test")
	blackoutCharge   = flag.Duration("charge", time.Second, "how long they charge before the blackout")
	blackoutSample   = flag.Duration("sample", 100*time.Millisecond, "time between two meter values of a station")
)

// A site is a simulated station, its plot at the service, and the driver who charges there.
type site struct {
	*Station
	station, evse, plot string
	session             string
	driver              *httpclient.Client
}

// bearer is a token that lasts as long as the test.
type bearer string

func (b bearer) Token(context.Context) (string, error) { return string(b), nil }

// The real service, its real store, and a fleet that charges when everything breaks at once: the network of some, the supply of others.
// In the end the service knows every charge once, with the energy that the meters show.
func TestTheServiceKnowsEveryChargeAfterABlackout(t *testing.T) {
	t.Parallel()
	n := *blackoutStations
	sites := make([]*site, n)
	for i := range sites {
		sites[i] = &site{station: uuid.NewString(), evse: uuid.NewString()}
	}
	cfg, api, sockets := runService(t, sites)

	issuer := cfg.issuer
	began := time.Now()
	var configs []StationConfig
	for i, one := range sites {
		station, err := uuid.Parse(one.station)
		must(t, err)
		evse, err := uuid.Parse(one.evse)
		must(t, err)
		identity := fmt.Sprintf("CP-%05d", i)
		_, password, err := chargingplot.RegisterChargePoint(t.Context(), cfg.Config, chargingplot.Registration{
			Identity: identity, StationID: station, EVSEs: map[int]uuid.UUID{1: evse},
		})
		must(t, err)
		configs = append(configs, StationConfig{Identity: identity, Password: password, Protocol: []string{OCPP16, OCPP201}[i/2%2], Plugs: []Plug{dc}})
	}
	t.Logf("%d charge points registered in %v", n, time.Since(began).Round(time.Millisecond))

	fleet, err := NewFleet(FleetConfig{
		Options: Options{
			URL: sockets, Seed: 1, Speed: 1, SampleInterval: *blackoutSample, ReconnectMin: 10 * time.Millisecond,
			ReconnectMax: 2 * time.Second, RetryInterval: 100 * time.Millisecond,
		},
		Stations: configs,
	})
	must(t, err)
	ctx, cancel := contextOf(t)
	ran := make(chan error, 1)
	go func() { ran <- fleet.Run(ctx) }()
	for i, s := range fleet.Stations() {
		sites[i].Station = s
		sites[i].driver = httpclient.New(httpclient.Config{BaseURL: api, Tokens: bearer(issuer.Mint(authn.Principal{
			Scopes: []string{"sessions:read", "sessions:write"}, Expires: time.Now().Add(time.Hour),
		}, issuer.URL+"/charging-plot"))})
	}

	began = time.Now()
	all := func(do func(*site) error) { t.Helper(); must(t, each(sites, do)) }
	all(func(s *site) error {
		return s.until(ctx, func(now Snapshot) bool { return now.Connectors[0].Status == "Available" && now.Registered })
	})
	t.Logf("%d connected and booted in %v", n, time.Since(began).Round(time.Millisecond))

	began = time.Now()
	all(func(s *site) error { return s.order(ctx) })
	all(func(s *site) error {
		return s.until(ctx, func(now Snapshot) bool { return now.Connectors[0].Transaction > 0 })
	})
	t.Logf("%d charges ordered and begun in %v", n, time.Since(began).Round(time.Millisecond))

	before := fleet.Totals()
	wait(ctx, *blackoutCharge)
	after := fleet.Totals()
	t.Logf("%.0f messages/s; p50 %v, p99 %v, most %v", float64(after.Answers-before.Answers)/blackoutCharge.Seconds(), after.Median, after.P99, after.Slowest)

	began = time.Now()
	all(func(s *site) error {
		if len(s.Identity())%2 == 0 || s.Identity()[len(s.Identity())-1]%3 == 0 {
			return s.PowerOff()
		}
		return s.Cut()
	})
	all(func(s *site) error {
		if s.Identity()[len(s.Identity())-1]%2 == 0 {
			return s.Unplug(1) // the driver leaves in the dark
		}
		return nil
	})
	all((*site).back)
	all(func(s *site) error { return s.Unplug(1) })
	all(func(s *site) error {
		wait, stop := context.WithTimeout(ctx, time.Minute)
		defer stop()
		return s.Settle(wait)
	})
	t.Logf("told to the end %v after the blackout began: %+v", time.Since(began).Round(time.Millisecond), fleet.Totals())
	compare(ctx, t, cfg.Config, sites)
	cancel()
	must(t, <-ran)
}

// compare holds what the service knows against what the stations remember.
func compare(ctx context.Context, t *testing.T, cfg chargingplot.Config, sites []*site) {
	t.Helper()
	known, err := chargingplot.ListSessions(ctx, cfg, nil, 2*len(sites))
	must(t, err)
	byPlot := map[string]chargingplot.Session{}
	for _, s := range known {
		if _, twice := byPlot[s.PlotID.String()]; twice {
			t.Errorf("two sessions on plot %s", s.PlotID)
		}
		byPlot[s.PlotID.String()] = s
	}
	for _, one := range sites {
		remembered := one.Transactions()
		if len(remembered) != 1 || !remembered[0].Acknowledged {
			t.Fatalf("%s remembers %+v", one.Identity(), remembered)
		}
		mine, its := remembered[0], byPlot[one.plot]
		energy := float64(mine.MeterStopWh-mine.MeterStartWh) / 1000
		if its.State != "COMPLETED" || math.Abs(its.EnergyKWh-energy) > 1e-9 ||
			its.StartedAt.Sub(mine.StartedAt).Abs() > time.Millisecond || its.EndedAt.Sub(mine.StoppedAt).Abs() > time.Millisecond {
			t.Errorf("%s charged %.3f kWh from %v to %v (%s); the service knows %+v",
				one.Identity(), energy, mine.StartedAt, mine.StoppedAt, mine.Reason, its)
		}
	}
	if len(known) != len(sites) {
		t.Errorf("the service knows %d sessions of %d", len(known), len(sites))
	}
}

func (s *site) until(ctx context.Context, wanted func(Snapshot) bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return s.Await(ctx, wanted)
}

// back ends whatever the blackout did to the station.
func (s *site) back() error {
	if err := s.PowerOn(); err != nil {
		return err
	}
	return s.Restore()
}

// order has the driver find the plot, start a session, and plug in once the station expects the car.
func (s *site) order(ctx context.Context) error {
	var plots struct {
		Items []struct{ ID, Status string }
	}
	if err := s.driver.GetJSON(ctx, "/v1/plots", url.Values{"station_id": {s.station}}, &plots); err != nil {
		return err
	}
	if len(plots.Items) != 1 {
		return fmt.Errorf("station %s has %d plots", s.station, len(plots.Items))
	}
	s.plot = plots.Items[0].ID
	var session struct{ ID string }
	err := s.driver.Do(ctx, http.MethodPost, "/v1/sessions", nil, map[string]any{"plot_id": s.plot}, &session, httpclient.IdempotencyKey(uuid.NewString()))
	if err != nil {
		return err
	}
	s.session = session.ID
	if err := s.until(ctx, func(now Snapshot) bool { return now.Connectors[0].Status == "Preparing" }); err != nil {
		return err
	}
	return s.Plug(1, hungry)
}

// each does something at every site, many at a time.
func each(sites []*site, do func(*site) error) error {
	errs := make(chan error, len(sites))
	slots := make(chan struct{}, 64)
	var all sync.WaitGroup
	for _, s := range sites {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := do(s); err != nil {
				errs <- fmt.Errorf("%s: %w", s.Identity(), err)
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

type service struct {
	chargingplot.Config
	issuer *authntest.Issuer
}

// runService runs charging-plot on a database of its own, behind a catalogue that consists of the sites' stations. It returns when the
// plots are there.
func runService(t *testing.T, sites []*site) (service, string, string) {
	t.Helper()
	catalogue := httptest.NewServer(feedOf(sites))
	t.Cleanup(catalogue.Close)
	db := pgtest.New(t, chargingplot.Migrations())
	var name string
	must(t, db.GetContext(t.Context(), &name, "SELECT current_database()"))
	address, err := url.Parse(pgtest.URL(t))
	must(t, err)
	address.Path = "/" + name
	listen := func() net.Listener {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		return listener
	}
	issuer := authntest.NewIssuer(t)
	cfg := chargingplot.Config{
		Postgres: postgres.Config{URL: address.String()}, Auth: authn.Config{Issuer: issuer.URL, JWKSURL: issuer.JWKSURL},
		StationCatalogURL: catalogue.URL, SessionStartTimeout: 5 * time.Minute,
	}
	cfg.HTTP.Listener, cfg.OCPP.Listener = listen(), listen()
	cfg.Telemetry.LogOutput = io.Discard
	cfg.OCPP.DrainSpread = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- chargingplot.Run(ctx, cfg) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the service ended with: %v", err)
		}
	})
	api := "http://" + cfg.HTTP.Listener.Addr().String()
	anonymous := httpclient.New(httpclient.Config{BaseURL: api, Timeout: time.Minute})
	// The last station of the feed is there when all are.
	last := url.Values{"station_id": {sites[len(sites)-1].station}}
	for {
		var plots struct{ Items []struct{ ID string } }
		if err := anonymous.GetJSON(t.Context(), "/v1/plots", last, &plots); err == nil && len(plots.Items) > 0 {
			return service{cfg, issuer}, api, "ws://" + cfg.OCPP.Listener.Addr().String() + "/ocpp"
		}
		if !wait(t.Context(), 20*time.Millisecond) {
			t.Fatal("the plots did not come")
		}
	}
}

// feedOf is a station-catalog that consists of its feed, and holds a request that waits for more.
func feedOf(sites []*site) http.HandlerFunc {
	const page = 400
	return func(w http.ResponseWriter, r *http.Request) {
		var from int
		_, _ = fmt.Sscanf(r.URL.Query().Get("after"), "row-%d", &from)
		items := []any{}
		for ; from < len(sites) && len(items) < page; from++ {
			items = append(items, map[string]any{
				"id": sites[from].station, "op": "upsert", "version": 1, "changed_at": time.Now(), "data": map[string]any{
					"id": sites[from].station, "name": "Test Station", "time_zone": "Europe/Berlin", "country": "DE", "version": 1,
					"operator": map[string]any{"id": "018f0000-0000-7000-8000-000000000001", "name": "Test Operator"},
					"evses": []any{map[string]any{
						"id": sites[from].evse, "uid": "1", "reservable": true,
						"connectors": []any{map[string]any{"id": "1", "standard": "IEC_62196_T2_COMBO", "power_type": "DC", "max_electric_power": 150000}},
					}},
				},
			})
		}
		if len(items) == 0 {
			wait(r.Context(), 5*time.Second)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "next_cursor": fmt.Sprintf("row-%d", from), "as_of": time.Now()})
	}
}
