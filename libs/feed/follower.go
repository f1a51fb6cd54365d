package feed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/pause"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

const (
	defaultLimit = 500
	defaultWait  = 20 * time.Second
	firstBackoff = 200 * time.Millisecond
	lastBackoff  = 30 * time.Second
	// askedTooSoon is how long an empty page must have taken when a wait was asked for. A peer that
	// answers at once, as one that shuts down does, is not asked again at once.
	askedTooSoon = 500 * time.Millisecond
	// answerTime is what a peer gets beyond the wait.
	answerTime = 15 * time.Second
)

// Batch is a page as it is handed to be stored.
type Batch[T any] struct {
	Items      []Event[T] // in order; none when there was nothing new
	NextCursor string     // to be stored in the same transaction as the items
	AsOf       time.Time  // the copy is then the peer's state at this time, by the peer's clock
	// Reset says that this page is the first of a reading from the beginning: at the first start,
	// and when the peer no longer knows the cursor. What the reading does not bring is gone.
	Reset bool
	// CaughtUp says that the peer had nothing more. After a Reset it ends the reading: what has
	// not come since is to be removed.
	CaughtUp bool
}

// FollowConfig says what to follow.
type FollowConfig struct {
	Name   string             // of the feed, for logs, probes and metrics
	Client *httpclient.Client // of the peer
	Path   string             // such as /v1/stations/changes
	Query  url.Values         // parameters beside after, limit and wait

	// LoadCursor gives the cursor stored last, "" when there is none. It is called at the start and
	// after a batch that could not be stored.
	LoadCursor func(ctx context.Context) (string, error)

	Limit int           // of a page; 500
	Wait  time.Duration // that the peer may hold an answer; 20 s, whole seconds

	Log       *slog.Logger         // nil: silent
	Telemetry *telemetry.Telemetry // nil: the age of the copy is not measured
}

// Follower keeps a copy of a peer's entities in step with them.
type Follower[T any] struct {
	cfg   FollowConfig
	apply func(ctx context.Context, batch Batch[T]) error

	mu    sync.Mutex
	state State
}

// State is how a follower fares.
type State struct {
	AsOf        time.Time // of the last batch stored, by the peer's clock
	LastSuccess time.Time // when it was stored; zero before the first
	CaughtUp    bool      // whether the peer had nothing more then
	Failures    int       // tries in a row that failed since
	Err         error     // what the last of them failed with
}

// NewFollower makes a follower. apply stores a batch, rows and NextCursor in one transaction; it is
// called for empty pages too, so that it can keep how fresh the copy is. A batch may come twice. An
// error of apply makes the follower read the stored cursor and try again, after a pause.
func NewFollower[T any](cfg FollowConfig, apply func(ctx context.Context, batch Batch[T]) error) *Follower[T] {
	if cfg.Limit <= 0 {
		cfg.Limit = defaultLimit
	}
	if cfg.Wait <= 0 {
		cfg.Wait = defaultWait
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	f := &Follower[T]{cfg: cfg, apply: apply}
	f.measure()
	return f
}

// Run follows until ctx ends, and returns nil then. Whatever fails is tried again, after a pause
// that grows to half a minute and heeds the peer's Retry-After.
func (f *Follower[T]) Run(ctx context.Context) error {
	var at string
	loaded := false
	backoff := firstBackoff
	for {
		err := error(nil)
		if !loaded {
			at, err = f.cfg.LoadCursor(ctx)
			loaded = err == nil
		}
		if err == nil {
			at, err = f.step(ctx, at)
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is why it failed
		}
		if err == nil {
			backoff = firstBackoff
			continue
		}
		if errors.Is(err, errNotStored) {
			loaded = false // only the store knows whether the batch went in
		}
		f.failed(ctx, err)
		_ = pause.For(ctx, max(pause.Around(backoff, 0.5), min(fault.Of(err).RetryAfter(), lastBackoff)))
		backoff = min(2*backoff, lastBackoff)
	}
}

var errNotStored = errors.New("what changed was not stored")

// step reads and stores one page and returns the cursor to go on with, which after a failure is the
// one that was given, or "" when the peer does not know it.
func (f *Follower[T]) step(ctx context.Context, at string) (next string, err error) {
	began := time.Now()
	page, err := f.ask(ctx, at)
	if Lost(err) && at != "" {
		f.cfg.Log.WarnContext(ctx, "a feed no longer knows our cursor, starting over", "feed", f.cfg.Name, "error", err)
		return f.step(ctx, "")
	}
	if err != nil {
		return at, err
	}
	if err := f.store(ctx, page, at == ""); err != nil {
		return at, err
	}
	if len(page.Items) == 0 && time.Since(began) < askedTooSoon {
		_ = pause.For(ctx, askedTooSoon)
	}
	return page.NextCursor, nil
}

func (f *Follower[T]) ask(ctx context.Context, after string) (Page[T], error) {
	query := url.Values{}
	for name, values := range f.cfg.Query {
		query[name] = values
	}
	if after != "" {
		query.Set("after", after)
	}
	query.Set("limit", strconv.Itoa(f.cfg.Limit))
	query.Set("wait", strconv.Itoa(int(f.cfg.Wait/time.Second)))
	var page Page[T]
	err := f.cfg.Client.GetJSON(ctx, f.cfg.Path, query, &page, httpclient.Timeout(f.cfg.Wait+answerTime))
	if err == nil && page.NextCursor == "" {
		err = httpclient.ErrAnswer.Detailf("The feed gave no cursor")
	}
	return page, err
}

func (f *Follower[T]) store(ctx context.Context, page Page[T], reset bool) error {
	caughtUp := len(page.Items) < f.cfg.Limit
	err := f.apply(ctx, Batch[T]{
		Items: page.Items, NextCursor: page.NextCursor, AsOf: page.AsOf, Reset: reset, CaughtUp: caughtUp,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errNotStored, err)
	}
	f.mu.Lock()
	recovered := f.state.Failures > 0
	f.state = State{AsOf: page.AsOf, LastSuccess: time.Now(), CaughtUp: caughtUp}
	f.mu.Unlock()
	if recovered {
		f.cfg.Log.InfoContext(ctx, "a feed is followed again", "feed", f.cfg.Name)
	}
	return nil
}

func (f *Follower[T]) failed(ctx context.Context, err error) {
	f.mu.Lock()
	f.state.Failures++
	f.state.Err = err
	first := f.state.Failures == 1
	f.mu.Unlock()
	level := slog.LevelDebug // the first failure says it; the state and the metric say how long
	if first {
		level = slog.LevelWarn
	}
	f.cfg.Log.Log(ctx, level, "a feed cannot be followed", "feed", f.cfg.Name, "error", err)
}

// State tells how the follower fares.
func (f *Follower[T]) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// Lag says how long ago it was last known that the copy equals what is followed: up to Wait while
// all is well, and growing while something fails. It is negative before the first time.
func (f *Follower[T]) Lag() time.Duration {
	s := f.State()
	if s.LastSuccess.IsZero() {
		return -1
	}
	lag := time.Since(s.LastSuccess)
	if !s.CaughtUp {
		// The peer's clock against ours, which is close enough for a copy that is behind.
		lag = max(lag, time.Since(s.AsOf))
	}
	return lag
}

// Probe is a readiness check that is not required (see httpserver.Check): it fails while the feed
// cannot be followed, and its detail says how old the copy is.
func (f *Follower[T]) Probe(context.Context) (detail string, err error) {
	s := f.State()
	detail = "never read"
	if !s.LastSuccess.IsZero() {
		detail = "as of " + s.AsOf.UTC().Format(time.RFC3339)
		if !s.CaughtUp {
			detail += ", catching up"
		}
	}
	switch {
	case s.Failures > 0:
		return detail, fmt.Errorf("%s, %d tries failed since: %w", detail, s.Failures, s.Err)
	case s.LastSuccess.IsZero():
		return detail, errors.New(detail)
	}
	return detail, nil
}

// measure shows the age of the copy as a metric.
func (f *Follower[T]) measure() {
	if f.cfg.Telemetry == nil {
		return
	}
	feed := metric.WithAttributes(attribute.String("feed", f.cfg.Name))
	_, err := f.cfg.Telemetry.Meter("feed").Float64ObservableGauge("feed.lag", metric.WithUnit("s"),
		metric.WithDescription("Time since the copy was last known to equal what is followed; -1 before the first time"),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			lag := -1.0
			if d := f.Lag(); d >= 0 {
				lag = d.Seconds()
			}
			o.Observe(lag, feed)
			return nil
		}))
	if err != nil {
		f.cfg.Log.Warn("the age of a copy is not measured", "feed", f.cfg.Name, "error", err)
	}
}

// LoadCursor reads the cursor of the named feed from the table of CursorSchema; "" when there is
// none.
func LoadCursor(ctx context.Context, q sqlx.QueryerContext, name string) (string, error) {
	var text string
	err := sqlx.GetContext(ctx, q, &text, `select cursor from feed_cursors where feed = $1`, name)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("load the cursor of %s: %w", name, err)
	}
	return text, nil
}

// SaveCursor stores it, in the transaction that stores the rows.
func SaveCursor(ctx context.Context, tx sqlx.ExecerContext, name, cursor string) error {
	_, err := tx.ExecContext(ctx, `insert into feed_cursors (feed, cursor) values ($1, $2)
on conflict (feed) do update set cursor = excluded.cursor, updated_at = now()`, name, cursor)
	if err != nil {
		return fmt.Errorf("save the cursor of %s: %w", name, err)
	}
	return nil
}
