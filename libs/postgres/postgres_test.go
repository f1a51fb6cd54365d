package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
)

var accounts = fstest.MapFS{"0001_accounts.sql": {Data: []byte(`-- +goose Up
create table accounts (
    id      bigint generated always as identity primary key,
    name    text not null constraint accounts_name_key unique,
    balance int not null constraint accounts_balance_check check (balance >= 0),
    note    text
);
-- +goose Down
drop table accounts;
`)}}

func count(t *testing.T, db *postgres.DB, query string) int {
	t.Helper()
	var n int
	if err := db.GetContext(t.Context(), &n, query); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpenAsksTheServerForTimeouts(t *testing.T) {
	t.Parallel()
	cfg := pgtest.New(t, nil).Config()
	cfg.StatementTimeout = 3 * time.Second
	cfg.IdleTransactionTimeout = 4 * time.Second
	cfg.ApplicationName = "a service's name"
	db, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for setting, want := range map[string]string{
		"statement_timeout": "3s", "idle_in_transaction_session_timeout": "4s", "application_name": "a service's name",
	} {
		var got string
		if err := db.Get(&got, `select current_setting($1)`, setting); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", setting, got, err, want)
		}
	}
}

func TestOpenReadsKeyValuePairsToo(t *testing.T) {
	t.Parallel()
	cfg := pgtest.New(t, nil).Config()
	address, err := url.Parse(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := address.User.Password()
	cfg.URL = fmt.Sprintf("host=%s port=%s user=%s password='%s' dbname=%s sslmode=disable",
		address.Hostname(), address.Port(), address.User.Username(), password, strings.TrimPrefix(address.Path, "/"))
	cfg.ApplicationName = `it's \ quoted`
	db, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var got string
	if err := db.Get(&got, `select current_setting('application_name')`); err != nil || got != cfg.ApplicationName {
		t.Errorf("application_name is %q (%v)", got, err)
	}
}

func TestOpenWantsTLSUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	cfg := pgtest.New(t, nil).Config()
	cfg.URL = strings.ReplaceAll(cfg.URL, "sslmode=disable", "")
	db, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// The tests' server speaks no TLS, so a connection that insists on it fails; one that had
	// fallen back to plain text would not.
	if err := db.PingContext(t.Context()); !errors.Is(err, pq.ErrSSLNotSupported) {
		t.Errorf("ping says %v", err)
	}
}

func TestOpenNeverQuotesTheURL(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "postgres://u:geheim@host/db?sslmode=%zz", "postgres://u:geheim@host:port/db", "geheim", "password=geheim port=x"} {
		_, err := postgres.Open(t.Context(), postgres.Config{URL: bad})
		if err == nil {
			t.Errorf("%q was taken for a URL", bad)
			continue
		}
		if strings.Contains(err.Error(), "geheim") {
			t.Errorf("the error quotes the URL: %v", err)
		}
	}
}

func TestInTxCommitsAndRollsBack(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, accounts)
	insert := func(name string, then error) error {
		return db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
			if _, err := tx.ExecContext(ctx, `insert into accounts (name, balance) values ($1, 1)`, name); err != nil {
				return err
			}
			return then
		})
	}
	failure := errors.New("changed my mind")
	if err := insert("kept", nil); err != nil {
		t.Error(err)
	}
	if err := insert("dropped", failure); !errors.Is(err, failure) {
		t.Errorf("got %v, want the function's own error", err)
	}
	if n := count(t, db, `select count(*) from accounts where name = 'kept'`); n != 1 {
		t.Errorf("%d rows were committed", n)
	}
	if n := count(t, db, `select count(*) from accounts where name = 'dropped'`); n != 0 {
		t.Errorf("%d rows survived the roll-back", n)
	}
}

func TestInTxGivesTheConnectionBackWhenTheFunctionPanics(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, accounts)
	db.SetMaxOpenConns(1)
	func() {
		defer func() { _ = recover() }()
		_ = db.InTx(t.Context(), func(context.Context, *sqlx.Tx) error { panic("a mistake") })
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		t.Errorf("the only connection is gone: %v", err)
	}
}

// Two transactions read the same sum and each adds it: only one order of them is possible, so
// Postgres gives one up, and InTx runs it again.
func TestInTxRepeatsSerializationFailures(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, accounts)
	if _, err := db.Exec(`insert into accounts (name, balance) values ('first', 1)`); err != nil {
		t.Fatal(err)
	}
	var runs atomic.Int32
	var bothHaveRead sync.WaitGroup
	bothHaveRead.Add(2)
	add := func(name string) error {
		first := true
		return db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
			runs.Add(1)
			if _, err := tx.ExecContext(ctx, `set transaction isolation level serializable`); err != nil {
				return err
			}
			var sum int
			if err := tx.GetContext(ctx, &sum, `select sum(balance) from accounts`); err != nil {
				return err
			}
			if first {
				first = false
				bothHaveRead.Done()
				bothHaveRead.Wait()
			}
			_, err := tx.ExecContext(ctx, `insert into accounts (name, balance) values ($1, $2)`, name, sum)
			return err
		})
	}
	var work sync.WaitGroup
	for _, name := range []string{"second", "third"} {
		work.Go(func() {
			if err := add(name); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if runs.Load() < 3 {
		t.Errorf("the functions ran %d times: nothing was repeated", runs.Load())
	}
	if sum := count(t, db, `select sum(balance) from accounts`); sum != 4 { // 1, then +1, then +2
		t.Errorf("the sum is %d", sum)
	}
}

func TestInTxRepeatsDeadlocks(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, accounts)
	if _, err := db.Exec(`insert into accounts (name, balance) values ('a', 0), ('b', 0)`); err != nil {
		t.Fatal(err)
	}
	var bothHoldOne sync.WaitGroup
	bothHoldOne.Add(2)
	update := func(one, other string) error {
		first := true
		return db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
			if _, err := tx.ExecContext(ctx, `set local deadlock_timeout = '20ms'`); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `update accounts set balance = balance + 1 where name = $1`, one); err != nil {
				return err
			}
			if first {
				first = false
				bothHoldOne.Done()
				bothHoldOne.Wait()
			}
			_, err := tx.ExecContext(ctx, `update accounts set balance = balance + 1 where name = $1`, other)
			return err
		})
	}
	var work sync.WaitGroup
	for _, pair := range [][2]string{{"a", "b"}, {"b", "a"}} {
		work.Go(func() {
			if err := update(pair[0], pair[1]); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if n := count(t, db, `select count(*) from accounts where balance = 2`); n != 2 {
		t.Errorf("%d accounts have both updates", n)
	}
}

func TestInTxGivesUpWithAFaultWhenRepeatingDoesNotHelp(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	runs := 0
	err := db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
		runs++
		_, err := tx.ExecContext(ctx, `do $$ begin raise exception 'no' using errcode = '40001'; end $$`)
		return err
	})
	if runs != 5 || !errors.Is(err, postgres.ErrUnavailable) {
		t.Errorf("after %d runs: %v", runs, err)
	}
}

func TestInTxReportsTheContextsEnd(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, `select pg_sleep(30)`)
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) || fault.Of(err).Kind() != fault.Timeout {
		t.Errorf("got %v, a %v fault", err, fault.Of(err).Kind())
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestMapNamesConstraints(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, accounts)
	taken := fault.Define(fault.Conflict, "name_taken", "The name is taken")
	negative := fault.Define(fault.Unprocessable, "overdrawn", "The balance would be negative")
	byName := map[string]*fault.Fault{"accounts_name_key": taken, "accounts_balance_check": negative}
	insert := func(name any, balance int) error {
		_, err := db.ExecContext(t.Context(), `insert into accounts (name, balance) values ($1, $2)`, name, balance)
		return err
	}
	if err := postgres.Map(insert("one", 1), byName); err != nil {
		t.Fatal(err)
	}
	unique, check := insert("one", 1), insert("two", -1)
	if got := postgres.Constraint(unique); got != "accounts_name_key" {
		t.Errorf("the constraint is %q", got)
	}
	if err := postgres.Map(unique, byName); !errors.Is(err, taken) || !errors.Is(err, unique) {
		t.Errorf("a doubled name is %v", err)
	}
	if err := postgres.Map(check, byName); !errors.Is(err, negative) {
		t.Errorf("a negative balance is %v", err)
	}
	unnamed := insert(nil, 1)
	if err := postgres.Map(unnamed, byName); !errors.Is(err, unnamed) || fault.Of(err).Kind() != fault.Internal {
		t.Errorf("a violation without a fault is %v", err)
	}
	for _, same := range []error{nil, sql.ErrNoRows, context.Canceled, context.DeadlineExceeded, taken.Detailf("again")} {
		if got := postgres.Map(same, byName); got != same { //nolint:errorlint // the very same is promised
			t.Errorf("%v became %v", same, got)
		}
	}
}

func TestMapTellsPassingTroubleFromMistakes(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	raise := func(code string) error {
		_, err := db.ExecContext(t.Context(), `do $$ begin raise exception 'said by the test' using errcode = '`+code+`'; end $$`)
		return err
	}
	for code, want := range map[string]fault.Kind{
		"08006": fault.Unavailable, // connection failure
		"53100": fault.Unavailable, // disk full
		"53300": fault.Unavailable, // too many connections
		"57P01": fault.Unavailable, // shut down by the administrator
		"25006": fault.Unavailable, // read only: failing over
		"40P01": fault.Unavailable,
		"57014": fault.Timeout,
		"42601": fault.Internal, // syntax
		"22003": fault.Internal, // out of range
	} {
		got := fault.Of(postgres.Map(raise(code), nil))
		if got.Kind() != want {
			t.Errorf("%s is %v, want %v", code, got.Kind(), want)
		}
		if got.Kind() == fault.Unavailable && got.RetryAfter() <= 0 {
			t.Errorf("%s does not say when to come back", code)
		}
	}
}

func TestALostServerIsUnavailable(t *testing.T) {
	t.Parallel()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: "postgres://nobody@127.0.0.1:1/none?sslmode=disable"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.InTx(t.Context(), func(context.Context, *sqlx.Tx) error { return nil })
	if f := fault.Of(err); f.Kind() != fault.Unavailable || f.RetryAfter() <= 0 {
		t.Errorf("got %v", err)
	}
}

func TestAKilledConnectionIsUnavailableAndReplaced(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, accounts)
	err := db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `insert into accounts (name, balance) values ('lost', 1)`); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `select pg_terminate_backend(pg_backend_pid())`)
		return err
	})
	if !errors.Is(err, postgres.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if n := count(t, db, `select count(*) from accounts`); n != 0 {
		t.Errorf("%d rows of a lost transaction are there", n)
	}
}

// A server that takes connections and questions but never answers, as a stopped process does.
func TestASilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	db, freeze, thaw := freezable(t, time.Millisecond)
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	freeze()
	defer thaw()
	began := time.Now()
	_, err := db.ExecContext(context.WithoutCancel(t.Context()), `select 1`)
	if took := time.Since(began); took < 4*time.Second || took > 9*time.Second {
		t.Errorf("it took %v", took)
	}
	if f := fault.Of(postgres.Map(err, nil)); f.Kind() != fault.Unavailable {
		t.Errorf("got %v", err)
	}
}

// What a server says to a question that was given up must not be taken for the answer to the next one when it wakes up.
func TestAConnectionWhoseServerWasSilentIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	db, freeze, thaw := freezable(t, 50*time.Millisecond)
	statement, err := db.PreparexContext(t.Context(), `select $1::integer + 100`)
	if err != nil {
		t.Fatal(err)
	}
	defer statement.Close()
	ask := map[string]func(got *int, n int) error{
		"a query":              func(got *int, n int) error { return db.GetContext(t.Context(), got, `select $1::integer + 100`, n) },
		"a prepared statement": func(got *int, n int) error { return statement.GetContext(t.Context(), got, n) },
		"a transaction": func(got *int, n int) error {
			return db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
				return tx.GetContext(ctx, got, `select $1::integer + 100`, n)
			})
		},
	}
	n := 0
	for name, question := range ask {
		freeze()
		n++
		if err := question(new(int), n); !errors.Is(postgres.Map(err, nil), postgres.ErrUnavailable) {
			t.Errorf("%s to a frozen server: %v", name, err)
		}
		thaw()
		for next, question := range ask {
			n++
			var got int
			if err := question(&got, n); err != nil || got != n+100 {
				t.Errorf("after %s, %s is answered with %d instead of %d: %v", name, next, got, n+100, err)
			}
		}
	}
}

// freezable opens one connection to a server that can be frozen. Its own patience is 5 s more than a statement may take.
func freezable(t *testing.T, statementTimeout time.Duration) (db *postgres.DB, freeze, thaw func()) {
	t.Helper()
	cfg := pgtest.New(t, nil).Config()
	address, err := url.Parse(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy, freeze, thaw := freezableProxy(t, address.Host)
	cfg.URL = strings.Replace(cfg.URL, address.Host, proxy, 1)
	cfg.StatementTimeout, cfg.MaxOpen = statementTimeout, 1
	if db, err = postgres.Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, freeze, thaw
}

// freezableProxy forwards connections; while it is frozen nothing passes and nothing is closed, and what waits passes afterwards.
func freezableProxy(t *testing.T, target string) (address string, freeze, thaw func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var gate sync.RWMutex
	t.Cleanup(func() { listener.Close() })
	forward := func(to, from net.Conn) {
		buffer := make([]byte, 4096)
		for {
			n, err := from.Read(buffer)
			gate.RLock()
			if err == nil {
				_, err = to.Write(buffer[:n])
			}
			gate.RUnlock()
			if err != nil {
				to.Close()
				return
			}
		}
	}
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			t.Cleanup(func() { in.Close(); out.Close() })
			go forward(out, in)
			go forward(in, out)
		}
	}()
	return listener.Addr().String(), gate.Lock, gate.Unlock
}

func rowsOf(n int, failAt int, failure error) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for i := range n {
			if i == failAt {
				yield(nil, failure)
				return
			}
			if !yield([]any{fmt.Sprintf("name\t%d\n\\", i), i, nil}, nil) {
				return
			}
		}
	}
}

func TestCopyFromWritesWhatItIsGiven(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, accounts)
	var copied int64
	err := db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) (err error) {
		copied, err = postgres.CopyFrom(ctx, tx, "public.accounts", []string{"name", "balance", "note"}, rowsOf(5000, -1, nil))
		return err
	})
	if err != nil || copied != 5000 {
		t.Fatalf("copied %d: %v", copied, err)
	}
	if n := count(t, db, `select count(*) from accounts where name = E'name\t' || balance || E'\n\\' and note is null`); n != 5000 {
		t.Errorf("%d rows are as written", n)
	}
}

func twice(yield func([]any, error) bool) {
	for range 2 {
		if !yield([]any{"x", 1, nil}, nil) {
			return
		}
	}
}

func TestCopyFromLeavesNothingWhenItFails(t *testing.T) {
	t.Parallel()
	failure := errors.New("the file ended")
	taken := fault.Define(fault.Conflict, "name_taken", "The name is taken")
	for name, test := range map[string]struct {
		rows iter.Seq2[[]any, error]
		want error
	}{
		"in the rows":     {rowsOf(3000, 2500, failure), failure},
		"in the database": {twice, taken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t, accounts)
			err := db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
				_, err := postgres.CopyFrom(ctx, tx, "accounts", []string{"name", "balance", "note"}, test.rows)
				return err
			})
			err = postgres.Map(err, map[string]*fault.Fault{"accounts_name_key": taken})
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if n := count(t, db, `select count(*) from accounts`); n != 0 {
				t.Errorf("%d rows are left", n)
			}
		})
	}
}

// A COPY that lasts longer than the connection's patience is not a silent server.
func TestCopyFromMayOutlastThePatience(t *testing.T) {
	t.Parallel()
	cfg := pgtest.New(t, accounts).Config()
	cfg.StatementTimeout = time.Millisecond // patience: 5 s
	db, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `set local statement_timeout = 0`); err != nil {
			return err
		}
		end := time.Now().Add(6 * time.Second)
		_, err := postgres.CopyFrom(ctx, tx, "accounts", []string{"name", "balance", "note"}, func(yield func([]any, error) bool) {
			for i := 0; time.Now().Before(end); i++ {
				if !yield([]any{fmt.Sprint(i), i, strings.Repeat("x", 2000)}, nil) {
					return
				}
			}
		})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestListenHearsAndLooksAgainAfterALoss(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan string, 10)
	done := make(chan error, 1)
	cfg := db.Config()
	cfg.ApplicationName = "listener"
	go func() { done <- postgres.Listen(ctx, cfg, "news", func(payload string) { heard <- payload }) }()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-heard:
			if got != want {
				t.Errorf("heard %q, want %q", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("did not hear %q", want)
		}
	}
	expect("") // it listens
	if _, err := db.Exec(`select pg_notify('news', 'hello')`); err != nil {
		t.Fatal(err)
	}
	expect("hello")
	if n := count(t, db, `select count(*) from (select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and application_name = 'listener') killed`); n != 1 {
		t.Fatalf("killed %d connections", n)
	}
	expect("") // it listens again, and may have missed something
	if _, err := db.Exec(`select pg_notify('news', 'again')`); err != nil {
		t.Fatal(err)
	}
	expect("again")
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Listen ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Listen does not end")
	}
}

func TestListenEndsWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := postgres.Listen(ctx, postgres.Config{URL: "postgres://nobody@127.0.0.1:1/none?sslmode=disable"}, "news",
		func(string) { t.Error("heard something from nowhere") })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func migrationFiles(versions ...int) fstest.MapFS {
	files := fstest.MapFS{}
	for _, v := range versions {
		files[fmt.Sprintf("%04d_step.sql", v)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"-- +goose Up\ncreate table step_%d (id int);\n-- +goose Down\ndrop table step_%d;\n", v, v)}
	}
	return files
}

func TestSchemaProbeIsReadyWhenTheDatabaseIsAhead(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	old, present, next := migrationFiles(1), migrationFiles(1, 2), migrationFiles(1, 2, 3)
	probe := func(files fstest.MapFS) (string, error) { return postgres.SchemaProbe(db, files)(t.Context()) }

	if _, err := probe(present); err == nil {
		t.Error("ready without any schema")
	}
	if err := postgres.Migrate(t.Context(), db.Config(), present); err != nil {
		t.Fatal(err)
	}
	if detail, err := probe(present); err != nil || detail != "migration 2" {
		t.Errorf("at its own migration: %q, %v", detail, err)
	}
	if detail, err := probe(old); err != nil || !strings.Contains(detail, "ahead") {
		t.Errorf("ahead: %q, %v", detail, err)
	}
	if _, err := probe(next); err == nil || !strings.Contains(err.Error(), "behind 3") {
		t.Errorf("behind: %v", err)
	}
	// The old release starting again must leave a newer schema alone.
	if err := postgres.Migrate(t.Context(), db.Config(), old); err != nil {
		t.Errorf("the old release does not start: %v", err)
	}
	if detail, err := probe(present); err != nil || detail != "migration 2" {
		t.Errorf("after the old release: %q, %v", detail, err)
	}
}

func TestMigrateTakesTurns(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	files := migrationFiles(1, 2, 3)
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			if err := postgres.Migrate(t.Context(), db.Config(), files); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	status, err := postgres.Status(t.Context(), db.Config(), files)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range status {
		if !s.Applied || s.AppliedAt.IsZero() {
			t.Errorf("%+v", s)
		}
	}
}

func TestMigrateWaitsForATableThatIsInUse(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, accounts)
	files := fstest.MapFS{}
	for name, file := range accounts {
		files[name] = file
	}
	files["0002_more.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nalter table accounts add column colour text;\n-- +goose Down\nalter table accounts drop column colour;\n")}
	tx, err := db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(`lock table accounts in access share mode`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- postgres.Migrate(t.Context(), db.Config(), files) }()
	// The migration waits at most three seconds in the queue; reads that come behind it pass soon.
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
	defer cancel()
	for queued := 0; queued == 0; {
		queued = count(t, db, `select count(*) from pg_locks where not granted and relation = 'accounts'::regclass`)
	}
	if _, err := db.ExecContext(ctx, `select from accounts`); err != nil {
		t.Errorf("a read behind the migration: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the migration did not come through: %v", err)
	}
}

func TestMigrateDownTakesBackOneStepAtATime(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	files := migrationFiles(1, 2)
	if err := postgres.Migrate(t.Context(), db.Config(), files); err != nil {
		t.Fatal(err)
	}
	var left []int
	for range 3 {
		if err := postgres.MigrateDown(t.Context(), db.Config(), files); err != nil {
			t.Fatal(err)
		}
		left = append(left, count(t, db, `select count(*) from pg_tables where tablename like 'step\_%'`))
	}
	if diff := cmp.Diff([]int{1, 0, 0}, left); diff != "" {
		t.Errorf("tables left (-want +got):\n%s", diff)
	}
}

func TestNewMigrationNumbersFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, want := range []string{"0001_plots.sql", "0002_plots_get_a_label.sql"} {
		name := strings.TrimSuffix(want[len("0001_"):], ".sql")
		path, err := postgres.NewMigration(folder, name)
		if err != nil || !strings.HasSuffix(path, "/"+want) {
			t.Errorf("made %s: %v", path, err)
		}
	}
	if _, err := postgres.NewMigration(folder, "../Escape"); err == nil {
		t.Error("took a path for a name")
	}
}
