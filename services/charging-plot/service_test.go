package chargingplot_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/authn/authntest"
	"github.com/ihr-charging/charging-plot-api/libs/config"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache/redistest"
	chargingplot "github.com/ihr-charging/charging-plot-api/services/charging-plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
)

const patience = 30 * time.Second

// network is several replicas of the service on one database, with a catalogue and an auth service that are as small as can be.
type network struct {
	t       *testing.T
	issuer  *authntest.Issuer
	station catalog.Station
	peers   *httptest.Server
	dsn     string
	redis   string
	erased  chan uuid.UUID // whom auth erases
}

func newNetwork(t *testing.T, redisURL string) *network {
	t.Helper()
	n := &network{t: t, issuer: authntest.NewIssuer(t), station: postgrestest.Station(2), redis: redisURL, erased: make(chan uuid.UUID)}
	n.dsn = pgtest.New(t, nil).Config().URL
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/stations/changes", func(w http.ResponseWriter, r *http.Request) {
		page := map[string]any{"items": []any{}, "next_cursor": "end", "as_of": time.Now()}
		if r.URL.Query().Get("after") == "" {
			page["items"] = []any{map[string]any{
				"id": n.station.ID, "op": "upsert", "version": 1, "changed_at": time.Now(), "data": n.station,
			}}
		} else if r.URL.Query().Get("wait") != "" {
			select { // nothing changes any more
			case <-r.Context().Done():
			case <-time.After(time.Second):
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(page)
	})
	mux.HandleFunc("GET /v1/users/erasures", func(w http.ResponseWriter, r *http.Request) {
		page := map[string]any{"items": []any{}, "next_cursor": "end", "as_of": time.Now()}
		select {
		case <-r.Context().Done():
		case <-time.After(time.Second):
		case id := <-n.erased:
			page["items"] = []any{map[string]any{"id": id, "op": "delete", "version": 1, "changed_at": time.Now()}}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(page)
	})
	mux.HandleFunc("POST /oauth/token", func(w http.ResponseWriter, r *http.Request) {
		id, _, _ := r.BasicAuth()
		token := n.issuer.Mint(authn.Principal{Kind: authn.Service, ClientID: id, Scopes: []string{"feeds:read"}}, r.FormValue("resource"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":300}`, token)
	})
	n.peers = httptest.NewServer(mux)
	t.Cleanup(n.peers.Close)
	return n
}

// replica is one process' worth of the service.
type replica struct {
	n    *network
	base string
	ocpp string
	stop func()
}

func (n *network) replica() *replica {
	n.t.Helper()
	var cfg chargingplot.Config
	err := config.Load(&cfg, []string{
		"DATABASE_URL=" + n.dsn, "REDIS_URL=" + n.redis, "AUTH_ISSUER=" + n.issuer.URL, "AUTH_JWKS_URL=" + n.issuer.JWKSURL,
		"AUTH_TOKEN_URL=" + n.peers.URL + "/oauth/token", "CLIENT_SECRET=secret", "STATION_CATALOG_URL=" + n.peers.URL,
		"LIVE_POLL=50ms", "SCHEDULE_TICK=50ms", "LOG_LEVEL=error", "DATABASE_MAX_OPEN=5", "RATE_ANONYMOUS=0", "RATE_PRINCIPAL=0",
	})
	if err != nil {
		n.t.Fatal(err)
	}
	listen := func() net.Listener {
		l, err := (&net.ListenConfig{}).Listen(n.t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			n.t.Fatal(err)
		}
		return l
	}
	cfg.HTTP.Listener, cfg.OCPP.Listener = listen(), listen()
	cfg.Auth.Introspect = authntest.Live // nobody here fills Redis with what was revoked
	ctx, cancel := context.WithCancel(context.WithoutCancel(n.t.Context()))
	done := make(chan error, 1)
	r := &replica{n: n, base: "http://" + cfg.HTTP.Listener.Addr().String(), ocpp: "ws://" + cfg.OCPP.Listener.Addr().String()}
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Errorf("the service ended with %v", err)
		}
	})
	go func() { done <- chargingplot.Run(ctx, cfg) }()
	n.t.Cleanup(r.stop)
	return r
}

// call sends a request and reads the answer; it ends the test unless the status is as wanted.
func (r *replica) call(method, path, token string, body any, status int, out any) {
	r.n.t.Helper()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			r.n.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(r.n.t.Context(), method, r.base+path, reader)
	if err != nil {
		r.n.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := (&http.Client{Timeout: patience}).Do(request)
	if err != nil {
		r.n.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		r.n.t.Fatalf("%s %s: status %d (%v), want %d: %s", method, path, response.StatusCode, err, status, text)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			r.n.t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
}

type plotDocument struct {
	ID     uuid.UUID
	Status string
	EVSEs  []uuid.UUID `json:"evse_ids"`
}

// plots waits until the replica knows the station's plots.
func (r *replica) plots() []plotDocument {
	r.n.t.Helper()
	cursor := ""
	for range 20 {
		var page struct {
			Items      []json.RawMessage
			NextCursor string `json:"next_cursor"`
		}
		r.call(http.MethodGet, "/v1/plots/changes?wait=5&after="+cursor, "", nil, http.StatusOK, &page)
		cursor = page.NextCursor
		var plots struct{ Items []plotDocument }
		r.call(http.MethodGet, "/v1/plots?station_id="+r.n.station.ID.String(), "", nil, http.StatusOK, &plots)
		if len(plots.Items) == len(r.n.station.EVSEs) {
			return plots.Items
		}
	}
	r.n.t.Fatal("the station feed was not followed")
	return nil
}

// charger is a charge point over a real socket. It answers the commands it is given with Accepted.
type charger struct {
	t        *testing.T
	socket   *websocket.Conn
	mu       sync.Mutex
	next     int
	answers  chan []json.RawMessage
	commands chan []json.RawMessage
}

func connect(t *testing.T, r *replica, identity, password string) *charger {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://unused", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(identity, password)
	dialer := websocket.Dialer{Subprotocols: []string{"ocpp1.6"}, HandshakeTimeout: patience}
	socket, response, err := dialer.DialContext(t.Context(), r.ocpp+"/ocpp/"+identity, request.Header)
	if err != nil {
		t.Fatalf("connect: %v (%v)", err, response)
	}
	c := &charger{t: t, socket: socket, answers: make(chan []json.RawMessage, 10), commands: make(chan []json.RawMessage, 10)}
	t.Cleanup(func() { _ = socket.Close() })
	go c.read()
	return c
}

func (c *charger) read() {
	for {
		var frame []json.RawMessage
		if err := c.socket.ReadJSON(&frame); err != nil {
			return
		}
		if string(frame[0]) == "2" && string(frame[2]) == `"GetConfiguration"` { // whether it takes reservations
			c.send([]any{3, frame[1], map[string]any{"configurationKey": []any{
				map[string]any{"key": "SupportedFeatureProfiles", "readonly": true, "value": "Core"},
			}}})
			continue
		}
		if string(frame[0]) == "2" {
			c.send([]any{3, frame[1], map[string]string{"status": "Accepted"}})
			c.commands <- frame
			continue
		}
		c.answers <- frame
	}
}

func (c *charger) send(frame any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.socket.WriteJSON(frame); err != nil {
		c.t.Error(err)
	}
}

// say sends a call and gives its answer.
func (c *charger) say(action string, payload any) (out map[string]any) {
	c.t.Helper()
	c.next++
	c.send([]any{2, fmt.Sprintf("m%d", c.next), action, payload})
	select {
	case frame := <-c.answers:
		if string(frame[0]) != "3" || json.Unmarshal(frame[2], &out) != nil {
			c.t.Fatalf("%s was answered %s", action, frame)
		}
	case <-time.After(patience):
		c.t.Fatalf("%s was not answered", action)
	}
	return out
}

// told gives the next command, which must be this one.
func (c *charger) told(action string) (payload map[string]any) {
	c.t.Helper()
	select {
	case frame := <-c.commands:
		if string(frame[2]) != `"`+action+`"` || json.Unmarshal(frame[3], &payload) != nil {
			c.t.Fatalf("told %s, want %s", frame, action)
		}
	case <-time.After(patience):
		c.t.Fatalf("%s was not told", action)
	}
	return payload
}

// stream reads the live events of a plot.
func (r *replica) stream(plotID uuid.UUID, token string) <-chan string {
	r.n.t.Helper()
	request, err := http.NewRequestWithContext(r.n.t.Context(), http.MethodGet, r.base+"/v1/live?plot_id="+plotID.String(), nil)
	if err != nil {
		r.n.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := (&http.Transport{}).RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusOK {
		r.n.t.Fatalf("the stream: %v %v", response, err)
	}
	events := make(chan string, 100)
	go func() {
		defer response.Body.Close()
		kind := ""
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if value, found := strings.CutPrefix(lines.Text(), "event: "); found {
				kind = value
			}
			if value, found := strings.CutPrefix(lines.Text(), "data: "); found {
				events <- kind + " " + value
			}
		}
	}()
	return events
}

// hears waits for an event with these parts; others may come before it.
func hears(t *testing.T, events <-chan string, parts ...string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-events:
			matches := true
			for _, part := range parts {
				matches = matches && strings.Contains(e, part)
			}
			if matches {
				return
			}
		case <-deadline:
			t.Fatalf("nothing with %q was told", parts)
		}
	}
}

// The charge point's socket is held by one replica, the driver speaks to the other, and neither notices.
func TestADriverAndAChargePointOnDifferentReplicas(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, redistest.URL(t))
	near, far := n.replica(), n.replica()
	plots := far.plots()
	admin := n.issuer.Mint(authn.Principal{Roles: []string{"admin"}, Scopes: []string{"charge-points:read", "charge-points:write"}}, n.issuer.URL+"/charging-plot")
	driver := n.issuer.Mint(authn.Principal{
		Roles: []string{"driver"}, Scopes: []string{"reservations:write", "sessions:read", "sessions:write"},
	}, n.issuer.URL+"/charging-plot")

	var registered struct {
		ChargePoint struct{ ID uuid.UUID } `json:"charge_point"`
		Password    string
	}
	far.call(http.MethodPost, "/v1/charge-points", admin, map[string]any{
		"identity": "CP-far", "station_id": n.station.ID, "evses": []any{map[string]any{"evse_id": plots[0].EVSEs[0], "ocpp_connector_id": 1}},
	}, http.StatusCreated, &registered)
	events := far.stream(plots[0].ID, driver)
	hears(t, events, "status", "UNKNOWN")

	cp := connect(t, near, "CP-far", registered.Password)
	if answer := cp.say("BootNotification", map[string]any{"chargePointVendor": "V", "chargePointModel": "M"}); answer["status"] != "Accepted" {
		t.Fatalf("the boot was answered %v", answer)
	}
	cp.say("StatusNotification", map[string]any{"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": time.Now().UTC()})
	hears(t, events, "status", "AVAILABLE")

	var reserved struct{ State string }
	far.call(http.MethodPost, "/v1/reservations", driver, map[string]any{"plot_id": plots[0].ID, "duration_min": 30}, http.StatusCreated, &reserved)
	hears(t, events, "status", "RESERVED")
	var ordered struct{ ID uuid.UUID }
	far.call(http.MethodPost, "/v1/sessions", driver, map[string]any{"plot_id": plots[0].ID}, http.StatusAccepted, &ordered)
	start := cp.told("RemoteStartTransaction")
	began := time.Now().UTC()
	answer := cp.say("StartTransaction", map[string]any{"connectorId": 1, "idTag": start["idTag"], "meterStart": 1000, "timestamp": began})
	if info, _ := answer["idTagInfo"].(map[string]any); info["status"] != "Accepted" {
		t.Fatalf("the start was answered %v", answer)
	}
	hears(t, events, "session", "ACTIVE")
	cp.say("MeterValues", map[string]any{"connectorId": 1, "transactionId": answer["transactionId"], "meterValue": []any{map[string]any{
		"timestamp": began.Add(time.Second), "sampledValue": []any{
			map[string]any{"value": "1.5", "unit": "kWh"}, map[string]any{"value": "50", "measurand": "Power.Active.Import", "unit": "kW"},
		},
	}}})
	hears(t, events, "meter_value", `"power_kw":50`, `"energy_kwh":0.5`)

	far.call(http.MethodPost, "/v1/sessions/"+ordered.ID.String()+"/stop", driver, nil, http.StatusAccepted, nil)
	if stop := cp.told("RemoteStopTransaction"); stop["transactionId"] != answer["transactionId"] {
		t.Errorf("told to stop %v, want %v", stop, answer["transactionId"])
	}
	cp.say("StopTransaction", map[string]any{
		"transactionId": answer["transactionId"], "meterStop": 2000, "timestamp": time.Now().UTC(), "reason": "Remote",
	})
	hears(t, events, "session", "COMPLETED", `"energy_kwh":1`)
	var receipt struct {
		EnergyKWh string                  `json:"energy_kwh"`
		Total     struct{ Amount string } `json:"total_after_taxes"`
	}
	far.call(http.MethodGet, "/v1/sessions/"+ordered.ID.String()+"/receipt.json", driver, nil, http.StatusOK, &receipt)
	if receipt.EnergyKWh != "1" || receipt.Total.Amount != "0.28" {
		t.Errorf("the receipt says %+v", receipt)
	}

	// A command of the operator goes the same way, and when the replica that holds the socket ends, the other says so.
	commands := "/v1/charge-points/" + registered.ChargePoint.ID.String() + "/commands"
	far.call(http.MethodPost, commands, admin, map[string]any{"command": "reset"}, http.StatusOK, nil)
	cp.told("Reset")
	near.stop()
	far.call(http.MethodPost, commands, admin, map[string]any{"command": "reset"}, http.StatusServiceUnavailable, nil)
	again := connect(t, far, "CP-far", registered.Password)
	again.say("Heartbeat", map[string]any{})
	far.call(http.MethodPost, commands, admin, map[string]any{"command": "reset"}, http.StatusOK, nil)
	again.told("Reset")
}

// Without Redis the replicas find each other's events by looking.
func TestADriverWhomAuthErasesIsForgotten(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "")
	first, second := n.replica(), n.replica()
	plots := first.plots()
	id := uuid.New()
	driver := n.issuer.Mint(authn.Principal{
		Kind: authn.User, Subject: id, Roles: []string{"driver"}, SessionID: uuid.NewString(), Scopes: []string{"reservations:read", "reservations:write"},
	}, n.issuer.URL+"/charging-plot")
	var reserved struct {
		ID    uuid.UUID
		State string
	}
	tomorrow := map[string]any{"plot_id": plots[0].ID, "starts_at": time.Now().Add(24 * time.Hour), "duration_min": 30}
	first.call(http.MethodPost, "/v1/reservations", driver, tomorrow, http.StatusCreated, &reserved)
	path := "/v1/reservations/" + reserved.ID.String()
	second.call(http.MethodGet, path, driver, nil, http.StatusOK, &reserved)

	for range 2 { // both replicas, or one of them twice
		select {
		case n.erased <- id:
		case <-time.After(patience):
			t.Fatal("nobody asks auth whom to forget")
		}
	}
	// The claim is nobody's, and over: somebody else may have the plot.
	somebody := n.issuer.Mint(authn.Principal{
		Kind: authn.User, Subject: uuid.New(), Roles: []string{"driver"}, SessionID: uuid.NewString(), Scopes: []string{"reservations:write"},
	}, n.issuer.URL+"/charging-plot")
	for deadline := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		var mine struct{ Items []json.RawMessage }
		second.call(http.MethodGet, "/v1/reservations", driver, nil, http.StatusOK, &mine)
		if len(mine.Items) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the driver still has %s", mine.Items)
		}
	}
	second.call(http.MethodGet, path, driver, nil, http.StatusNotFound, nil)
	second.call(http.MethodPost, "/v1/reservations", somebody, tomorrow, http.StatusCreated, nil)
}

func TestLiveEventsCrossReplicasWithoutRedis(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "")
	here, there := n.replica(), n.replica()
	plots := here.plots()
	admin := n.issuer.Mint(authn.Principal{Roles: []string{"admin"}, Scopes: []string{"plots:write"}}, n.issuer.URL+"/charging-plot")
	events := there.stream(plots[0].ID, admin)
	hears(t, events, "status", "UNKNOWN")
	here.call(http.MethodPost, "/v1/plots/"+plots[0].ID.String()+"/status", admin, map[string]any{"status": "BLOCKED"}, http.StatusOK, nil)
	hears(t, events, "status", "BLOCKED")
}

func TestAChargePointWithAWrongPasswordIsRefused(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "")
	r := n.replica()
	plots := r.plots()
	admin := n.issuer.Mint(authn.Principal{Roles: []string{"admin"}, Scopes: []string{"charge-points:write"}}, n.issuer.URL+"/charging-plot")
	r.call(http.MethodPost, "/v1/charge-points", admin, map[string]any{
		"identity": "CP-1", "station_id": n.station.ID, "evses": []any{map[string]any{"evse_id": plots[0].EVSEs[0], "ocpp_connector_id": 1}},
	}, http.StatusCreated, nil)
	for _, identity := range []string{"CP-1", "CP-2"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://unused", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth(identity, "wrong")
		dialer := websocket.Dialer{Subprotocols: []string{"ocpp1.6"}}
		_, response, err := dialer.DialContext(t.Context(), r.ocpp+"/ocpp/"+identity, request.Header)
		if err == nil || response == nil || response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s with a wrong password: %v %v", identity, response, err)
		}
	}
}
