// Package httpclient is being written.
package httpclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// TokenSource gives the bearer token of a request.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

// Config says whom to call.
type Config struct {
	BaseURL     string
	Timeout     time.Duration // of a call with its retries; 10 s
	Tokens      TokenSource
	Transport   http.RoundTripper
	MaxResponse int64 // bytes; 16 MiB
	Telemetry   *telemetry.Telemetry
}

// Client calls one peer.
type Client struct{}

// Option refines one call.
type Option func(*call)

type call struct{}

// Timeout replaces the client's timeout, as a long poll needs.
func Timeout(d time.Duration) Option { return func(*call) {} }

// IdempotencyKey makes a POST safe to repeat.
func IdempotencyKey(key string) Option { return func(*call) {} }

// New makes a client.
func New(cfg Config) *Client { return &Client{} }

// GetJSON is Do for GET.
func (c *Client) GetJSON(ctx context.Context, path string, query url.Values, out any, options ...Option) error {
	return errors.New("httpclient: being written")
}

// Do sends in as JSON and reads the answer into out; either may be nil.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, in, out any, options ...Option) error {
	return errors.New("httpclient: being written")
}

// ClientCredentials gets tokens for a service.
func ClientCredentials(tokenURL, clientID, secret, audience string) TokenSource { return nil }
