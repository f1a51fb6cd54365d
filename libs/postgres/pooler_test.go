package postgres_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
)

// counter stands before a Postgres and counts the moments after which a transaction pooler may give the connection to somebody else.
type counter struct {
	net.Listener
	syncs atomic.Int64
}

func countSyncs(t *testing.T, server string) *counter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	c := &counter{Listener: listener}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			backend, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				return
			}
			go func() {
				defer client.Close()
				_, _ = io.Copy(client, backend)
			}()
			go func() {
				defer backend.Close()
				c.pass(client, backend)
			}()
		}
	}()
	return c
}

// pass copies what a client says, message by message: all but the first begin with a byte for their kind.
func (c *counter) pass(client io.Reader, backend io.Writer) {
	const sync = 'S'
	for head := make([]byte, 4); ; head = make([]byte, 5) {
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[len(head)-4:])-4)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		if len(head) == 5 && head[0] == sync {
			c.syncs.Add(1)
		}
		if _, err := backend.Write(append(head, body...)); err != nil {
			return
		}
	}
}

// A transaction pooler may give a connection away after each exchange, so a query and its arguments must be one: in two, the arguments of
// one client meet the query of another.
func TestAQueryAndItsArgumentsAreOneExchange(t *testing.T) {
	t.Parallel()
	cfg := pgtest.New(t, accounts).Config()
	address, err := url.Parse(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	before := countSyncs(t, address.Host)
	address.Host = before.Addr().String()
	cfg.URL = address.String()
	db, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]func() error{
		"query": func() error { return db.GetContext(t.Context(), new(int), `select $1::int + 1`, 1) },
		"exec": func() error {
			_, err := db.ExecContext(t.Context(), `insert into accounts (name, balance) values ($1, $2)`, "ada", 1)
			return err
		},
		"bytes": func() error { return db.GetContext(t.Context(), new([]byte), `select $1::bytea`, []byte{0, 1}) },
	} {
		told := before.syncs.Load()
		if err := run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := before.syncs.Load() - told; n != 1 {
			t.Errorf("%s takes %d exchanges", name, n)
		}
	}
}

// Through a pooler a session cannot say what bounds it; whoever migrates past it says so for the role.
func TestMigratingPastAPoolerBoundsTheRole(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	cfg := db.Config()
	address, err := url.Parse(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	role := "pooled_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	t.Cleanup(func() {
		_, _ = db.ExecContext(context.WithoutCancel(t.Context()), "drop owned by "+role+"; drop role "+role)
	})
	for _, statement := range []string{"create role " + role + " login password 'secret'", "grant create on schema public to " + role} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	address.User = url.UserPassword(role, "secret")
	past := address.String()
	cfg.URL, cfg.MigrationURL, cfg.StatementTimeout, cfg.IdleTransactionTimeout = past+"&application_name=pooled", past, 7*time.Second, 8*time.Second
	if err := postgres.Migrate(t.Context(), cfg, accounts); err != nil {
		t.Fatal(err)
	}
	cfg.StatementTimeout, cfg.IdleTransactionTimeout = -1, -1 // as a pooler that ignores what a connection says
	unbound, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer unbound.Close()
	for setting, want := range map[string]string{"statement_timeout": "7s", "idle_in_transaction_session_timeout": "8s"} {
		var got string
		if err := unbound.GetContext(t.Context(), &got, `select current_setting($1)`, setting); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", setting, got, err, want)
		}
	}
	if err := postgres.Migrate(t.Context(), cfg, accounts); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "select count(*) from pg_db_role_setting where setrole = '"+role+"'::regrole and setconfig <> '{}'"); n != 0 {
		t.Error("the role is bounded although nothing is wanted")
	}
}

func TestJSONIsADocumentOrNULL(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	for given, want := range map[string]string{`{"a": [1, "ä"]}`: `{"a": [1, "ä"]}`, "": "nothing"} {
		var in, out postgres.JSON
		if given != "" {
			in = postgres.JSON(given)
		}
		var text string
		if err := db.QueryRowContext(t.Context(), `select $1::jsonb, coalesce($1::jsonb::text, 'nothing')`, in).Scan(&out, &text); err != nil {
			t.Fatal(err)
		}
		if string(out) != given || text != want || (out == nil) != (given == "") {
			t.Errorf("%q became %q, %q", given, out, text)
		}
	}
}
