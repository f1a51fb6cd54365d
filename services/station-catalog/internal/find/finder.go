package find

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// SQL answers searches from the tables.
type SQL interface {
	// Search answers all but Spread, which it leaves out of account.
	Search(ctx context.Context, q *Query) (Found, error)
	// Matches gives every station that matches, in no order.
	Matches(ctx context.Context, q *Query) ([]Match, error)
	// Offers gives them with what they offer.
	Offers(ctx context.Context, q *Query) ([]Offered, error)
	Stats(ctx context.Context) (search.Stats, error)
	Load(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]station.Station, error)
	Statuses(ctx context.Context, evses []uuid.UUID) (map[uuid.UUID]station.PlotStatus, time.Time, error)
	Ratings(ctx context.Context, stations []uuid.UUID) (map[uuid.UUID]review.Rating, error)
}

// Found is a page of ids.
type Found struct {
	IDs   []uuid.UUID
	Total int
	More  bool
	// Last is the place of the last id.
	Last search.Cursor
}

// Match is where a station is that matches.
type Match struct {
	ID                  uuid.UUID
	Latitude, Longitude float64
}

// Offered is a station that matches, and what it offers.
type Offered struct {
	Match
	search.Offer
}

// Page is a page of rendered items.
type Page struct {
	Total int
	// Next is where the next page begins; nil on the last.
	Next *search.Cursor
	// Truncated tells that the page is a choice of the matches, with no next one.
	Truncated bool
	// StatusesAsOf is up to when the statuses are known; zero when none was ever told.
	StatusesAsOf time.Time
}

// Finder answers searches.
type Finder struct {
	replica   *Replica
	sql       SQL
	inquiries sync.Pool // of *inquiry
	texts     Cache     // nil: nothing is kept
}

// inquiry is a question to the index and its answer.
type inquiry struct {
	query  search.Query
	result search.Result
}

// NewFinder makes a finder that asks the replica while it is in step, and SQL otherwise.
func NewFinder(replica *Replica, sql SQL) *Finder {
	return &Finder{replica: replica, sql: sql, inquiries: sync.Pool{New: func() any { return new(inquiry) }}}
}

// Search appends the items of a page, JSON objects parted by commas, to dst.
//
// While the index is being loaded, or has fallen behind, SQL answers. When the database does not answer either, an index that was
// loaded once does: an old answer is better than none, and it says of when its statuses are.
func (f *Finder) Search(ctx context.Context, q *Query, dst []byte) ([]byte, Page, error) {
	if f.remembers() {
		dst, page := f.memory(ctx, f.replica.Snapshot(), q, dst)
		return dst, page, nil
	}
	dst, page, err := f.bySQL(ctx, q, dst)
	if f.fallsBack(err) {
		dst, page = f.memory(ctx, f.replica.Snapshot(), q, dst)
		err = nil
	}
	return dst, page, err
}

// Find gives the ids of a page, in its order.
func (f *Finder) Find(ctx context.Context, q *Query) (ids []uuid.UUID, page Page, err error) {
	err = f.either(func() error {
		page = f.search(ctx, f.replica.Snapshot(), q, func(result *search.Result) {
			ids = make([]uuid.UUID, len(result.Hits))
			for i := range result.Hits {
				ids[i] = uuid.UUID(result.Hits[i].ID())
			}
		})
		return nil
	}, func() error {
		var found Found
		found, page, err = f.idsBySQL(ctx, q)
		ids = found.IDs
		return err
	})
	return ids, page, err
}

// either asks memory or SQL, and memory again when SQL cannot answer, as Search does, which has no use for closures.
func (f *Finder) either(memory, sql func() error) error {
	if f.remembers() {
		return memory()
	}
	err := sql()
	if f.fallsBack(err) {
		return memory()
	}
	return err
}

// remembers tells whether memory answers without SQL being asked.
func (f *Finder) remembers() bool { return f.replica.InStep() || f.replica.CutOff() }

// fallsBack tells whether memory answers since SQL cannot.
func (f *Finder) fallsBack(err error) bool { return err != nil && f.replica.Warm() && away(err) }

func away(err error) bool {
	kind := fault.Of(err).Kind()
	return kind == fault.Unavailable || kind == fault.Timeout
}

func (f *Finder) memory(ctx context.Context, snapshot *search.Snapshot, q *Query, dst []byte) ([]byte, Page) {
	page := f.search(ctx, snapshot, q, func(result *search.Result) { dst = appendItems(dst, result) })
	return dst, page
}

// search gives take what the index finds, which is good until take returns.
func (f *Finder) search(ctx context.Context, snapshot *search.Snapshot, q *Query, take func(*search.Result)) Page {
	in, _ := f.inquiries.Get().(*inquiry)
	defer func() {
		in.query = search.Query{}
		in.result.Reset()
		f.inquiries.Put(in)
	}()
	in.query = q.memory()
	m, result := &in.query, &in.result
	f.narrow(ctx, snapshot, m)
	page := Page{StatusesAsOf: snapshot.AsOf().Statuses.Time}
	if q.Spread {
		chosen, total := snapshot.Spread(m, q.Limit)
		if page.Total = total; total > len(chosen) {
			page.Truncated, m.Among = true, chosen
		}
	}
	snapshot.Search(m, result)
	if !page.Truncated {
		page.Total = result.Total
	}
	if result.More {
		next := result.Next()
		page.Next = &next
	}
	take(result)
	return page
}

func appendItems(dst []byte, result *search.Result) []byte {
	for i := range result.Hits {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = result.Hits[i].AppendItem(dst)
	}
	return dst
}

// bySQL has the page found by SQL, and renders it by way of an index of its stations alone: so an item looks the same wherever it
// comes from.
func (f *Finder) bySQL(ctx context.Context, q *Query, dst []byte) ([]byte, Page, error) {
	found, page, err := f.idsBySQL(ctx, q)
	if err != nil {
		return dst, page, err
	}
	index, asOf, err := f.indexOf(ctx, found.IDs)
	if err != nil {
		return dst, page, err
	}
	page.StatusesAsOf = asOf
	// The conditions have been met; the place and the order are still needed.
	m := (&Query{Place: q.Place, Sort: q.Sort, Currency: q.Currency, Now: q.Now, Limit: len(found.IDs)}).memory()
	var result search.Result
	index.Snapshot().Search(&m, &result)
	return appendItems(dst, &result), page, nil
}

// idsBySQL has the ids of a page found by SQL.
func (f *Finder) idsBySQL(ctx context.Context, q *Query) (Found, Page, error) {
	page := Page{}
	ask := *q
	if q.Spread {
		matches, err := f.sql.Matches(ctx, q)
		if err != nil {
			return Found{}, page, err
		}
		if page.Total = len(matches); page.Total > q.Limit {
			page.Truncated, ask.IDs = true, spread(matches, q.Limit)
		}
	}
	found, err := f.sql.Search(ctx, &ask)
	if err != nil {
		return found, Page{}, err
	}
	if !page.Truncated {
		page.Total = found.Total
	}
	if found.More {
		page.Next = &found.Last
	}
	return found, page, nil
}

// indexOf is an index of these stations alone, as the database has them, and up to when their statuses are known.
func (f *Finder) indexOf(ctx context.Context, ids []uuid.UUID) (*search.Index, time.Time, error) {
	stations, err := f.sql.Load(ctx, ids)
	if err != nil {
		return nil, time.Time{}, err
	}
	var evses []uuid.UUID
	for _, st := range stations {
		for i := range st.EVSEs {
			evses = append(evses, st.EVSEs[i].ID)
		}
	}
	statuses, asOf, err := f.sql.Statuses(ctx, evses)
	if err != nil {
		return nil, time.Time{}, err
	}
	ratings, err := f.sql.Ratings(ctx, ids)
	if err != nil {
		return nil, time.Time{}, err
	}
	index, documents := search.New(), newDocuments(ToldOf(statuses), RatedBy(ratings))
	err = index.Load(func(yield func(search.Document, error) bool) {
		for _, st := range stations {
			if !yield(documents.of(&st), nil) {
				return
			}
		}
	}, search.AsOf{Statuses: search.Mark{Time: asOf}})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("render what SQL found: %w", err)
	}
	return index, asOf, nil
}
