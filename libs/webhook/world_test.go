package webhook_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/pause"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
)

var migrations = fstest.MapFS{
	"0001_webhooks.sql": {Data: []byte("-- +goose Up\n" + webhook.Schema + "-- +goose Down\ndrop table webhook_attempts, webhook_deliveries, webhook_endpoints;\n")},
}

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// message is one that a receiver was sent.
type message struct {
	path, id string
	body     struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		Data      struct {
			N int `json:"n"`
		} `json:"data"`
	}
	header http.Header
	raw    []byte
}

// world is a store, a receiver and whatever workers the test starts.
type world struct {
	t      *testing.T
	db     *postgres.DB
	store  *webhook.Store
	clock  *clock
	guard  *publichttp.Guard
	url    string
	inbox  chan message // every message that came, in order
	mu     sync.Mutex
	answer func(message) int // the status it is answered with; 204 when nil
}

var loopback = publichttp.Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, db: pgtest.New(t, migrations), clock: &clock{at: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)},
		guard: publichttp.NewGuard(loopback), inbox: make(chan message, 1000),
	}
	w.store = webhook.NewStore(w.db, webhook.StoreOptions{Guard: w.guard, Key: []byte("key of the test"), Now: w.clock.now, PerOwner: 3})
	server := httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *world) receive(out http.ResponseWriter, r *http.Request) {
	m := message{path: r.URL.Path, id: r.Header.Get(webhook.HeaderID), header: r.Header}
	m.raw, _ = io.ReadAll(r.Body)
	if err := json.Unmarshal(m.raw, &m.body); err != nil {
		w.t.Errorf("a message that cannot be read: %s", m.raw)
	}
	w.mu.Lock()
	answer := w.answer
	w.mu.Unlock()
	status := http.StatusNoContent
	if answer != nil {
		status = answer(m)
	}
	if status == http.StatusServiceUnavailable {
		out.Header().Set("Retry-After", "600")
	}
	out.WriteHeader(status)
	w.inbox <- m
}

func (w *world) answers(fn func(message) int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = fn
}

// work runs a worker until the test ends, or stop is called.
func (w *world) work(cfg webhook.WorkerConfig) (stop func()) {
	w.t.Helper()
	cfg.Poll = 5 * time.Millisecond
	cfg.Log = slog.New(slog.NewTextHandler(w.t.Output(), nil))
	if cfg.Jitter == 0 {
		cfg.Jitter = 0.0001
	}
	worker := webhook.NewWorker(w.store, publichttp.New(publichttp.Config{Guard: w.guard, UserAgent: "test"}), cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := worker.Run(ctx); err != nil {
			w.t.Errorf("the worker ended: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	w.t.Cleanup(stop)
	return stop
}

func (w *world) endpoint(path string, owner uuid.UUID) (webhook.Endpoint, webhook.Secret) {
	w.t.Helper()
	e, secret, err := w.store.Create(w.t.Context(), webhook.Endpoint{OwnerID: owner, URL: w.url + path})
	if err != nil {
		w.t.Fatal(err)
	}
	return e, secret
}

// enqueue puts one message on its way for each n.
func (w *world) enqueue(e webhook.Endpoint, key string, ns ...int) {
	w.t.Helper()
	var messages []webhook.Message
	for _, n := range ns {
		data, _ := json.Marshal(map[string]int{"n": n})
		messages = append(messages, webhook.Message{EndpointID: e.ID, Type: "thing.happened", Key: key, At: w.clock.now(), Data: data})
	}
	if err := w.db.InTx(w.t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
		return webhook.Enqueue(ctx, tx, w.clock.now(), messages...)
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) next() message {
	w.t.Helper()
	select {
	case m := <-w.inbox:
		return m
	case <-time.After(30 * time.Second):
		w.t.Fatal("no message came")
		return message{}
	}
}

// until waits for something in the database that the worker brings about after its message has been answered.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(end) {
			w.t.Fatalf("it never came to this: %s", what)
		}
		if err := pause.For(w.t.Context(), 2*time.Millisecond); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) deliveries(e webhook.Endpoint) []webhook.Delivery {
	w.t.Helper()
	list, err := w.store.ListDeliveries(w.t.Context(), e.ID, uuid.Nil, "", 500)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) attempts(d webhook.Delivery) []webhook.Attempt {
	w.t.Helper()
	_, attempts, err := w.store.GetDelivery(w.t.Context(), d.EndpointID, d.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return attempts
}

var everything = webhook.Scope{All: true}

func (w *world) get(e webhook.Endpoint) webhook.Endpoint {
	w.t.Helper()
	out, err := w.store.Get(w.t.Context(), e.ID, everything)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}
