// Package peer calls others: the replica that holds a charge point's socket, and station-catalog, whose stations it follows.
package peer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// Replicas knows which replica holds a charge point's socket.
type Replicas interface {
	// ReplicaOf gives the internal address of the replica, "" when none holds a socket of the charge point.
	ReplicaOf(ctx context.Context, id uuid.UUID) (string, error)
}

// Forwarder sends commands to charge points wherever they are connected: to the sockets of this process at once, to those of another
// replica over its internal endpoint, with this service's own token.
type Forwarder struct {
	self     string
	local    chargepoint.Commander
	replicas Replicas
	tokens   httpclient.TokenSource

	mu      sync.Mutex
	clients map[string]*httpclient.Client
}

var _ chargepoint.Commander = (*Forwarder)(nil)

// NewForwarder makes a forwarder for the replica whose internal address is self.
func NewForwarder(self string, local chargepoint.Commander, replicas Replicas, tokens httpclient.TokenSource) *Forwarder {
	return &Forwarder{self: self, local: local, replicas: replicas, tokens: tokens, clients: map[string]*httpclient.Client{}}
}

// Send implements chargepoint.Commander.
func (f *Forwarder) Send(ctx context.Context, id uuid.UUID, command chargepoint.Command) (chargepoint.Outcome, error) {
	replica, err := f.replicas.ReplicaOf(ctx, id)
	if err != nil {
		return chargepoint.Outcome{}, err
	}
	switch replica {
	case "":
		return chargepoint.Outcome{}, chargepoint.ErrNotConnected
	case f.self:
		return f.local.Send(ctx, id, command)
	}
	var outcome chargepoint.Outcome
	err = f.client(replica).Do(ctx, http.MethodPost, "/internal/v1/charge-points/"+id.String()+"/commands", nil, command, &outcome)
	switch {
	case err == nil:
		return outcome, nil
	case errors.Is(err, chargepoint.ErrNotConnected), errors.Is(err, chargepoint.ErrCommandFailed), errors.Is(err, chargepoint.ErrNoAnswer):
		return outcome, err
	case ctx.Err() != nil:
		return outcome, chargepoint.ErrNoAnswer.Because(err)
	}
	// The replica is gone, and the socket with it; the charge point will connect to another.
	return outcome, chargepoint.ErrNotConnected.Because(fmt.Errorf("replica %s: %w", replica, err))
}

func (f *Forwarder) client(replica string) *httpclient.Client {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.clients[replica]
	if c == nil {
		c = httpclient.New(httpclient.Config{BaseURL: replica, Tokens: f.tokens})
		f.clients[replica] = c
	}
	return c
}
