// Package postgres keeps the service's state.
//
// A plot's row is the lock of its plot. Every transaction that changes what a plot's status depends on (its reservations, its sessions,
// what is said of it) first locks the row (lockPlots, in order of id), then changes, then calls settle, which decides the status anew
// and writes the plot, its history, its change feed and its live events. So no two of them ever see half of each other.
package postgres

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/roaming"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the schema.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// ChangeLog is the log of the plots' change feed.
const ChangeLog = "plot_changes"

// Options of a Store.
type Options struct {
	Now  func() time.Time // time.Now when nil
	Wake func()           // called after a commit that told live events; may be nil
	Log  *slog.Logger
	// PushTTL is how long a status pushed by an operator's back end is believed.
	PushTTL time.Duration
	// Guard is how long before somebody's reservation nobody else may begin a session on the plot.
	Guard time.Duration
	// PerDriver is how many reservations a driver may hold at once.
	PerDriver int
	// StartTimeout is how long an ordered session waits for its transaction.
	StartTimeout time.Duration
}

// Store keeps the service's state in Postgres. It is safe for concurrent use.
type Store struct {
	db         *postgres.DB
	opt        Options
	statements *postgres.Statements
	// grown counts the stations that came since the tables were analysed; the one follower of the catalogue alone touches it.
	grown int
}

// New makes a store.
func New(db *postgres.DB, options Options) *Store {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Wake == nil {
		options.Wake = func() {}
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Store{db: db, opt: options, statements: db.Statements()}
}

// now is the time as the database keeps it: UTC, to the microsecond.
func (s *Store) now() time.Time { return s.opt.Now().UTC().Truncate(time.Microsecond) }

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// byConstraint says which fault the violation of a constraint is.
var byConstraint = map[string]*fault.Fault{
	"reservations_no_overlap": reservation.ErrTaken,
	"sessions_one_open":       session.ErrOccupied,
	"tokens_key":              token.ErrTaken,
	"partner_parties_pkey":    roaming.ErrTaken,
	"cdrs_credited_once":      session.ErrCredited,
}

// write runs fn in a transaction and wakes the live listeners after it.
func (s *Store) write(ctx context.Context, fn func(ctx context.Context, tx txn) error) error {
	if err := s.inTx(ctx, fn); err != nil {
		return postgres.Map(err, byConstraint)
	}
	s.opt.Wake()
	return nil
}

// inTx runs fn in a transaction.
func (s *Store) inTx(ctx context.Context, fn func(ctx context.Context, tx txn) error) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error { return fn(ctx, txn{Tx: tx}) })
}

// writeOnce is write for a request that may come twice: with an idempotency key in ctx, fn's answer is kept in the same transaction.
func writeOnce[T any](
	ctx context.Context, s *Store, principal uuid.UUID, fn func(ctx context.Context, tx txn) (T, error),
) (T, bool, error) {
	var last txn
	out, replayed, err := idempotency.Do(ctx, s.db, principal.String(), func(ctx context.Context, tx *sqlx.Tx) (T, error) {
		last = s.statements.In(tx)
		return fn(ctx, last)
	})
	if err != nil {
		return out, false, postgres.Map(err, byConstraint)
	}
	if !replayed {
		s.statements.Keep(ctx, last)
		s.opt.Wake()
	}
	return out, replayed, nil
}

const lockPlotsSQL = `SELECT id FROM plots WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE`

// lockPlots waits for the plots' locks, in order of id so that nobody waits in a circle, and returns those that exist.
func lockPlots(ctx context.Context, tx sqlx.QueryerContext, plots []uuid.UUID) ([]uuid.UUID, error) {
	var found []uuid.UUID
	err := sqlx.SelectContext(ctx, tx, &found, lockPlotsSQL, ids(plots))
	return found, err
}

// ids passes uuids as an array.
func ids(list []uuid.UUID) any {
	out := make([]string, len(list))
	for i, id := range list {
		out[i] = id.String()
	}
	return pq.Array(out)
}

// orNull passes the zero id as NULL.
func orNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// orZero reads NULL as the zero id.
func orZero(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

// timeOrNull passes the zero time as NULL.
func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// timeOrZero reads NULL as the zero time, and everything else in UTC.
func timeOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
