package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/tools/simulator"
	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

// TestKilledServicesLoseNothing kills each service in turn, and Redis, while drivers reserve, charge and stop; then it holds
// everything that was acknowledged, to a driver or to a charge point, against what the product says, and the catalogue's
// statuses against the plots'.
func TestKilledServicesLoseNothing(t *testing.T) {
	own := ownStack(t)
	imported(t)
	var drivers []*activity
	for range 3 {
		drivers = append(drivers, newActivity(t))
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for _, a := range drivers {
		all.Go(func() { a.run(stop) })
	}
	// Whatever is killed, everybody is in the middle of something: at least one more charge has begun by everyone since.
	busy := func() {
		for _, a := range drivers {
			before := a.begun()
			eventually(t, 2*time.Minute, "the drivers go on", func() bool { return a.begun() > before })
		}
	}
	for _, name := range []string{stack.ChargingPlot, stack.StationCatalog, stack.Auth, stack.ChargingPlot} {
		busy()
		if err := own.Service(name).Kill(); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := own.Service(name).Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s was killed and ready again after %s", name, time.Since(begin).Round(time.Millisecond))
	}
	busy()
	own.Redis.Kill()
	anonymousReadsWork(t)
	busy()
	if err := own.Redis.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	busy()
	close(stop)
	all.Wait()

	for _, a := range drivers {
		a.check()
	}
	catalogueEqualsPlots(t)
}

// anonymousReadsWork makes sure that a dead Redis costs nobody an answer.
func anonymousReadsWork(t *testing.T) {
	t.Helper()
	c := anonymous(t)
	for _, path := range []string{"/v1/stations?" + near, "/v1/plots?limit=5", "/.well-known/jwks.json"} {
		if a := c.do(http.MethodGet, path, nil); a.status != http.StatusOK {
			t.Errorf("without Redis %s answers %s", path, a)
		}
	}
}

// activity is a driver who reserves, charges and stops at one plot, over and over, and remembers what was acknowledged.
type activity struct {
	t      *testing.T
	driver *client
	cp     *simulator.Station
	bay    plot
	login  tokens

	mu           sync.Mutex
	reservations []string
	sessions     []string
	retries      int
	pulled       int            // plugs, to end a charge
	refusals     map[string]int // by code
}

func newActivity(t *testing.T) *activity {
	t.Helper()
	driver, given := newDriver(t)
	at := ownStation(t, nil)
	awaitPlot(t, driver, at, at.Evses[0])
	cp, bay := install(t, operatorOf(t, at), at, at.Evses[0])
	return &activity{t: t, driver: driver, cp: cp, bay: bay, login: given, refusals: map[string]int{}}
}

func (a *activity) begun() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sessions)
}

func (a *activity) run(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		a.once()
	}
}

// once goes one round. Every step is tried until it is answered; the charge point decides what really happened.
func (a *activity) once() {
	a.awaitFreePlot()
	claim, ok := ordered[reservation](a, http.StatusCreated, "/v1/reservations", map[string]any{"plot_id": a.bay.ID, "duration_min": 15})
	if ok {
		a.mu.Lock()
		a.reservations = append(a.reservations, claim.ID)
		a.mu.Unlock()
	}
	order, ok := ordered[session](a, http.StatusAccepted, "/v1/sessions", map[string]any{"plot_id": a.bay.ID})
	if !ok {
		a.awaitCharge(20*time.Second, free) // an earlier charge is still ending
		return
	}
	a.mu.Lock()
	a.sessions = append(a.sessions, order.ID)
	a.mu.Unlock()
	a.move(arrive)
	// PENDING may also become INVALID: a charge point that is cut off cannot be told to start.
	state := a.awaitState(order.ID, 90*time.Second, "ACTIVE", "COMPLETED", "INVALID")
	if state == "ACTIVE" {
		a.awaitCharge(10*time.Second, func(s simulator.Snapshot) bool { return s.Connectors[0].PowerW > 0 })
		ordered[session](a, http.StatusAccepted, "/v1/sessions/"+order.ID+"/stop", nil)
		state = a.awaitState(order.ID, 20*time.Second, "COMPLETED", "INVALID")
	}
	a.move(leave)
	// Pulling the plug ends a charge whose order to stop died on its way.
	if state == "ACTIVE" || state == "" {
		a.mu.Lock()
		a.pulled++
		a.mu.Unlock()
		if state = a.awaitState(order.ID, 90*time.Second, "COMPLETED", "INVALID"); state == "" {
			a.t.Errorf("session %s never ended", order.ID)
		}
	}
	a.awaitCharge(20*time.Second, free)
}

// awaitFreePlot waits for the plot of the round before; after a while it goes on with whatever there is.
func (a *activity) awaitFreePlot() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); time.Since(begin) < 20*time.Second; <-tick.C {
		got, err := a.driver.try(a.t.Context(), http.MethodGet, "/v1/plots/"+a.bay.ID, nil)
		var now plot
		if a.away(got, err) || json.Unmarshal(got.body, &now) != nil || now.Status != "AVAILABLE" {
			continue
		}
		return
	}
}

func (a *activity) move(how func(*simulator.Station) error) {
	if err := how(a.cp); err != nil {
		a.t.Error(err)
	}
}

// awaitCharge waits for the charge point; that it takes too long is for the checks at the end to judge.
func (a *activity) awaitCharge(limit time.Duration, wanted func(simulator.Snapshot) bool) {
	ctx, cancel := context.WithTimeout(a.t.Context(), limit)
	defer cancel()
	if err := a.cp.Await(ctx, wanted); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		a.t.Error(err)
	}
}

// awaitState waits until a session is in one of the states, and returns it, or "" when that takes too long.
func (a *activity) awaitState(id string, limit time.Duration, states ...string) string {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); time.Since(begin) < limit; <-tick.C {
		got, err := a.driver.try(a.t.Context(), http.MethodGet, "/v1/sessions/"+id, nil)
		if a.away(got, err) {
			continue
		}
		var s session
		if err := json.Unmarshal(got.body, &s); err != nil || got.status != http.StatusOK {
			a.t.Errorf("acknowledged session %s answers %s", id, got)
			return ""
		}
		for _, state := range states {
			if s.State == state {
				return state
			}
		}
	}
	return ""
}

// ordered posts until somebody answers, with one Idempotency-Key, so that a lost answer is not a second order. It says whether
// the order was taken; 409 is an answer too.
func ordered[T any](a *activity, status int, path string, body any) (out T, ok bool) {
	key := header("Idempotency-Key", fmt.Sprintf("%s-%d", path, time.Now().UnixNano()))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); time.Since(begin) < 90*time.Second; <-tick.C {
		got, err := a.driver.try(a.t.Context(), http.MethodPost, path, body, key)
		if a.away(got, err) {
			continue
		}
		switch got.status {
		case status:
			if err := json.Unmarshal(got.body, &out); err != nil {
				a.t.Error(err)
			}
			return out, true
		case http.StatusConflict:
			p, err := problemOf(got)
			if err != nil {
				a.t.Error(err)
			}
			a.mu.Lock()
			a.refusals[p.code()]++
			a.mu.Unlock()
			return out, false
		default:
			a.t.Errorf("POST %s answers %s", path, got)
			return out, false
		}
	}
	a.t.Errorf("POST %s was not answered for 90 s", path)
	return out, false
}

// away says whether the product could not be reached just then: a broken connection, or a 502, 503 or 504. Anything else that is
// no answer of the API is a fault.
func (a *activity) away(got answer, err error) bool {
	gone := err != nil || (got.status >= http.StatusBadGateway && got.status <= http.StatusGatewayTimeout)
	if gone {
		a.mu.Lock()
		a.retries++
		a.mu.Unlock()
	}
	return gone
}

// check holds what was acknowledged against what is there.
func (a *activity) check() {
	a.t.Helper()
	settled(a.t, a.cp)
	for _, id := range a.reservations {
		if got := a.driver.do(http.MethodGet, "/v1/reservations/"+id, nil); got.status != http.StatusOK {
			a.t.Errorf("acknowledged reservation %s answers %s", id, got)
		}
	}
	// A charge that the charge point saw acknowledged is one session with exactly its readings.
	type readings struct{ start, stop int64 }
	records := map[readings]int{}
	for _, id := range a.sessions {
		eventually(a.t, 2*time.Minute, "session "+id+" has ended", func() bool {
			s := get[session](a.driver, "/v1/sessions/"+id)
			return s.State == "COMPLETED" || s.State == "INVALID"
		})
		if s := get[session](a.driver, "/v1/sessions/"+id); s.State == "COMPLETED" {
			bill := get[receipt](a.driver, "/v1/sessions/"+id+"/receipt.json")
			records[readings{bill.MeterStartWh, bill.MeterStopWh}]++
		}
	}
	transactions := a.cp.Transactions()
	for _, measured := range transactions {
		key := readings{int64(measured.MeterStartWh), int64(measured.MeterStopWh)}
		if !measured.Acknowledged || records[key] != 1 {
			a.t.Errorf("the charge %+v has %d records", measured, records[key])
		}
		delete(records, key)
	}
	for left := range records {
		a.t.Errorf("there is a record %+v that no charge point measured", left)
	}
	a.t.Logf("%d reservations, %d sessions and %d charges were acknowledged; %d tries found nobody; %d charges ended by pulling the plug; refused: %v",
		len(a.reservations), len(a.sessions), len(transactions), a.retries, a.pulled, a.refusals)
	next := want[tokens](anonymous(a.t), http.StatusOK, http.MethodPost, "/v1/auth/refresh", map[string]any{"refresh_token": a.login.RefreshToken})
	if next.AccessToken == "" {
		a.t.Error("an acknowledged login is gone")
	}
}

// catalogueEqualsPlots compares, station by station, what the catalogue says of plots with what the plots' service says.
func catalogueEqualsPlots(t *testing.T) {
	t.Helper()
	c := anonymous(t)
	eventually(t, patience, "the catalogue's statuses equal the plots'", func() bool {
		wanted, rows := map[string]counts{}, 0
		each(c, "/v1/plots?limit=500", func(p plot) {
			n := wanted[p.StationID]
			n.Total++
			if p.Status == "AVAILABLE" {
				n.Available++
			}
			wanted[p.StationID] = n
			rows++
		})
		stations, different := 0, 0
		each(c, "/v1/stations?limit=500", func(s stationItem) {
			stations++
			if s.Plots.counts != wanted[s.ID] {
				different++
			}
			delete(wanted, s.ID)
		})
		t.Logf("%d plots of %d stations compared: %d stations differ, %d have plots but are not in the catalogue", rows, stations, different, len(wanted))
		return rows > 0 && different == 0 && len(wanted) == 0
	})
}

// each walks a list through all its pages.
func each[T any](c *client, path string, do func(T)) {
	c.t.Helper()
	cursor := ""
	for {
		p := get[page[T]](c, path+cursor)
		for _, item := range p.Items {
			do(item)
		}
		if p.NextCursor == "" {
			return
		}
		cursor = "&cursor=" + p.NextCursor
	}
}
