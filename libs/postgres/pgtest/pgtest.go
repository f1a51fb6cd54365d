// Package pgtest gives a test a Postgres database of its own, with the service's schema in it.
//
//	db := pgtest.New(t, migrations.Files)
//
// The migrations run once, into a template that is kept for as long as they stay the same; a test
// gets a copy of it, which takes some tens of milliseconds, and the copy is dropped when the test
// ends. Tests may run in parallel, in any number of processes. TEST_DATABASE_URL names the server
// and must be allowed to create databases; without it the test fails, since a store that was not
// tested against Postgres was not tested.
package pgtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

const (
	variable = "TEST_DATABASE_URL"
	// poolSize keeps hundreds of tests in parallel within one server's connections; a test that
	// needs more calls SetMaxOpenConns.
	poolSize   = 5
	copyPrefix = "ihr_test_"
	// abandonedAfter is when a copy that is still there must belong to a process that was killed.
	abandonedAfter = 2 * time.Hour
	templateLock   = 7211540914
)

// server is the tests' server, one pool a process, and the templates known to be there.
var server struct {
	sync.Mutex
	db        *postgres.DB
	templates map[string]*sync.Once
	failures  map[string]error
}

// New returns a pool on a new database that has these migrations (none, when nil). The test ends
// at once, with a sentence that says what to do, when there is no server.
func New(t testing.TB, migrations fs.FS) *postgres.DB {
	t.Helper()
	admin, err := connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	from := "template0"
	if migrations != nil {
		if from, err = template(t.Context(), admin, migrations); err != nil {
			t.Fatal(err)
		}
	}

	name := copyPrefix + strconv.FormatInt(time.Now().Unix(), 36) + "_" + strings.ToLower(rand.Text()[:12])
	if _, err := admin.ExecContext(t.Context(), create(name, from)); err != nil {
		t.Fatalf("create a database for the test: %v", err)
	}
	db, err := postgres.Open(t.Context(), configFor(name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the test's pool: %v", err)
		}
		// The test's own context has ended by now.
		if _, err := admin.ExecContext(context.Background(), `drop database if exists `+pq.QuoteIdentifier(name)+` with (force)`); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return db
}

// URL is the address of the tests' server; the test ends when there is none.
func URL(t testing.TB) string {
	t.Helper()
	address, err := serverURL()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func serverURL() (string, error) {
	address := os.Getenv(variable)
	if address == "" {
		return "", fmt.Errorf("%s is not set: run the tests with `make test`, which starts a Postgres for them, or set it to the URL of a server that may create databases", variable)
	}
	return address, nil
}

func configFor(database string) postgres.Config {
	address, _ := serverURL() // connect has made sure of it
	base, query, _ := strings.Cut(address, "?")
	scheme, rest, _ := strings.Cut(base, "://")
	host, _, _ := strings.Cut(rest, "/")
	full := scheme + "://" + host + "/" + url.PathEscape(database)
	if query != "" {
		full += "?" + query
	}
	return postgres.Config{URL: full, MaxOpen: poolSize, ApplicationName: "test"}
}

func connect(ctx context.Context) (*postgres.DB, error) {
	server.Lock()
	defer server.Unlock()
	if server.db != nil {
		return server.db, nil
	}
	address, err := serverURL()
	if err != nil {
		return nil, err
	}
	// Copying and dropping wait for the disk, so their statements may take longer than a service's.
	db, err := postgres.Open(ctx, postgres.Config{
		URL: address, MaxOpen: 4, StatementTimeout: 2 * time.Minute, ApplicationName: "pgtest",
	})
	if err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("the Postgres of %s does not answer (run the tests with `make test`, which starts one): %w", variable, err)
	}
	sweep(ctx, db)
	server.db = db
	server.templates = map[string]*sync.Once{}
	server.failures = map[string]error{}
	return db, nil
}

// template returns the name of a database that holds the migrations, making it if need be.
func template(ctx context.Context, admin *postgres.DB, migrations fs.FS) (string, error) {
	name, err := templateName(migrations)
	if err != nil {
		return "", err
	}
	server.Lock()
	once := server.templates[name]
	if once == nil {
		once = &sync.Once{}
		server.templates[name] = once
	}
	server.Unlock()
	once.Do(func() {
		// The template is for all tests; the first one to want it must not end it.
		err := makeTemplate(context.WithoutCancel(ctx), admin, name, migrations)
		server.Lock()
		server.failures[name] = err
		server.Unlock()
	})
	server.Lock()
	defer server.Unlock()
	return name, server.failures[name]
}

// makeTemplate migrates a database under another name and renames it when it is whole, so that a
// template that exists is complete. Other processes wait their turn.
func makeTemplate(ctx context.Context, admin *postgres.DB, name string, migrations fs.FS) (err error) {
	conn, err := admin.Conn(ctx)
	if err != nil {
		return fmt.Errorf("make the template database: %w", err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `select pg_advisory_lock($1)`, templateLock); err != nil {
		return fmt.Errorf("wait for the template database: %w", err)
	}
	defer func() {
		_, unlockErr := conn.ExecContext(context.WithoutCancel(ctx), `select pg_advisory_unlock($1)`, templateLock)
		if err == nil {
			err = unlockErr
		}
	}()

	var exists bool
	if err := conn.QueryRowContext(ctx, `select exists (select from pg_database where datname = $1)`, name).Scan(&exists); err != nil {
		return fmt.Errorf("look for the template database: %w", err)
	}
	if exists {
		return nil
	}
	unfinished := name + "_unfinished"
	steps := []func() error{
		func() error {
			_, err := conn.ExecContext(ctx, `drop database if exists `+pq.QuoteIdentifier(unfinished)+` with (force)`)
			return err
		},
		func() error { _, err := conn.ExecContext(ctx, create(unfinished, "template0")); return err },
		func() error { return postgres.Migrate(ctx, configFor(unfinished), migrations) },
		func() error {
			_, err := conn.ExecContext(ctx, `alter database `+pq.QuoteIdentifier(unfinished)+` rename to `+pq.QuoteIdentifier(name))
			return err
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("make the template database: %w", err)
		}
	}
	return nil
}

// create is the statement that copies a database. Writing the copy to the log instead of copying
// files spares two checkpoints, which is most of the time for a small one.
func create(name, from string) string {
	return `create database ` + pq.QuoteIdentifier(name) + ` template ` + pq.QuoteIdentifier(from) + ` strategy wal_log`
}

// templateName is made of the migrations' names and contents.
func templateName(migrations fs.FS) (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(migrations, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(migrations, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n%s", path, len(content), content)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("read the migrations: %w", err)
	}
	return "ihr_template_" + hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// sweep drops the copies of processes that were killed. What it cannot drop now the next one will.
func sweep(ctx context.Context, db *postgres.DB) {
	var names []string
	if err := db.SelectContext(ctx, &names, `select datname from pg_database where datname like 'ihr\_test\_%'`); err != nil {
		return
	}
	for _, name := range names {
		stamp, _, _ := strings.Cut(strings.TrimPrefix(name, copyPrefix), "_")
		made, err := strconv.ParseInt(stamp, 36, 64)
		if err == nil && time.Since(time.Unix(made, 0)) > abandonedAfter {
			_, _ = db.ExecContext(ctx, `drop database if exists `+pq.QuoteIdentifier(name)+` with (force)`)
		}
	}
}
