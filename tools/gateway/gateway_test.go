package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/tools/gateway"
)

var table = gateway.Table{
	{Service: "catalog", Path: "/v1", Type: gateway.Prefix, Port: gateway.PortHTTP},
	{Service: "catalog", Path: "/", Type: gateway.Prefix, Port: gateway.PortHTTP},
	{Service: "plot", Path: "/ocpp", Type: gateway.Prefix, Port: gateway.PortOCPP},
}

// front puts a gateway before one instance of each service and returns its address.
func front(t *testing.T, instances map[string][]gateway.Instance, timeout time.Duration) string {
	t.Helper()
	g, err := gateway.New(gateway.Config{Routes: table, Instances: instances, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func behind(t *testing.T, handler http.HandlerFunc) gateway.Instance {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	return gateway.Instance{HTTP: address, OCPP: address}
}

// dead is the address of nobody.
func dead(t *testing.T) gateway.Instance {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return gateway.Instance{HTTP: l.Addr().String(), OCPP: l.Addr().String()}
}

func both(i gateway.Instance) map[string][]gateway.Instance {
	return map[string][]gateway.Instance{"catalog": {i}, "plot": {i}}
}

// raw sends bytes and returns the answer.
func raw(t *testing.T, address, request string) *http.Response {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

type problemDocument struct {
	Type      string `json:"type"`
	Status    int    `json:"status"`
	RequestID string `json:"request_id"`
}

func wantProblem(t *testing.T, answer *http.Response, status int, code string) {
	t.Helper()
	var got problemDocument
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		t.Fatalf("status %d, no problem document: %v", answer.StatusCode, err)
	}
	if answer.StatusCode != status || got.Status != status || !strings.HasSuffix(got.Type, ":"+code) {
		t.Errorf("got %d %+v; want %d %s", answer.StatusCode, got, status, code)
	}
	if answer.Header.Get("Content-Type") != "application/problem+json" || got.RequestID == "" || got.RequestID != answer.Header.Get("X-Request-Id") {
		t.Errorf("headers %v, request id %q", answer.Header, got.RequestID)
	}
}

func TestGatewayAloneSaysWhoTheClientIs(t *testing.T) {
	t.Parallel()
	seen := make(chan http.Header, 1)
	address := front(t, both(behind(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h := r.Header.Clone()
		h.Set("host", r.Host)
		for name := range r.Trailer {
			h.Set("got-trailer", name)
		}
		seen <- h
	})), 0)
	raw(t, address, "POST /v1/x HTTP/1.1\r\nHost: public.example\r\n"+
		"X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Prefix: /evil\r\nForwarded: for=9.9.9.9\r\n"+
		"X-User: admin\r\nX-User-Id: 1\r\nX_User: admin\r\nx-auth-role: admin\r\nX-Real-IP: 9.9.9.9\r\nX-Original-URL: /admin\r\nX-HTTP-Method-Override: DELETE\r\n"+
		"Authorization: Bearer t\r\nX-Request-Id: mine\r\nTransfer-Encoding: chunked\r\nTrailer: X-User\r\n\r\n"+
		"1\r\na\r\n0\r\nX-User: admin\r\nX-Admin: yes\r\n\r\n")
	got := <-seen
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "public.example", "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "",
		"Forwarded": "", "X-User": "", "X-User-Id": "", "X_User": "", "X-Auth-Role": "", "X-Real-Ip": "", "X-Original-Url": "",
		"X-Http-Method-Override": "", "Got-Trailer": "", "X-Admin": "",
		"Host": "public.example", "Authorization": "Bearer t", "X-Request-Id": "mine",
	} {
		if got.Get(name) != want {
			t.Errorf("%s arrived as %q; want %q", name, got.Get(name), want)
		}
	}
}

func TestGatewayRefusesWhatTwoServersReadDifferently(t *testing.T) {
	t.Parallel()
	address := front(t, both(behind(t, func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s reached the service", r.RequestURI)
	})), 0)
	for _, path := range []string{"/v1/../admin", "/v1/%2e%2e/admin", "/v1/a%2Fb", "/v1//a", `/v1/a%5cb`, "/v1/a%00", "/v1/.", "/v1/.."} {
		wantProblem(t, raw(t, address, "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n"), http.StatusBadRequest, "bad_path")
	}
	wantProblem(t, raw(t, address, "TRACE /v1 HTTP/1.1\r\nHost: h\r\n\r\n"), http.StatusMethodNotAllowed, "method_not_allowed")
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/metrics/x", "/debug/pprof", "/version"} {
		wantProblem(t, raw(t, address, "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n"), http.StatusNotFound, "not_found")
	}
}

func TestGatewayRefusesHeadsThatAServiceHasNoRoomFor(t *testing.T) {
	t.Parallel()
	reached := behind(t, func(http.ResponseWriter, *http.Request) {})
	g, err := gateway.New(gateway.Config{Routes: table, Instances: both(reached)})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() { served <- g.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	address := listener.Addr().String()
	for name, head := range map[string]string{
		"a long query":         "GET /v1/x?q=" + strings.Repeat("x", 42<<10) + " HTTP/1.1\r\nHost: h\r\n",
		"a long header":        "GET /v1/x HTTP/1.1\r\nHost: h\r\nX-Long: " + strings.Repeat("x", 42<<10) + "\r\n",
		"just above a service": "GET /v1/x HTTP/1.1\r\nHost: h\r\nX-Long: " + strings.Repeat("x", 16<<10) + "\r\n",
		"many headers":         "GET /v1/x HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("X-Short: x\r\n", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, raw(t, address, head+"\r\n"), http.StatusRequestHeaderFieldsTooLarge, "headers_too_large")
		})
	}
	fits := "GET /v1/x?q=" + strings.Repeat("x", 11<<10) + " HTTP/1.1\r\nHost: h\r\nX-Long: " + strings.Repeat("x", 3<<10) + "\r\n\r\n"
	if answer := raw(t, address, fits); answer.StatusCode != http.StatusOK {
		t.Errorf("14 KiB are answered with %d", answer.StatusCode)
	}
}

func TestGatewayAnswersForAServiceThatDoesNot(t *testing.T) {
	t.Parallel()
	t.Run("503 when nobody listens", func(t *testing.T) {
		t.Parallel()
		answer := raw(t, front(t, both(dead(t)), 0), "POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
		wantProblem(t, answer, http.StatusServiceUnavailable, "service_unavailable")
		if answer.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
	t.Run("504 when it is too slow", func(t *testing.T) {
		t.Parallel()
		address := front(t, both(behind(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })), 50*time.Millisecond)
		wantProblem(t, raw(t, address, "GET /v1/x HTTP/1.1\r\nHost: h\r\n\r\n"), http.StatusGatewayTimeout, "service_timeout")
	})
	t.Run("502 when it breaks off", func(t *testing.T) {
		t.Parallel()
		address := front(t, both(behind(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })), 0)
		wantProblem(t, raw(t, address, "POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"), http.StatusBadGateway, "bad_gateway")
	})
	t.Run("the next instance when one is gone", func(t *testing.T) {
		t.Parallel()
		alive := behind(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
		address := front(t, map[string][]gateway.Instance{"catalog": {dead(t), alive, dead(t)}, "plot": {alive}}, 0)
		for range 6 {
			answer := raw(t, address, "POST /v1/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody")
			if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "body" || answer.StatusCode != http.StatusOK {
				t.Errorf("got %d %q %v", answer.StatusCode, body, err)
			}
		}
	})
}

func TestGatewayPrefersInstancesThatAreReady(t *testing.T) {
	t.Parallel()
	answering := func(ready int, name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" {
				w.WriteHeader(ready)
				return
			}
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, name)
		}
	}
	asked := make(chan struct{}, 16)
	up := behind(t, func(w http.ResponseWriter, r *http.Request) {
		answering(http.StatusOK, "up")(w, r)
		if r.URL.Path == "/readyz" {
			asked <- struct{}{}
		}
	})
	draining := behind(t, answering(http.StatusServiceUnavailable, "draining"))
	g, err := gateway.New(gateway.Config{Routes: table, Instances: map[string][]gateway.Instance{"catalog": {draining, up}, "plot": {up}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- g.Run(ctx) }()
	// A second question to the same instance says that the answer to the first one is known.
	for range 4 {
		<-asked
	}
	for range 6 {
		recorder := httptest.NewRecorder()
		g.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/x", http.NoBody))
		if got := recorder.Body.String(); got != "up" {
			t.Errorf("answered by %q", got)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestGatewayPassesStreamsAsTheyCome(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	address := front(t, both(behind(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for event := range next {
			_, _ = fmt.Fprintf(w, "data: %s\n\n", event)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}
	})), 0)
	go func() { next <- "first" }()
	answer := raw(t, address, "GET /v1/live HTTP/1.1\r\nHost: h\r\n\r\n")
	lines := bufio.NewReader(answer.Body)
	for _, want := range []string{"first", "second"} {
		line, err := lines.ReadString('\n')
		if err != nil || line != "data: "+want+"\n" {
			t.Fatalf("read %q, %v; want %s before the stream goes on", line, err, want)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if want == "first" {
			next <- "second"
		}
	}
	close(next)
}

func TestGatewayPassesWebSockets(t *testing.T) {
	t.Parallel()
	address := front(t, both(behind(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Sec-Websocket-Protocol") != "ocpp1.6" || r.URL.Path != "/ocpp/CP-1" {
			t.Errorf("%s arrived with %v", r.URL.Path, r.Header)
		}
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		line, err := buffered.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		_, _ = io.WriteString(conn, "echo "+line)
	})), 0)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /ocpp/CP-1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n")
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", answer, err)
	}
	defer answer.Body.Close()
	_, _ = io.WriteString(conn, "hello\n")
	if line, err := reader.ReadString('\n'); err != nil || line != "echo hello\n" {
		t.Errorf("read %q, %v", line, err)
	}
}

func TestGatewayHearsARefusalBeforeItSendsALargeBody(t *testing.T) {
	t.Parallel()
	address := front(t, both(behind(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Expect") != "100-continue" {
			t.Error("the service is not asked")
		}
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge) // without reading: the rest would meet a closed connection
	})), 0)
	for range 20 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/v1/x", strings.NewReader(strings.Repeat("a", 4<<20)))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := new(http.Client).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("answered %d", answer.StatusCode)
		}
	}
}

func TestWhoDoesNotAskToContinueIsNotTold(t *testing.T) {
	t.Parallel()
	address := front(t, both(behind(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strconv.FormatInt(n, 10))
	})), 0)
	body := strings.Repeat("a", 64<<10)
	for expect, want := range map[string][]int{"": {http.StatusOK}, "Expect: 100-continue\r\n": {http.StatusContinue, http.StatusOK}} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v1/x HTTP/1.1\r\nHost: h\r\n%sContent-Length: %d\r\n\r\n", expect, len(body))
		if expect == "" {
			_, _ = io.WriteString(conn, body)
		}
		reader := bufio.NewReader(conn)
		for _, status := range want {
			answer, err := http.ReadResponse(reader, nil)
			if err != nil || answer.StatusCode != status {
				t.Fatalf("%q: %v, %v, want %d", expect, answer, err, status)
			}
			if status == http.StatusContinue {
				_, _ = io.WriteString(conn, body)
				continue
			}
			if got, err := io.ReadAll(answer.Body); err != nil || string(got) != strconv.Itoa(len(body)) {
				t.Errorf("%q: the service read %s, %v", expect, got, err)
			}
			answer.Body.Close()
		}
	}
}
