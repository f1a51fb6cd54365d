package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/XSAM/otelsql"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// Config says which database to use and how long to wait for it. A zero duration or count means
// the default of its tag, a negative timeout that none is asked of the server.
//
// A transaction pooler before the database must know prepared statements (PgBouncer since 1.21, with
// max_prepared_statements above 0) and have statement_timeout and idle_in_transaction_session_timeout in
// its ignore_startup_parameters: it can pass neither on, so Migrate gives both to the role.
type Config struct {
	URL                    string        `env:"DATABASE_URL" desc:"Postgres, as a URL; sslmode is require when it does not say (production: verify-full)"`
	MigrationURL           string        `env:"DATABASE_MIGRATION_URL" desc:"the same database past any transaction pooler, for migrations and LISTEN; DATABASE_URL when empty"`
	MaxOpen                int           `env:"DATABASE_MAX_OPEN" envDefault:"16" desc:"connections at most"`
	ConnectTimeout         time.Duration `env:"DATABASE_CONNECT_TIMEOUT" envDefault:"5s" desc:"longest wait for a connection to be made"`
	StatementTimeout       time.Duration `env:"DATABASE_STATEMENT_TIMEOUT" envDefault:"10s" desc:"longest statement; the server ends a longer one"`
	IdleTransactionTimeout time.Duration `env:"DATABASE_IDLE_TRANSACTION_TIMEOUT" envDefault:"15s" desc:"longest pause inside a transaction; it also bounds how long one can hold back the change feeds"`

	ApplicationName string               `env:"-"` // shown in pg_stat_activity
	Telemetry       *telemetry.Telemetry `env:"-"` // nil: neither traced nor measured
}

const (
	// Postgres' settings that bound a session.
	statementTimeout       = "statement_timeout"
	idleTransactionTimeout = "idle_in_transaction_session_timeout"

	connMaxLifetime = 30 * time.Minute
	connMaxIdleTime = 5 * time.Minute
	// serverSilence is how much longer than a statement may take a connection waits for the server.
	serverSilence = 5 * time.Second
)

func (c Config) withDefaults() Config {
	if c.MigrationURL == "" {
		c.MigrationURL = c.URL
	}
	if c.MaxOpen == 0 {
		c.MaxOpen = 16
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	if c.StatementTimeout == 0 {
		c.StatementTimeout = 10 * time.Second
	}
	if c.IdleTransactionTimeout == 0 {
		c.IdleTransactionTimeout = 15 * time.Second
	}
	return c
}

// DB is a pool of connections to one database.
type DB struct {
	*sqlx.DB
	cfg Config
}

// Config is what the pool was opened with, for Listen and Migrate.
func (db *DB) Config() Config { return db.cfg }

// Open makes a pool. It fails only when the URL cannot be read; whether the database answers is
// for Ping and SchemaProbe to say.
//
// A connection on which the server stays silent for longer than StatementTimeout and a few seconds
// is given up, which is how a frozen server is noticed. A job with statements that take longer
// wants a pool of its own with a longer StatementTimeout; SET LOCAL is not enough.
func Open(_ context.Context, cfg Config) (*DB, error) {
	cfg = cfg.withDefaults()
	connector, err := cfg.connector(cfg.URL, cfg.sessionParameters())
	if err != nil {
		return nil, err
	}
	pool := openPool(connector, cfg.Telemetry)
	pool.SetMaxOpenConns(cfg.MaxOpen)
	pool.SetMaxIdleConns(cfg.MaxOpen)
	pool.SetConnMaxLifetime(connMaxLifetime)
	pool.SetConnMaxIdleTime(connMaxIdleTime)
	return &DB{DB: sqlx.NewDb(pool, "postgres"), cfg: cfg}, nil
}

func (c Config) sessionParameters() map[string]string {
	parameters := map[string]string{}
	if c.StatementTimeout > 0 {
		parameters[statementTimeout] = milliseconds(c.StatementTimeout)
	}
	if c.IdleTransactionTimeout > 0 {
		parameters[idleTransactionTimeout] = milliseconds(c.IdleTransactionTimeout)
	}
	return parameters
}

// connector reads the URL and adds what it does not say itself. Its errors never quote the URL,
// which holds a password.
func (c Config) connector(dsn string, parameters map[string]string) (driver.Connector, error) {
	full, err := c.dsn(dsn, parameters)
	if err != nil {
		return nil, err
	}
	connector, err := pq.NewConnector(full)
	if err != nil {
		return nil, errors.New("postgres: the database URL cannot be read")
	}
	silence := time.Duration(0)
	if statement, ok := parameters[statementTimeout]; ok && statement != "0" {
		silence = c.StatementTimeout + serverSilence
	}
	connector.Dialer(dialer{silence: silence})
	return connector, nil
}

// dsn completes a connection string of either form, a URL or key=value pairs.
func (c Config) dsn(dsn string, parameters map[string]string) (string, error) {
	if strings.TrimSpace(dsn) == "" {
		return "", errors.New("postgres: no database URL")
	}
	all := map[string]string{
		"sslmode":         "require",
		"connect_timeout": strconv.Itoa(max(1, int(c.ConnectTimeout/time.Second))),
		// A query and its arguments travel together: one round trip in place of two, between which a transaction pooler might give the
		// connection away. The price is that []byte is binary, so that an argument for jsonb must be a string.
		"binary_parameters": "yes",
	}
	if c.ApplicationName != "" {
		all["application_name"] = c.ApplicationName
	}
	maps.Copy(all, parameters)

	isURL := strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
	if !isURL {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if !regexp.MustCompile(`(^|\s)` + key + `\s*=`).MatchString(dsn) {
				dsn += fmt.Sprintf(" %s='%s'", key, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(all[key]))
			}
		}
		return dsn, nil
	}
	// url.Parse does not read a list of hosts, so only the query is taken apart.
	base, rawQuery, _ := strings.Cut(dsn, "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return "", errors.New("postgres: the parameters of the database URL cannot be read")
	}
	for key, value := range all {
		if !query.Has(key) {
			query.Set(key, value)
		}
	}
	return base + "?" + query.Encode(), nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// openPool adds tracing, when it is wanted. A span costs only where its parent is recorded, holds
// the statement but no bound value, and names an error by its SQLSTATE, since texts of errors
// quote rows.
func openPool(connector driver.Connector, tel *telemetry.Telemetry) *sql.DB {
	if tel == nil {
		return sql.OpenDB(connector)
	}
	pool := otelsql.OpenDB(connector,
		otelsql.WithTracerProvider(tel.TracerProvider()),
		otelsql.WithMeterProvider(tel.MeterProvider()),
		otelsql.WithAttributes(attribute.String("db.system.name", "postgresql")),
		otelsql.WithSpanOptions(otelsql.SpanOptions{
			DisableErrSkip:       true,
			OmitConnResetSession: true,
			OmitConnPrepare:      true,
			OmitRows:             true,
			OmitConnectorConnect: true,
			RecordError:          func(error) bool { return false },
			SpanFilter: func(ctx context.Context, method otelsql.Method, query string, _ []driver.NamedValue) bool {
				// Each row of a COPY is one execution; a span for each would be a span a row.
				return trace.SpanFromContext(ctx).IsRecording() &&
					(method != otelsql.MethodStmtExec || !strings.HasPrefix(query, copyPrefix))
			},
		}),
		otelsql.WithSpanErrorAttributesGetter(func(err error) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.String("error.type", errorType(err))}
		}),
		otelsql.WithDisableSkipErrMeasurement(true),
	)
	// The figures of the pool are read when metrics are collected; a failure to register them is
	// a fault in this program that a test would show, never a reason not to serve.
	_, _ = otelsql.RegisterDBStatsMetrics(pool, otelsql.WithMeterProvider(tel.MeterProvider()))
	return pool
}

func errorType(err error) string {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return string(e.Code)
	}
	return fmt.Sprintf("%T", err)
}
