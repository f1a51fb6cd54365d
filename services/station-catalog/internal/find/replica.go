package find

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/plotstatus"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Catalogue is where a replica gets stations from.
type Catalogue interface {
	// AllSearched gives what documents say of every station, of one moment.
	AllSearched(ctx context.Context) iter.Seq2[station.Station, error]
	StatusesAfter(ctx context.Context, after plotstatus.Place, limit int) (plotstatus.Changes, error)
	Statuses(ctx context.Context, evses []uuid.UUID) (map[uuid.UUID]station.PlotStatus, time.Time, error)
	RatingsAfter(ctx context.Context, after review.Place, limit int) (review.Changes, error)
	Ratings(ctx context.Context, stations []uuid.UUID) (map[uuid.UUID]review.Rating, error)
}

// Log is the catalogue's change log.
type Log interface {
	Head(ctx context.Context) (string, error)
	After(ctx context.Context, cursor string, limit int, wait time.Duration) (feed.Page[station.Station], error)
}

const (
	pageLimit = 500
	logLimit  = 2000
	logWait   = 2 * time.Second
	// freshFor is how long after the last time that nothing was outstanding the index still counts as in step.
	freshFor = 10 * time.Second
	// patience is how long the catalogue may take to answer, beyond logWait; less than freshFor, so that nobody asks a frozen one by SQL.
	patience     = logWait + 4*time.Second
	firstRetry   = 100 * time.Millisecond
	longestRetry = 5 * time.Second
	// boundEvery is after how many stations of a load garbage is bounded anew.
	boundEvery = 10_000
)

// Replica holds the index of one process.
type Replica struct {
	catalogue Catalogue
	changes   Log
	log       *slog.Logger
	index     *search.Index

	wake, wakeRatings chan struct{}

	// writing guards what the followers share. A status of an EVSE, or a rating of a station, that the index does not have is forgotten:
	// whoever brings the station reads both from the catalogue, and holds writing until it is in the index, so that none is missed in
	// between.
	writing sync.Mutex
	place   plotstatus.Place
	rated   review.Place
	cursor  string

	warm     atomic.Bool
	stations gauge
	status   gauge
	ratings  gauge
}

// gauge tells how well a follower does.
type gauge struct {
	inStep atomic.Int64 // Unix nanoseconds of when nothing was outstanding
	asked  atomic.Int64 // Unix nanoseconds of when the question under way was put; 0: there is none
	failed atomic.Bool  // the last question had no answer
}

func (g *gauge) ask() { g.asked.Store(time.Now().UnixNano()) }

func (g *gauge) answered() { g.asked.Store(0) }

// cutOff tells whether the last question failed, or the one under way has had no answer for longer than patience.
func (g *gauge) cutOff() bool {
	asked := g.asked.Load()
	return g.failed.Load() || asked != 0 && time.Now().UnixNano()-asked > patience.Nanoseconds()
}

func (g *gauge) caughtUp() { g.failed.Store(false); g.inStep.Store(time.Now().UnixNano()) }

func (g *gauge) lagAt(now time.Time) time.Duration {
	return time.Duration(now.UnixNano() - g.inStep.Load())
}

// NewReplica makes a replica with an empty index; it is good for nothing until Run has loaded it.
func NewReplica(catalogue Catalogue, changes Log, log *slog.Logger) *Replica {
	return &Replica{
		catalogue: catalogue, changes: changes, log: log, index: search.New(),
		wake: make(chan struct{}, 1), wakeRatings: make(chan struct{}, 1),
	}
}

// Wake tells that statuses have changed. It never blocks.
func (r *Replica) Wake() { signal(r.wake) }

// WakeRatings tells that ratings have changed. It never blocks.
func (r *Replica) WakeRatings() { signal(r.wakeRatings) }

// Run loads the index and keeps it in step until ctx ends, whatever fails meanwhile.
func (r *Replica) Run(ctx context.Context) error {
	r.insist(ctx, r.load)
	if !r.Warm() {
		return nil // ctx has ended
	}
	var followers sync.WaitGroup
	followers.Go(func() { r.followStations(ctx) })
	followers.Go(func() { r.followStatuses(ctx) })
	followers.Go(func() { r.followRatings(ctx) })
	followers.Wait()
	return nil
}

// insist calls fn until it succeeds or ctx ends, at growing intervals.
func (r *Replica) insist(ctx context.Context, fn func(context.Context) error) {
	for wait := firstRetry; ; wait = min(2*wait, longestRetry) {
		err := fn(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		r.stations.failed.Store(true)
		r.log.WarnContext(ctx, "search index: it cannot be loaded", "error", err, "again_in", wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// load fills the index anew. The place in the log is taken first, so that no change is missed; one that is told twice is told
// with the version that the index has.
func (r *Replica) load(ctx context.Context) error {
	start := time.Now()
	cursor, err := r.changes.Head(ctx)
	if err != nil {
		return fmt.Errorf("head of the change log: %w", err)
	}
	// What was told is kept while the index is made, as small as it can be.
	type word struct {
		plot   search.ID
		at     int64
		status search.Status
	}
	words := make(map[uuid.UUID]word)
	told := func(evse uuid.UUID) search.StatusChange {
		w, known := words[evse]
		if !known {
			return search.StatusChange{}
		}
		return search.StatusChange{EVSE: search.ID(evse), Plot: w.plot, Status: w.status, At: time.UnixMicro(w.at)}
	}
	var at plotstatus.Changes
	for {
		at, err = r.catalogue.StatusesAfter(ctx, at.Place, logLimit)
		if err != nil {
			return err
		}
		for _, s := range at.Statuses {
			words[s.EVSEID] = word{search.ID(s.PlotID), s.ToldAt.UnixMicro(), status(s.Status)}
		}
		if len(at.Statuses) < logLimit {
			break
		}
	}
	rated, ratedUpTo, err := r.loadRatings(ctx)
	if err != nil {
		return err
	}
	documents := newDocuments(told, func(station uuid.UUID) search.Rating { return rated[station] })
	all := func(yield func(search.Document, error) bool) {
		n := 0
		for st, err := range r.catalogue.AllSearched(ctx) {
			if n++; n%boundEvery == 0 {
				boundGarbage()
			}
			var d search.Document
			if err == nil {
				d = documents.of(&st)
			}
			if !yield(d, err) {
				return
			}
		}
		words, rated = nil, nil // the documents have them: the index is put together without
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	if err := r.index.Load(all, search.AsOf{
		Stations: search.Mark{Position: cursor, Time: start},
		Statuses: search.Mark{Position: at.Place.XID, Time: at.AsOf},
	}); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	r.place, r.rated, r.cursor = at.Place, ratedUpTo, cursor
	for _, g := range r.gauges() {
		g.caughtUp()
	}
	r.warm.Store(true)
	// What loading took beside the index is much, and is not needed again.
	debug.FreeOSMemory()
	boundGarbage()
	r.log.InfoContext(ctx, "search index loaded", "stations", r.index.Snapshot().Len(), "duration", time.Since(start))
	return nil
}

func (r *Replica) followStations(ctx context.Context) {
	for ctx.Err() == nil {
		asked := time.Now()
		r.stations.ask()
		page, err := r.changes.After(ctx, r.cursor, pageLimit, logWait)
		r.stations.answered()
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			r.stations.failed.Store(true)
			r.log.WarnContext(ctx, "search index: the change log cannot be read", "error", err)
			if feed.Lost(err) {
				r.insist(ctx, r.load)
				continue
			}
			pause(ctx, time.Second)
			continue
		}
		refused, err := r.takeStations(ctx, page)
		if err != nil {
			if ctx.Err() == nil {
				r.stations.failed.Store(true)
				r.log.WarnContext(ctx, "search index: statuses and ratings of changed stations cannot be read", "error", err)
				pause(ctx, time.Second)
			}
			continue
		}
		if refused != nil {
			// A document that cannot be indexed stays as it was: better one old item than none.
			r.log.ErrorContext(ctx, "search index: a station was refused", "error", refused)
		}
		if len(page.Items) < pageLimit {
			r.stations.caughtUp()
		}
		if len(page.Items) == 0 && time.Since(asked) < logWait/2 {
			pause(ctx, logPoll/4) // a log that shuts down answers at once
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// takeStations puts changes into the index, and tells which were refused. When it fails nothing has happened, and the same changes
// are to be asked for again.
func (r *Replica) takeStations(ctx context.Context, page feed.Page[station.Station]) (refused, err error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	told, err := r.told(ctx, page.Items)
	if err != nil {
		return nil, err
	}
	rated, err := r.ratedAnew(ctx, page.Items)
	if err != nil {
		return nil, err
	}
	r.cursor = page.NextCursor
	batch := search.Batch{AsOf: search.AsOf{Stations: search.Mark{Position: page.NextCursor, Time: page.AsOf}}}
	var faults []error
	documents := newDocuments(told, rated)
	// Of several changes of one station the last counts: a batch first upserts and then deletes.
	last := make(map[string]int, len(page.Items))
	for i := range page.Items {
		last[page.Items[i].ID] = i
	}
	for i := range page.Items {
		event := &page.Items[i]
		if last[event.ID] != i {
			continue
		}
		if event.Op == feed.Delete || event.Data == nil {
			id, err := uuid.Parse(event.ID)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			batch.Deletes = append(batch.Deletes, search.ID(id))
			continue
		}
		batch.Upserts = append(batch.Upserts, documents.of(event.Data))
	}
	if len(page.Items) == 0 {
		return nil, nil
	}
	defer boundGarbage()
	for _, refused := range r.index.Apply(batch).Refused {
		faults = append(faults, fmt.Errorf("station %s: %w", refused.ID, refused.Err))
	}
	return errors.Join(faults...), nil
}

// told gives the statuses of the stations' EVSEs: from the index, and of those that it does not have from the catalogue.
func (r *Replica) told(ctx context.Context, events []feed.Event[station.Station]) (Told, error) {
	held := r.index.Snapshot()
	var unheard []uuid.UUID
	for i := range events {
		if events[i].Data == nil {
			continue
		}
		for j := range events[i].Data.EVSEs {
			if id := events[i].Data.EVSEs[j].ID; !held.Has(search.ID(id)) {
				unheard = append(unheard, id)
			}
		}
	}
	var read map[uuid.UUID]station.PlotStatus
	if len(unheard) > 0 {
		var err error
		if read, _, err = r.catalogue.Statuses(ctx, unheard); err != nil {
			return nil, err
		}
	}
	fresh := ToldOf(read)
	return func(evse uuid.UUID) search.StatusChange {
		if last, known := held.Status(search.ID(evse)); known {
			return last
		}
		return fresh(evse)
	}, nil
}

func (r *Replica) followStatuses(ctx context.Context) {
	f := follower[plotstatus.Changes]{name: "statuses", gauge: &r.status, wake: r.wake, take: r.takeStatuses}
	f.read = func(ctx context.Context) (plotstatus.Changes, error) {
		return r.catalogue.StatusesAfter(ctx, r.statusPlace(), logLimit)
	}
	f.run(ctx, r)
}

func (r *Replica) statusPlace() plotstatus.Place {
	r.writing.Lock()
	defer r.writing.Unlock()
	return r.place
}

func (r *Replica) takeStatuses(changes plotstatus.Changes) (more, held bool) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.place = changes.Place
	if len(changes.Statuses) > 0 || !r.index.Snapshot().AsOf().Statuses.Time.Equal(changes.AsOf) {
		batch := search.Batch{AsOf: search.AsOf{Statuses: search.Mark{Position: changes.Place.XID, Time: changes.AsOf}}}
		for i := range changes.Statuses {
			batch.Statuses = append(batch.Statuses, change(&changes.Statuses[i]))
		}
		r.index.Apply(batch)
	}
	return len(changes.Statuses) == logLimit, changes.Held
}

// Warm tells whether the index was ever loaded.
func (r *Replica) Warm() bool { return r.warm.Load() }

// InStep tells whether the index holds what the catalogue held ten seconds ago, or later.
func (r *Replica) InStep() bool {
	now := time.Now()
	return r.Warm() && r.lagAt(now) < freshFor
}

func (r *Replica) gauges() [3]*gauge { return [...]*gauge{&r.stations, &r.status, &r.ratings} }

// lagAt is how far the follower is behind that is farthest.
func (r *Replica) lagAt(now time.Time) time.Duration {
	return max(r.stations.lagAt(now), r.status.lagAt(now), r.ratings.lagAt(now))
}

// CutOff tells whether the index was loaded and cannot be kept in step, since the catalogue does not answer.
func (r *Replica) CutOff() bool {
	return r.Warm() && (r.stations.cutOff() || r.status.cutOff() || r.ratings.cutOff())
}

// Snapshot is the present state of the index.
func (r *Replica) Snapshot() *search.Snapshot { return r.index.Snapshot() }

// Probe is a readiness check: it never fails while SQL answers in the index's place, and says how far the index is.
func (r *Replica) Probe(context.Context) (string, error) {
	switch {
	case !r.Warm():
		return "", errors.New("the index is being loaded; searches are answered by SQL")
	case !r.InStep():
		return "", fmt.Errorf("the index is %s behind", r.lagAt(time.Now()).Round(time.Second))
	}
	return fmt.Sprintf("%d stations", r.index.Snapshot().Len()), nil
}
