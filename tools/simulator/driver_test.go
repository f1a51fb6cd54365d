package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// An agency is the public API as far as drivers use it: one station with two plots, and sessions that charge a tenth at every look.
type agency struct {
	t *testing.T

	mu        sync.Mutex
	logins    int
	refreshes int
	token     int
	heard     map[string]int // by method and path without ids
	state     string
	soc       float64
	refuse    map[string]int // status to answer instead, by method and path
	done      chan struct{}
	receipts  int
}

func (a *agency) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	route := r.Method + " " + strings.ReplaceAll(r.URL.Path, "/S1", "/{id}")
	a.heard[route]++
	if status := a.refuse[route]; status != 0 {
		delete(a.refuse, route)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"type":"urn:ihr:problem:test_%d","title":"No","status":%d}`, status, status)
		return
	}
	var body map[string]any
	if r.Method == http.MethodPost && r.ContentLength > 0 {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			a.t.Errorf("%s: %v", route, err)
		}
	}
	if strings.HasPrefix(r.URL.Path, "/v1/auth/") {
		a.grant(w, r.URL.Path, body)
		return
	}
	if got := r.Header.Get("Authorization"); got != fmt.Sprintf("Bearer access-%d", a.token) {
		a.t.Errorf("%s as %q, the token is %d", route, got, a.token)
	}
	if r.Method == http.MethodPost && r.Header.Get("Idempotency-Key") == "" {
		a.t.Errorf("%s without an Idempotency-Key", route)
	}
	switch route {
	case "GET /v1/stations":
		if q := r.URL.Query(); q.Get("near") != "48.10000,11.50000" || q.Get("available") != "true" {
			a.t.Errorf("searched for %v", q)
		}
		fmt.Fprint(w, `{"items":[{"id":"somebody else's"},{"id":"ST"}],"total":2,"next_cursor":""}`)
	case "GET /v1/plots":
		fmt.Fprint(w, `{"items":[{"id":"P1"},{"id":"P2"}],"next_cursor":""}`)
	case "POST /v1/reservations":
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":"R1"}`)
	case "POST /v1/sessions":
		if body["plot_id"] != "P1" && body["plot_id"] != "P2" {
			a.t.Errorf("a session for %v", body)
		}
		a.state, a.soc = "PENDING", 30
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":"S1","state":"PENDING"}`)
	case "GET /v1/sessions/{id}":
		fmt.Fprintf(w, `{"id":"S1","state":%q,"reason":"","soc_percent":%g}`, a.state, a.soc)
		if a.state == "PENDING" {
			a.state = "ACTIVE"
		}
		a.soc += 10
	case "POST /v1/sessions/{id}/stop":
		a.state = "COMPLETED"
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"id":"S1","state":"ACTIVE"}`)
	case "GET /v1/sessions/{id}/receipt.json":
		fmt.Fprint(w, `{"energy_kwh":"12.3"}`)
		if a.receipts++; a.receipts == 8 {
			close(a.done)
		}
	default:
		a.t.Errorf("unexpected: %s", route)
		http.NotFound(w, r)
	}
}

// grant answers a login or a refresh. Tokens are so short-lived that every request refreshes.
func (a *agency) grant(w http.ResponseWriter, path string, body map[string]any) {
	switch {
	case path == "/v1/auth/login" && body["login"] == "dana" && body["password"] == "secret":
		a.logins++
	case path == "/v1/auth/refresh" && body["refresh_token"] == fmt.Sprintf("refresh-%d", a.token):
		a.refreshes++
	default:
		a.t.Errorf("%s with %v", path, body)
	}
	a.token++
	fmt.Fprintf(w, `{"access_token":"access-%d","refresh_token":"refresh-%d","token_type":"Bearer","expires_in":5}`, a.token, a.token)
}

func TestDriversMoveByThePublicAPI(t *testing.T) {
	t.Parallel()
	a := &agency{t: t, heard: map[string]int{}, done: make(chan struct{}), refuse: map[string]int{
		"POST /v1/auth/refresh": http.StatusUnauthorized, // a session that ended: log in again
		"GET /v1/plots":         http.StatusUnauthorized, // a token that was revoked: get another
		"POST /v1/sessions":     http.StatusConflict,     // somebody was faster: another trip
	}}
	server := httptest.NewServer(a)
	defer server.Close()
	drivers := NewDrivers(DriversConfig{
		BaseURL: server.URL, Accounts: []Account{{Login: "dana", Password: "secret"}},
		Places: []Place{{StationID: "ST", Latitude: 48.1, Longitude: 11.5}}, Speed: 1e6, Poll: time.Microsecond, Seed: 1,
	})
	ctx, cancel := contextOf(t)
	ran := make(chan error, 1)
	go func() { ran <- drivers.Run(ctx) }()
	select {
	case <-a.done:
	case <-time.After(patience):
		t.Errorf("the drivers did %+v, the API heard %v", drivers.Totals(), a.heard)
	}
	cancel()
	must(t, <-ran)
	got := drivers.Totals()
	if got.Completed < 7 || got.Failed < 1 || got.Reserved < 1 || got.Reserved >= got.Found || got.Started < got.Completed {
		t.Errorf("%+v", got)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.logins != 2 || a.refreshes < 8 {
		t.Errorf("%d logins, %d refreshes", a.logins, a.refreshes)
	}
}

func TestDriversNeedAPlaceToGo(t *testing.T) {
	t.Parallel()
	if err := NewDrivers(DriversConfig{BaseURL: "http://127.0.0.1:1"}).Run(t.Context()); err == nil {
		t.Error("they drove")
	}
}
