package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

var errNoInstance = errors.New("no instance accepts a connection")

// pool is the instances of one service. Instances that are ready take turns; when none is, all are tried: one that is starting
// up or degraded gives a better answer than the gateway could.
type pool struct {
	instances []*instance
	turn      atomic.Uint64
}

type instance struct {
	Instance
	ready atomic.Bool
}

func newPool(instances []Instance) *pool {
	p := &pool{}
	for _, i := range instances {
		p.instances = append(p.instances, &instance{Instance: i})
	}
	return p
}

func (p *pool) dial(ctx context.Context, network, port string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: time.Second}
	var faults []error
	for _, i := range p.order() {
		address := i.HTTP
		if port == PortOCPP {
			address = i.OCPP
		}
		if address == "" {
			continue
		}
		conn, err := dialer.DialContext(ctx, network, address)
		if err == nil {
			return conn, nil
		}
		faults = append(faults, err)
	}
	return nil, fmt.Errorf("%w: %w", errNoInstance, errors.Join(faults...))
}

// order lists the instances to try: those that are ready, from the one whose turn it is, then the others.
func (p *pool) order() []*instance {
	n := len(p.instances)
	first := int(p.turn.Add(1) % uint64(n)) //nolint:gosec // Less than n.
	ready, others := make([]*instance, 0, n), make([]*instance, 0, n)
	for k := range n {
		i := p.instances[(first+k)%n]
		if i.ready.Load() {
			ready = append(ready, i)
		} else {
			others = append(others, i)
		}
	}
	return append(ready, others...)
}

// prober asks instances for /readyz.
type prober struct{ client *http.Client }

func newProber() *prober {
	return &prober{client: &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
}

func (p *prober) ask(ctx context.Context, of *pool) {
	for _, i := range of.instances {
		i.ready.Store(p.isReady(ctx, i.HTTP))
	}
}

func (p *prober) isReady(ctx context.Context, address string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}
