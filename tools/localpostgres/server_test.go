package localpostgres_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/tools/localpostgres"
)

// A folder that any user may reach: t.TempDir lies below a folder that only its owner may enter.
func folder(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("", "localpostgres-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := localpostgres.Remove(context.Background(), filepath.Join(parent, "postgres")); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(parent); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(parent, "postgres")
}

func start(t *testing.T, opts localpostgres.Options) *localpostgres.Server {
	t.Helper()
	opts.Notice = func(line string) { t.Log(line) }
	s, err := localpostgres.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stop(t *testing.T, s *localpostgres.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func query(t *testing.T, url, statement string) (string, error) {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var out string
	err = db.QueryRowContext(t.Context(), statement).Scan(&out)
	return out, err
}

func mustQuery(t *testing.T, url, statement string) string {
	t.Helper()
	out, err := query(t, url, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return out
}

func TestServerKeepsItsDataOverRestartsAndCrashes(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := start(t, localpostgres.Options{Folder: dir})
	if created, err := s.Provision(t.Context(), "catalog", "first"); err != nil || !created {
		t.Fatalf("Provision = %v, %v; want a new database", created, err)
	}
	mustQuery(t, s.RoleURL("catalog", "first", "catalog"), `CREATE TABLE kept (v text); INSERT INTO kept VALUES ('here'); SELECT v FROM kept`)
	stop(t, s)

	s = start(t, localpostgres.Options{Folder: dir, Port: s.Port()})
	if created, err := s.Provision(t.Context(), "catalog", "second"); err != nil || created {
		t.Fatalf("Provision = %v, %v; want the database of before", created, err)
	}
	if got := mustQuery(t, s.RoleURL("catalog", "second", "catalog"), `SELECT v FROM kept`); got != "here" {
		t.Errorf("after a restart: %q", got)
	}

	// A kill leaves postmaster.pid behind.
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Ended()
	s = start(t, localpostgres.Options{Folder: dir})
	if got := mustQuery(t, s.RoleURL("catalog", "second", "catalog"), `SELECT v FROM kept`); got != "here" {
		t.Errorf("after a crash: %q", got)
	}
	stop(t, s)
}

func TestServerRecoversFromAPidFileOfAnUnrelatedProcess(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	stop(t, start(t, localpostgres.Options{Folder: dir}))
	stale := strconv.Itoa(os.Getpid()) + "\n" + dir + "/data\n0\n5432\n\n127.0.0.1\n"
	if err := os.WriteFile(filepath.Join(dir, "data", "postmaster.pid"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	stop(t, start(t, localpostgres.Options{Folder: dir}))
}

func TestServerLetsARoleIntoItsOwnDatabaseOnly(t *testing.T) {
	t.Parallel()
	s := start(t, localpostgres.Options{Folder: folder(t)})
	defer stop(t, s)
	for _, name := range []string{"auth", "catalog"} {
		if _, err := s.Provision(t.Context(), name, "secret of "+name); err != nil {
			t.Fatal(err)
		}
	}
	mustQuery(t, s.RoleURL("auth", "secret of auth", "auth"), `CREATE EXTENSION btree_gist; SELECT current_database()`)
	if _, err := query(t, s.RoleURL("auth", "secret of auth", "catalog"), `SELECT 'in'`); err == nil {
		t.Error("a role reads the database of another service")
	}
	if _, err := query(t, s.RoleURL("auth", "wrong", "auth"), `SELECT 'in'`); err == nil {
		t.Error("a wrong password is accepted")
	}
}

func TestServerMovesWhereItsUserCanReach(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("not root: Postgres runs as this user, who reaches every folder of its own")
	}
	parent, err := os.MkdirTemp("", "localpostgres-private-") // 0700
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(parent) })
	dir := filepath.Join(parent, "postgres")
	s := start(t, localpostgres.Options{Folder: dir})
	mustQuery(t, s.URL("postgres"), `SELECT 'up'`)
	stop(t, s)
	if err := localpostgres.Remove(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
}
