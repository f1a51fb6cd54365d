package feed_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
)

const table = "thing_changes"

var migrations = fstest.MapFS{"0001_things.sql": {Data: []byte(`-- +goose Up
create table things (id uuid primary key, name text not null, version bigint not null);
` + feed.Schema(table) + feed.CursorSchema + `create table copies (id uuid primary key, name text not null, version bigint not null, generation int not null);
-- +goose Down
drop table things, thing_changes, thing_changes_log, feed_cursors, copies;
`)}}

type thing struct {
	ID      uuid.UUID `db:"id" json:"id"`
	Name    string    `db:"name" json:"name"`
	Version int64     `db:"version" json:"version"`
}

// loader reads things by id.
func loader(db *postgres.DB) func(context.Context, []uuid.UUID) (map[uuid.UUID]thing, error) {
	return func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]thing, error) {
		texts := make([]string, len(ids))
		for i := range ids {
			texts[i] = ids[i].String()
		}
		var rows []thing
		err := db.SelectContext(ctx, &rows, `select id, name, version from things where id = any($1::uuid[])`, "{"+strings.Join(texts, ",")+"}")
		found := map[uuid.UUID]thing{}
		for _, r := range rows {
			found[r.ID] = r
		}
		return found, err
	}
}

// everything pretends that each entity is there: for tests that look at the log alone.
func everything(_ context.Context, ids []uuid.UUID) (map[uuid.UUID]thing, error) {
	found := map[uuid.UUID]thing{}
	for _, id := range ids {
		found[id] = thing{ID: id}
	}
	return found, nil
}

func newSource(db *postgres.DB, options feed.SourceOptions[thing]) *feed.Source[thing] {
	if options.Table == "" {
		options.Table = table
	}
	if options.Load == nil {
		options.Load = everything
	}
	return feed.NewSource(db, options)
}

// run runs the source until the test ends.
func run(t *testing.T, s *feed.Source[thing]) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func appendOne(ctx context.Context, tx sqlx.ExtContext, table string) (uuid.UUID, error) {
	id := uuid.New()
	return id, feed.Append(ctx, tx, table, feed.Change{ID: id, Op: feed.Upsert, Version: 1})
}

func ids(page feed.Page[thing]) []string {
	out := []string{}
	for _, item := range page.Items {
		out = append(out, item.ID)
	}
	return out
}

// reader follows a log by pages of its own size and remembers what it saw.
type reader struct {
	limit  int
	cursor string
	seen   []string
}

func (r *reader) read(ctx context.Context, s *feed.Source[thing], wait time.Duration) error {
	page, err := s.After(ctx, r.cursor, r.limit, wait)
	if err != nil {
		return err
	}
	if len(page.Items) > r.limit {
		return fmt.Errorf("%d items, asked for %d", len(page.Items), r.limit)
	}
	r.cursor = page.NextCursor
	r.seen = append(r.seen, ids(page)...)
	return nil
}

// Any interleaving of transactions that append, commit in any order and roll back, with readers in
// between: each reader sees each committed row exactly once, all in the same order.
func TestReadersSeeEveryCommittedRowOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	db.SetMaxOpenConns(12)
	var number, overtakings atomic.Int64
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		log := fmt.Sprintf("log_%d", number.Add(1))
		if _, err := db.ExecContext(ctx, feed.Schema(log)); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := db.ExecContext(ctx, "drop table "+log+", "+log+"_log"); err != nil {
				t.Error(err)
			}
		}()
		source := newSource(db, feed.SourceOptions[thing]{Table: log, PollInterval: 5 * time.Millisecond})
		type open struct {
			tx   *sqlx.Tx
			rows []string
			born int
		}
		var running []*open
		var committed []string
		readers := []*reader{{limit: 1}, {limit: 3}, {limit: 1000}}
		defer func() {
			for _, o := range running {
				_ = o.tx.Rollback()
			}
		}()
		take := func() *open {
			i := rapid.IntRange(0, len(running)-1).Draw(t, "which")
			o := running[i]
			for _, other := range running {
				if other.born < o.born {
					overtakings.Add(1)
					break
				}
			}
			running = append(running[:i], running[i+1:]...)
			return o
		}
		steps := rapid.IntRange(5, 40).Draw(t, "steps")
		for step := range steps {
			switch action := rapid.IntRange(0, 9).Draw(t, "action"); {
			case action <= 2 && len(running) < 8:
				tx, err := db.BeginTxx(ctx, nil)
				if err != nil {
					t.Fatal(err)
				}
				running = append(running, &open{tx: tx, born: step})
				fallthrough
			case action <= 4 && len(running) > 0:
				o := running[rapid.IntRange(0, len(running)-1).Draw(t, "to")]
				id, err := appendOne(ctx, o.tx, log)
				if err != nil {
					t.Fatal(err)
				}
				o.rows = append(o.rows, id.String())
			case action <= 6 && len(running) > 0:
				o := take()
				if err := o.tx.Commit(); err != nil {
					t.Fatal(err)
				}
				committed = append(committed, o.rows...)
			case action == 7 && len(running) > 0:
				if err := take().tx.Rollback(); err != nil {
					t.Fatal(err)
				}
			default:
				r := readers[rapid.IntRange(0, len(readers)-1).Draw(t, "reader")]
				if err := r.read(ctx, source, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		for len(running) > 0 {
			o := take()
			if err := o.tx.Commit(); err != nil {
				t.Fatal(err)
			}
			committed = append(committed, o.rows...)
		}
		// Transactions of other tests on this server may hold rows back for a while.
		end := time.Now().Add(time.Minute)
		for _, r := range readers {
			for len(r.seen) < len(committed) {
				if err := r.read(ctx, source, time.Second); err != nil {
					t.Fatal(err)
				}
				if time.Now().After(end) {
					t.Fatalf("a reader saw %d of %d rows", len(r.seen), len(committed))
				}
			}
			if err := r.read(ctx, source, 0); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]int{}
		for _, id := range committed {
			want[id]++
		}
		for _, r := range readers {
			got := map[string]int{}
			for _, id := range r.seen {
				got[id]++
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("a reader with pages of %d (-committed +seen):\n%s", r.limit, diff)
			}
			if diff := cmp.Diff(readers[0].seen, r.seen); diff != "" {
				t.Fatalf("two readers saw another order:\n%s", diff)
			}
		}
	})
	if overtakings.Load() == 0 {
		t.Error("no transaction overtook another: the property was not tried")
	}
	t.Logf("%d transactions ended before one that began earlier", overtakings.Load())
}

// The same with real concurrency and with what a reader by sequence alone would have missed.
func TestReadersKeepUpWithManyWriters(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	db.SetMaxOpenConns(24)
	source := newSource(db, feed.SourceOptions[thing]{})
	run(t, source)
	const writers, transactions = 16, 40
	var mu sync.Mutex
	committed := map[string]int{}
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for n := range transactions {
				var mine []string
				err := db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
					mine = nil
					for range 1 + (w+n)%4 {
						id, err := appendOne(ctx, tx, table)
						if err != nil {
							return err
						}
						mine = append(mine, id.String())
					}
					if (w*7+n)%5 == 0 {
						return errors.New("rolled back")
					}
					return nil
				})
				if err == nil {
					mu.Lock()
					for _, id := range mine {
						committed[id]++
					}
					mu.Unlock()
				}
			}
		})
	}
	finished := make(chan struct{})
	go func() { writing.Wait(); close(finished) }()

	readers := []*reader{{limit: 1}, {limit: 7}, {limit: 500}}
	// The naive reader remembers the highest seq it has seen.
	var naive struct {
		last int64
		seen int
	}
	readNaively := func() {
		var seqs []int64
		if err := db.Select(&seqs, `select seq from thing_changes where seq > $1 order by seq`, naive.last); err != nil {
			t.Error(err)
		}
		if naive.seen += len(seqs); len(seqs) > 0 {
			naive.last = seqs[len(seqs)-1]
		}
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-finished:
				readNaively()
				return
			default:
				readNaively()
			}
		}
	})
	for _, r := range readers {
		reading.Go(func() {
			end := time.Now().Add(time.Minute)
			for {
				done := false
				select {
				case <-finished:
					done = true
				default:
				}
				if err := r.read(t.Context(), source, 100*time.Millisecond); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				all := done && len(r.seen) >= len(committed)
				mu.Unlock()
				if all || time.Now().After(end) {
					return
				}
			}
		})
	}
	reading.Wait()
	for _, r := range readers {
		got := map[string]int{}
		for _, id := range r.seen {
			got[id]++
		}
		if diff := cmp.Diff(committed, got); diff != "" {
			t.Errorf("a reader with pages of %d (-committed +seen):\n%s", r.limit, diff)
		}
	}
	t.Logf("%d rows committed; a reader by sequence alone saw %d", len(committed), naive.seen)
}

func TestAHeldBackRowShowsAfterTheOlderTransaction(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	source := newSource(db, feed.SourceOptions[thing]{})
	older, err := db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	first := uuidOf(appendOne(t.Context(), older, table))
	began := time.Now()
	var second string
	if err := db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
		id, err := appendOne(ctx, tx, table)
		second = id.String()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	page := after(t, source, "", 0)
	if len(page.Items) != 0 {
		t.Errorf("%q was shown before an older transaction ended", ids(page))
	}
	if page.AsOf.After(time.Now()) || page.AsOf.Before(began.Add(-time.Second)) {
		t.Errorf("as of %v", page.AsOf)
	}
	if held := after(t, source, page.NextCursor, 0).AsOf; !held.Equal(page.AsOf) {
		t.Errorf("while a row is held back as_of moved from %v to %v", page.AsOf, held)
	}
	if err := older.Commit(); err != nil {
		t.Fatal(err)
	}
	page = eventually(t, source, page.NextCursor, 2)
	if diff := cmp.Diff([]string{first, second}, ids(page)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func uuidOf(id uuid.UUID, err error) string {
	if err != nil {
		panic(err)
	}
	return id.String()
}

func after(t *testing.T, s *feed.Source[thing], cursor string, wait time.Duration) feed.Page[thing] {
	t.Helper()
	page, err := s.After(t.Context(), cursor, 100, wait)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// eventually reads until n items are there: other tests' transactions may hold them back.
func eventually(t *testing.T, s *feed.Source[thing], cursor string, n int) feed.Page[thing] {
	t.Helper()
	var all feed.Page[thing]
	for end := time.Now().Add(time.Minute); len(all.Items) < n; {
		page := after(t, s, cursor, time.Second)
		all.Items, all.NextCursor, all.AsOf = append(all.Items, page.Items...), page.NextCursor, page.AsOf
		cursor = page.NextCursor
		if time.Now().After(end) {
			t.Fatalf("%d of %d items came", len(all.Items), n)
		}
	}
	return all
}

// Nobody looks by the clock here, so it is the notification that wakes.
func TestTheWaitingAreWokenByOneListener(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	cfg := db.Config()
	source := newSource(db, feed.SourceOptions[thing]{PollInterval: time.Hour})
	run(t, source)
	start := after(t, source, "", 0).NextCursor
	const waiting = 40
	var work sync.WaitGroup
	woken := make(chan time.Duration, waiting)
	for range waiting {
		work.Go(func() {
			began := time.Now()
			page, err := source.After(t.Context(), start, 10, 25*time.Second)
			if err != nil || len(page.Items) != 1 {
				t.Errorf("got %q, %v", ids(page), err)
			}
			woken <- time.Since(began)
		})
	}
	listeners := func() int {
		var n int
		if err := db.Get(&n, `select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for end := time.Now().Add(20 * time.Second); listeners() == 0; {
		if time.Now().After(end) {
			t.Fatal("nobody listens")
		}
	}
	if n := listeners(); n != 1 {
		t.Errorf("%d connections listen for %d who wait", n, waiting)
	}
	if cfg.MaxOpen >= waiting {
		t.Fatalf("the pool of %d hides who holds connections while waiting", cfg.MaxOpen)
	}
	if err := feed.Append(t.Context(), db, table, feed.Change{ID: uuid.New(), Op: feed.Upsert}); err != nil {
		t.Fatal(err)
	}
	work.Wait()
	close(woken)
	var slowest time.Duration
	for d := range woken {
		slowest = max(slowest, d)
	}
	if slowest > 20*time.Second {
		t.Errorf("somebody waited %v", slowest)
	}
	t.Logf("%d woken within %v of asking", waiting, slowest)
}

// When the older transaction ends without having written to the log nothing is notified.
func TestTheWaitingSeeHeldBackRowsWithoutANotification(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	source := newSource(db, feed.SourceOptions[thing]{PollInterval: time.Hour})
	run(t, source)
	older, err := db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := older.Exec(`insert into things values ($1, 'unrelated', 1)`, uuid.New()); err != nil {
		t.Fatal(err)
	}
	start := after(t, source, "", 0).NextCursor
	got := make(chan feed.Page[thing], 1)
	go func() {
		page, err := source.After(t.Context(), start, 10, 25*time.Second)
		if err != nil {
			t.Error(err)
		}
		got <- page
	}()
	if err := feed.Append(t.Context(), db, table, feed.Change{ID: uuid.New(), Op: feed.Upsert}); err != nil {
		t.Fatal(err)
	}
	if err := older.Rollback(); err != nil {
		t.Fatal(err)
	}
	if page := <-got; len(page.Items) != 1 {
		t.Errorf("got %q", ids(page))
	}
}

func TestAfterWaitsNoLongerThanAsked(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	for _, running := range []bool{true, false} {
		source := newSource(db, feed.SourceOptions[thing]{})
		if running {
			run(t, source)
		}
		began := time.Now()
		page := after(t, source, "", 300*time.Millisecond)
		if took := time.Since(began); took < 300*time.Millisecond || took > 10*time.Second || len(page.Items) != 0 || page.NextCursor == "" {
			t.Errorf("after %v: %+v", took, page)
		}
		// A request's deadline ends the wait early, and in a page.
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		if page, err := source.After(ctx, "", 10, 25*time.Second); err != nil || page.NextCursor == "" {
			t.Errorf("before the deadline: %+v, %v", page, err)
		}
		cancel()
		if _, err := source.After(ctx, "", 10, time.Second); err == nil {
			t.Error("a caller that is gone got an answer")
		}
	}
}

func TestStoppingReleasesTheWaiting(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	source := newSource(db, feed.SourceOptions[thing]{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- source.Run(ctx) }()
	released := make(chan time.Duration, 1)
	began := time.Now()
	go func() {
		page, err := source.After(t.Context(), "", 10, 25*time.Second)
		if err != nil || len(page.Items) != 0 {
			t.Errorf("got %+v, %v", page, err)
		}
		released <- time.Since(began)
	}()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run ended with %v", err)
	}
	if took := <-released; took > 15*time.Second {
		t.Errorf("released after %v", took)
	}
	if _, err := source.After(t.Context(), "", 10, 25*time.Second); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestEventsShowTheEntityAsItIs(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	source := newSource(db, feed.SourceOptions[thing]{Load: loader(db)})
	there, gone := uuid.New(), uuid.New()
	if err := db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `insert into things values ($1, 'now', 3)`, there); err != nil {
			return err
		}
		return feed.Append(ctx, tx, table,
			feed.Change{ID: there, Op: feed.Delete, Version: 1}, // and then made anew
			feed.Change{ID: gone, Op: feed.Upsert, Version: 1},  // and then deleted
			feed.Change{ID: there, Op: feed.Upsert, Version: 3})
	}); err != nil {
		t.Fatal(err)
	}
	page := eventually(t, source, "", 3)
	now := &thing{there, "now", 3}
	want := []feed.Event[thing]{
		{ID: there.String(), Op: feed.Upsert, Version: 1, Data: now},
		{ID: gone.String(), Op: feed.Delete, Version: 1},
		{ID: there.String(), Op: feed.Upsert, Version: 3, Data: now},
	}
	for i := range page.Items {
		if page.Items[i].ChangedAt.IsZero() {
			t.Error("an event does not say when")
		}
		page.Items[i].ChangedAt = time.Time{}
	}
	if diff := cmp.Diff(want, page.Items); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAppendKeepsTheOrderOfManyChanges(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	source := newSource(db, feed.SourceOptions[thing]{})
	changes := make([]feed.Change, 12_000) // more than one statement takes
	for i := range changes {
		changes[i] = feed.Change{ID: uuid.New(), Op: feed.Upsert, Version: int64(i)}
	}
	if err := db.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
		return feed.Append(ctx, tx, table, changes...)
	}); err != nil {
		t.Fatal(err)
	}
	page := eventually(t, source, "", len(changes))
	for i, item := range page.Items {
		if item.Version != int64(i) || item.ID != changes[i].ID.String() {
			t.Fatalf("item %d is version %d", i, item.Version)
		}
	}
	if err := feed.Append(t.Context(), db, table, feed.Change{ID: uuid.New(), Op: "rename"}); postgres.Constraint(err) != "thing_changes_op_check" {
		t.Errorf("an unknown operation: %v", err)
	}
	if err := feed.Append(t.Context(), db, table); err != nil {
		t.Errorf("nothing to append: %v", err)
	}
}

func TestHeadIsWhereALoadedCopyGoesOn(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	source := newSource(db, feed.SourceOptions[thing]{})
	old := uuidOf(appendOne(t.Context(), db, table))
	eventually(t, source, "", 1)
	// This one began before Head and commits after it: the copy's query does not see it.
	tx, err := db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	late := uuidOf(appendOne(t.Context(), tx, table))
	head, err := source.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	next := uuidOf(appendOne(t.Context(), db, table))
	if diff := cmp.Diff([]string{late, next}, ids(eventually(t, source, head, 2))); diff != "" {
		t.Errorf("after the head, with %s before it (-want +got):\n%s", old, diff)
	}
}

func TestCursorsThatLeadNowhereAreRefused(t *testing.T) {
	t.Parallel()
	db, other := pgtest.New(t, migrations), pgtest.New(t, migrations)
	// Copies of one template have one epoch, as a server and its restored dump have.
	if _, err := other.Exec(`update thing_changes_log set epoch = gen_random_uuid()`); err != nil {
		t.Fatal(err)
	}
	source := newSource(db, feed.SourceOptions[thing]{})
	good := after(t, source, "", 0).NextCursor
	foreign := after(t, newSource(other, feed.SourceOptions[thing]{}), "", 0).NextCursor
	read := func(s *feed.Source[thing], cursor string) error {
		_, err := s.After(t.Context(), cursor, 10, 0)
		return err
	}
	for name, bad := range map[string]string{
		"a text": "nonsense", "a long one": strings.Repeat("A", 4000), "cut": good[:len(good)-1], "longer": good + "A",
		"zeros": strings.Repeat("A", len(good)), "not base64": strings.Repeat("!", len(good)), "a blank": " ",
	} {
		if err := read(source, bad); !errors.Is(err, feed.ErrBadCursor) || !feed.Lost(err) || len(fault.Of(err).Fields()) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := read(source, good); err != nil {
		t.Errorf("a good cursor: %v", err)
	}
	if err := read(source, foreign); !errors.Is(err, feed.ErrCursorGone) || !feed.Lost(err) {
		t.Errorf("a cursor of another database: %v", err)
	}
	if err := read(newSource(db, feed.SourceOptions[thing]{Retention: time.Nanosecond}), good); !errors.Is(err, feed.ErrCursorGone) {
		t.Errorf("an old cursor: %v", err)
	}
	// Given out by a server that had got further than the one that was restored in its place.
	if err := read(source, feed.MoveCursor(t, good, 9_000_000_000_000)); !errors.Is(err, feed.ErrCursorGone) {
		t.Errorf("a cursor of the future: %v", err)
	}
}

// A dump restored into another server brings rows whose xids are of that server's future.
func TestALogFromAnotherServerIsRenumbered(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	before := after(t, newSource(db, feed.SourceOptions[thing]{}), "", 0).NextCursor
	var want []string
	for i := range 5 {
		id := uuid.New()
		want = append(want, id.String())
		// In another order by seq than by xid, as transactions overlap.
		if _, err := db.Exec(`insert into thing_changes (xid, seq, entity_id, op, version) overriding system value
values (($1::text)::xid8, $2, $3, 'upsert', $4)`, fmt.Sprint(9_000_000_000_000+i), 10-i, id, i); err != nil {
			t.Fatal(err)
		}
	}
	one, two := newSource(db, feed.SourceOptions[thing]{}), newSource(db, feed.SourceOptions[thing]{})
	run(t, one)
	run(t, two)
	var page feed.Page[thing]
	for end := time.Now().Add(time.Minute); len(page.Items) < 5; {
		if page = after(t, one, "", 0); time.Now().After(end) {
			t.Fatalf("%d of 5 rows are shown", len(page.Items))
		}
	}
	if diff := cmp.Diff(want, ids(page)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := one.After(t.Context(), before, 10, 0); !errors.Is(err, feed.ErrCursorGone) {
		t.Errorf("a cursor of before: %v", err)
	}
	later := uuidOf(appendOne(t.Context(), db, table))
	if diff := cmp.Diff([]string{later}, ids(eventually(t, two, page.NextCursor, 1))); diff != "" {
		t.Errorf("what comes later (-want +got):\n%s", diff)
	}
}

func TestCompactRemovesWhatNoReaderNeeds(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	source := newSource(db, feed.SourceOptions[thing]{Load: loader(db), Retention: time.Hour})
	changing, deleted, buried, reborn := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	for i := range 4 {
		if err := feed.Append(t.Context(), db, table, feed.Change{ID: changing, Op: feed.Upsert, Version: int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := feed.Append(t.Context(), db, table, feed.Change{ID: deleted, Op: feed.Upsert}, feed.Change{ID: buried, Op: feed.Upsert},
		feed.Change{ID: deleted, Op: feed.Delete, Version: 1}, feed.Change{ID: buried, Op: feed.Delete, Version: 1}, feed.Change{ID: reborn, Op: feed.Delete, Version: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`insert into things values ($1, 'c', 3), ($2, 'r', 1)`, changing, reborn); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`update thing_changes set changed_at = now() - interval '2 hours' where entity_id = any(array[$1, $2]::uuid[])`, buried, reborn); err != nil {
		t.Fatal(err)
	}
	eventually(t, source, "", 9)
	removed, err := source.Compact(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, item := range eventually(t, source, "", 3).Items {
		got[string(item.Op)+" "+item.ID] = item.Version
	}
	want := map[string]int64{"upsert " + changing.String(): 3, "delete " + deleted.String(): 1, "upsert " + reborn.String(): 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if removed != 6 {
		t.Errorf("removed %d rows", removed)
	}
	if again, err := source.Compact(t.Context()); err != nil || again != 0 {
		t.Errorf("a second time: %d, %v", again, err)
	}
}

// A page must not cost more the longer the log is.
func TestAPageIsReadByTheIndex(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	if _, err := db.Exec(`insert into thing_changes (xid, entity_id, op, version)
select '3', gen_random_uuid(), 'upsert', 1 from generate_series(1, 100000) n`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`vacuum analyze thing_changes`); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Beginx()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	// A source that waits asks for what comes after the end; one that replays, for the middle.
	for _, from := range []int{50_000, 100_000} {
		var plan []string
		if err := tx.Select(&plan, `explain (analyze, buffers, costs off, timing off) `+feed.PageStatement(table), "3", from, 100); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "\n")
		if strings.Contains(text, "Seq Scan on thing_changes ") || strings.Contains(text, "Rows Removed") || !strings.Contains(text, "Index Cond: ((ROW(xid, seq) >") {
			t.Errorf("from %d:\n%s", from, text)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add("AQ")
	f.Add(strings.Repeat("A", 55))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := feed.ParseCursor(text)
		if err == nil && text != "" && c.String() != text {
			t.Errorf("%q is read as %q", text, c.String())
		}
		if err != nil && !errors.Is(err, feed.ErrBadCursor) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
