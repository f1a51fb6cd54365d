package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/ihr-charging/charging-plot-api/libs/pause"
)

const (
	// migrationLockTimeout bounds how long DDL queues for a table: whatever queues behind it waits
	// too, so a migration gives way and tries again.
	migrationLockTimeout = 3 * time.Second
	migrationAttempts    = 10
	migrationPause       = time.Second
	// databasePatience is how long Migrate waits for a database that is not there yet.
	databasePatience = time.Minute
	versionTable     = "goose_db_version"
)

// Migrate brings the schema up to the newest migration (goose files at the root of migrations),
// over MigrationURL. Replicas that start together take turns, by a row with a lease instead of a
// session's lock, which a transaction pooler would leave behind. Migrate waits up to a minute for a
// database that does not answer, and repeats a migration that could not get its table within three
// seconds. A database ahead of these migrations is left alone: the next release has been here.
//
// Where MigrationURL leads past a pooler, through which no connection can say what bounds it, Migrate gives the timeouts to the role, which
// URL and MigrationURL must share.
func Migrate(ctx context.Context, cfg Config, migrations fs.FS) error {
	return cfg.migrating(ctx, migrations, func(ctx context.Context, pool *sql.DB, p *goose.Provider) error {
		if cfg.MigrationURL != "" && cfg.MigrationURL != cfg.URL {
			if err := cfg.withDefaults().boundRole(ctx, pool); err != nil {
				return err
			}
		}
		for attempt := 1; ; attempt++ {
			done, err := p.Up(ctx)
			for _, result := range done {
				cfg.logMigration(ctx, result)
			}
			if sqlState(err) != lockNotAvailable || attempt == migrationAttempts {
				return err
			}
			if err := pause.For(ctx, migrationPause); err != nil {
				return err
			}
		}
	})
}

// MigrateDown takes back the newest migration that is applied; with none applied it does nothing.
func MigrateDown(ctx context.Context, cfg Config, migrations fs.FS) error {
	return cfg.migrating(ctx, migrations, func(ctx context.Context, _ *sql.DB, p *goose.Provider) error {
		result, err := p.Down(ctx)
		if errors.Is(err, goose.ErrNoNextVersion) {
			return nil
		}
		if err == nil {
			cfg.logMigration(ctx, result)
		}
		return err
	})
}

// MigrationStatus is one migration and whether the database has it.
type MigrationStatus struct {
	Version   int64
	File      string
	Applied   bool
	AppliedAt time.Time
}

// Status lists the migrations in order.
func Status(ctx context.Context, cfg Config, migrations fs.FS) ([]MigrationStatus, error) {
	var all []MigrationStatus
	err := cfg.migrating(ctx, migrations, func(ctx context.Context, _ *sql.DB, p *goose.Provider) error {
		found, err := p.Status(ctx)
		for _, s := range found {
			all = append(all, MigrationStatus{
				Version: s.Source.Version, File: filepath.Base(s.Source.Path),
				Applied: s.State == goose.StateApplied, AppliedAt: s.AppliedAt,
			})
		}
		return err
	})
	return all, err
}

// migrating calls fn with a provider over a pool of its own.
func (c Config) migrating(ctx context.Context, migrations fs.FS, fn func(context.Context, *sql.DB, *goose.Provider) error) error {
	c = c.withDefaults()
	// A migration may take long, so statements have no limit here; waiting for a lock has one.
	connector, err := c.connector(c.MigrationURL, map[string]string{
		statementTimeout: "0",
		"lock_timeout":   milliseconds(migrationLockTimeout),
	})
	if err != nil {
		return err
	}
	pool := sql.OpenDB(connector)
	defer pool.Close()
	if err := c.awaitDatabase(ctx, pool); err != nil {
		return fmt.Errorf("migrate: %w", Map(err, nil))
	}

	locker, err := lock.NewPostgresTableLocker(
		lock.WithTableLockTimeout(250*time.Millisecond, 1200),
		lock.WithTableUnlockTimeout(250*time.Millisecond, 40),
		lock.WithTableLogger(slog.New(slog.DiscardHandler)), // what fails is returned
	)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, pool, migrations,
		goose.WithLocker(locker), goose.WithDisableGlobalRegistry(true), goose.WithVerbose(false))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := fn(ctx, pool, provider); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// boundRole makes the timeouts of a session those of every session of the role.
func (c Config) boundRole(ctx context.Context, pool *sql.DB) error {
	wanted := c.sessionParameters()
	for _, name := range []string{statementTimeout, idleTransactionTimeout} {
		change := "ALTER ROLE CURRENT_USER RESET " + name //nolint:gosec // one of our own two names
		if value, bounded := wanted[name]; bounded {
			change = "ALTER ROLE CURRENT_USER SET " + name + " = " + value // milliseconds
		}
		if _, err := pool.ExecContext(ctx, change); err != nil {
			return fmt.Errorf("bound the role's sessions: %w", err)
		}
	}
	return nil
}

// awaitDatabase pings until the database answers, databasePatience is over or ctx ends. It says once what it waits for.
func (c Config) awaitDatabase(ctx context.Context, pool *sql.DB) error {
	limit, cancel := context.WithTimeout(ctx, databasePatience)
	defer cancel()
	for wait, told := 50*time.Millisecond, false; ; wait = min(2*wait, 2*time.Second) {
		err := pool.PingContext(limit)
		if err == nil || !passing(err) {
			return err
		}
		if !told {
			c.log().WarnContext(ctx, "the database does not answer yet", "error", err, "patience", databasePatience.String())
			told = true
		}
		if pause.For(limit, wait) != nil {
			return cmp.Or(ctx.Err(), err)
		}
	}
}

func (c Config) log() *slog.Logger {
	if c.Telemetry == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Telemetry.Log()
}

func (c Config) logMigration(ctx context.Context, result *goose.MigrationResult) {
	c.log().InfoContext(ctx, "migrated", "direction", result.Direction,
		"version", result.Source.Version, "file", filepath.Base(result.Source.Path), "duration", result.Duration)
}

// SchemaProbe makes the readiness check of a database: it fails while the database does not answer
// or lacks a migration, and passes, saying so in its detail, when the database is ahead. So the old
// release stays ready while a new one migrates, and after a roll-back.
func SchemaProbe(db *DB, migrations fs.FS) func(context.Context) (detail string, err error) {
	newest, newestErr := newestMigration(migrations)
	return func(ctx context.Context) (string, error) {
		if newestErr != nil {
			return "", newestErr
		}
		var has sql.NullInt64
		err := db.GetContext(ctx, &has, `select max(version_id) from `+versionTable+` where is_applied`)
		switch {
		case sqlState(err) == undefinedTable:
			return "", fmt.Errorf("the database is empty, migration %d is wanted", newest)
		case err != nil:
			return "", Map(err, nil)
		case has.Int64 < newest:
			return "", fmt.Errorf("the database is at migration %d, behind %d", has.Int64, newest)
		case has.Int64 > newest:
			return fmt.Sprintf("the database is at migration %d, ahead of %d", has.Int64, newest), nil
		}
		return fmt.Sprintf("migration %d", newest), nil
	}
}

var errNoMigrations = errors.New("there are no migrations")

func newestMigration(migrations fs.FS) (int64, error) {
	files, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("list migrations: %w", err)
	}
	var newest int64
	for _, file := range files {
		version, err := goose.NumericComponent(file)
		if err != nil {
			return 0, fmt.Errorf("migration %s: %w", file, err)
		}
		newest = max(newest, version)
	}
	if newest == 0 {
		return 0, errNoMigrations
	}
	return newest, nil
}

var migrationName = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)

// NewMigration writes the frame of the next migration into the folder and returns its path. The
// name is lower snake case, such as "plots_get_a_label".
func NewMigration(folder, name string) (string, error) {
	if !migrationName.MatchString(name) {
		return "", fmt.Errorf("a migration's name is lower snake case, not %q", name)
	}
	newest, err := newestMigration(os.DirFS(folder))
	if err != nil && !errors.Is(err, errNoMigrations) {
		return "", err
	}
	path := filepath.Join(folder, fmt.Sprintf("%04d_%s.sql", newest+1, name))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a source file, read by everyone
	if err != nil {
		return "", err
	}
	_, err = file.WriteString("-- +goose Up\n\n-- +goose Down\n")
	return path, errors.Join(err, file.Close())
}
