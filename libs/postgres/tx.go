package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/pause"
)

const (
	txAttempts  = 5
	txFirstWait = 5 * time.Millisecond
)

// InTx runs fn in a transaction and commits when fn returns nil. It runs fn again, after a short
// random pause, when Postgres gave the transaction up for the sake of another (serialization
// failure, deadlock): fn must do nothing outside the transaction that may not happen twice.
//
// It returns fn's own error, fault.Unavailable when the database was lost (then it is unknown
// whether a commit under way took place), and the context's error when time ran out.
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx *sqlx.Tx) error) error {
	wait := txFirstWait
	for attempt := 1; ; attempt++ {
		err := db.once(ctx, fn)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			// The driver says "bad connection" or "canceling statement" when it means this.
			return fmt.Errorf("transaction: %w: %w", ctx.Err(), err)
		case !givenUp(err) || attempt == txAttempts:
			return Map(err, nil)
		}
		if ended := pause.For(ctx, pause.Around(wait, 0.5)); ended != nil {
			return fmt.Errorf("transaction: %w: %w", ended, err)
		}
		wait *= 2
	}
}

func (db *DB) once(ctx context.Context, fn func(ctx context.Context, tx *sqlx.Tx) error) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	// After a commit this does nothing. It also runs when fn panics, so that the connection
	// returns to the pool; its error adds nothing to the one that led here.
	defer func() { _ = tx.Rollback() }()
	if err := fn(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
