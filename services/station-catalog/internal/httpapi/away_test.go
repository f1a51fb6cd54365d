package httpapi_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/plotstatus"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// plots stands for charging-plot: its feed, which can be away.
type plots struct {
	mu     sync.Mutex
	down   bool
	events []feed.Event[plotstatus.Plot]
	news   chan struct{}
}

func newPlots() *plots { return &plots{news: make(chan struct{})} }

func (p *plots) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	place := 0
	if after := r.URL.Query().Get("after"); after != "" {
		if err := json.Unmarshal([]byte(after), &place); err != nil {
			http.Error(w, "no cursor", http.StatusBadRequest)
			return
		}
	}
	p.mu.Lock()
	down, news := p.down, p.news
	behind := len(p.events) > place
	p.mu.Unlock()
	if down || r.URL.Path != "/v1/plots/changes" {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	if !behind {
		select {
		case <-news:
		case <-r.Context().Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down { // it went away while the question was held
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	next, err := json.Marshal(len(p.events))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	page := feed.Page[plotstatus.Plot]{Items: p.events[place:], NextCursor: string(next), AsOf: time.Now().UTC()}
	_ = json.NewEncoder(w).Encode(page) // a client that has left needs no answer
}

func (p *plots) tell(evse uuid.UUID, status station.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := uuid.NewSHA1(evse, nil)
	p.events = append(p.events, feed.Event[plotstatus.Plot]{ID: id.String(), Op: feed.Upsert, Version: int64(len(p.events) + 1), Data: &plotstatus.Plot{
		ID: id, EVSEIDs: []uuid.UUID{evse}, Status: status, Since: time.Now().UTC(), Version: int64(len(p.events) + 1),
	}})
	close(p.news)
	p.news = make(chan struct{})
}

func (p *plots) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// TestFollowingPlots promises that statuses of charging-plot show in the search, that they stay as they were while it is away,
// that the answer says of when they are, and that it catches up.
func TestFollowingPlots(t *testing.T) {
	t.Parallel()
	peer := newPlots()
	server := httptest.NewServer(peer)
	t.Cleanup(server.Close)
	w := newWorld(t, func(c *stationcatalog.Config) { c.ChargingPlotURL = server.URL })
	w.fill()
	anyone := w.anonymous()
	evse := w.named("Place du Marché").EVSEs[0].ID
	free := func() page {
		got, _ := want[page](anyone, http.StatusOK, http.MethodGet, "/v1/stations?available=true", nil)
		return got
	}
	w.eventually("the copy says of when it is", func() bool { return free().StatusesAsOf != nil })
	if got := free(); got.Total != 0 {
		t.Errorf("%d stations are free before anything was told", got.Total)
	}
	peer.tell(evse, station.Available)
	w.eventually("the plot is free", func() bool { return free().Total == 1 })

	peer.setDown(true)
	// Whoever has seen it away has stored all that it had told before.
	w.eventually("readiness says that the peer is away", func() bool { return w.ready()["charging-plot"] == "failed" })
	before := *free().StatusesAsOf
	peer.tell(evse, station.Charging)
	if got := free(); got.Total != 1 || !got.StatusesAsOf.Equal(before) {
		t.Errorf("while the plots are away the search finds %d as of %s", got.Total, got.StatusesAsOf)
	}
	peer.setDown(false)
	w.eventually("the plot is taken", func() bool { return free().Total == 0 })
	w.eventually("readiness says that the peer is back", func() bool { return w.ready()["charging-plot"] == "ok" })
}

// ready gives the state of each dependency.
func (w *world) ready() map[string]string {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.base+"/readyz", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := w.plain.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Status string
		Checks []struct{ Name, Status string }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		w.t.Fatal(err)
	}
	out := map[string]string{"": answer.Status}
	for _, c := range answer.Checks {
		out[c.Name] = c.Status
	}
	return out
}

// TestNothingElseIsThere promises that the service starts and answers without Redis, without auth and without charging-plot.
func TestNothingElseIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *stationcatalog.Config) {
		c.Redis.URL = "redis://127.0.0.1:1/0"
		c.Auth.JWKSURL = "http://127.0.0.1:1/jwks"
		c.ChargingPlotURL = "http://127.0.0.1:1"
		c.AnonymousRate, c.PrincipalRate = 100_000, 100_000
	})
	w.fill()
	anyone := w.anonymous()
	s := w.named("Gare Sud")
	for range 3 {
		if got, _ := want[station.Station](anyone, http.StatusOK, http.MethodGet, "/v1/stations/"+s.ID.String(), nil); got.Name != s.Name {
			t.Errorf("the station is %+v", got)
		}
	}
	state := w.ready()
	if state[""] != "degraded" || state["redis"] != "failed" || state["postgres"] != "ok" {
		t.Errorf("readiness says %v", state)
	}
}

// valve is a way to a server that can be shut.
type valve struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]struct{}
}

func newValve(t *testing.T, target string) *valve {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &valve{listener: listener, target: target, conns: map[net.Conn]struct{}{}}
	go v.run()
	t.Cleanup(func() {
		v.set(true)
		_ = listener.Close()
	})
	return v
}

func (v *valve) run() {
	for {
		client, err := v.listener.Accept()
		if err != nil {
			return
		}
		v.mu.Lock()
		shut := v.shut
		v.mu.Unlock()
		server, err := new(net.Dialer).Dial("tcp", v.target)
		if shut || err != nil {
			_ = client.Close()
			continue
		}
		v.mu.Lock()
		v.conns[client], v.conns[server] = struct{}{}, struct{}{}
		v.mu.Unlock()
		for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
			go func() {
				_, _ = io.Copy(way[0], way[1]) // ends when either side does
				_ = way[0].Close()
			}()
		}
	}
}

func (v *valve) set(shut bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shut = shut
	if shut {
		for c := range v.conns {
			_ = c.Close()
		}
		clear(v.conns)
	}
}

// TestPostgresIsAway promises that searches go on from memory while the database is away, at a pod that stays ready, that other answers
// are a 503 with Retry-After, and that all is well again after it is back.
func TestPostgresIsAway(t *testing.T) {
	t.Parallel()
	var way *valve
	w := newWorld(t, func(c *stationcatalog.Config) {
		u, err := url.Parse(c.Postgres.URL)
		if err != nil {
			t.Fatal(err)
		}
		way = newValve(t, u.Host)
		u.Host = way.listener.Addr().String()
		c.Postgres.URL, c.Postgres.MigrationURL = u.String(), u.String()
	})
	w.fill()
	anyone := w.anonymous()
	const query = "/v1/stations?near=48.8566,2.3522&radius_km=500"
	before, _ := want[page](anyone, http.StatusOK, http.MethodGet, query, nil)

	way.set(true)
	w.eventually("readiness says that the database is away", func() bool { return w.ready()["postgres"] == "failed" })
	if state := w.ready()[""]; state != "degraded" {
		t.Errorf("without the database the pod is %s", state)
	}
	for range 20 {
		began := time.Now()
		got, _ := want[page](anyone, http.StatusOK, http.MethodGet, query, nil)
		if got.names() != before.names() || got.Total != before.Total {
			t.Fatalf("without the database the search finds %q, not %q", got.names(), before.names())
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("a search without the database took %s", took)
		}
	}
	a := anyone.do(http.MethodGet, "/v1/operators", nil)
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("operators were answered by %d, Retry-After %q: %s", a.status, a.header.Get("Retry-After"), a.body)
	}

	way.set(false)
	w.eventually("the database is back", func() bool { return w.ready()["postgres"] == "ok" })
	_, operator := w.own("PLM")
	w.eventually("writing works", func() bool {
		a := operator.do(http.MethodPost, "/v1/stations", input("After", "after-1"), "Idempotency-Key", "after")
		return a.status == http.StatusCreated
	})
	w.eventually("the search has what was written", func() bool {
		got, _ := want[page](anyone, http.StatusOK, http.MethodGet, query, nil)
		return got.Total == before.Total+1
	})
}
