package feed_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/pause"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/problem"
)

// serve puts a source behind HTTP as a service does. before may answer in its stead.
func serve(t *testing.T, source *feed.Source[thing], before func(w http.ResponseWriter, r *http.Request) (done bool)) *httpclient.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before != nil && before(w, r) {
			return
		}
		query := r.URL.Query()
		limit, limitErr := strconv.Atoi(query.Get("limit"))
		wait, waitErr := strconv.Atoi(query.Get("wait"))
		if r.URL.Path != "/v1/things/changes" || limitErr != nil || waitErr != nil || query.Get("kind") != "any" {
			t.Errorf("asked for %s", r.URL)
		}
		page, err := source.After(r.Context(), query.Get("after"), limit, time.Duration(wait)*time.Second)
		if err != nil {
			document := problem.From(fault.Of(err), r.URL.Path, "")
			w.Header().Set("Content-Type", problem.ContentType)
			w.WriteHeader(document.Status)
			_ = json.NewEncoder(w).Encode(document)
			return
		}
		_ = json.NewEncoder(w).Encode(page)
	}))
	t.Cleanup(server.Close)
	return httpclient.New(httpclient.Config{BaseURL: server.URL})
}

// copier keeps a copy of the things, as a service that follows them does.
type copier struct {
	db         *postgres.DB
	generation int
	before     func(batch feed.Batch[thing]) error // may refuse a batch
	after      func(batch feed.Batch[thing]) error // may fail when it is stored already
	resets     atomic.Int32
}

func (c *copier) config(client *httpclient.Client) feed.FollowConfig {
	return feed.FollowConfig{
		Name: "things", Client: client, Path: "/v1/things/changes", Query: map[string][]string{"kind": {"any"}},
		Limit: 5, Wait: time.Second,
		LoadCursor: func(ctx context.Context) (string, error) { return feed.LoadCursor(ctx, c.db, "things") },
	}
}

func (c *copier) apply(ctx context.Context, batch feed.Batch[thing]) error {
	if c.before != nil {
		if err := c.before(batch); err != nil {
			return err
		}
	}
	if batch.Reset {
		c.resets.Add(1)
		c.generation++
	}
	err := c.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		for _, event := range batch.Items {
			if event.Op == feed.Delete {
				if _, err := tx.ExecContext(ctx, `delete from copies where id = $1`, event.ID); err != nil {
					return err
				}
				continue
			}
			if _, err := tx.ExecContext(ctx, `insert into copies (id, name, version, generation) values ($1, $2, $3, $4)
on conflict (id) do update set name = excluded.name, version = excluded.version, generation = excluded.generation`,
				event.ID, event.Data.Name, event.Data.Version, c.generation); err != nil {
				return err
			}
		}
		if batch.CaughtUp {
			if _, err := tx.ExecContext(ctx, `delete from copies where generation < $1`, c.generation); err != nil {
				return err
			}
		}
		return feed.SaveCursor(ctx, tx, "things", batch.NextCursor)
	})
	if err == nil && c.after != nil {
		err = c.after(batch)
	}
	return err
}

func follow(t *testing.T, follower *feed.Follower[thing]) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- follower.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func things(t *testing.T, db *postgres.DB, from string) map[string]string {
	t.Helper()
	var rows []thing
	if err := db.Select(&rows, `select id, name, version from `+from); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, r := range rows {
		all[r.ID.String()] = fmt.Sprint(r.Name, " ", r.Version)
	}
	return all
}

// until waits for what nothing tells of; wrong says what is still wrong, "" when nothing is.
func until(t *testing.T, wrong func() string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		what := wrong()
		if what == "" {
			return
		}
		if pause.For(t.Context(), 10*time.Millisecond) != nil || time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

func awaitEqual(t *testing.T, source, target *postgres.DB) {
	t.Helper()
	until(t, func() string { return cmp.Diff(things(t, source, "things"), things(t, target, "copies")) })
}

// change makes, changes or deletes a random thing.
func change(ctx context.Context, db *postgres.DB, known *[]uuid.UUID, random *rand.Rand) error {
	return db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if len(*known) == 0 || random.IntN(3) == 0 {
			id := uuid.New()
			*known = append(*known, id)
			if _, err := tx.ExecContext(ctx, `insert into things values ($1, 'new', 1)`, id); err != nil {
				return err
			}
			return feed.Append(ctx, tx, table, feed.Change{ID: id, Op: feed.Upsert, Version: 1})
		}
		i := random.IntN(len(*known))
		id := (*known)[i]
		if random.IntN(3) == 0 {
			*known = append((*known)[:i], (*known)[i+1:]...)
			if _, err := tx.ExecContext(ctx, `delete from things where id = $1`, id); err != nil {
				return err
			}
			return feed.Append(ctx, tx, table, feed.Change{ID: id, Op: feed.Delete})
		}
		var version int64
		if err := tx.GetContext(ctx, &version, `update things set name = 'changed', version = version + 1 where id = $1 returning version`, id); err != nil {
			return err
		}
		return feed.Append(ctx, tx, table, feed.Change{ID: id, Op: feed.Upsert, Version: version})
	})
}

// Answers that fail, batches that are refused, batches that are stored and yet reported as failed,
// and a follower that is stopped and started: in the end the copy is the original.
func TestACopyIsTheOriginalWhateverFailed(t *testing.T) {
	t.Parallel()
	original, copied := pgtest.New(t, migrations), pgtest.New(t, migrations)
	source := newSource(original, feed.SourceOptions[thing]{Load: loader(original)})
	run(t, source)
	var answers, failed atomic.Int32
	client := serve(t, source, func(w http.ResponseWriter, _ *http.Request) bool {
		switch n := answers.Add(1); {
		case n%7 == 3:
			http.Error(w, "broken", http.StatusInternalServerError)
		case n%11 == 5:
			panic(http.ErrAbortHandler)
		default:
			return false
		}
		failed.Add(1)
		return true
	})
	c := &copier{db: copied}
	batches := 0
	c.before = func(feed.Batch[thing]) error {
		if batches++; batches%6 == 4 {
			return errors.New("refused")
		}
		return nil
	}
	c.after = func(feed.Batch[thing]) error {
		if batches%6 == 2 {
			return errors.New("stored, and not said so")
		}
		return nil
	}
	random := rand.New(rand.NewPCG(1, 2))
	var known []uuid.UUID
	for range 8 { // each round with a follower of its own
		stop := follow(t, feed.NewFollower(c.config(client), c.apply))
		for range 25 {
			if err := change(t.Context(), original, &known, random); err != nil {
				t.Fatal(err)
			}
		}
		stop()
	}
	follower := feed.NewFollower(c.config(client), c.apply)
	follow(t, follower)
	awaitEqual(t, original, copied)
	if failed.Load() == 0 || len(known) == 0 {
		t.Errorf("nothing failed, or nothing is left to compare")
	}
	if n := c.resets.Load(); n == 0 {
		t.Error("the first reading was not announced")
	}
}

func TestAFollowerStartsOverWhenItsPlaceIsLost(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(original, copied *postgres.DB) error{
		"a log made anew": func(original, _ *postgres.DB) error {
			// What was deleted then never shows as deleted.
			_, err := original.Exec(`delete from thing_changes; delete from things where name = 'goes';
update thing_changes_log set epoch = gen_random_uuid(); insert into thing_changes (entity_id, op, version) select id, 'upsert', 1 from things`)
			return err
		},
		"a cursor that is none": func(_, copied *postgres.DB) error {
			_, err := copied.Exec(`update feed_cursors set cursor = 'nonsense'`)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			original, copied := pgtest.New(t, migrations), pgtest.New(t, migrations)
			source := newSource(original, feed.SourceOptions[thing]{Load: loader(original)})
			run(t, source)
			client := serve(t, source, nil)
			for i := range 12 {
				id, name := uuid.New(), "stays"
				if i%3 == 0 {
					name = "goes"
				}
				if err := original.InTx(t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
					if _, err := tx.ExecContext(ctx, `insert into things values ($1, $2, 1)`, id, name); err != nil {
						return err
					}
					return feed.Append(ctx, tx, table, feed.Change{ID: id, Op: feed.Upsert, Version: 1})
				}); err != nil {
					t.Fatal(err)
				}
			}
			c := &copier{db: copied}
			stop := follow(t, feed.NewFollower(c.config(client), c.apply))
			awaitEqual(t, original, copied)
			stop()
			if err := spoil(original, copied); err != nil {
				t.Fatal(err)
			}
			follow(t, feed.NewFollower(c.config(client), c.apply))
			until(t, func() string {
				if c.resets.Load() < 2 {
					return "it did not start over"
				}
				return ""
			})
			awaitEqual(t, original, copied)
		})
	}
}

func TestAFollowerTellsHowItFares(t *testing.T) {
	t.Parallel()
	original, copied := pgtest.New(t, migrations), pgtest.New(t, migrations)
	source := newSource(original, feed.SourceOptions[thing]{Load: loader(original)})
	run(t, source)
	var down atomic.Bool
	down.Store(true)
	client := serve(t, source, func(w http.ResponseWriter, _ *http.Request) bool {
		if down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
		}
		return down.Load()
	})
	c := &copier{db: copied}
	follower := feed.NewFollower(c.config(client), c.apply)
	if _, err := follower.Probe(t.Context()); err == nil || follower.Lag() >= 0 {
		t.Errorf("before it ran: %v, %v", err, follower.Lag())
	}
	follow(t, follower)
	becomes := func(holds func(s feed.State) bool) {
		t.Helper()
		until(t, func() string {
			if s := follower.State(); !holds(s) {
				return fmt.Sprintf("it fares otherwise: %+v", s)
			}
			return ""
		})
	}
	becomes(func(s feed.State) bool { return s.Failures > 0 })
	if _, err := follower.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "never read") || !errors.Is(err, httpclient.ErrPeer) {
		t.Errorf("while the peer was never there: %v", err)
	}
	down.Store(false)
	becomes(func(s feed.State) bool { return s.CaughtUp })
	if detail, err := follower.Probe(t.Context()); err != nil || !strings.HasPrefix(detail, "as of 20") {
		t.Errorf("while all is well: %q, %v", detail, err)
	}
	if lag := follower.Lag(); lag < 0 || lag > time.Minute {
		t.Errorf("while all is well the copy is %v old", lag)
	}
	down.Store(true)
	becomes(func(s feed.State) bool { return s.Failures > 0 })
	if detail, err := follower.Probe(t.Context()); err == nil || !strings.HasPrefix(detail, "as of 20") {
		t.Errorf("while the peer is down again: %q, %v", detail, err)
	}
	if follower.State().LastSuccess.IsZero() {
		t.Error("the last success is forgotten")
	}
}

// A peer that does not wait, as one that stops or has no Run, must not be asked without a pause.
func TestAFollowerDoesNotHammerAPeerThatDoesNotWait(t *testing.T) {
	t.Parallel()
	copied := pgtest.New(t, migrations)
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_ = json.NewEncoder(w).Encode(feed.Page[thing]{NextCursor: "somewhere", AsOf: time.Now()})
	}))
	defer server.Close()
	c := &copier{db: copied}
	stop := follow(t, feed.NewFollower(c.config(httpclient.New(httpclient.Config{BaseURL: server.URL})), c.apply))
	_ = pause.For(t.Context(), 1200*time.Millisecond) // in which it is counted
	stop()
	if n := asked.Load(); n < 1 || n > 4 {
		t.Errorf("asked %d times in 1.2 s", n)
	}
}

func TestACursorIsKeptByName(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, migrations)
	save := func(name, cursor string) {
		if err := feed.SaveCursor(t.Context(), db, name, cursor); err != nil {
			t.Fatal(err)
		}
	}
	save("stations", "one")
	save("plots", "two")
	save("stations", "three")
	got := map[string]string{}
	for _, name := range []string{"stations", "plots", "never"} {
		cursor, err := feed.LoadCursor(t.Context(), db, name)
		if err != nil {
			t.Fatal(err)
		}
		got[name] = cursor
	}
	if diff := cmp.Diff(map[string]string{"stations": "three", "plots": "two", "never": ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
