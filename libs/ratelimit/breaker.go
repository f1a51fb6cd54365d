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
	client redis.UniversalClient
	log    *slog.Logger
	open   atomic.Bool
}

const (
	probeFirst = 100 * time.Millisecond
	probeLast  = 2 * time.Second
)

func (b *breaker) closed() bool { return !b.open.Load() }

func (b *breaker) failed(err error) {
	if b.open.Swap(true) {
		return
	}
	b.log.Warn("rate limits are counted without redis", "error", err)
	go b.probe()
}

func (b *breaker) probe() {
	for pause := probeFirst; ; pause = min(2*pause, probeLast) {
		<-time.After(pause)
		ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
		err := b.client.Ping(ctx).Err()
		cancel()
		switch {
		case errors.Is(err, redis.ErrClosed):
			return
		case err == nil:
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
}

const (
	beatEvery = 2 * time.Second
	goneAfter = 10 * time.Second
)

// beat says that l is there and counts the others, in the background and not more
// often than it must.
func (m *members) beat(l *Limiter, now time.Time) {
	due := m.due.Load()
	if now.UnixNano() < due || !m.due.CompareAndSwap(due, now.Add(beatEvery).UnixNano()) {
		return
	}
	go m.meet(l, now)
}

// meet enters l into the set, drops those who are gone, and counts the rest.
func (m *members) meet(l *Limiter, now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
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
	m.count.Store(max(1, count.Val()))
}
