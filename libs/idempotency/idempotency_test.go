package idempotency

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/gofiber/fiber/v2"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

var migrations = fstest.MapFS{
	"0001_idempotency.sql": {Data: []byte("-- +goose Up\n" + Schema)},
	"0002_booking.sql":     {Data: []byte("-- +goose Up\nCREATE TABLE booking (n bigint GENERATED ALWAYS AS IDENTITY, what text NOT NULL);\n")},
}

// booking is an answer with everything that might suffer on its way through JSON.
type booking struct {
	N    int64  `json:"n"`
	What string `json:"what"`
}

func newDB(t *testing.T) *postgres.DB {
	t.Helper()
	return pgtest.New(t, migrations)
}

// with is a context as Middleware makes it.
func with(ctx context.Context, key, body string) context.Context {
	return context.WithValue(ctx, contextKey{}, &attempt{key: key, route: "POST /bookings", hash: sha256.Sum256([]byte(body))})
}

// book is the work: it writes a row.
func book(what string) func(context.Context, *sqlx.Tx) (booking, error) {
	return func(ctx context.Context, tx *sqlx.Tx) (booking, error) {
		b := booking{What: what}
		return b, tx.GetContext(ctx, &b.N, "INSERT INTO booking (what) VALUES ($1) RETURNING n", what)
	}
}

func count(t *testing.T, db *postgres.DB, table string) int {
	t.Helper()
	var n int
	if err := db.GetContext(t.Context(), &n, "SELECT count(*) FROM "+table); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheSameKeyGivesTheSameAnswer(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	first, replayed, err := Do(with(t.Context(), "k", "b"), db, "ada", book("a \"plot\" – 1<2"))
	if err != nil || replayed {
		t.Fatalf("first: %v, replayed %v", err, replayed)
	}
	for range 3 {
		again, replayed, err := Do(with(t.Context(), "k", "b"), db, "ada", book("something else"))
		if err != nil || !replayed || again != first {
			t.Errorf("again: %+v, replayed %v, %v; want %+v", again, replayed, err, first)
		}
	}
	if n := count(t, db, "booking"); n != 1 {
		t.Errorf("%d bookings", n)
	}
}

func TestKeysBelongToAPrincipalAndARoute(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	other := context.WithValue(t.Context(), contextKey{}, &attempt{key: "k", route: "POST /others", hash: sha256.Sum256([]byte("b"))})
	for name, do := range map[string]func() (booking, bool, error){
		"ada":           func() (booking, bool, error) { return Do(with(t.Context(), "k", "b"), db, "ada", book("x")) },
		"bob":           func() (booking, bool, error) { return Do(with(t.Context(), "k", "b"), db, "bob", book("x")) },
		"another key":   func() (booking, bool, error) { return Do(with(t.Context(), "K", "b"), db, "ada", book("x")) },
		"another route": func() (booking, bool, error) { return Do(other, db, "ada", book("x")) },
	} {
		if _, replayed, err := do(); err != nil || replayed {
			t.Errorf("%s: replayed %v, %v", name, replayed, err)
		}
	}
	if n := count(t, db, "booking"); n != 4 {
		t.Errorf("%d bookings, want 4", n)
	}
}

func TestAnotherBodyIsRefused(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	if _, _, err := Do(with(t.Context(), "k", "b"), db, "ada", book("x")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Do(with(t.Context(), "k", "c"), db, "ada", book("x")); !errors.Is(err, ErrReused) {
		t.Errorf("another body: %v", err)
	}
}

func TestFailedWorkStoresNothing(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	failure := errors.New("no")
	fail := func(ctx context.Context, tx *sqlx.Tx) (booking, error) {
		b, err := book("x")(ctx, tx)
		return b, errors.Join(err, failure)
	}
	if out, _, err := Do(with(t.Context(), "k", "b"), db, "ada", fail); !errors.Is(err, failure) || out != (booking{}) {
		t.Errorf("failing: %+v %v", out, err)
	}
	if n := count(t, db, "booking") + count(t, db, "idempotency"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if _, replayed, err := Do(with(t.Context(), "k", "b"), db, "ada", book("x")); err != nil || replayed {
		t.Errorf("tried again: replayed %v, %v", replayed, err)
	}
}

func TestFiftyAtOnceHappenOnce(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	db.SetMaxOpenConns(12)
	var answers sync.Map
	var done, refused atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			switch out, _, err := Do(with(t.Context(), "k", "b"), db, "ada", book("x")); {
			case err == nil:
				done.Add(1)
				answers.Store(out, true)
			case errors.Is(err, ErrInFlight):
				refused.Add(1)
			default:
				t.Errorf("Do: %v", err)
			}
		})
	}
	all.Wait()
	kinds := 0
	answers.Range(func(any, any) bool { kinds++; return true })
	t.Logf("%d answered, %d told to wait", done.Load(), refused.Load())
	if n := count(t, db, "booking"); n != 1 || kinds != 1 || done.Load()+refused.Load() != 50 {
		t.Errorf("%d bookings and %d different answers", n, kinds)
	}
}

func TestARequestUnderWayIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	entered, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		_, _, err := Do(with(t.Context(), "k", "b"), db, "ada", func(ctx context.Context, tx *sqlx.Tx) (booking, error) {
			close(entered)
			<-release
			return book("x")(ctx, tx)
		})
		first <- err
	}()
	<-entered
	if _, _, err := Do(with(t.Context(), "k", "b"), db, "ada", book("x")); !errors.Is(err, ErrInFlight) {
		t.Errorf("meanwhile: %v", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the first: %v", err)
	}
	if _, replayed, err := Do(with(t.Context(), "k", "b"), db, "ada", book("x")); err != nil || !replayed {
		t.Errorf("afterwards: replayed %v, %v", replayed, err)
	}
}

func TestAnswersExpire(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	age := func(interval string) {
		if _, err := db.ExecContext(t.Context(), "UPDATE idempotency SET created_at = now() - $1::interval", interval); err != nil {
			t.Fatal(err)
		}
	}
	first, _, err := Do(with(t.Context(), "k", "b"), db, "ada", book("x"))
	if err != nil {
		t.Fatal(err)
	}
	age("23 hours 59 minutes")
	if again, replayed, err := Do(with(t.Context(), "k", "b"), db, "ada", book("x")); err != nil || !replayed || again != first {
		t.Errorf("just before: %+v replayed %v, %v", again, replayed, err)
	}
	age("24 hours 1 minute")
	second, replayed, err := Do(with(t.Context(), "k", "another body"), db, "ada", book("y"))
	if err != nil || replayed || second == first {
		t.Errorf("just after: %+v replayed %v, %v", second, replayed, err)
	}
	if again, replayed, err := Do(with(t.Context(), "k", "another body"), db, "ada", book("z")); err != nil || !replayed || again != second {
		t.Errorf("the new one: %+v replayed %v, %v", again, replayed, err)
	}
	if _, _, err := Do(with(t.Context(), "k2", "b"), db, "ada", book("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE idempotency SET created_at = now() - interval '25 hours' WHERE key = 'k'"); err != nil {
		t.Fatal(err)
	}
	if n, err := Purge(t.Context(), db); err != nil || n != 1 || count(t, db, "idempotency") != 1 {
		t.Errorf("purged %d, %v", n, err)
	}
}

func TestWithoutAKeyItJustRuns(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	for range 2 {
		if _, replayed, err := Do(t.Context(), db, "ada", book("x")); err != nil || replayed {
			t.Errorf("replayed %v, %v", replayed, err)
		}
	}
	if count(t, db, "booking") != 2 || count(t, db, "idempotency") != 0 {
		t.Errorf("%d bookings, %d answers", count(t, db, "booking"), count(t, db, "idempotency"))
	}
}

func TestOverHTTP(t *testing.T) {
	t.Parallel()
	db := newDB(t)
	app := httpserver.New(httpserver.Config{}, telemetry.Discard()).App()
	handler := func(c *fiber.Ctx) error {
		out, _, err := Do(c.UserContext(), db, "ada", book(string(c.Body())))
		if err != nil {
			return err
		}
		return c.Status(http.StatusCreated).JSON(out)
	}
	app.Post("/bookings/:id", Middleware(), handler)
	app.Put("/bookings/:id", Middleware(), handler)
	send := func(method, path, body string, keys ...string) (int, string, string) {
		request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		request.Header["Idempotency-Key"] = keys
		response, err := app.Test(request, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		all, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(all), response.Header.Get(ReplayedHeader)
	}
	for _, step := range []struct {
		what, method, path, body string
		keys                     []string
		status                   int
		answer, replayed         string
	}{
		{"the first", "POST", "/bookings/1", "a", []string{"k"}, 201, `{"n":1,"what":"a"}`, ""},
		{"again", "POST", "/bookings/1", "a", []string{"k"}, 201, `{"n":1,"what":"a"}`, "true"},
		{"another body", "POST", "/bookings/1", "b", []string{"k"}, 422, "idempotency_key_reused", ""},
		{"another query", "POST", "/bookings/1?x=1", "a", []string{"k"}, 422, "idempotency_key_reused", ""},
		{"another resource", "POST", "/bookings/2", "a", []string{"k"}, 201, `{"n":2,"what":"a"}`, ""},
		{"no key", "POST", "/bookings/1", "a", nil, 201, `{"n":3,"what":"a"}`, ""},
		{"a method that needs none", "PUT", "/bookings/1", "a", []string{"k"}, 201, `{"n":4,"what":"a"}`, ""},
		{"two keys", "POST", "/bookings/1", "a", []string{"k", "l"}, 400, "bad_idempotency_key", ""},
		{"an empty key", "POST", "/bookings/1", "a", []string{""}, 400, "bad_idempotency_key", ""},
		{"a key with a blank", "POST", "/bookings/1", "a", []string{"a b"}, 400, "bad_idempotency_key", ""},
		{"a key that is not ASCII", "POST", "/bookings/1", "a", []string{"ä"}, 400, "bad_idempotency_key", ""},
		{"a key that is too long", "POST", "/bookings/1", "a", []string{strings.Repeat("k", 256)}, 400, "bad_idempotency_key", ""},
		{"the longest key", "POST", "/bookings/1", "a", []string{strings.Repeat("k", 255)}, 201, `{"n":5,"what":"a"}`, ""},
	} {
		status, answer, replayed := send(step.method, step.path, step.body, step.keys...)
		if status != step.status || !strings.Contains(answer, step.answer) || replayed != step.replayed {
			t.Errorf("%s: %d %s, replayed %q; want %d %s, %q", step.what, status, answer, replayed, step.status, step.answer, step.replayed)
		}
	}
}

func TestStreamedBodiesArePassedOver(t *testing.T) {
	t.Parallel()
	server := httpserver.New(httpserver.Config{}, telemetry.Discard())
	server.AllowBody("POST", "/uploads", 1<<20, true)
	server.App().Post("/uploads", Middleware(), func(c *fiber.Ctx) error {
		streamed := c.Request().IsBodyStream()
		n, err := io.Copy(io.Discard, httpserver.BodyReader(c))
		if err != nil {
			return err
		}
		return c.JSON(fiber.Map{"bytes": n, "streamed": streamed})
	})
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/uploads", strings.NewReader(strings.Repeat("x", 1<<20)))
	request.Header.Set(Header, "k")
	response, err := server.App().Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != `{"bytes":1048576,"streamed":true}` {
		t.Errorf("%s %v", body, err)
	}
}

func BenchmarkDo(b *testing.B) {
	db := pgtest.New(b, migrations)
	for i := 0; b.Loop(); i++ {
		if _, _, err := Do(with(b.Context(), fmt.Sprint(i), "b"), db, "ada", book("x")); err != nil {
			b.Fatal(err)
		}
	}
}
