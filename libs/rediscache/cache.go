package rediscache

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/singleflight"

	"github.com/ihr-charging/charging-plot-api/libs/pause"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

const defaultLoadTimeout = 10 * time.Second

// Options describe one cache.
type Options struct {
	Namespace string // what is kept, such as station_detail; no two caches share one
	// Version belongs to the form of the values: raise it with any change of T, and old and new
	// releases side by side never read each other's.
	Version     int
	TTL         time.Duration // how stale a value may get; each entry lives up to a tenth more or less
	LoadTimeout time.Duration // longest load; 10 s when zero

	Telemetry *telemetry.Telemetry // nil: hits and misses are not counted
}

// Cache keeps values of one type under text keys. Keys are hashed before they go to Redis, so they
// may hold anything, of any length. Values travel as JSON, a []byte as it is.
type Cache[T any] struct {
	client      redis.UniversalClient
	prefix      string
	ttl         time.Duration
	loadTimeout time.Duration
	flights     singleflight.Group
	count       func(ctx context.Context, outcome metric.MeasurementOption)
}

// The outcomes that are counted.
var (
	hit  = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "hit")))
	miss = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "miss")))
	down = metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", "unavailable")))
)

// New makes a cache. With a nil client nothing is kept, and loads are still shared. It panics when
// the namespace or the TTL is missing, which are mistakes in the program.
func New[T any](client redis.UniversalClient, options Options) *Cache[T] {
	if options.Namespace == "" || options.TTL <= 0 {
		panic(fmt.Sprintf("rediscache: a cache wants a namespace and a TTL, not %q and %v", options.Namespace, options.TTL))
	}
	c := &Cache[T]{
		client: client, ttl: options.TTL, loadTimeout: options.LoadTimeout,
		prefix: "cache:" + options.Namespace + ":" + strconv.Itoa(options.Version) + ":",
		count:  func(context.Context, metric.MeasurementOption) {},
	}
	if c.loadTimeout <= 0 {
		c.loadTimeout = defaultLoadTimeout
	}
	if options.Telemetry != nil {
		counter, err := options.Telemetry.Meter("rediscache").Int64Counter("cache.requests",
			metric.WithDescription("Questions put to a cache, by what came of them"))
		if err == nil {
			cache := metric.WithAttributes(attribute.String("cache", options.Namespace))
			c.count = func(ctx context.Context, outcome metric.MeasurementOption) { counter.Add(ctx, 1, cache, outcome) }
		}
	}
	return c
}

// Get returns the value of the key, loading and keeping it when Redis does not have it. Of many
// callers at once in this process one loads, for all; the load goes on when that caller leaves,
// until LoadTimeout. Its context carries the first caller's values but not its deadline, so what
// load returns must not depend on who asks.
//
// Get returns load's error, which is not kept, or the context's when ctx ends first. Trouble with
// Redis is never returned.
func (c *Cache[T]) Get(ctx context.Context, key string, load func(context.Context) (T, error)) (T, error) {
	name := c.name(key)
	flight := c.flights.DoChan(name, func() (any, error) {
		shared, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.loadTimeout)
		defer cancel()
		return c.fetch(shared, name, load)
	})
	var none T
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case result := <-flight:
		if result.Err != nil {
			return none, result.Err
		}
		value, _ := result.Val.(T)
		return value, nil
	}
}

// Delete forgets the keys. It fails when Redis does not answer; then the old values may be seen
// until they expire. So they may after a load that began before the Delete and ends after it:
// where that matters, put the row's version into the key.
func (c *Cache[T]) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		c.flights.Forget(c.name(key))
	}
	if c.client == nil || len(keys) == 0 {
		return nil
	}
	// One command for each key, since keys of one command must share a slot in a cluster.
	_, err := c.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, key := range keys {
			pipe.Unlink(ctx, c.name(key))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete from the cache: %w", err)
	}
	return nil
}

// fetch asks Redis, then load. A panic in load becomes an error: it would otherwise end the process,
// being in nobody's goroutine.
func (c *Cache[T]) fetch(ctx context.Context, name string, load func(context.Context) (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("load of a cached value panicked: %v\n%s", p, debug.Stack())
		}
	}()
	reachable := false
	if c.client != nil {
		kept, err := c.client.Get(ctx, name).Bytes()
		if err == nil && decode(kept, &value) == nil {
			c.count(ctx, hit)
			return value, nil
		}
		reachable = err == nil || errors.Is(err, redis.Nil)
	}
	if reachable {
		c.count(ctx, miss)
	} else {
		c.count(ctx, down)
	}
	var fresh T
	if fresh, err = load(ctx); err != nil || !reachable {
		return fresh, err
	}
	if text, err := encode(fresh); err == nil {
		// The value is right whether or not it could be kept.
		_ = c.client.Set(ctx, name, text, pause.Around(c.ttl, 0.1)).Err()
	}
	return fresh, nil
}

func (c *Cache[T]) name(key string) string {
	sum := sha256.Sum256([]byte(key))
	return c.prefix + base64.RawURLEncoding.EncodeToString(sum[:18])
}

func encode[T any](value T) ([]byte, error) {
	if raw, ok := any(value).([]byte); ok {
		return raw, nil
	}
	return json.Marshal(value)
}

func decode[T any](text []byte, into *T) error {
	if raw, ok := any(into).(*[]byte); ok {
		*raw = text
		return nil
	}
	return json.Unmarshal(text, into)
}
