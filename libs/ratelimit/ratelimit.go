// Package ratelimit holds callers to budgets, across every replica of a service.
//
// A Rule gives routes a budget for each principal and one for each anonymous
// client (its IPv4 address, or the /64 of its IPv6 address):
//
//	limiter := ratelimit.New(redisClient, ratelimit.Options{Namespace: "catalog", Log: tel.Log()})
//	document.Router(app, verifier.Middleware(), limiter.Middleware(
//	    ratelimit.Rule{Name: "default", Anonymous: ratelimit.PerMinute(300), Principal: ratelimit.PerMinute(1200)},
//	    ratelimit.Rule{Name: "login", Routes: []string{"POST /v1/auth/login"}, Anonymous: ratelimit.PerMinute(10)},
//	), …)
//
// Every answer says how much is left (RateLimit, RateLimit-Policy); beyond the
// budget it is ErrLimited, a 429 with Retry-After. Handlers whose budget hangs on
// something else, such as the account of a login, call Allow.
//
// The count is kept in Redis by GCRA (redis_rate), one key a caller, hashed, so
// that no address or id stands in it. What Redis refused is refused again
// without asking until the time has come. A caller who is busy gets its budget in
// leases: a process takes up to a fiftieth of the burst at once, and no more than
// a quarter of what the caller spent there in the last second, and answers from
// that for a second at most. So what passes in any span of time may exceed the
// budget by a fiftieth for each process, 20 % at ten of them, a caller loses
// little to leases that are not spent, and Redis is asked once for many requests.
//
// When Redis does not answer, those who are asking wait for it, at most 50 ms;
// after two of them everybody is counted in the process, each as many times as
// there are processes, so that all together keep to the budget as long as the
// load is spread; Redis is told when it is back. Memory is
// bounded: beyond 131,072 callers some are forgotten, which costs them nothing.
package ratelimit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// ErrLimited is returned for a request beyond the budget; its RetryAfter says
// when there is room again.
var ErrLimited = fault.Define(fault.Limited, "rate_limited", "Too many requests")

// Limit is a budget: Rate units each Period, and Burst of them at once (Rate,
// when it is 0). The zero Limit is no limit.
type Limit struct {
	Rate   int
	Period time.Duration // a second at least
	Burst  int
}

// PerSecond is a budget of n units each second.
func PerSecond(n int) Limit { return Limit{Rate: n, Period: time.Second} }

// PerMinute is a budget of n units each minute.
func PerMinute(n int) Limit { return Limit{Rate: n, Period: time.Minute} }

// PerHour is a budget of n units each hour.
func PerHour(n int) Limit { return Limit{Rate: n, Period: time.Hour} }

// Options of a Limiter.
type Options struct {
	Namespace string       // of the keys in Redis; services that share one have different ones
	Log       *slog.Logger // tells when Redis goes and comes; nil: nobody is told
}

// Limiter counts. It is safe for concurrent use.
type Limiter struct {
	namespace string
	id        string
	redis     redis.UniversalClient
	gcra      *redis_rate.Limiter
	breaker   *breaker
	members   members
	callers   callers
	now       func() time.Time
	patience  time.Duration // how long a request waits for Redis
}

// New makes a limiter. A nil client counts in the process alone.
func New(client redis.UniversalClient, options Options) *Limiter {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	l := &Limiter{namespace: options.Namespace, id: rand.Text(), redis: client, now: time.Now, patience: 50 * time.Millisecond}
	l.members.count.Store(1)
	l.callers.init()
	if client != nil {
		l.gcra = redis_rate.NewLimiter(client)
		l.breaker = &breaker{client: client, log: options.Log}
	}
	return l
}

// Allow takes cost units from the budget of a key within a named policy, and
// returns ErrLimited when there are not that many. The key is whatever the
// budget belongs to; it is hashed before it leaves the process.
func (l *Limiter) Allow(ctx context.Context, policy string, limit Limit, key string, cost int) error {
	b := newBudget(policy, limit, cost)
	if b == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(key))
	r := l.take(ctx, b, callerKey{policy: policy, kind: kindNamed, id: [16]byte(sum[:16])})
	if !r.allowed {
		return ErrLimited.After(r.retryAfter)
	}
	return nil
}

// Admit returns what takes one unit from an address's budget within a named policy, for what happens before Middleware.
func (l *Limiter) Admit(policy string, limit Limit) func(ctx context.Context, from netip.Addr) error {
	b := newBudget(policy, limit, 1)
	return func(ctx context.Context, from netip.Addr) error {
		if b == nil {
			return nil
		}
		if r := l.take(ctx, b, callerKey{policy: policy, kind: kindAddress, id: network(from)}); !r.allowed {
			return ErrLimited.After(r.retryAfter)
		}
		return nil
	}
}

// budget is a Limit made ready, for requests of one cost.
type budget struct {
	policy   string
	limit    redis_rate.Limit
	cost     int
	interval time.Duration // in which one unit comes back
	maxLease int
}

// newBudget returns nil for no limit. It panics on one that makes no sense, which
// is a mistake in the program.
func newBudget(policy string, limit Limit, cost int) *budget {
	if limit == (Limit{}) {
		return nil
	}
	if limit.Burst == 0 {
		limit.Burst = limit.Rate
	}
	if cost == 0 {
		cost = 1
	}
	if limit.Rate <= 0 || limit.Period < time.Second || limit.Period/time.Duration(limit.Rate) == 0 || cost < 0 || limit.Burst < cost {
		panic(fmt.Sprintf("ratelimit: policy %s: %+v for a cost of %d", policy, limit, cost))
	}
	return &budget{
		policy:   policy,
		limit:    redis_rate.Limit{Rate: limit.Rate, Burst: limit.Burst, Period: limit.Period},
		cost:     cost,
		interval: limit.Period / time.Duration(limit.Rate),
		maxLease: max(cost, limit.Burst/leaseShare),
	}
}

const (
	// leaseShare is the part of the burst that one process may hold: a fiftieth.
	leaseShare = 50
	// leaseTime is how long it may hold it.
	leaseTime = time.Second
)

// result is the state of a budget after a request.
type result struct {
	allowed    bool
	remaining  int
	retryAfter time.Duration
	resetAfter time.Duration
}

// take takes the budget's cost from the caller's account.
func (l *Limiter) take(ctx context.Context, b *budget, key callerKey) result {
	now := l.now()
	if r, known, wish := l.callers.fromLease(key, b, now); known {
		return r
	} else if l.gcra != nil && l.breaker.closed() {
		l.members.beat(l, now) //nolint:contextcheck // goes on when the request is over
		if r, err := l.lease(ctx, b, key, wish, now); err == nil {
			return r
		}
	}
	return l.callers.alone(key, b, now, l.members.count.Load())
}

// lease takes the units from Redis, or the cost alone when that is too many. What
// was allowed without Redis is taken first.
func (l *Limiter) lease(parent context.Context, b *budget, key callerKey, wish wish, now time.Time) (result, error) {
	ctx, cancel := context.WithTimeout(parent, l.patience)
	defer cancel()
	name := l.redisKey(key)
	var got *redis_rate.Result
	var err error
	if wish.owed > 0 {
		_, err = l.gcra.AllowAtMost(ctx, name, b.limit, wish.owed)
	}
	if err == nil {
		got, err = l.gcra.AllowN(ctx, name, b.limit, wish.units)
	}
	if err == nil && got.Allowed == 0 && wish.units > b.cost {
		got, err = l.gcra.AllowN(ctx, name, b.limit, b.cost)
	}
	if err != nil {
		// A request that ran out of its own time says nothing about Redis.
		if parent.Err() == nil {
			l.breaker.failed(err) //nolint:contextcheck // asks on when the request is over
		}
		return result{}, err
	}
	l.breaker.answered()
	return l.callers.leased(key, b, now, got), nil
}

// redisKey hides the caller: keys can be seen by whoever operates Redis.
func (l *Limiter) redisKey(key callerKey) string {
	h := sha256.New()
	h.Write([]byte(l.namespace))
	h.Write([]byte{0})
	h.Write([]byte(key.policy))
	h.Write([]byte{0, byte(key.kind)})
	h.Write(key.id[:])
	return l.namespace + ":" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}
