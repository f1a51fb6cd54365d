package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ihr-charging/charging-plot-api/tools/demo"
	"github.com/ihr-charging/charging-plot-api/tools/simulator"
	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

// site is a running product that the demonstration is brought into: the local stack, or one on a cluster.
type site struct {
	url string // origin of the public API
	// ocpp is where charge points connect, without their identity.
	ocpp string
	// environ are the settings of a service, for what is done beside it.
	environ map[string][]string
	secret  string // what the charge points' passwords are derived from
	folder  string // for what is remembered between runs
	log     string // file for the fleet's log
	say     func(format string, args ...any)
}

// siteOf is the local stack.
func siteOf(product *stack.Stack) *site {
	environ := map[string][]string{}
	for _, service := range stack.Services {
		for name, value := range product.Environment(service) {
			environ[service] = append(environ[service], name+"="+value)
		}
	}
	return &site{
		url: product.URL, ocpp: "ws" + strings.TrimPrefix(product.URL, "http") + "/ocpp", environ: environ, secret: product.ChargePointSecret(),
		folder: product.Path(), log: product.Path("logs", "fleet.log"), say: product.Say,
	}
}

// fill brings the demonstration into the product: stations, accounts, the charge points that are simulated, and reviews. It does only
// what an earlier run has not done, and returns who then lives there.
func fill(ctx context.Context, product *site) (*fleet, error) {
	begin := time.Now()
	set, sum := sha256.New(), ""
	if err := demo.WriteNDJSON(set); err != nil {
		return nil, err
	}
	sum = fmt.Sprintf("%x", set.Sum(nil))
	marker := filepath.Join(product.folder, "demo.sha256")
	if had, err := os.ReadFile(marker); err != nil || string(had) != sum {
		product.say("Filling the catalogue with the demonstration set …")
		reader, writer := io.Pipe()
		go func() { writer.CloseWithError(demo.WriteNDJSON(writer)) }()
		say := func(line string) { product.say("  %s", line) }
		if err := importStations(ctx, product.environ[stack.StationCatalog], reader, say); err != nil {
			return nil, fmt.Errorf("demonstration stations: %w", err)
		}
	}
	caller := &api{base: product.url, client: &http.Client{Timeout: 30 * time.Second}}
	operator, err := demonstrator(ctx, caller)
	if err != nil {
		return nil, err
	}
	accounts := append(append([]demo.Account{}, demo.Accounts...), demo.Drivers()...)
	if err := createAccounts(ctx, product.environ[stack.Auth], accounts, operator); err != nil {
		return nil, fmt.Errorf("demonstration accounts: %w", err)
	}
	if caller, err = caller.login(ctx, demo.Op.Email, demo.Password); err != nil {
		return nil, err
	}
	inhabited := &fleet{product: product}
	made, err := inhabited.provision(ctx, caller)
	if err != nil {
		return nil, fmt.Errorf("demonstration charge points: %w", err)
	}
	reviews, err := inhabited.review(ctx, caller)
	if err != nil {
		return nil, fmt.Errorf("demonstration reviews: %w", err)
	}
	if reviews > 0 {
		product.say("  %d reviews written", reviews)
	}
	if made > 0 {
		product.say("  %d charge points provisioned; the demonstration was made in %.1f s", made, time.Since(begin).Seconds())
	}
	// Last, so that an interrupted fill begins again.
	return inhabited, os.WriteFile(marker, []byte(sum), 0o600)
}

// demonstrator is the id under which the catalogue knows the operator of the simulated charge points.
func demonstrator(ctx context.Context, caller *api) (id string, err error) {
	cursor := ""
	for {
		var page struct {
			Items []struct {
				ID          string `json:"id"`
				CountryCode string `json:"country_code"`
				PartyID     string `json:"party_id"`
			} `json:"items"`
			NextCursor string `json:"next_cursor"`
		}
		if err := caller.call(ctx, http.MethodGet, "/v1/operators?limit=500"+cursor, nil, &page); err != nil {
			return "", err
		}
		for _, o := range page.Items {
			if o.CountryCode == demo.Demonstrator.CountryCode && o.PartyID == demo.Demonstrator.PartyID {
				return o.ID, nil
			}
		}
		if page.NextCursor == "" {
			return "", fmt.Errorf("the catalogue does not know the operator %s", demo.Demonstrator.Name)
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

// fleet is the simulated charge points and drivers.
type fleet struct {
	product  *site
	stations []simulator.StationConfig
	places   []simulator.Place
}

// provision registers the charge points of the connected stations that are not registered yet, and learns where all are.
func (f *fleet) provision(ctx context.Context, operator *api) (made int, err error) {
	wanted := map[string]demo.Station{}
	for s := range demo.Stations() {
		if s.Connected() {
			wanted[s.SourceID] = s
		}
	}
	there, err := registered(ctx, operator)
	if err != nil {
		return 0, err
	}
	export, err := operator.open(ctx, http.MethodGet, "/v1/exports/stations.ndjson", nil)
	if err != nil {
		return 0, err
	}
	defer export.Body.Close()
	lines := bufio.NewScanner(export.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var known catalogued
		if err := json.Unmarshal(lines.Bytes(), &known); err != nil {
			return made, err
		}
		station, ok := wanted[known.SourceID]
		if known.Source != demo.Source || !ok {
			continue
		}
		identity := "DEMO-" + station.SourceID
		if !there[identity] {
			if err := f.register(ctx, operator, identity, known); err != nil {
				return made, err
			}
			made++
		}
		protocol := simulator.OCPP16
		if len(f.stations)%3 == 2 { // a part of the fleet is of the newer generation
			protocol = simulator.OCPP201
		}
		f.stations = append(f.stations, simulator.StationConfig{
			Identity: identity, Password: f.password(identity), Protocol: protocol, Vendor: "IHR", Model: "Demonstrator", Plugs: plugs(station),
		})
		f.places = append(f.places, simulator.Place{StationID: known.ID, Latitude: station.Latitude, Longitude: station.Longitude})
	}
	return made, lines.Err()
}

// catalogued is a station as the catalogue exports it.
type catalogued struct {
	ID       string `json:"id"`
	Source   string `json:"source"`
	SourceID string `json:"source_id"`
	Evses    []struct {
		ID  string `json:"id"`
		UID string `json:"uid"`
	} `json:"evses"`
}

// register makes a charge point whose connector numbers follow the station's EVSEs. The station's plots are made when the
// plots' service has heard of it, a moment after the import: until then it does not know the station.
func (f *fleet) register(ctx context.Context, operator *api, identity string, at catalogued) error {
	type outlet struct {
		EvseID string `json:"evse_id"`
		Number int    `json:"ocpp_connector_id"`
	}
	input := struct {
		Identity  string   `json:"identity"`
		StationID string   `json:"station_id"`
		Password  string   `json:"password"`
		Evses     []outlet `json:"evses"`
	}{Identity: identity, StationID: at.ID, Password: f.password(identity)}
	for i, e := range at.Evses {
		input.Evses = append(input.Evses, outlet{EvseID: e.ID, Number: i + 1})
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var created struct{}
		err := operator.call(ctx, http.MethodPost, "/v1/charge-points", input, &created)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// registered are the identities of the operator's charge points.
func registered(ctx context.Context, operator *api) (map[string]bool, error) {
	out := map[string]bool{}
	cursor := ""
	for {
		var page struct {
			Items []struct {
				Identity string `json:"identity"`
			} `json:"items"`
			NextCursor string `json:"next_cursor"`
		}
		if err := operator.call(ctx, http.MethodGet, "/v1/charge-points?limit=500"+cursor, nil, &page); err != nil {
			return nil, err
		}
		for _, cp := range page.Items {
			out[cp.Identity] = true
		}
		if page.NextCursor == "" {
			return out, nil
		}
		cursor = "&cursor=" + page.NextCursor
	}
}

// password is derived, so that it need not be stored: 26 letters and digits that only who has the secret can compute.
func (f *fleet) password(identity string) string {
	mac := hmac.New(sha256.New, []byte(f.product.secret))
	mac.Write([]byte(identity))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil))[:26]
}

// plugs are what the station's EVSEs offer, the strongest connector of each.
func plugs(s demo.Station) []simulator.Plug {
	var out []simulator.Plug
	for _, e := range s.Evses {
		best := e.Connectors[0]
		for _, c := range e.Connectors {
			if c.MaxElectricPower > best.MaxElectricPower {
				best = c
			}
		}
		plug := simulator.Plug{PowerKW: float64(best.MaxElectricPower) / 1000, DC: best.PowerType == "DC", Phases: 3}
		if best.PowerType == "AC_1_PHASE" {
			plug.Phases = 1
		}
		out = append(out, plug)
	}
	return out
}

// start gives the charge points and the drivers life until the returned function is called.
func (f *fleet) start(ctx context.Context, speed float64) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := f.live(ctx, speed); err != nil {
			f.product.say("The simulated fleet ended: %v", err)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
