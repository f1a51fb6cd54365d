package peer

import (
	"context"
	"net/http"
	"net/url"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
)

// ErrNoPlots says that there is no charging-plot to ask.
var ErrNoPlots = fault.Define(fault.Unavailable, "peer_unavailable", "Another service cannot be reached at the moment")

// Relay asks charging-plot, in the name of whoever asks us, what it alone knows of a station.
type Relay struct{ client *httpclient.Client }

// NewRelay makes one with a client that has no token of its own; nil: there is nobody to ask.
func NewRelay(client *httpclient.Client) *Relay { return &Relay{client} }

// Get passes a request on, and returns the answer as it comes, whose body must be closed. What charging-plot refuses is its fault; when
// it cannot be reached, or fails, that is an Unavailable one.
func (r *Relay) Get(ctx context.Context, path string, query url.Values, header map[string]string) (*http.Response, error) {
	if r.client == nil {
		return nil, ErrNoPlots
	}
	options := make([]httpclient.Option, 0, len(header))
	for name, value := range header {
		if value != "" {
			options = append(options, httpclient.Header(name, value))
		}
	}
	return r.client.Open(ctx, path, query, options...)
}
