package rediscache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// Config says which Redis to use. A zero duration means the default of its tag.
type Config struct {
	URL     string        `env:"REDIS_URL" desc:"Redis or Valkey, such as redis://127.0.0.1:6379/0; with ?addr=host:port for each further node of a cluster; no cache when empty"`
	Timeout time.Duration `env:"REDIS_TIMEOUT" envDefault:"100ms" desc:"longest wait for an answer; past it Redis counts as down"`

	Telemetry *telemetry.Telemetry `env:"-"` // nil: neither traced nor logged
}

const dialTimeout = 250 * time.Millisecond

// Open makes a client without connecting, so a service starts while Redis is away. It fails only
// when the URL cannot be read, and its error does not quote it. With an empty URL the client is
// nil, which New understands.
//
// Commands are never repeated by the client, for not all of them may run twice, and heed their
// context's deadline. A deadline shorter than Timeout says nothing about Redis and is not held
// against it.
func Open(cfg Config) (redis.UniversalClient, error) {
	if cfg.URL == "" {
		return nil, nil //nolint:nilnil // no Redis is a setting, not a fault
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 100 * time.Millisecond
	}
	client, err := newClient(cfg)
	if err != nil {
		return nil, errors.New("rediscache: REDIS_URL cannot be read")
	}
	silenceDriver()
	log := slog.New(slog.DiscardHandler)
	if cfg.Telemetry != nil {
		log = cfg.Telemetry.Log()
	}
	client.AddHook(&breaker{client: client, log: log})
	if cfg.Telemetry != nil {
		// Statements would carry values: tokens and documents.
		err := redisotel.InstrumentTracing(client,
			redisotel.WithTracerProvider(cfg.Telemetry.TracerProvider()),
			redisotel.WithDBStatement(false), redisotel.WithCallerEnabled(false))
		if err != nil {
			return nil, fmt.Errorf("rediscache: trace commands: %w", err)
		}
	}
	return client, nil
}

// silenceDriver stops the driver from printing each failed dial, to standard error and in a form of
// its own; the breaker logs what matters. The driver has one logger for the process.
var silenceDriver = sync.OnceFunc(func() { redis.SetLogger(silent{}) })

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func newClient(cfg Config) (redis.UniversalClient, error) {
	if strings.Contains(cfg.URL, "addr=") {
		options, err := redis.ParseClusterURL(cfg.URL)
		if err != nil {
			return nil, err
		}
		options.ContextTimeoutEnabled = true
		options.MaxRetries = -1
		options.DialTimeout, options.DialerRetries = dialTimeout, 1
		options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout
		options.DisableIdentity = true
		options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
		return redis.NewClusterClient(options), nil
	}
	options, err := redis.ParseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	options.ContextTimeoutEnabled = true
	options.MaxRetries = -1
	options.DialTimeout, options.DialerRetries = dialTimeout, 1
	options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(options), nil
}

// Probe makes a readiness check of the client: an error while Redis does not answer. A service is
// degraded without Redis, not down.
func Probe(client redis.UniversalClient) func(context.Context) (detail string, err error) {
	return func(ctx context.Context) (string, error) {
		if client == nil {
			return "not configured", nil
		}
		return "", client.Ping(ctx).Err()
	}
}
