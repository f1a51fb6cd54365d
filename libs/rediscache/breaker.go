package rediscache

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/libs/pause"
)

// ErrDown is what a command gets at once while Redis is known not to answer.
var ErrDown = errors.New("redis does not answer")

const probeEvery = time.Second

// breaker is a hook of a client. It opens at the first command that Redis leaves unanswered or
// that cannot reach it, and closes when a PING in the background comes through, so that after the
// first no request waits for a timeout.
type breaker struct {
	client redis.UniversalClient
	log    *slog.Logger
	open   atomic.Bool
}

// probeKey marks the context of the breaker's own PING, which passes while it is open.
type probeKey struct{}

// DialHook leaves dialling alone: a dial that fails makes its command fail.
func (b *breaker) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook guards single commands.
func (b *breaker) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if b.refuses(ctx) {
			cmd.SetErr(ErrDown)
			return ErrDown
		}
		err := next(ctx, cmd)
		b.judge(ctx, err)
		return err
	}
}

// ProcessPipelineHook guards pipelines and transactions.
func (b *breaker) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if b.refuses(ctx) {
			for _, cmd := range cmds {
				cmd.SetErr(ErrDown)
			}
			return ErrDown
		}
		err := next(ctx, cmds)
		b.judge(ctx, err)
		return err
	}
}

func (b *breaker) refuses(ctx context.Context) bool {
	return b.open.Load() && ctx.Value(probeKey{}) == nil
}

// judge opens the breaker when err says that Redis is away. A caller's own deadline does not, nor
// does a pool that is busy: that is load, and closing the cache then would add to it.
func (b *breaker) judge(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil || ctx.Value(probeKey{}) != nil {
		return
	}
	// The socket's deadline may pass a moment before the context's, which it was taken from.
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < 5*time.Millisecond {
		return
	}
	if !unreachable(err) || !b.open.CompareAndSwap(false, true) {
		return
	}
	b.log.WarnContext(ctx, "redis does not answer, going on without it", "error", err)
	go b.probe() //nolint:contextcheck,gosec // it outlives the request that noticed
}

func unreachable(err error) bool {
	if errors.Is(err, redis.ErrClosed) || errors.Is(err, redis.ErrPoolTimeout) {
		return false
	}
	if errors.Is(err, context.DeadlineExceeded) { // of a dial
		return true
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// probe asks each second until Redis answers or the client is closed.
func (b *breaker) probe() {
	ctx := context.WithValue(context.Background(), probeKey{}, true)
	for {
		_ = pause.For(ctx, pause.Around(probeEvery, 0.1)) // it has no end
		err := b.client.Ping(ctx).Err()
		if errors.Is(err, redis.ErrClosed) {
			return
		}
		// Whatever Redis itself answers, LOADING excepted, it is there to answer.
		if err == nil || (!unreachable(err) && !redis.IsLoadingError(err)) {
			b.open.Store(false)
			b.log.InfoContext(ctx, "redis answers again")
			return
		}
	}
}
