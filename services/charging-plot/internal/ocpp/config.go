package ocpp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Config says where charge points connect and what one of them may cost.
type Config struct {
	// Listen is the address for charge points, apart from the API's.
	Listen string `env:"OCPP_LISTEN" envDefault:":8887"`
	// Listener is used instead of Listen when it is set.
	Listener net.Listener `env:"-"`
	// TrustedProxies are the addresses (CIDR or single) whose X-Forwarded-For is believed, for logs and for the limit on guesses.
	// The HTTP port has the setting for both.
	TrustedProxies []string `env:"-"`
	Limits
}

// Limits bounds what a charge point may take.
type Limits struct {
	// Connections is how many sockets this process takes; more are told to try again later.
	Connections int `env:"OCPP_MAX_CONNECTIONS" envDefault:"20000"`
	// FrameBytes is the largest frame that is read.
	FrameBytes int64 `env:"OCPP_MAX_FRAME_BYTES" envDefault:"65536"`
	// QueuedCalls is how many calls of one charge point may wait; the standard allows it one at a time.
	QueuedCalls int `env:"OCPP_MAX_QUEUED_CALLS" envDefault:"16"`
	// PingInterval is how often the server looks whether the charge point is still there.
	PingInterval time.Duration `env:"OCPP_PING_INTERVAL" envDefault:"60s"`
	// IdleTimeout ends a connection on which nothing arrived, no answer to a ping either.
	IdleTimeout time.Duration `env:"OCPP_IDLE_TIMEOUT" envDefault:"150s"`
	// WriteWait is how long a charge point may take to accept one frame.
	WriteWait time.Duration `env:"OCPP_WRITE_WAIT" envDefault:"10s"`
	// HandlerTimeout is how long the service may take to commit one message.
	HandlerTimeout time.Duration `env:"OCPP_HANDLER_TIMEOUT" envDefault:"10s"`
	// CommandTimeout is how long a charge point may take to answer a command.
	CommandTimeout time.Duration `env:"OCPP_COMMAND_TIMEOUT" envDefault:"30s"`
	// DrainSpread is the span over which the sockets are closed at the end, so that the charge points do not all come back at once.
	DrainSpread time.Duration `env:"OCPP_DRAIN_SPREAD" envDefault:"3s"`
	// DrainTimeout is how long the sockets have in all to end by themselves.
	DrainTimeout time.Duration `env:"OCPP_DRAIN_TIMEOUT" envDefault:"12s"`
	// FailuresPerMinute is how many wrong passwords one address may try for one identity; it may try twenty times as many in all.
	FailuresPerMinute int `env:"OCPP_FAILURES_PER_MINUTE" envDefault:"10"`
}

// DefaultLimits returns the limits that apply when nothing is configured, for tests and for programs that embed the edge.
func DefaultLimits() Limits {
	return Limits{
		Connections: 20000, FrameBytes: 65536, QueuedCalls: 16,
		PingInterval: time.Minute, IdleTimeout: 150 * time.Second, WriteWait: 10 * time.Second,
		HandlerTimeout: 10 * time.Second, CommandTimeout: 30 * time.Second,
		DrainSpread: 3 * time.Second, DrainTimeout: 12 * time.Second, FailuresPerMinute: 10,
	}
}

// Validate names every setting that cannot work.
func (c Config) Validate() error {
	var faults []error
	if c.Listen == "" && c.Listener == nil {
		faults = append(faults, errors.New("OCPP_LISTEN is empty"))
	}
	if _, err := parseProxies(c.TrustedProxies); err != nil {
		faults = append(faults, err)
	}
	for name, value := range map[string]int64{
		"OCPP_MAX_CONNECTIONS": int64(c.Connections), "OCPP_MAX_FRAME_BYTES": c.FrameBytes,
		"OCPP_MAX_QUEUED_CALLS": int64(c.QueuedCalls), "OCPP_PING_INTERVAL": int64(c.PingInterval),
		"OCPP_WRITE_WAIT": int64(c.WriteWait), "OCPP_HANDLER_TIMEOUT": int64(c.HandlerTimeout),
		"OCPP_COMMAND_TIMEOUT": int64(c.CommandTimeout), "OCPP_FAILURES_PER_MINUTE": int64(c.FailuresPerMinute),
	} {
		if value <= 0 {
			faults = append(faults, fmt.Errorf("%s must be positive", name))
		}
	}
	if c.IdleTimeout <= c.PingInterval {
		faults = append(faults, errors.New("OCPP_IDLE_TIMEOUT must be longer than OCPP_PING_INTERVAL"))
	}
	return errors.Join(faults...)
}

// parseProxies reads addresses and prefixes.
func parseProxies(values []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(values))
	for _, value := range values {
		if prefix, err := netip.ParsePrefix(value); err == nil {
			prefixes = append(prefixes, prefix)
			continue
		}
		address, err := netip.ParseAddr(value)
		if err != nil {
			return nil, errors.New("TRUSTED_PROXIES holds something that is no address and no CIDR prefix")
		}
		prefixes = append(prefixes, netip.PrefixFrom(address, address.BitLen()))
	}
	return prefixes, nil
}
