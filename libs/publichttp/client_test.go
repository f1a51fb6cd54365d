package publichttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
)

// server is an HTTP server on one address of the loopback network that counts connections.
type server struct {
	*httptest.Server
	connections atomic.Int64
}

func serve(t *testing.T, address string, handler http.HandlerFunc) *server {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Server: httptest.NewUnstartedServer(handler)}
	_ = s.Listener.Close()
	s.Listener = listener
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *server) port() string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return port
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

// allowOnly lets the client reach one address; every other one of the loopback network stands for our own network.
func allowOnly(address string) *publichttp.Guard {
	return publichttp.NewGuard(publichttp.Rules{Allow: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(address), 32)}})
}

func get(t *testing.T, client *http.Client, url string) (status int, body string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	read, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(read), err
}

// names is a resolver of whatever name, whose n-th lookup of an address is answered by answer(n).
func names(t *testing.T, answer func(lookup int) []string) *net.Resolver {
	t.Helper()
	socket, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		lookups := 0
		buffer := make([]byte, 512)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				for _, a := range answer(lookups) {
					m.Answers = append(m.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
						Body:   &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
					})
				}
				lookups++
			}
			if out, err := m.Pack(); err == nil {
				_, _ = socket.WriteTo(out, from)
			}
		}
	}()
	t.Cleanup(func() {
		_ = socket.Close()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

func TestDialsNoAddressThatIsNotPublic(t *testing.T) {
	t.Parallel()
	canary := serve(t, "127.0.0.1:0", hello)
	client := publichttp.New(publichttp.Config{})
	for _, host := range []string{"127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"} {
		_, _, err := get(t, client, "http://"+host+":"+canary.port()+"/")
		if !errors.Is(err, publichttp.ErrForbidden) || publichttp.Reason(err) != "forbidden_address" {
			t.Errorf("%s: %v, wanted ErrForbidden", host, err)
		}
	}
	if n := canary.connections.Load(); n != 0 {
		t.Errorf("the canary was reached %d times", n)
	}
}

func TestNameThatLeadsInsideIsRefusedAtDial(t *testing.T) {
	t.Parallel()
	canary := serve(t, "127.0.0.1:0", hello)
	client := publichttp.New(publichttp.Config{Resolver: names(t, func(int) []string { return []string{"127.0.0.1"} })})
	_, _, err := get(t, client, "http://hooks.example.com:"+canary.port()+"/")
	if !errors.Is(err, publichttp.ErrForbidden) || canary.connections.Load() != 0 {
		t.Errorf("%v after %d connections, wanted ErrForbidden and none", err, canary.connections.Load())
	}
}

func TestNameThatIsRebound(t *testing.T) {
	t.Parallel()
	canary := serve(t, "127.0.0.1:0", hello)
	outside := serve(t, "127.0.0.2:"+canary.port(), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // so that each call looks the name up anew
		_, _ = io.WriteString(w, "outside")
	})
	// The first answer is public, the second our own machine, the third both.
	client := publichttp.New(publichttp.Config{Guard: allowOnly("127.0.0.2"), Resolver: names(t, func(lookup int) []string {
		return [][]string{{"127.0.0.2"}, {"127.0.0.1"}, {"127.0.0.1", "127.0.0.2"}}[lookup]
	})})
	url := "http://hooks.example.com:" + outside.port() + "/"
	if _, body, err := get(t, client, url); err != nil || body != "outside" {
		t.Errorf("first answer: %q, %v", body, err)
	}
	if _, _, err := get(t, client, url); !errors.Is(err, publichttp.ErrForbidden) {
		t.Errorf("second answer: %v, wanted ErrForbidden", err)
	}
	if _, body, err := get(t, client, url); err != nil || body != "outside" {
		t.Errorf("third answer: %q, %v; wanted the public one of the two", body, err)
	}
	if n := canary.connections.Load(); n != 0 {
		t.Errorf("the canary was reached %d times", n)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	canary := serve(t, "127.0.0.1:0", hello)
	var outside *server
	outside = serve(t, "127.0.0.2:0", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/inside":
			http.Redirect(w, r, canary.URL, http.StatusFound)
		case r.URL.Path == "/file":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case strings.HasPrefix(r.URL.Path, "/again"):
			http.Redirect(w, r, outside.URL+"/again", http.StatusFound)
		case r.URL.Path == "/once":
			http.Redirect(w, r, outside.URL+"/#there", http.StatusFound)
		default:
			hello(w, r)
		}
	})
	follows := publichttp.New(publichttp.Config{Guard: allowOnly("127.0.0.2"), Redirects: 3})
	for path, want := range map[string]error{"/inside": publichttp.ErrForbidden, "/file": publichttp.ErrURL, "/again": publichttp.ErrURL} {
		if _, _, err := get(t, follows, outside.URL+path); !errors.Is(err, want) {
			t.Errorf("%s: %v, wanted %v", path, err, want)
		}
	}
	if _, body, err := get(t, follows, outside.URL+"/once"); err != nil || body != "hello" {
		t.Errorf("a redirect that is in order: %q, %v", body, err)
	}
	if status, _, err := get(t, publichttp.New(publichttp.Config{Guard: allowOnly("127.0.0.2")}), outside.URL+"/once"); status != http.StatusFound || err != nil {
		t.Errorf("without redirects: %d, %v; wanted the redirect itself", status, err)
	}
	if n := canary.connections.Load(); n != 0 {
		t.Errorf("the canary was reached %d times", n)
	}
}

func TestAnswerBeyondTheLimit(t *testing.T) {
	t.Parallel()
	var length atomic.Int64
	var announced atomic.Bool
	outside := serve(t, "127.0.0.1:0", func(w http.ResponseWriter, _ *http.Request) {
		if announced.Load() {
			w.Header().Set("Content-Length", fmt.Sprint(length.Load()))
		} else {
			w.(http.Flusher).Flush()
		}
		_, _ = io.CopyN(w, zeros{}, length.Load())
	})
	client := publichttp.New(publichttp.Config{Guard: allowOnly("127.0.0.1"), MaxResponse: 1000})
	for _, known := range []bool{false, true} {
		announced.Store(known)
		length.Store(1000)
		if _, body, err := get(t, client, outside.URL); err != nil || len(body) != 1000 {
			t.Errorf("announced %v: %d bytes of 1000, %v", known, len(body), err)
		}
		length.Store(1001)
		if _, body, err := get(t, client, outside.URL); !errors.Is(err, publichttp.ErrTooLarge) || len(body) > 1000 || publichttp.Reason(err) != "too_large" {
			t.Errorf("announced %v: %d bytes, %v; wanted ErrTooLarge", known, len(body), err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) { //nolint:paralleltest // t.Setenv does not go with it
	canary := serve(t, "127.0.0.1:0", hello)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, canary.URL)
	}
	client := publichttp.New(publichttp.Config{Guard: allowOnly("127.0.0.1"), Resolver: names(t, func(int) []string { return []string{"10.255.255.1"} })})
	if _, _, err := get(t, client, "http://hooks.example.com/"); !errors.Is(err, publichttp.ErrForbidden) || canary.connections.Load() != 0 {
		t.Errorf("%v after %d connections to the proxy", err, canary.connections.Load())
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	slow := serve(t, "127.0.0.1:0", func(http.ResponseWriter, *http.Request) { <-ended })
	t.Cleanup(func() { close(ended) })
	closed := serve(t, "127.0.0.1:0", hello)
	closed.Close()
	plain := serve(t, "127.0.0.1:0", hello)
	secure := httptest.NewTLSServer(http.HandlerFunc(hello)) // whose certificate nobody vouches for
	t.Cleanup(secure.Close)
	here := allowOnly("127.0.0.1")
	quick := publichttp.New(publichttp.Config{Guard: here, Timeout: 50 * time.Millisecond})
	patient := publichttp.New(publichttp.Config{Guard: here, Resolver: names(t, func(int) []string { return nil })})
	for _, c := range []struct {
		client    *http.Client
		url, want string
	}{
		{quick, slow.URL, "timeout"},
		{patient, closed.URL, "connection"},
		{patient, strings.Replace(plain.URL, "http:", "https:", 1), "tls"},
		{patient, secure.URL, "tls"},
		{patient, "http://nowhere.example.com/", "name"},
		{patient, "http://10.0.0.1/", "forbidden_address"},
		{patient, "ftp://127.0.0.1/", "bad_url"},
	} {
		_, _, err := get(t, c.client, c.url)
		if got := publichttp.Reason(err); got != c.want {
			t.Errorf("%s: %q (%v), wanted %q", c.url, got, err, c.want)
		}
	}
	if publichttp.Reason(nil) != "" {
		t.Error("no error has a reason")
	}
}
