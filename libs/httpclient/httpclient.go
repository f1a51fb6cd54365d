// Package httpclient calls a peer over HTTP with JSON, and gives up in time.
//
//	peer := httpclient.New(httpclient.Config{
//		BaseURL: "http://charging-plot:8080",
//		Tokens:  httpclient.ClientCredentials(tokenURL, credential, audience),
//	})
//	var plot Plot
//	err := peer.GetJSON(ctx, "/v1/plots/"+id, nil, &plot)
//
// A call has a deadline, retries included. What may safely happen twice (GET, HEAD, PUT, DELETE,
// OPTIONS, and anything with an IdempotencyKey) is tried up to three times when the peer cannot be
// reached or asks to come back; Retry-After is heeded if there is time for it. A POST is tried again
// only when no connection came about.
//
// An answer that is a problem document becomes the fault that it says, so errors.Is with the peer's
// faults works across the wire; trouble on the way and answers of 5xx are ErrPeer. A service that
// calls on a user's behalf decides itself which of the peer's faults are the user's business: a 401
// of the peer speaks of the service's own token.
package httpclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/pause"
	"github.com/ihr-charging/charging-plot-api/libs/problem"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

const (
	attempts           = 3
	firstPause         = 50 * time.Millisecond
	defaultTimeout     = 10 * time.Second
	defaultMaxResponse = 16 << 20
	maxProblem         = 64 << 10
)

// The faults of a call itself.
var (
	// ErrPeer says that the peer could not be reached, did not answer in time or failed.
	ErrPeer = fault.Define(fault.Unavailable, "peer_unavailable", "Another service cannot be reached at the moment")
	// ErrAnswer says that the peer's answer could not be read.
	ErrAnswer = fault.Define(fault.Internal, "peer_answer", "Another service gave an answer that cannot be read")
)

// TokenSource gives the bearer token of a request. A source that also has Forget(token string) is
// told of a token that the peer refused, and asked for another one once.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

type forgetter interface{ Forget(token string) }

// Config says whom to call and how patiently.
type Config struct {
	BaseURL     string               // scheme, host and, if the peer lives under one, a path
	Timeout     time.Duration        // of a call with its retries; 10 s
	Tokens      TokenSource          // nil: anonymous
	Transport   http.RoundTripper    // nil: one with limits of its own
	MaxResponse int64                // bytes of an answer that are read; 16 MiB
	Telemetry   *telemetry.Telemetry // nil: calls are not traced; the traceparent is passed on all the same
}

// Client calls one peer. It is safe for concurrent use.
type Client struct {
	cfg    Config
	base   string
	http   *http.Client
	tracer trace.Tracer
}

// New makes a client. Nothing is connected before the first call.
func New(cfg Config) *Client {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxResponse <= 0 {
		cfg.MaxResponse = defaultMaxResponse
	}
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
	tel := cfg.Telemetry
	if tel == nil {
		tel = telemetry.Discard()
	}
	return &Client{
		cfg: cfg, base: strings.TrimSuffix(cfg.BaseURL, "/"), tracer: tel.Tracer("httpclient"),
		http: &http.Client{
			Transport: cfg.Transport,
			// A redirect would carry the token to wherever it points.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 3 * time.Second,
		MaxIdleConnsPerHost: 32,
		// Shorter than servers keep idle connections, so that a request seldom meets one just closed.
		IdleConnTimeout:   30 * time.Second,
		ForceAttemptHTTP2: true,
	}
}

// Option refines one call.
type Option func(*call)

type call struct {
	timeout time.Duration
	header  http.Header
	retry   bool
}

// Timeout takes the place of the client's timeout, as a long poll needs.
func Timeout(d time.Duration) Option { return func(c *call) { c.timeout = d } }

// Header adds a header.
func Header(name, value string) Option { return func(c *call) { c.header.Set(name, value) } }

// IdempotencyKey makes a POST safe to repeat: the peer keeps the answer under the key.
func IdempotencyKey(key string) Option {
	return func(c *call) { c.header.Set("Idempotency-Key", key); c.retry = true }
}

// GetJSON is Do with GET and nothing to send.
func (c *Client) GetJSON(ctx context.Context, path string, query url.Values, out any, options ...Option) error {
	return c.Do(ctx, http.MethodGet, path, query, nil, out, options...)
}

// Do sends in as JSON, or form-encoded when it is url.Values, and reads the answer's JSON into out.
// Either may be nil: then nothing is sent, or the answer's body is passed over. Path is put behind
// the base URL as it is; escape what goes into it.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, in, out any, options ...Option) (err error) {
	settings := c.settings(method, options)
	body, err := encode(in, settings.header)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, settings.timeout)
	defer cancel()
	return c.traced(ctx, method, path, query, func(ctx context.Context, target string) error {
		return c.try(ctx, method, target, body, settings, func(answer *http.Response) error { return c.read(answer, out) })
	})
}

// Open is GET for a caller that passes the answer on as it comes. An answer of 304 is one as well. Its body must be closed; the call's
// time ends with it, and does not end with ctx, which may be that of a handler that has returned by then.
func (c *Client) Open(ctx context.Context, path string, query url.Values, options ...Option) (answer *http.Response, err error) {
	settings := c.settings(http.MethodGet, options)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settings.timeout)
	err = c.traced(ctx, http.MethodGet, path, query, func(ctx context.Context, target string) error {
		return c.try(ctx, http.MethodGet, target, nil, settings, func(got *http.Response) error {
			answer = got
			return nil
		})
	})
	if err != nil {
		cancel()
		return nil, err
	}
	answer.Body = &ending{answer.Body, cancel}
	return answer, nil
}

// ending is a body whose end is that of its call.
type ending struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (e *ending) Close() error {
	defer e.cancel()
	return e.ReadCloser.Close()
}

func (c *Client) settings(method string, options []Option) call {
	settings := call{timeout: c.cfg.Timeout, header: http.Header{}, retry: method != http.MethodPost && method != http.MethodPatch}
	for _, option := range options {
		option(&settings)
	}
	return settings
}

// traced makes a call within a span of its own.
func (c *Client) traced(ctx context.Context, method, path string, query url.Values, call func(ctx context.Context, target string) error) (err error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	ctx, span := c.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindClient))
	defer func() {
		if err != nil {
			span.SetStatus(codes.Error, fault.Of(err).Code())
		}
		span.End()
	}()
	if span.IsRecording() {
		span.SetAttributes(attribute.String("http.request.method", method), attribute.String("server.address", c.base))
	}
	if err := call(ctx, target); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// try sends the request until an answer stands, attempts are used up or time is.
func (c *Client) try(
	ctx context.Context, method, target string, body []byte, settings call, take func(answer *http.Response) error,
) error {
	wait := firstPause
	refreshed := false
	for attempt := 1; ; attempt++ {
		answer, token, err := c.send(ctx, method, target, body, settings.header)
		again := settings.retry
		switch {
		case err != nil:
			if ctx.Err() != nil {
				return ErrPeer.Because(fmt.Errorf("%w: %w", ctx.Err(), err))
			}
			again = again || unconnected(err)
			err = ErrPeer.Because(err)
		case answer.StatusCode == http.StatusUnauthorized && token != "" && !refreshed && c.forget(token):
			// Keys may have been rotated, or the token revoked: another one may do.
			refreshed = true
			drain(answer)
			attempt--
			continue
		case answer.StatusCode < 300, answer.StatusCode == http.StatusNotModified && settings.header.Get("If-None-Match") != "":
			return take(answer)
		default:
			err = readProblem(answer)
			again = again && passing(answer.StatusCode)
		}
		if !again || attempt == attempts || errors.Is(err, errToken) {
			return err
		}
		rest := max(pause.Around(wait, 0.5), fault.Of(err).RetryAfter())
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= rest {
			return err
		}
		if pause.For(ctx, rest) != nil {
			return err
		}
		wait *= 4
	}
}

// errToken marks that no token could be had; asking for one has its own retries.
var errToken = errors.New("no access token")

func (c *Client) send(ctx context.Context, method, target string, body []byte, header http.Header) (*http.Response, string, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return nil, "", err
	}
	request.Header = header.Clone()
	if request.Header.Get("Accept") == "" {
		request.Header.Set("Accept", "application/json, "+problem.ContentType)
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(request.Header))
	token := ""
	if c.cfg.Tokens != nil {
		if token, err = c.cfg.Tokens.Token(ctx); err != nil {
			return nil, "", fmt.Errorf("%w: %w", errToken, err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := c.http.Do(request)
	if answer != nil {
		trace.SpanFromContext(ctx).SetAttributes(attribute.Int("http.response.status_code", answer.StatusCode))
	}
	return answer, token, withoutURL(err)
}

func (c *Client) forget(token string) bool {
	source, ok := c.cfg.Tokens.(forgetter)
	if ok {
		source.Forget(token)
	}
	return ok
}

func (c *Client) read(answer *http.Response, out any) error {
	defer drain(answer)
	if out == nil || answer.StatusCode == http.StatusNoContent {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, c.cfg.MaxResponse+1))
	if err != nil {
		return ErrPeer.Because(fmt.Errorf("read the answer: %w", err))
	}
	if int64(len(body)) > c.cfg.MaxResponse {
		return ErrAnswer.Because(fmt.Errorf("the answer is longer than %d bytes", c.cfg.MaxResponse))
	}
	if err := json.Unmarshal(body, out); err != nil {
		return ErrAnswer.Because(err)
	}
	return nil
}

// readProblem makes the fault of an answer that is not a success.
func readProblem(answer *http.Response) error {
	defer drain(answer)
	after := RetryAfter(answer.Header.Get("Retry-After"))
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxProblem))
	document := problem.Document{}
	media, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || media != problem.ContentType || json.Unmarshal(body, &document) != nil {
		document = problem.Document{}
	}
	document.Status = answer.StatusCode // what was sent counts, not what the document claims
	f := document.Fault()
	if answer.StatusCode >= 500 || answer.StatusCode < 400 {
		// The peer's trouble is not the caller's: its text is for the logs.
		f = ErrPeer.Because(fmt.Errorf("status %d: %w", answer.StatusCode, f))
	}
	if after > 0 {
		f = f.After(after)
	}
	return f
}

// drain lets the connection be used again, unless too much is left on it.
func drain(answer *http.Response) {
	_, _ = io.CopyN(io.Discard, answer.Body, maxProblem)
	_ = answer.Body.Close()
}

func encode(in any, header http.Header) ([]byte, error) {
	switch in := in.(type) {
	case nil:
		return nil, nil
	case url.Values:
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		return []byte(in.Encode()), nil
	default:
		header.Set("Content-Type", "application/json")
		body, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		return body, nil
	}
}

// passing tells whether an answer says that another try may fare better.
func passing(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// unconnected tells whether the request cannot have reached the peer.
func unconnected(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// withoutURL takes the URL out of an error of net/http: its query may hold what logs must not.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// RetryAfter reads that header's two forms, seconds and a date, up to a day; zero when there is none.
func RetryAfter(value string) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 24*3600)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, time.Until(at)), 24*time.Hour)
	}
	return 0
}
