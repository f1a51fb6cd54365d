package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
)

const patience = 20 * time.Second

// A call is one call of a station, as it came over the wire.
type call struct {
	identity string
	id       string
	action   string
	payload  json.RawMessage
}

func (c call) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(c.payload, v); err != nil {
		t.Fatalf("%s %s: %v", c.action, c.payload, err)
	}
}

// A desk is a central system of a few lines: it writes down every call and answers it as the test wants.
type desk struct {
	url string

	mu      sync.Mutex
	sockets map[string]*websocket.Conn
	answers map[string]chan []json.RawMessage
	calls   []call
	started map[string]int // transaction numbers by what the start said
	news    chan call
	// meddle may answer in the desk's place: a frame to send (%s is the message id), or "hang up".
	meddle func(c call) string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{sockets: map[string]*websocket.Conn{}, answers: map[string]chan []json.RawMessage{}, started: map[string]int{}, news: make(chan call, 100_000)}
	server := httptest.NewServer(http.HandlerFunc(d.serve))
	d.url = "ws" + strings.TrimPrefix(server.URL, "http") + "/ocpp"
	t.Cleanup(func() {
		d.mu.Lock()
		for _, socket := range d.sockets {
			socket.Close()
		}
		d.mu.Unlock()
		server.Close()
	})
	return d
}

func (d *desk) serve(w http.ResponseWriter, r *http.Request) {
	identity := strings.TrimPrefix(r.URL.Path, "/ocpp/")
	if user, password, _ := r.BasicAuth(); user != identity || password != "secret" {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	upgrader := websocket.Upgrader{Subprotocols: []string{types.V16Subprotocol, OCPP201}}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	d.mu.Lock()
	d.sockets[identity] = socket
	d.mu.Unlock()
	for {
		_, data, err := socket.ReadMessage()
		if err != nil {
			return
		}
		var parts []json.RawMessage
		if json.Unmarshal(data, &parts) != nil || len(parts) < 3 {
			panic(fmt.Sprintf("the station said %s", data))
		}
		id := unquote(parts[1])
		if string(parts[0]) != "2" {
			d.mu.Lock()
			answer := d.answers[id]
			d.mu.Unlock()
			answer <- parts
			continue
		}
		c := call{identity, id, unquote(parts[2]), parts[3]}
		answer := d.answer(c)
		if answer == "hang up" {
			socket.Close()
			return
		}
		d.write(socket, fmt.Sprintf(answer, id))
	}
}

func unquote(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}

func (d *desk) write(socket *websocket.Conn, frame string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = socket.WriteMessage(websocket.TextMessage, []byte(frame))
}

// answer writes the call down and says what to send. A start that was heard before gets its number again.
func (d *desk) answer(c call) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, c)
	d.news <- c
	if d.meddle != nil {
		if answer := d.meddle(c); answer != "" {
			return answer
		}
	}
	now := time.Now().UTC().Format(time.RFC3339)
	switch c.action {
	case core.BootNotificationFeatureName:
		return `[3,%q,{"currentTime":"` + now + `","interval":3600,"status":"Accepted"}]`
	case core.HeartbeatFeatureName:
		return `[3,%q,{"currentTime":"` + now + `"}]`
	case core.AuthorizeFeatureName:
		status := "Accepted"
		if strings.Contains(string(c.payload), "stolen") {
			status = "Blocked"
		}
		return `[3,%q,{"idTagInfo":{"status":"` + status + `"}}]`
	case core.StartTransactionFeatureName:
		key := c.identity + string(c.payload)
		if d.started[key] == 0 {
			d.started[key] = 1000 + len(d.started)
		}
		return fmt.Sprintf(`[3,%%q,{"transactionId":%d,"idTagInfo":{"status":"Accepted"}}]`, d.started[key])
	default:
		return `[3,%q,{}]`
	}
}

func (d *desk) set(meddle func(c call) string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.meddle = meddle
}

// command sends a call to cp-1 and returns the status it answers.
func (d *desk) command(t *testing.T, action, payload string) string {
	t.Helper()
	d.mu.Lock()
	socket := d.sockets["cp-1"]
	id := fmt.Sprint("order", len(d.answers))
	answer := make(chan []json.RawMessage, 1)
	d.answers[id] = answer
	d.mu.Unlock()
	d.write(socket, fmt.Sprintf(`[2,%q,%q,%s]`, id, action, payload))
	select {
	case parts := <-answer:
		if string(parts[0]) == "4" {
			return unquote(parts[2])
		}
		var body struct{ Status string }
		if err := json.Unmarshal(parts[2], &body); err != nil {
			t.Fatalf("%s was answered %s", action, parts)
		}
		if body.Status == "" {
			return string(parts[2])
		}
		return body.Status
	case <-time.After(patience):
		t.Fatalf("%s %s was not answered", action, payload)
		return ""
	}
}

// next waits for the next call of an action; others that come before it are passed over.
func (d *desk) next(t *testing.T, action string) call {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case c := <-d.news:
			if c.action == action {
				return c
			}
		case <-timeout:
			t.Fatalf("no %s came", action)
		}
	}
}

// status waits until a connector reports a status.
func (d *desk) status(t *testing.T, connector int, status core.ChargePointStatus) {
	t.Helper()
	for {
		var request core.StatusNotificationRequest
		d.next(t, core.StatusNotificationFeatureName).into(t, &request)
		if request.ConnectorId == connector && request.Status == status {
			return
		}
	}
}

// heard returns every call of an action so far.
func (d *desk) heard(action string) []call {
	d.mu.Lock()
	defer d.mu.Unlock()
	var calls []call
	for _, c := range d.calls {
		if c.action == action {
			calls = append(calls, c)
		}
	}
	return calls
}

// newStationAt starts a station at a desk and waits until it has booted.
func newStationAt(t *testing.T, d *desk, change func(*Options), plugs ...Plug) *Station {
	t.Helper()
	options := Options{
		URL: d.url, Seed: 1, Speed: 2000, SampleInterval: 20 * time.Millisecond, ReconnectMin: time.Millisecond,
		ReconnectMax: 10 * time.Millisecond, RetryInterval: 10 * time.Millisecond,
	}
	if change != nil {
		change(&options)
	}
	s := NewStation(StationConfig{Identity: "cp-1", Password: "secret", Plugs: plugs}, options)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _ = s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-s.ended })
	await(t, s, "boot", func(now Snapshot) bool { return now.Registered })
	return s
}

func await(t *testing.T, s *Station, what string, wanted func(Snapshot) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Await(ctx, wanted); err != nil {
		t.Fatalf("waiting for %s: %v; %+v", what, err, s.Snapshot())
	}
}

func settle(t *testing.T, s *Station) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Settle(ctx); err != nil {
		t.Fatalf("settling: %v; %+v", err, s.Snapshot())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	dc = Plug{PowerKW: 150, DC: true}
	ac = Plug{PowerKW: 22, Phases: 3}
	// hungry never has enough within a test.
	hungry = Vehicle{Name: "hungry", BatteryKWh: 10_000_000, TargetSoC: 100, DC: []CurvePoint{{0, 120}, {100, 120}}, ACPower: 22, ACPhases: 3}
)
