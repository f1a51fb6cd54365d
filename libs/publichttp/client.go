package publichttp

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

const (
	defaultTimeout     = 15 * time.Second
	defaultMaxResponse = 1 << 20
	connectTimeout     = 5 * time.Second
	maxResponseHeader  = 64 << 10
)

// ErrTooLarge says that an answer's body was longer than the limit.
var ErrTooLarge = fault.Define(fault.Unprocessable, "answer_too_large", "The other side's answer is too large")

// Config says how the client behaves. The zero value is a strict client.
type Config struct {
	Guard       *Guard        // nil: NewGuard(Rules{})
	Timeout     time.Duration // of a call with its redirects and the reading of its body; 15 s
	MaxResponse int64         // bytes of an answer that may be read; 1 MiB
	Redirects   int           // how many are followed; 0: the redirect itself is the answer
	UserAgent   string        // sent when the request names none
	Resolver    *net.Resolver // nil: the system's
}

// New makes a client that reaches public addresses only. A connection that the guard refuses ends in an error that is
// ErrForbidden, a body beyond the limit in ErrTooLarge while it is read.
func New(cfg Config) *http.Client {
	if cfg.Guard == nil {
		cfg.Guard = NewGuard(Rules{})
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxResponse <= 0 {
		cfg.MaxResponse = defaultMaxResponse
	}
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second, Control: cfg.Guard.Control, Resolver: cfg.Resolver}
	return &http.Client{
		Timeout: cfg.Timeout,
		Transport: &transport{cfg: cfg, next: &http.Transport{
			// No Proxy: a proxy would do the resolving, past the guard.
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    connectTimeout,
			ResponseHeaderTimeout:  cfg.Timeout,
			MaxResponseHeaderBytes: maxResponseHeader,
			MaxIdleConns:           64,
			MaxIdleConnsPerHost:    2,
			MaxConnsPerHost:        16,
			IdleConnTimeout:        15 * time.Second,
			// An answer that is asked for compressed could be small on the wire and large in memory.
			DisableCompression: true,
		}},
		CheckRedirect: func(next *http.Request, before []*http.Request) error { return follow(cfg, next, before) },
	}
}

// follow judges a redirect; its target is judged like any other URL when it is sent.
func follow(cfg Config, next *http.Request, before []*http.Request) error {
	switch last := before[len(before)-1]; {
	case cfg.Redirects == 0:
		return http.ErrUseLastResponse
	case len(before) > cfg.Redirects:
		return ErrURL.Detailf("It redirects more than %d times.", cfg.Redirects)
	case last.URL.Scheme == "https" && next.URL.Scheme != "https":
		return ErrURL.Detailf("It redirects from https to %s.", next.URL.Scheme)
	}
	return nil
}

// transport judges each request's URL, redirects among them, and bounds its answer.
type transport struct {
	cfg  Config
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	target := *request.URL
	target.Fragment, target.RawFragment = "", "" // of a redirect, and never sent
	if _, err := t.cfg.Guard.CheckURL(target.String()); err != nil {
		if request.Body != nil {
			_ = request.Body.Close()
		}
		return nil, err
	}
	if t.cfg.UserAgent != "" && request.Header.Get("User-Agent") == "" {
		request = request.Clone(request.Context())
		request.Header.Set("User-Agent", t.cfg.UserAgent)
	}
	answer, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if answer.ContentLength > t.cfg.MaxResponse {
		_ = answer.Body.Close()
		return nil, ErrTooLarge.Because(fmt.Errorf("%d bytes", answer.ContentLength))
	}
	answer.Body = &bounded{body: answer.Body, left: t.cfg.MaxResponse}
	return answer, nil
}

// bounded reads a body up to a limit and fails past it.
type bounded struct {
	body io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		n = int(b.left)
		b.left = 0
		return n, ErrTooLarge
	}
	b.left -= int64(n)
	return n, err
}

func (b *bounded) Close() error { return b.body.Close() }
