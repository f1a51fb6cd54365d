package ocpp

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

func TestConnectTellsTheDomainOfTheSocketAndOfItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial(t, "cp-1")
	if got := p.Subprotocol(); got != SubprotocolV16 {
		t.Errorf("subprotocol %q", got)
	}
	begin := next[connected](t, w.central)
	if begin.Protocol != SubprotocolV16 || begin.Remote != "127.0.0.1" {
		t.Errorf("connected with %+v", begin.Connection)
	}
	_ = p.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(patience))
	if end := next[disconnected](t, w.central); end.ID != begin.ID {
		t.Errorf("the end is of connection %s, the begin of %s", end.ID, begin.ID)
	}
}

func TestConnectRefusesWithOneAnswerWhoeverIsNotKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	for _, c := range []struct {
		name, path, user, password string
		status                     int
	}{
		{"wrong password", "cp-1", "cp-1", "guess", http.StatusUnauthorized},
		{"empty password", "cp-1", "cp-1", "", http.StatusUnauthorized},
		{"unknown identity", "cp-2", "cp-2", "secret of cp-1", http.StatusUnauthorized},
		{"no credentials", "cp-1", "", "", http.StatusUnauthorized},
		{"credentials of another", "cp-2", "cp-1", "secret of cp-1", http.StatusUnauthorized},
		{"endless identity", strings.Repeat("x", 300), strings.Repeat("x", 300), "guess", http.StatusUnauthorized},
		{"no identity", "", "cp-1", "secret of cp-1", http.StatusNotFound},
		{"deeper path", "cp-1/more", "cp-1", "secret of cp-1", http.StatusNotFound},
		{"database away", "broken", "broken", "guess", http.StatusServiceUnavailable},
	} {
		conn, response, err := w.open(c.path, c.user, c.password, SubprotocolV16)
		if err == nil {
			conn.Close()
			t.Errorf("%s: connected", c.name)
			continue
		}
		if response == nil || response.StatusCode != c.status {
			t.Errorf("%s: %v, %v", c.name, response, err)
			continue
		}
		challenged := response.Header.Get("WWW-Authenticate") != ""
		if challenged != (c.status == http.StatusUnauthorized) {
			t.Errorf("%s: headers %v", c.name, response.Header)
		}
	}
	if n := w.edge.Connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestConnectLimitsGuessesOfOneAddressAndSparesOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.FailuresPerMinute = 3; c.TrustedProxies = []string{"127.0.0.0/8"} }, "cp-1")
	try := func(from, password string) int {
		request := http.Request{Header: http.Header{"X-Forwarded-For": {from}}}
		request.SetBasicAuth("cp-1", password)
		dialer := websocket.Dialer{Subprotocols: []string{SubprotocolV16}, HandshakeTimeout: patience}
		conn, response, err := dialer.Dial(w.url+"cp-1", request.Header)
		if err == nil {
			conn.Close()
		}
		if response.StatusCode == http.StatusTooManyRequests && response.Header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		return response.StatusCode
	}
	for range 3 {
		if got := try("203.0.113.7", "guess"); got != http.StatusUnauthorized {
			t.Fatalf("a first guess got %d", got)
		}
	}
	if got := try("203.0.113.7", "guess"); got != http.StatusTooManyRequests {
		t.Errorf("one guess too many got %d", got)
	}
	// The right password tells a guesser nothing while it is limited.
	if got := try("203.0.113.7", "secret of cp-1"); got != http.StatusTooManyRequests {
		t.Errorf("the limited address got %d", got)
	}
	if got := try("198.51.100.9", "secret of cp-1"); got != http.StatusSwitchingProtocols {
		t.Errorf("the charge point itself got %d", got)
	}
}

func TestConnectCompletesTheHandshakeAndClosesWithoutACommonSubprotocol(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	for _, offered := range [][]string{nil, {"ocpp2.1"}, {"soap"}} {
		conn, _, err := w.open("cp-1", "cp-1", "secret of cp-1", offered...)
		if err != nil {
			t.Fatalf("%v: %v", offered, err)
		}
		p := &plug{Conn: conn, t: t}
		if code := p.closed(); code != websocket.CloseProtocolError || conn.Subprotocol() != "" {
			t.Errorf("%v: closed with %d, subprotocol %q", offered, code, conn.Subprotocol())
		}
		conn.Close()
	}
}

func TestConnectPicksItsSubprotocolAmongSeveral(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	conn, _, err := w.open("cp-1", "cp-1", "secret of cp-1", "ocpp2.1", SubprotocolV16, SubprotocolV201)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.Subprotocol() != SubprotocolV16 {
		t.Errorf("subprotocol %q", conn.Subprotocol())
	}
}

func TestConnectRefusesABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	request := http.Request{Header: http.Header{"Origin": {"https://example.org"}}}
	request.SetBasicAuth("cp-1", "secret of cp-1")
	dialer := websocket.Dialer{Subprotocols: []string{SubprotocolV16}}
	_, response, err := dialer.Dial(w.url+"cp-1", request.Header)
	if err == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("%v, %v", response, err)
	}
}

func TestConnectAnswersAPlainRequestWithoutASocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+strings.TrimPrefix(w.url, "ws")+"cp-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("cp-1", "secret of cp-1")
	response, err := (&http.Client{Timeout: patience}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestConnectTakesNoMoreThanItsLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.Connections = 1 }, "cp-1", "cp-2")
	w.dial(t, "cp-1")
	next[connected](t, w.central)
	_, response, err := w.open("cp-2", "cp-2", "secret of cp-2", SubprotocolV16)
	if err == nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
		t.Errorf("%v, %v", response, err)
	}
}

func TestASecondConnectionTakesThePlaceOfTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	first := w.dial(t, "cp-1")
	begin := next[connected](t, w.central)

	// The first connection is in the middle of a message while the second one arrives.
	entered, leave := make(chan struct{}), make(chan struct{})
	w.meddle(func(_ context.Context, what any) error {
		if _, ok := what.(asked); ok {
			close(entered)
			<-leave
		}
		return nil
	})
	first.say(`[2,"1","Authorize",{"idTag":"TAG"}]`)
	<-entered
	second := w.dial(t, "cp-1")
	second.say(`[2,"2","Heartbeat",{}]`)
	close(leave)

	if parts := first.hear(); string(parts[1]) != `"1"` {
		t.Errorf("the first connection heard %s", parts)
	}
	if code := first.closed(); code != closeReplaced {
		t.Errorf("the first connection was closed with %d", code)
	}
	if parts := second.hear(); string(parts[1]) != `"2"` {
		t.Errorf("the second connection heard %s", parts)
	}
	var order []string
	w.mu.Lock()
	for _, what := range w.told {
		switch what := what.(type) {
		case connected:
			order = append(order, map[bool]string{true: "first in", false: "second in"}[what.ID == begin.ID])
		case disconnected:
			order = append(order, map[bool]string{true: "first out", false: "second out"}[what.ID == begin.ID])
		case asked:
			order = append(order, "first's message")
		case beat:
			order = append(order, "second's message")
		}
	}
	w.mu.Unlock()
	want := "first in, first's message, first out, second in, second's message"
	if got := strings.Join(order, ", "); got != want {
		t.Errorf("the domain was told %s\nwant %s", got, want)
	}
	if n := w.edge.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestManyConnectionsUnderOneIdentityLeaveTheLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	const tries = 20
	plugs := make([]*plug, tries)
	for i := range plugs {
		plugs[i] = w.dial(t, "cp-1")
	}
	plugs[tries-1].ask("1", "Heartbeat", `{}`)
	for _, p := range plugs[:tries-1] {
		if code := p.closed(); code != closeReplaced {
			t.Errorf("closed with %d", code)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	open := 0
	for _, what := range w.told {
		switch what.(type) {
		case connected:
			open++
		case disconnected:
			open--
		}
	}
	if open != 1 || w.edge.Connections() != 1 {
		t.Errorf("the domain counts %d connections, the edge %d", open, w.edge.Connections())
	}
}

func TestAConnectionThatCannotBeNotedIsSentAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	w.meddle(func(context.Context, any) error { return context.DeadlineExceeded })
	if code := w.dial(t, "cp-1").closed(); code != closeTryAgainLater {
		t.Errorf("closed with %d", code)
	}
}

func TestASilentChargePointIsPingedAndThenLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.PingInterval, c.IdleTimeout = 20*time.Millisecond, 2*time.Second }, "cp-1", "cp-2")
	alive, dead := w.dial(t, "cp-1"), w.dial(t, "cp-2")
	pings := make(chan struct{}, 1000)
	alive.SetPingHandler(func(data string) error {
		pings <- struct{}{}
		return alive.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(patience))
	})
	go func() { _, _, _ = alive.ReadMessage() }()
	_ = dead // never reads, so never answers a ping
	end := next[disconnected](t, w.central)
	for range 20 {
		<-pings
	}
	if c := w.edge.conn(w.ids["cp-1"]); c == nil || c.id == end.ID {
		t.Error("the charge point that answered pings was left")
	}
	if c := w.edge.conn(w.ids["cp-2"]); c != nil && c.why() == "" {
		t.Error("the silent charge point is still there")
	}
}

func TestAFrameBeyondTheLimitEndsTheConnection(t *testing.T) {
	t.Parallel()
	book := &scribe{}
	w := newWorld(t, func(c *Config) { c.FrameBytes, c.Journal = 1024, book }, "cp-1")
	p := w.dial(t, "cp-1")
	if err := p.WriteMessage(websocket.BinaryMessage, []byte{1}); err != nil {
		t.Fatal(err)
	}
	p.say(`[2,"1","DataTransfer",{"vendorId":"` + strings.Repeat("x", 2000) + `"}]`)
	if code := p.closed(); code != websocket.CloseMessageTooBig {
		t.Errorf("closed with %d", code)
	}
	next[connected](t, w.central)
	next[disconnected](t, w.central)
	book.mu.Lock()
	defer book.mu.Unlock()
	if len(book.notes) != 2 || !strings.Contains(book.notes[0].Payload, "binary") || !strings.Contains(book.notes[1].Payload, "1024 bytes") {
		t.Errorf("written down are %+v", book.notes)
	}
}

func TestASocketThatWasReplacedElsewhereIsToldSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial(t, "cp-1")
	is := next[connected](t, w.central)
	w.edge.Replace(w.ids["cp-1"], uuid.New()) // an older one, which is gone
	p.ask("1", "Heartbeat", `{}`)
	w.edge.Replace(w.ids["cp-1"], is.ID)
	if code := p.closed(); code != websocket.ClosePolicyViolation {
		t.Errorf("closed with %d", code)
	}
}

func TestDrainAnswersWhatIsUnderWayAndSendsTheChargePointsElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1", "cp-2")
	busy, idle := w.dial(t, "cp-1"), w.dial(t, "cp-2")
	next[connected](t, w.central)
	next[connected](t, w.central)
	entered, leave := make(chan struct{}), make(chan struct{})
	w.meddle(func(_ context.Context, what any) error {
		if _, ok := what.(asked); ok {
			close(entered)
			<-leave
		}
		return nil
	})
	busy.say(`[2,"1","Authorize",{"idTag":"TAG"}]`)
	<-entered
	ended := make(chan error, 1)
	go func() { ended <- w.stop() }()
	if code := idle.closed(); code != closeServiceRestart {
		t.Errorf("the idle one was closed with %d", code)
	}
	if _, response, err := w.open("cp-2", "cp-2", "secret of cp-2", SubprotocolV16); err == nil {
		t.Errorf("connected while draining: %v", response)
	}
	close(leave)
	if parts := busy.hear(); string(parts[0]) != "3" {
		t.Errorf("the busy one heard %s", parts)
	}
	if code := busy.closed(); code != closeServiceRestart {
		t.Errorf("the busy one was closed with %d", code)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := w.edge.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
	next[disconnected](t, w.central)
	next[disconnected](t, w.central)
}

func TestConfigNamesEverySettingThatCannotWork(t *testing.T) {
	t.Parallel()
	_, err := New(Config{TrustedProxies: []string{"the gateway"}, Limits: Limits{
		Connections: -1, FrameBytes: -1, QueuedCalls: -1, PingInterval: -1, IdleTimeout: -1, WriteWait: -1, HandlerTimeout: -1,
		CommandTimeout: -1, DrainSpread: -1, DrainTimeout: -1, FailuresPerMinute: -1,
	}}, newCentral(), telemetry.Discard())
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, name := range []string{
		"OCPP_LISTEN", "TRUSTED_PROXIES", "OCPP_MAX_CONNECTIONS", "OCPP_MAX_FRAME_BYTES", "OCPP_MAX_QUEUED_CALLS",
		"OCPP_PING_INTERVAL", "OCPP_WRITE_WAIT", "OCPP_HANDLER_TIMEOUT", "OCPP_COMMAND_TIMEOUT", "OCPP_FAILURES_PER_MINUTE",
		"OCPP_IDLE_TIMEOUT", "OCPP_DRAIN_SPREAD", "OCPP_DRAIN_TIMEOUT",
	} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in: %v", name, err)
		}
	}
}
