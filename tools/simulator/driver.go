package simulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
)

// DriversConfig is who drives, where, and how often.
type DriversConfig struct {
	// BaseURL of the public API, such as http://127.0.0.1:5000.
	BaseURL  string
	Accounts []Account
	// Places are the stations that have simulated charge points. A driver searches near one of them and takes what the search finds.
	Places []Place
	// Pace is the mean time between two trips of a driver, before the speed; 20 min by default.
	Pace time.Duration
	// Speed is that of the fleet: people hurry as much as batteries shrink.
	Speed float64
	// Poll is the time between two looks at a session; 3 s by default.
	Poll time.Duration
	Seed uint64
	Log  *slog.Logger
}

// Place is a station of the catalogue.
type Place struct {
	StationID string  `json:"station_id"`
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// How long people take, before the speed.
const (
	leastDrive, mostDrive   = time.Minute, 8 * time.Minute
	leastCharge, mostCharge = 12 * time.Minute, 50 * time.Minute
	startPatience           = 2 * time.Minute // not hurried: the charge point takes its own time
	stopPatience            = 2 * time.Minute
)

// Drivers are people with accounts who search, reserve, charge and leave, through the public API alone.
type Drivers struct {
	cfg    DriversConfig
	served map[string]bool
	totals driverStats
}

type driverStats struct {
	trips, found, reserved, started, completed, failed atomic.Int64
}

// DriverTotals is what the drivers did so far.
type DriverTotals struct {
	Trips     int64 // begun
	Found     int64 // that found a free plot
	Reserved  int64
	Started   int64 // sessions that became active
	Completed int64
	Failed    int64 // trips that ended with a fault
}

// NewDrivers makes drivers, one for each account. They do nothing before Run.
func NewDrivers(cfg DriversConfig) *Drivers {
	cfg.Pace = cmp.Or(cfg.Pace, 20*time.Minute)
	cfg.Speed = cmp.Or(cfg.Speed, 1)
	cfg.Poll = cmp.Or(cfg.Poll, 3*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	d := &Drivers{cfg: cfg, served: map[string]bool{}}
	for _, place := range cfg.Places {
		d.served[place.StationID] = true
	}
	return d
}

// Totals returns what the drivers did so far.
func (d *Drivers) Totals() DriverTotals {
	t := &d.totals
	return DriverTotals{
		Trips: t.trips.Load(), Found: t.found.Load(), Reserved: t.reserved.Load(), Started: t.started.Load(),
		Completed: t.completed.Load(), Failed: t.failed.Load(),
	}
}

// Run lets everybody drive until ctx ends. A trip that fails is logged and the next one is another trip.
func (d *Drivers) Run(ctx context.Context) error {
	if len(d.cfg.Places) == 0 {
		return errors.New("simulator: drivers have nowhere to go")
	}
	var all sync.WaitGroup
	for _, account := range d.cfg.Accounts {
		all.Go(func() { d.drive(ctx, account) })
	}
	all.Wait()
	return nil
}

// A driver is one person at work.
type driver struct {
	*Drivers
	random *rand.Rand
	api    *httpclient.Client
	log    *slog.Logger
}

func (d *Drivers) drive(ctx context.Context, account Account) {
	w := &wallet{account: account, api: httpclient.New(httpclient.Config{BaseURL: d.cfg.BaseURL})}
	p := &driver{
		Drivers: d, api: httpclient.New(httpclient.Config{BaseURL: d.cfg.BaseURL, Tokens: w}),
		random: randomOf(d.cfg.Seed, account.Login), log: d.cfg.Log,
	}
	// Nobody sets out at the same moment as the others, nor only after a whole pause.
	pause := time.Duration(p.random.Float64() * float64(d.cfg.Pace) / d.cfg.Speed / 2)
	for wait(ctx, pause) {
		d.totals.trips.Add(1)
		pause = time.Duration(p.random.ExpFloat64() * float64(d.cfg.Pace) / d.cfg.Speed)
		if err := p.trip(ctx); err != nil && ctx.Err() == nil {
			d.totals.failed.Add(1)
			f := fault.Of(err)
			p.log.InfoContext(ctx, "simulated trip failed", "fault", f.Code(), "error", err)
			pause = max(pause, f.RetryAfter())
		}
	}
}

// trip is one charge, from the search to the receipt. Finding nothing free is no fault.
func (p *driver) trip(ctx context.Context) error {
	plot, err := p.search(ctx)
	if err != nil || plot == "" {
		return err
	}
	p.totals.found.Add(1)
	order := sessionInput{PlotID: plot}
	if p.random.IntN(5) < 2 {
		claim, err := p.reserve(ctx, plot)
		if err != nil {
			return fmt.Errorf("reserve: %w", err)
		}
		order.ReservationID = claim
		if !wait(ctx, p.span(leastDrive, mostDrive)) {
			return ctx.Err()
		}
	}
	var session sessionView
	err = p.api.Do(ctx, http.MethodPost, "/v1/sessions", nil, order, &session, httpclient.IdempotencyKey(uuid.NewString()))
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if session, err = p.watch(ctx, session.ID, startPatience, func(s sessionView) bool { return s.State != "PENDING" }); err != nil {
		return fmt.Errorf("wait for the start: %w", err)
	}
	if session.State != "ACTIVE" {
		return fmt.Errorf("the session is %s: %s", session.State, session.Reason)
	}
	p.totals.started.Add(1)
	return p.charge(ctx, session.ID)
}

// charge watches until the driver has had enough, stops, and looks at the receipt.
func (p *driver) charge(ctx context.Context, id string) error {
	enough := 68 + p.random.Float64()*22
	session, err := p.watch(ctx, id, p.span(leastCharge, mostCharge), func(s sessionView) bool {
		return s.State != "ACTIVE" || s.SoCPercent != nil && *s.SoCPercent >= enough
	})
	if err != nil && !errors.Is(err, errPatience) {
		return fmt.Errorf("watch: %w", err)
	}
	if session.State == "ACTIVE" {
		path := "/v1/sessions/" + id + "/stop"
		if err := p.api.Do(ctx, http.MethodPost, path, nil, nil, nil, httpclient.IdempotencyKey(uuid.NewString())); err != nil {
			return fmt.Errorf("stop: %w", err)
		}
		session, err = p.watch(ctx, id, stopPatience, func(s sessionView) bool { return s.State != "ACTIVE" })
		if err != nil {
			return fmt.Errorf("wait for the stop: %w", err)
		}
	}
	if session.State != "COMPLETED" {
		return fmt.Errorf("the session is %s: %s", session.State, session.Reason)
	}
	p.totals.completed.Add(1)
	var receipt struct {
		EnergyKWh any `json:"energy_kwh"`
	}
	if err := p.api.GetJSON(ctx, "/v1/sessions/"+id+"/receipt.json", nil, &receipt); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	p.log.DebugContext(ctx, "simulated trip completed", "session", id, "energy_kwh", receipt.EnergyKWh)
	return nil
}

// search asks for free plots near a place and returns one at a station that is simulated, "" when there is none.
func (p *driver) search(ctx context.Context) (string, error) {
	place := p.cfg.Places[p.random.IntN(len(p.cfg.Places))]
	near := strconv.FormatFloat(place.Latitude, 'f', 5, 64) + "," + strconv.FormatFloat(place.Longitude, 'f', 5, 64)
	var found struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	query := url.Values{"near": {near}, "radius_km": {"3"}, "available": {"true"}, "limit": {"50"}}
	if err := p.api.GetJSON(ctx, "/v1/stations", query, &found); err != nil {
		return "", fmt.Errorf("search: %w", err)
	}
	var stations []string
	for _, item := range found.Items {
		if p.served[item.ID] {
			stations = append(stations, item.ID)
		}
	}
	if len(stations) == 0 {
		return "", nil
	}
	// Nearer ones are likelier: drivers look at the first few.
	station := stations[p.random.IntN(min(3, len(stations)))]
	var plots struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	query = url.Values{"station_id": {station}, "status": {"AVAILABLE"}}
	if err := p.api.GetJSON(ctx, "/v1/plots", query, &plots); err != nil {
		return "", fmt.Errorf("plots: %w", err)
	}
	if len(plots.Items) == 0 {
		return "", nil
	}
	return plots.Items[p.random.IntN(len(plots.Items))].ID, nil
}

func (p *driver) reserve(ctx context.Context, plot string) (string, error) {
	var claim struct {
		ID string `json:"id"`
	}
	input := map[string]any{"plot_id": plot, "duration_min": 30}
	err := p.api.Do(ctx, http.MethodPost, "/v1/reservations", nil, input, &claim, httpclient.IdempotencyKey(uuid.NewString()))
	if err == nil {
		p.totals.reserved.Add(1)
	}
	return claim.ID, err
}

type sessionInput struct {
	PlotID        string `json:"plot_id"`
	ReservationID string `json:"reservation_id,omitempty"`
}

// sessionView is what a driver looks at.
type sessionView struct {
	ID         string   `json:"id"`
	State      string   `json:"state"`
	Reason     string   `json:"reason"`
	SoCPercent *float64 `json:"soc_percent"`
}

var errPatience = errors.New("the driver lost patience")

// watch looks at a session until it is as wanted. It returns the last look with errPatience when that takes too long.
func (p *driver) watch(ctx context.Context, id string, patience time.Duration, wanted func(sessionView) bool) (sessionView, error) {
	until := time.Now().Add(patience)
	for {
		var session sessionView
		if err := p.api.GetJSON(ctx, "/v1/sessions/"+id, nil, &session); err != nil {
			return session, err
		}
		if wanted(session) {
			return session, nil
		}
		if time.Now().After(until) {
			return session, errPatience
		}
		if !wait(ctx, p.cfg.Poll) {
			return session, ctx.Err()
		}
	}
}

func (p *driver) span(least, most time.Duration) time.Duration {
	return time.Duration((float64(least) + p.random.Float64()*float64(most-least)) / p.cfg.Speed)
}

// wait returns false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
