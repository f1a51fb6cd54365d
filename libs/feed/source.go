package feed

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/pause"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

const (
	defaultPoll      = time.Second
	defaultRetention = 30 * 24 * time.Hour
	// MaxWait is the longest that After waits.
	MaxWait = 30 * time.Second
	// MaxLimit is the longest page that it makes.
	MaxLimit = 1000
	// heldFirst and heldLongest pace the looks at changes that are committed but still held back by
	// an older transaction: no notification tells when that one ends.
	heldFirst   = 5 * time.Millisecond
	heldLongest = 200 * time.Millisecond
	// answerMargin is what is left of a request's deadline for answering, after waiting.
	answerMargin = 500 * time.Millisecond
)

// SourceOptions describe a log that is served.
type SourceOptions[T any] struct {
	Table string // the log's, as given to Schema
	// Load gives the entities as they are now, by id; those that are absent are gone.
	Load func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]T, error)

	PollInterval time.Duration // how often to look when no notification comes; 1 s
	Retention    time.Duration // how long a deletion is remembered, and a cursor good; 30 days
	Log          *slog.Logger  // nil: silent
}

// Source serves one log. It is safe for concurrent use.
type Source[T any] struct {
	db      *postgres.DB
	options SourceOptions[T]
	page    string // the statements, for this table
	head    string

	mu      sync.Mutex
	wake    chan struct{} // closed, and replaced, when there may be something new
	running bool          // Run wakes; otherwise After looks for itself
	stopped bool          // nobody waits any more
}

// NewSource makes a source of the log in db.
func NewSource[T any](db *postgres.DB, options SourceOptions[T]) *Source[T] {
	if options.PollInterval <= 0 {
		options.PollInterval = defaultPoll
	}
	if options.Retention <= 0 {
		options.Retention = defaultRetention
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	table, log := pq.QuoteIdentifier(options.Table), pq.QuoteIdentifier(options.Table+"_log")
	return &Source[T]{
		db: db, options: options, wake: make(chan struct{}),
		// One statement, hence one snapshot for the rows, their horizon and as_of. The row
		// comparison walks the primary key from the cursor on, and stops at the horizon. Of what is
		// held back the first rows stand for all: there may be very many behind a long transaction.
		page: `with l as materialized (
    select epoch, clock_timestamp() as now, pg_current_snapshot() as snapshot, (
        select min(changed_at) from (
            select changed_at from ` + table + ` h where xid >= pg_snapshot_xmin(pg_current_snapshot()) order by h.xid, h.seq limit 100
        ) held
    ) as held_since
    from ` + log + `
)
select l.epoch, l.now, l.held_since, pg_snapshot_xmax(l.snapshot)::text as xmax,
    c.xid::text, c.seq, c.entity_id, c.op, c.version, c.changed_at
from l
left join lateral (
    select * from ` + table + ` c
    where (c.xid, c.seq) > ($1::text::xid8, $2) and c.xid < pg_snapshot_xmin(l.snapshot)
    order by c.xid, c.seq limit $3
) c on true
order by c.xid, c.seq`,
		// Everything below xmin is visible to whatever snapshot is taken later.
		head: `select l.epoch, clock_timestamp() as now, pg_snapshot_xmin(pg_current_snapshot())::text as xmin,
    exists (select from ` + table + ` c where c.xid >= pg_snapshot_xmin(pg_current_snapshot())) as held,
    coalesce((select c.xid::text || '/' || c.seq from ` + table + ` c
        where c.xid < pg_snapshot_xmin(pg_current_snapshot()) order by c.xid desc, c.seq desc limit 1), '') as last
from ` + log + ` l`,
	}
}

// pageRow is a row of the page statement; the entity is absent in the only row of an empty page.
type pageRow struct {
	Epoch     uuid.UUID  `db:"epoch"`
	Now       time.Time  `db:"now"`
	Xmax      string     `db:"xmax"`
	HeldSince *time.Time `db:"held_since"`
	XID       *string    `db:"xid"`
	Seq       *int64     `db:"seq"`
	Entity    *uuid.UUID `db:"entity_id"`
	Op        *string    `db:"op"`
	Version   *int64     `db:"version"`
	ChangedAt *time.Time `db:"changed_at"`
}

// After gives the changes behind the cursor, at most limit of them (MaxLimit when it is not
// positive). The cursor "" stands before the first. Without any it waits for one, for up to wait but
// no longer than MaxWait, nor into the last half second of ctx's deadline; then it gives an empty
// page. It returns ErrBadCursor, ErrCursorGone, or a fault of the database.
func (s *Source[T]) After(ctx context.Context, after string, limit int, wait time.Duration) (Page[T], error) {
	if limit <= 0 || limit > MaxLimit {
		limit = MaxLimit
	}
	wait = min(wait, MaxWait)
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)-answerMargin)
	}
	end := time.Now().Add(wait)
	for {
		// Taken before the look, so that what comes between look and wait is not missed.
		wake, awake := s.nextWake()
		page, err := s.read(ctx, after, limit)
		if err != nil || len(page.Items) > 0 {
			return page, err
		}
		after = page.NextCursor
		left := time.Until(end)
		if left <= 0 || wake == nil {
			return page, nil
		}
		if !awake {
			left = min(left, s.options.PollInterval)
		}
		timer := time.NewTimer(left)
		select {
		case <-ctx.Done():
			timer.Stop()
			return Page[T]{}, ctx.Err()
		case <-wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// read makes one page of what is there now.
func (s *Source[T]) read(ctx context.Context, after string, limit int) (Page[T], error) {
	at, beginning, err := parseCursor(after)
	if err != nil {
		return Page[T]{}, err
	}
	var rows []pageRow
	if err := s.db.SelectContext(ctx, &rows, s.page, strconv.FormatUint(at.xid, 10), at.seq, limit); err != nil {
		return Page[T]{}, fmt.Errorf("read %s: %w", s.options.Table, postgres.Map(err, nil))
	}
	if len(rows) == 0 {
		return Page[T]{}, fmt.Errorf("read %s: the log has no epoch", s.options.Table)
	}
	log := rows[0]
	if !beginning {
		xmax, err := strconv.ParseUint(log.Xmax, 10, 64)
		if err != nil {
			return Page[T]{}, fmt.Errorf("read %s: %w", s.options.Table, err)
		}
		// A place beyond what this server has reached was given out by one that was restored since.
		if at.epoch != log.Epoch || at.xid > xmax || log.Now.Sub(at.issuedAt) > s.options.Retention {
			return Page[T]{}, ErrCursorGone
		}
	}
	if log.Entity == nil {
		rows = nil
	}
	next := cursor{epoch: log.Epoch, xid: at.xid, seq: at.seq, issuedAt: log.Now}
	page := Page[T]{AsOf: log.Now.UTC(), Items: make([]Event[T], 0, len(rows))}
	if log.HeldSince != nil && log.HeldSince.Before(page.AsOf) {
		page.AsOf = log.HeldSince.UTC()
	}
	if len(rows) > 0 {
		last := rows[len(rows)-1]
		if next.xid, err = strconv.ParseUint(*last.XID, 10, 64); err != nil {
			return Page[T]{}, fmt.Errorf("read %s: %w", s.options.Table, err)
		}
		next.seq = *last.Seq
		if len(rows) == limit && last.ChangedAt.Before(page.AsOf) { // there may be more
			page.AsOf = last.ChangedAt.UTC()
		}
		if page.Items, err = s.events(ctx, rows); err != nil {
			return Page[T]{}, err
		}
	}
	page.NextCursor = next.String()
	return page, nil
}

// events puts the entities to the rows, as they are now.
func (s *Source[T]) events(ctx context.Context, rows []pageRow) ([]Event[T], error) {
	ids := make([]uuid.UUID, 0, len(rows))
	seen := make(map[uuid.UUID]bool, len(rows))
	for _, r := range rows {
		if !seen[*r.Entity] {
			seen[*r.Entity] = true
			ids = append(ids, *r.Entity)
		}
	}
	entities, err := s.options.Load(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load what changed in %s: %w", s.options.Table, err)
	}
	items := make([]Event[T], len(rows))
	for i, r := range rows {
		items[i] = Event[T]{ID: r.Entity.String(), Op: Delete, Version: *r.Version, ChangedAt: r.ChangedAt.UTC()}
		if entity, there := entities[*r.Entity]; there {
			items[i].Op, items[i].Data = Upsert, &entity
		}
	}
	return items, nil
}

// Head gives the cursor of now: whatever is read from the database after Head returned includes
// every change up to it. A copy that is loaded by a query takes Head first and follows from there.
func (s *Source[T]) Head(ctx context.Context) (string, error) {
	h, err := s.look(ctx)
	if err != nil {
		return "", err
	}
	xmin, err := strconv.ParseUint(h.Xmin, 10, 64)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", s.options.Table, err)
	}
	// Behind every row of the transactions before xmin.
	return cursor{epoch: h.Epoch, xid: xmin - 1, seq: 1<<63 - 1, issuedAt: h.Now}.String(), nil
}

// Compact removes what no reader needs: rows with a later one of the same entity, and deletions
// beyond Retention. It returns how many rows went. Run it now and then; it may run anywhere, and
// more than once at a time.
func (s *Source[T]) Compact(ctx context.Context) (int64, error) {
	present := func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
		entities, err := s.options.Load(ctx, ids)
		there := make(map[uuid.UUID]bool, len(entities))
		for id := range entities {
			there[id] = true
		}
		return there, err
	}
	return compact(ctx, s.db, s.options.Table, s.options.Retention, present)
}

// place is where a log has got to.
type place struct {
	Epoch uuid.UUID `db:"epoch"`
	Now   time.Time `db:"now"`
	Xmin  string    `db:"xmin"`
	Held  bool      `db:"held"` // something is committed and not yet shown
	Last  string    `db:"last"` // the last row that is shown
}

func (s *Source[T]) look(ctx context.Context) (place, error) {
	var h place
	if err := s.db.GetContext(ctx, &h, s.head); err != nil {
		return place{}, fmt.Errorf("look at %s: %w", s.options.Table, postgres.Map(err, nil))
	}
	return h, nil
}

// Run wakes those who wait in After, until ctx ends; then they get empty pages at once, and so does
// whoever asks later. Start it after the server in a lifecycle.Group, so that it is stopped before:
// the server need not wait for its long polls then.
//
// One connection listens for all who wait, and one statement a notification, shared by all, looks
// whether there is something to show. While nothing is heard a look each PollInterval makes up for
// lost notifications. Run also makes a log readable that was restored from a dump. It never fails
// because the database is away.
func (s *Source[T]) Run(ctx context.Context) error {
	defer s.stop()
	if err := s.adopt(ctx); err != nil {
		return nil // ctx ended before the database answered
	}
	heard := make(chan struct{}, 1)
	listening := make(chan error, 1)
	go func() {
		listening <- postgres.Listen(ctx, s.db.Config(), s.options.Table, func(string) {
			select {
			case heard <- struct{}{}:
			default: // a look is due already
			}
		})
	}()
	s.mu.Lock()
	s.running = true
	s.mu.Unlock()
	s.watch(ctx, heard)
	err := <-listening
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// adopt tries until the database answers.
func (s *Source[T]) adopt(ctx context.Context) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		renumbered, err := adopt(ctx, s.db, s.options.Table)
		if err == nil {
			if renumbered {
				s.options.Log.WarnContext(ctx, "a change log came from another server and was renumbered; its readers start over", "log", s.options.Table)
			}
			return nil
		}
		if ctx.Err() == nil {
			s.options.Log.WarnContext(ctx, "a change log cannot be looked at", "log", s.options.Table, "error", err)
		}
		if err := pause.For(ctx, wait); err != nil {
			return err
		}
	}
}

// watch looks at the log whenever something was heard, and wakes the waiting when it has moved.
func (s *Source[T]) watch(ctx context.Context, heard <-chan struct{}) {
	var last string
	failing := false
	held := heldFirst
	for {
		wait := s.options.PollInterval
		switch h, err := s.look(ctx); {
		case err != nil:
			if ctx.Err() == nil && !failing {
				s.options.Log.WarnContext(ctx, "a change log cannot be looked at", "log", s.options.Table, "error", err)
			}
			failing = true
		default:
			failing = false
			if h.Last != last {
				last, held = h.Last, heldFirst
				s.wakeAll()
			}
			if h.Held {
				wait = min(held, wait)
				held = min(2*held, heldLongest)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-heard:
			timer.Stop()
			held = heldFirst
		case <-timer.C:
		}
	}
}

// nextWake gives the channel that is closed at the next news, nil when there will be none, and
// whether somebody looks for news.
func (s *Source[T]) nextWake() (wake <-chan struct{}, awake bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, false
	}
	return s.wake, s.running
}

func (s *Source[T]) wakeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.wake)
	s.wake = make(chan struct{})
}

func (s *Source[T]) stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.wakeAll()
}
