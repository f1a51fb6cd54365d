package ratelimit

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// breaker keeps requests away from a Redis that does not answer. A goroutine asks
// on until it does, so no request waits to find out.
type breaker struct {
	client   redis.UniversalClient
	log      *slog.Logger
	open     atomic.Bool
	failures atomic.Int32 // since the last answer
}

const (
	// tolerated is how many failures in a row may be chance.
	tolerated    = 1
	probeFirst   = 100 * time.Millisecond
	probeLast    = 2 * time.Second
	probeTimeout = 250 * time.Millisecond
)

func (b *breaker) closed() bool { return !b.open.Load() }

func (b *breaker) answered() {
	if b.failures.Load() != 0 {
		b.failures.Store(0)
	}
}

func (b *breaker) failed(err error) {
	if b.failures.Add(1) <= tolerated || b.open.Swap(true) {
		return
	}
	b.log.Warn("rate limits are counted without redis", "error", err)
	go b.probe()
}

func (b *breaker) probe() {
	for pause := probeFirst; ; pause = min(2*pause, probeLast) {
		<-time.After(pause)
		ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
		err := b.client.Ping(ctx).Err()
		cancel()
		switch {
		case errors.Is(err, redis.ErrClosed):
			return
		case err == nil:
			b.failures.Store(0)
			b.open.Store(false)
			b.log.Info("rate limits are counted by redis again")
			return
		}
	}
}

// members knows how many limiters share the budgets, by a sorted set in Redis in
// which each says now and then that it is there.
type members struct {
	count atomic.Int64
	due   atomic.Int64 // unix nanoseconds of the next beat
	beats atomic.Int64
	seen  atomic.Int64 // unix nanoseconds when there were that many
}

const (
	beatEvery = 2 * time.Second
	goneAfter = 10 * time.Second
	// The first beats come faster, so that processes that start together soon know of each other.
	firstBeats     = 10
	firstBeatEvery = 200 * time.Millisecond
)

// beat says that l is there and counts the others, in the background and not more
// often than it must.
func (m *members) beat(l *Limiter, now time.Time) {
	due := m.due.Load()
	if now.UnixNano() < due {
		return
	}
	pause := beatEvery
	if m.beats.Load() < firstBeats {
		pause = firstBeatEvery
	}
	if !m.due.CompareAndSwap(due, now.Add(pause).UnixNano()) {
		return
	}
	m.beats.Add(1)
	go m.meet(l, now)
}

// meet enters l into the set, drops those who are gone, and counts the rest.
func (m *members) meet(l *Limiter, now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	key := l.namespace + ":ratelimit:members"
	pipe := l.redis.Pipeline()
	pipe.ZAdd(ctx, key, redis.Z{Score: float64(now.UnixMilli()), Member: l.id})
	pipe.ZRemRangeByScore(ctx, key, "-inf", strconv.FormatInt(now.Add(-goneAfter).UnixMilli(), 10))
	count := pipe.ZCard(ctx, key)
	pipe.Expire(ctx, key, 6*goneAfter)
	if _, err := pipe.Exec(ctx); err != nil {
		l.breaker.failed(err)
		return
	}
	m.see(count.Val(), now)
}

// see believes at once that there are more, and that there are fewer only after a
// while: a Redis that comes back empty knows of nobody.
func (m *members) see(count int64, now time.Time) {
	if count >= m.count.Load() {
		m.seen.Store(now.UnixNano())
		m.count.Store(count)
	} else if now.UnixNano()-m.seen.Load() > int64(goneAfter) {
		m.count.Store(max(1, count))
	}
}
