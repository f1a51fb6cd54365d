// Package localpostgres runs a private Postgres for development and tests: localpostgres.Start finds the installed binaries,
// keeps the cluster in a folder of its own, listens on a free port of the loopback interface and never touches another
// cluster. As root it runs Postgres as the user postgres or nobody, since Postgres refuses to be root.
package localpostgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/lib/pq" // the driver by which readiness is asked and databases are made

	"github.com/ihr-charging/charging-plot-api/tools/process"
)

// Superuser is the name of the role that owns the cluster.
const Superuser = "postgres"

// Options say where the server lives.
type Options struct {
	// Folder keeps the cluster between runs. When Postgres must run as another user who may not reach it, a folder with a
	// stable name under the system's folder for temporary files takes its place, and Notice says so.
	Folder string
	// Port is taken if it is free; else another one.
	Port int
	// Notice receives what a person should know, a line at a time. Nil drops it.
	Notice func(line string)
}

// Server is a running Postgres.
type Server struct {
	process  *process.Process
	port     int
	password string
	logFile  string
}

// Start starts the server on the cluster in its folder and makes the cluster first if there is none. It returns when Postgres
// answers. What an earlier run left (a server that still runs, a stale postmaster.pid) is cleared away first.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Notice == nil {
		opts.Notice = func(string) {}
	}
	account, err := process.Unprivileged("postgres", "nobody")
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	place, err := settle(opts.Folder, account)
	if err != nil {
		return nil, err
	}
	if place.folder != opts.Folder {
		opts.Notice(fmt.Sprintf("Postgres runs as %s, who may not enter %s: its data is in %s.", account.Name, opts.Folder, place.folder))
	}
	binaries, err := find(place.version())
	if err != nil {
		return nil, err
	}
	if err := place.clearStale(ctx); err != nil {
		return nil, err
	}
	if err := place.initialise(ctx, binaries); err != nil {
		return nil, err
	}
	password, err := place.password()
	if err != nil {
		return nil, err
	}
	port, err := process.FreePort(ctx, opts.Port)
	if err != nil {
		return nil, err
	}
	s := &Server{port: port, password: password, logFile: place.log()}
	if err := s.run(place, binaries); err != nil {
		return nil, err
	}
	if err := s.awaitReady(ctx); err != nil {
		s.process.Kill()
		return nil, err
	}
	return s, nil
}

func (s *Server) run(place *place, binaries binaries) error {
	log, err := os.OpenFile(s.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("postgres log: %w", err)
	}
	defer log.Close() // the child holds its own copy
	settings := []string{
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=",
		"port=" + strconv.Itoa(s.port),
		// A commit is with the kernel, not with the disk: a crash of the machine may cost this cluster its data, a crash of a
		// process never does. It is for development and tests.
		"fsync=off", "synchronous_commit=on", "full_page_writes=off",
		"wal_level=minimal", "max_wal_senders=0", "max_wal_size=4GB", "checkpoint_timeout=30min",
		"max_connections=400", "shared_buffers=128MB", "jit=off",
		"timezone=UTC", "log_timezone=UTC", "log_line_prefix=%m [%p] %d ",
	}
	args := []string{"-D", place.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	s.process, err = process.Start(process.Spec{
		Name: "postgres", Path: binaries.path("postgres"), Args: args,
		Env:    []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"},
		Output: log, User: place.account,
		StopSignal: syscall.SIGINT, // "fast": open transactions are rolled back, the cluster is closed in order
	})
	return err
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	db, err := sql.Open("postgres", s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	defer db.Close()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.process.Ended():
			return fmt.Errorf("postgres ended at once: %w; the end of %s:\n%s", s.process.Err(), s.logFile, tail(s.logFile))
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer on port %d: %w; the end of %s:\n%s", s.port, err, s.logFile, tail(s.logFile))
		case <-tick.C:
		}
	}
}

// URL is the superuser's connection string for a database.
func (s *Server) URL(database string) string { return s.RoleURL(Superuser, s.password, database) }

// RoleURL is a role's connection string for a database.
func (s *Server) RoleURL(role, password, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, password),
		Host: "127.0.0.1:" + strconv.Itoa(s.port), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port is where it listens on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// PID is the postmaster's process id.
func (s *Server) PID() int { return s.process.PID() }

// Ended is closed when the server is gone, wanted or not.
func (s *Server) Ended() <-chan struct{} { return s.process.Ended() }

// Stop closes the cluster in order.
func (s *Server) Stop(ctx context.Context) error { return s.process.Stop(ctx) }

// Provision makes a database and the role that owns it, or gives both their present form when they exist: no other role but
// the superuser may connect to that database. It says whether the database was made just now.
func (s *Server) Provision(ctx context.Context, name, password string) (created bool, err error) {
	db, err := sql.Open("postgres", s.URL("postgres"))
	if err != nil {
		return false, fmt.Errorf("postgres: %w", err)
	}
	defer db.Close()
	var role, database bool
	err = db.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1), EXISTS (SELECT FROM pg_database WHERE datname = $1)`,
		name).Scan(&role, &database)
	if err != nil {
		return false, fmt.Errorf("look for database %s: %w", name, err)
	}
	verb := "ALTER"
	if !role {
		verb = "CREATE"
	}
	statements := []string{fmt.Sprintf(`%s ROLE %s LOGIN PASSWORD %s`, verb, identifier(name), literal(password))}
	if !database {
		statements = append(statements,
			fmt.Sprintf(`CREATE DATABASE %s OWNER %s`, identifier(name), identifier(name)),
			fmt.Sprintf(`REVOKE ALL ON DATABASE %s FROM PUBLIC`, identifier(name)))
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return false, fmt.Errorf("make database %s: %w", name, err)
		}
	}
	return !database, nil
}

// identifier and literal quote the two things that cannot be parameters of these statements.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
func literal(value string) string   { return `'` + strings.ReplaceAll(value, `'`, `''`) + `'` }

// Remove deletes the cluster that Start keeps for the folder, wherever it was put, after stopping a server left on it.
func Remove(ctx context.Context, folder string) error {
	account, err := process.Unprivileged("postgres", "nobody")
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	for _, candidate := range candidates(folder) {
		if _, err := os.Lstat(candidate); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		p := &place{folder: candidate, account: account}
		if err := p.clearStale(ctx); err != nil {
			return err
		}
		if err := os.RemoveAll(candidate); err != nil {
			return fmt.Errorf("remove cluster: %w", err)
		}
	}
	return nil
}

func newPassword() string { return rand.Text() }

func locale() string {
	if runtime.GOOS == "linux" {
		return "C.UTF-8"
	}
	return "C"
}

func tail(file string) string {
	raw, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
