package ratelimit

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache/redistest"
)

// forever is a period in which nothing comes back during a test.
const forever = 1000 * time.Hour

// asked counts the commands that a client sends.
type asked struct{ n atomic.Int64 }

func (a *asked) DialHook(next redis.DialHook) redis.DialHook { return next }
func (a *asked) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		a.n.Add(1)
		return next(ctx, cmd)
	}
}

func (a *asked) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// patience says how long the limiters wait for Redis: long, since a machine busy with tests is no Redis that is away.
func patience(limiters []*Limiter, d time.Duration) {
	for _, l := range limiters {
		l.patience = d
	}
}

// spend makes attempts on each limiter at once and returns how many were allowed.
func spend(t *testing.T, limiters []*Limiter, limit Limit, key string, attempts int) int {
	t.Helper()
	var allowed atomic.Int64
	var all sync.WaitGroup
	for _, l := range limiters {
		for range 4 {
			all.Go(func() {
				for range attempts / 4 {
					switch err := l.Allow(t.Context(), "test", limit, key, 1); {
					case err == nil:
						allowed.Add(1)
					case !errors.Is(err, ErrLimited):
						t.Errorf("Allow: %v", err)
					}
				}
			})
		}
	}
	all.Wait()
	return int(allowed.Load())
}

func TestThreeLimitersShareABudget(t *testing.T) {
	t.Parallel()
	for name, budget := range map[string]int{"small": 20, "middling": 600, "large": 20_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := redistest.New(t)
			var commands asked
			client.AddHook(&commands)
			var limiters []*Limiter
			for range 3 {
				limiters = append(limiters, New(client, Options{Namespace: "t"}))
			}
			patience(limiters, 10*time.Second)
			limit := Limit{Rate: budget, Period: forever}
			allowed := spend(t, limiters, limit, "somebody", budget)
			t.Logf("budget %d: allowed %d of %d attempts with %d commands", budget, allowed, 3*budget, commands.n.Load())
			if low, high := budget*95/100, budget; allowed < low || allowed > high {
				t.Errorf("allowed %d, want %d to %d", allowed, low, high)
			}
			if budget >= 20_000 && commands.n.Load() > int64(budget)/4 {
				t.Errorf("Redis was asked %d times for %d requests", commands.n.Load(), 3*budget)
			}
			if again := spend(t, limiters, limit, "somebody", 100); again > budget/leaseShare*3 {
				t.Errorf("%d more were allowed beyond the budget", again)
			}
			if err := limiters[0].Allow(t.Context(), "test", limit, "somebody else", 1); err != nil {
				t.Errorf("somebody else pays too: %v", err)
			}
		})
	}
}

// A caller below the limit is never refused, wherever the requests land: leases
// that nobody spends must not eat the budget.
func TestLeasesDoNotStarveACaller(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	var limiters []*Limiter
	now := time.Now()
	for range 10 {
		l := New(client, Options{Namespace: "t"})
		l.now = func() time.Time { return now }
		limiters = append(limiters, l)
	}
	patience(limiters, 10*time.Second)
	limit := Limit{Rate: 1000, Period: forever}
	for i := range 900 {
		if i%30 == 0 {
			now = now.Add(2 * leaseTime) // every lease has ended
		}
		if err := limiters[i%10].Allow(t.Context(), "test", limit, "somebody", 1); err != nil {
			t.Fatalf("request %d of 1000: %v", i+1, err)
		}
	}
}

// Two ask Redis at once: one gets a lease, the other is refused since that lease was the last there was.
func TestALeaseIsSpentAlthoughSomebodyWasRefused(t *testing.T) {
	t.Parallel()
	var all callers
	all.init()
	now, key, b := time.Now(), callerKey{policy: "test"}, newBudget("test", Limit{Rate: 600, Period: forever}, 1)
	all.leased(key, b, now, &redis_rate.Result{Allowed: 3})
	all.leased(key, b, now, &redis_rate.Result{RetryAfter: time.Hour})
	for i := range 4 {
		if r, known, _ := all.fromLease(key, b, now); !known || r.allowed != (i < 2) {
			t.Errorf("request %d after the first: known %v, allowed %v", i+1, known, r.allowed)
		}
	}
}

func TestRefusalsAreRemembered(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	var commands asked
	client.AddHook(&commands)
	l := New(client, Options{Namespace: "t"})
	limit := PerHour(2)
	spend(t, []*Limiter{l}, limit, "somebody", 4)
	before := commands.n.Load()
	for range 1000 {
		err := l.Allow(t.Context(), "test", limit, "somebody", 1)
		f, ok := errors.AsType[*fault.Fault](err)
		if !ok || f.Kind() != fault.Limited {
			t.Fatalf("Allow: %v", err)
		}
		if wait := f.RetryAfter(); wait < 29*time.Minute || wait > 30*time.Minute {
			t.Fatalf("retry after %v, want about half an hour", wait)
		}
	}
	if n := commands.n.Load() - before; n > 0 {
		t.Errorf("Redis was asked %d times for what was known", n)
	}
}

func TestBudgetsComeBack(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := New(nil, Options{})
	l.now = func() time.Time { return now }
	limit := Limit{Rate: 60, Period: time.Minute, Burst: 10}
	if got := spend(t, []*Limiter{l}, limit, "a", 40); got != 10 {
		t.Errorf("%d at once, want the burst of 10", got)
	}
	now = now.Add(3 * time.Second)
	if got := spend(t, []*Limiter{l}, limit, "a", 40); got != 3 {
		t.Errorf("%d after three seconds, want 3", got)
	}
	now = now.Add(time.Hour)
	if got := spend(t, []*Limiter{l}, limit, "a", 40); got != 10 {
		t.Errorf("%d after an hour, want the burst of 10", got)
	}
	if err := l.Allow(t.Context(), "test", limit, "b", 8); err != nil {
		t.Errorf("eight units of ten: %v", err)
	}
	if err := l.Allow(t.Context(), "test", limit, "b", 8); !errors.Is(err, ErrLimited) {
		t.Errorf("eight units of two: %v", err)
	}
}

// own starts a Redis that may be killed and three limiters on it that know of
// each other. The channel tells when one of them has Redis back.
func own(t *testing.T) (*redistest.Server, []*Limiter, <-chan string) {
	t.Helper()
	server := redistest.NewServer(t)
	said := make(chan string, 100)
	var limiters []*Limiter
	for range 3 {
		client, err := rediscache.Open(rediscache.Config{URL: server.URL, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		limiters = append(limiters, New(client, Options{Namespace: "t", Log: slog.New(teller{said})}))
	}
	for _, l := range limiters {
		for until := time.Now().Add(20 * time.Second); l.members.count.Load() < 3; {
			for _, l := range limiters { // on a busy machine some of it may fail
				l.members.meet(l, time.Now())
			}
			if time.Now().After(until) {
				t.Fatalf("a limiter knows %d, want 3", l.members.count.Load())
			}
		}
	}
	patience(limiters, 10*time.Second)
	return server, limiters, said
}

// teller passes the messages of a log on.
type teller struct{ said chan<- string }

func (teller) Enabled(context.Context, slog.Level) bool { return true }
func (h teller) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool { r.Message += " " + a.String(); return true })
	h.said <- r.Message
	return nil
}
func (h teller) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h teller) WithGroup(string) slog.Handler      { return h }

func TestLimitsHoldWithoutRedis(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*redistest.Server){
		"killed": (*redistest.Server).Kill,
		"frozen": (*redistest.Server).Freeze,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, limiters, said := own(t)
			limit := Limit{Rate: 3000, Period: forever}
			before := 0
			for range 25 { // in turns, so that each sees what the others spend
				before += spend(t, limiters, limit, "somebody", 20)
			}
			if before != 1500 {
				t.Fatalf("with Redis %d of 1500 were allowed", before)
			}
			lose(server)
			patience(limiters, 50*time.Millisecond)
			start := time.Now()
			const attempts = 4000
			total := before + spend(t, limiters, limit, "somebody", attempts)
			took := time.Since(start)
			patience(limiters, 10*time.Second)
			t.Logf("allowed %d of a budget of 3000; %d requests without Redis took %v", total, 3*attempts, took)
			if total > 3600 || total < 2400 {
				t.Errorf("allowed %d, want 3000 within 20 %%", total)
			}
			// Those under way when it went wait once; had each waited, it would be minutes.
			if took > 2*time.Second {
				t.Errorf("%d requests without Redis took %v", 3*attempts, took)
			}

			if name == "frozen" {
				server.Thaw()
			} else {
				server.Start()
			}
			away := func(l *Limiter) bool { return !l.breaker.closed() }
			back := 0
			timeout := time.After(20 * time.Second)
			for back < 3 || slices.ContainsFunc(limiters, away) { // one may lose it again meanwhile, and find it twice
				select {
				case message := <-said:
					if strings.Contains(message, "again") {
						back++
					}
				case <-timeout:
					t.Fatal("the limiters do not find Redis again")
				}
			}
			// What passed meanwhile is booked. (One that was killed has forgotten what was spent before, and starts anew.)
			if got := spend(t, limiters, limit, "somebody", 400); name == "frozen" && got > 300 {
				t.Errorf("with Redis back %d more of the old budget were allowed", got)
			}
			if got := spend(t, limiters, PerHour(300), "somebody else", 400); got < 285 || got > 315 {
				t.Errorf("with Redis back %d of a budget of 300 were allowed", got)
				for len(said) > 0 {
					t.Log(<-said)
				}
			}
		})
	}
}

func TestMembersAreForgottenSlowly(t *testing.T) {
	t.Parallel()
	var m members
	m.count.Store(1)
	now := time.Now()
	for _, step := range []struct {
		after       time.Duration
		there, want int64
	}{
		{0, 3, 3}, {time.Second, 1, 3}, {time.Second, 4, 4}, {9 * time.Second, 2, 4}, {2 * time.Second, 2, 2}, {time.Minute, 0, 1},
	} {
		now = now.Add(step.after)
		m.see(step.there, now)
		if got := m.count.Load(); got != step.want {
			t.Errorf("%v later, with %d there, %d are believed, want %d", step.after, step.there, got, step.want)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	l := New(nil, Options{})
	b := newBudget("test", PerHour(5), 1)
	for i := range uint64(2 * shardCount * shardSize) {
		key := callerKey{policy: "test", kind: kindAddress}
		binary.BigEndian.PutUint64(key.id[:], i)
		l.take(t.Context(), b, key)
	}
	total := 0
	for i := range l.callers.shards {
		total += len(l.callers.shards[i].all)
	}
	if total > shardCount*shardSize {
		t.Errorf("%d callers are remembered", total)
	}
}

func TestKeysHideTheCaller(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	l := New(client, Options{Namespace: "catalog"})
	if err := l.Allow(t.Context(), "login", PerHour(5), "ada@example.com", 1); err != nil {
		t.Fatal(err)
	}
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, key := range keys {
		if strings.Contains(key, "ada") || strings.Contains(key, "login") {
			t.Errorf("key %s", key)
		}
		if strings.HasPrefix(key, "rate:catalog:") {
			found = true
			if ttl := client.TTL(t.Context(), key).Val(); ttl <= 0 {
				t.Errorf("key %s lives for ever", key)
			}
		}
	}
	if !found {
		t.Errorf("no key of the namespace among %v", keys)
	}
}

func TestSenselessLimitsPanic(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]Limit{
		"no rate":        {Period: time.Second, Burst: 5},
		"no period":      {Rate: 5},
		"a short period": {Rate: 5, Period: time.Millisecond},
		"too fast":       {Rate: 2_000_000_000, Period: time.Second},
		"a small burst":  {Rate: 5, Period: time.Second, Burst: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			newBudget("test", limit, 2)
		})
	}
	if newBudget("test", Limit{}, 1) != nil {
		t.Error("the zero limit limits")
	}
}

func BenchmarkTake(b *testing.B) {
	for name, client := range map[string]redis.UniversalClient{"redis": redistest.New(b), "alone": nil} {
		b.Run(name, func(b *testing.B) {
			l := New(client, Options{Namespace: "bench"})
			budget := newBudget("bench", PerSecond(50_000_000), 1)
			key := callerKey{policy: "bench", kind: kindAddress}
			b.ReportAllocs()
			for b.Loop() {
				if !l.take(b.Context(), budget, key).allowed {
					b.Fatal("refused")
				}
			}
		})
	}
}
