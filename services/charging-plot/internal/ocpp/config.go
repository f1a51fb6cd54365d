package ocpp

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// Config says where charge points connect and what one of them may cost. The zero value of a field means its default.
type Config struct {
	Listen   string       `env:"OCPP_LISTEN" envDefault:":8887" desc:"address for charge points, apart from the API's"`
	Listener net.Listener `env:"-"` // in place of Listen
	// Charge points of security profiles 2 and 3, where TLS does not end at a gateway.
	TLSListen      string       `env:"OCPP_TLS_LISTEN" desc:"address for charge points over TLS, such as :8443; none: TLS ends at the gateway"`
	TLSListener    net.Listener `env:"-"` // in place of TLSListen
	TLSCertificate string       `env:"OCPP_TLS_CERTIFICATE" desc:"certificate chain of OCPP_TLS_LISTEN, as PEM"`
	TLSKey         string       `env:"OCPP_TLS_KEY" desc:"its private key, as PEM"`
	TLSClientCA    string       `env:"OCPP_TLS_CLIENT_CA" desc:"authorities of charge points' certificates, as PEM; none: passwords alone"`
	// Where the three were read from. What is renewed there holds for the next connection.
	TLSCertificateFile string `env:"OCPP_TLS_CERTIFICATE_FILE" desc:"the file that OCPP_TLS_CERTIFICATE is in; a renewed one is taken without a restart, as of the next two"`
	TLSKeyFile         string `env:"OCPP_TLS_KEY_FILE" desc:"the file that OCPP_TLS_KEY is in"`
	TLSClientCAFile    string `env:"OCPP_TLS_CLIENT_CA_FILE" desc:"the file that OCPP_TLS_CLIENT_CA is in"`
	// TrustedProxies are the addresses (CIDR or single) whose X-Forwarded-For is believed, for logs and for the limit on guesses.
	// The HTTP port has the setting for both.
	TrustedProxies []string `env:"-"`
	// Journal is told every frame, with what nobody shall read blotted out; nil keeps none.
	Journal chargepoint.Journal `env:"-"`
	Limits
}

// Limits bounds what a charge point may take.
type Limits struct {
	Connections       int           `env:"OCPP_MAX_CONNECTIONS" envDefault:"20000" desc:"sockets that one process takes; more are told to try again later"`
	FrameBytes        int64         `env:"OCPP_MAX_FRAME_BYTES" envDefault:"65536" desc:"largest frame that is read; a larger one ends the connection"`
	QueuedCalls       int           `env:"OCPP_MAX_QUEUED_CALLS" envDefault:"16" desc:"calls of one charge point that may wait; the standard allows it one at a time"`
	PingInterval      time.Duration `env:"OCPP_PING_INTERVAL" envDefault:"60s" desc:"how often is looked whether a charge point is still there"`
	IdleTimeout       time.Duration `env:"OCPP_IDLE_TIMEOUT" envDefault:"150s" desc:"how long a charge point may be silent, answers to pings included"`
	WriteWait         time.Duration `env:"OCPP_WRITE_WAIT" envDefault:"10s" desc:"how long a charge point may take to accept one frame"`
	HandlerTimeout    time.Duration `env:"OCPP_HANDLER_TIMEOUT" envDefault:"10s" desc:"how long the service may take to commit one message"`
	CommandTimeout    time.Duration `env:"OCPP_COMMAND_TIMEOUT" envDefault:"30s" desc:"how long a charge point may take to answer a command at most"`
	DrainSpread       time.Duration `env:"OCPP_DRAIN_SPREAD" envDefault:"3s" desc:"span over which sockets are closed at the end, so that charge points do not all return at once"`
	DrainTimeout      time.Duration `env:"OCPP_DRAIN_TIMEOUT" envDefault:"12s" desc:"how long sockets have in all to end by themselves"`
	FailuresPerMinute int           `env:"OCPP_FAILURES_PER_MINUTE" envDefault:"10" desc:"wrong passwords that one address may try for one identity; twenty times as many in all"`
}

func (l Limits) withDefaults() Limits {
	l.Connections = cmp.Or(l.Connections, 20000)
	l.FrameBytes = cmp.Or(l.FrameBytes, 65536)
	l.QueuedCalls = cmp.Or(l.QueuedCalls, 16)
	l.PingInterval = cmp.Or(l.PingInterval, time.Minute)
	l.IdleTimeout = cmp.Or(l.IdleTimeout, 150*time.Second)
	l.WriteWait = cmp.Or(l.WriteWait, 10*time.Second)
	l.HandlerTimeout = cmp.Or(l.HandlerTimeout, 10*time.Second)
	l.CommandTimeout = cmp.Or(l.CommandTimeout, 30*time.Second)
	l.DrainSpread = cmp.Or(l.DrainSpread, 3*time.Second)
	l.DrainTimeout = cmp.Or(l.DrainTimeout, 12*time.Second)
	l.FailuresPerMinute = cmp.Or(l.FailuresPerMinute, 10)
	return l
}

// Validate names every setting that cannot work.
func (c Config) Validate() error {
	c.Limits = c.withDefaults()
	var faults []error
	if c.Listen == "" && c.Listener == nil {
		faults = append(faults, errors.New("OCPP_LISTEN: must not be empty"))
	}
	if _, err := parseProxies(c.TrustedProxies); err != nil {
		faults = append(faults, err)
	}
	if c.TLSListen != "" || c.TLSListener != nil {
		if _, err := c.tls(); err != nil {
			faults = append(faults, err)
		}
	}
	for name, value := range map[string]int64{
		"OCPP_MAX_CONNECTIONS": int64(c.Connections), "OCPP_MAX_FRAME_BYTES": c.FrameBytes,
		"OCPP_MAX_QUEUED_CALLS": int64(c.QueuedCalls), "OCPP_PING_INTERVAL": int64(c.PingInterval),
		"OCPP_WRITE_WAIT": int64(c.WriteWait), "OCPP_HANDLER_TIMEOUT": int64(c.HandlerTimeout),
		"OCPP_COMMAND_TIMEOUT": int64(c.CommandTimeout), "OCPP_DRAIN_SPREAD": int64(c.DrainSpread),
		"OCPP_DRAIN_TIMEOUT": int64(c.DrainTimeout), "OCPP_FAILURES_PER_MINUTE": int64(c.FailuresPerMinute),
	} {
		if value <= 0 {
			faults = append(faults, fmt.Errorf("%s: must be positive", name))
		}
	}
	if c.IdleTimeout <= c.PingInterval {
		faults = append(faults, errors.New("OCPP_IDLE_TIMEOUT: must be longer than OCPP_PING_INTERVAL"))
	}
	return errors.Join(faults...)
}

// tls is how the TLS listener speaks. A charge point may show a certificate and need not: which of them must is said of each.
func (c Config) tls() (*tls.Config, error) {
	pair, err := tls.X509KeyPair([]byte(c.TLSCertificate), []byte(c.TLSKey))
	if err != nil {
		return nil, errors.New("OCPP_TLS_CERTIFICATE, OCPP_TLS_KEY: must be a PEM chain and the key of its first certificate")
	}
	out := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if c.TLSClientCA != "" {
		out.ClientCAs, out.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
		if !out.ClientCAs.AppendCertsFromPEM([]byte(c.TLSClientCA)) {
			return nil, errors.New("OCPP_TLS_CLIENT_CA: holds no PEM certificate")
		}
	}
	return out, nil
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
			return nil, errors.New("TRUSTED_PROXIES: holds something that is no address and no CIDR prefix")
		}
		prefixes = append(prefixes, netip.PrefixFrom(address, address.BitLen()))
	}
	return prefixes, nil
}
