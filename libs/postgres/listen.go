package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"
)

const (
	listenFirstWait = 100 * time.Millisecond
	listenLongest   = 10 * time.Second
	listenPing      = 30 * time.Second
)

// Listen calls onNotify for each notification on the channel until ctx ends, and returns ctx's
// error. It also calls it, with "", once it listens and after every new connection: notifications
// may have been lost meanwhile, so the callee looks for itself. A database that is away is waited
// for. onNotify is called from one goroutine and must not block for long.
//
// It holds a connection of its own, by MigrationURL, since LISTEN does not work through a
// transaction pooler.
func Listen(ctx context.Context, cfg Config, channel string, onNotify func(payload string)) error {
	cfg = cfg.withDefaults()
	dsn, err := cfg.dsn(cfg.MigrationURL, nil)
	if err != nil {
		return err
	}
	if _, err := pq.NewConnector(dsn); err != nil {
		return errors.New("postgres: the database URL cannot be read")
	}
	listener := pq.NewDialListener(dialer{}, dsn, listenFirstWait, listenLongest, nil)
	// Listen waits inside the driver for a first connection; closing ends that wait.
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer func() {
		if stop() {
			_ = listener.Close()
		}
	}()

	if err := listener.Listen(channel); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("listen on %s: %w", channel, err)
	}
	onNotify("")

	// Without questions of its own a connection that died silently would look like a quiet one.
	ping := time.NewTicker(listenPing)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case n, open := <-listener.NotificationChannel():
			switch {
			case !open:
				return ctx.Err()
			case n == nil: // a new connection
				onNotify("")
			default:
				onNotify(n.Extra)
			}
		case <-ping.C:
			// A failed ping makes the listener connect anew, which ends in a nil notification.
			go func() { _ = listener.Ping() }()
		}
	}
}
