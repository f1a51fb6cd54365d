// Package postgres is being written.
package postgres

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// Config says which database and how patient to be with it.
type Config struct {
	URL                    string               `env:"DATABASE_URL"`
	MigrationURL           string               `env:"DATABASE_MIGRATION_URL"`
	MaxOpen                int                  `env:"DATABASE_MAX_OPEN" envDefault:"16"`
	ConnectTimeout         time.Duration        `env:"DATABASE_CONNECT_TIMEOUT" envDefault:"5s"`
	StatementTimeout       time.Duration        `env:"DATABASE_STATEMENT_TIMEOUT" envDefault:"10s"`
	IdleTransactionTimeout time.Duration        `env:"DATABASE_IDLE_TRANSACTION_TIMEOUT" envDefault:"15s"`
	ApplicationName        string               `env:"-"`
	Telemetry              *telemetry.Telemetry `env:"-"`
}

// DB is a pool of connections.
type DB struct {
	*sqlx.DB
	cfg Config
}

var errUnwritten = errors.New("postgres: being written")

func Open(ctx context.Context, cfg Config) (*DB, error) { return nil, errUnwritten }
func (db *DB) Config() Config                           { return db.cfg }
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx *sqlx.Tx) error) error {
	return errUnwritten
}
func Migrate(ctx context.Context, cfg Config, migrations fs.FS) error     { return errUnwritten }
func MigrateDown(ctx context.Context, cfg Config, migrations fs.FS) error { return errUnwritten }

// SchemaProbe is the readiness check: behind is an error, ahead is ok.
func SchemaProbe(db *DB, migrations fs.FS) func(context.Context) (detail string, err error) {
	return func(context.Context) (string, error) { return "", errUnwritten }
}
func Constraint(err error) string                               { return "" }
func Map(err error, byConstraint map[string]*fault.Fault) error { return err }
func Listen(ctx context.Context, cfg Config, channel string, onNotify func(payload string)) error {
	return errUnwritten
}

// CopyFrom is for bulk writes.
func CopyFrom(ctx context.Context, tx *sqlx.Tx, table string, columns []string, rows iter.Seq2[[]any, error]) (int64, error) {
	return 0, errUnwritten
}
