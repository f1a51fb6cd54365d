package find

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// SQL answers searches from the tables.
type SQL interface {
	Search(ctx context.Context, q *Query) (Found, error)
	Load(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]station.Station, error)
	Statuses(ctx context.Context, evses []uuid.UUID) (map[uuid.UUID]station.PlotStatus, time.Time, error)
}

// Found is a page of ids.
type Found struct {
	IDs   []uuid.UUID
	Total int
	More  bool
	// Last is the place of the last id.
	Last search.Cursor
}

// Page is a page of rendered items.
type Page struct {
	Total int
	// Next is where the next page begins; nil on the last.
	Next *search.Cursor
	// StatusesAsOf is up to when the statuses are known; zero when none was ever told.
	StatusesAsOf time.Time
}

// Finder answers searches.
type Finder struct {
	replica *Replica
	sql     SQL
	results sync.Pool
}

// NewFinder makes a finder that asks the replica while it is in step, and SQL otherwise.
func NewFinder(replica *Replica, sql SQL) *Finder {
	return &Finder{replica: replica, sql: sql, results: sync.Pool{New: func() any { return new(search.Result) }}}
}

// Search appends the items of a page, JSON objects parted by commas, to dst.
//
// While the index is being loaded, or has fallen behind, SQL answers. When the database does not answer either, an index that was
// loaded once does: an old answer is better than none, and it says of when its statuses are.
func (f *Finder) Search(ctx context.Context, q *Query, dst []byte) ([]byte, Page, error) {
	if f.replica.InStep() || f.replica.CutOff() {
		return f.memory(q, dst)
	}
	out, page, err := f.bySQL(ctx, q, dst)
	if err != nil && f.replica.Warm() && away(err) {
		return f.memory(q, dst)
	}
	return out, page, err
}

func away(err error) bool {
	kind := fault.Of(err).Kind()
	return kind == fault.Unavailable || kind == fault.Timeout
}

func (f *Finder) memory(q *Query, dst []byte) ([]byte, Page, error) {
	m, err := q.memory()
	if err != nil {
		return dst, Page{}, err
	}
	result, _ := f.results.Get().(*search.Result)
	defer func() {
		result.Reset()
		f.results.Put(result)
	}()
	snapshot := f.replica.Snapshot()
	snapshot.Search(&m, result)
	page := Page{Total: result.Total, StatusesAsOf: snapshot.AsOf().Statuses.Time}
	if result.More {
		next := result.Next()
		page.Next = &next
	}
	return appendItems(dst, result), page, nil
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
	found, err := f.sql.Search(ctx, q)
	if err != nil {
		return dst, Page{}, err
	}
	page := Page{Total: found.Total}
	if found.More {
		page.Next = &found.Last
	}
	stations, err := f.sql.Load(ctx, found.IDs)
	if err != nil {
		return dst, page, err
	}
	var evses []uuid.UUID
	for _, st := range stations {
		for i := range st.EVSEs {
			evses = append(evses, st.EVSEs[i].ID)
		}
	}
	statuses, asOf, err := f.sql.Statuses(ctx, evses)
	if err != nil {
		return dst, page, err
	}
	index := search.New()
	page.StatusesAsOf = asOf
	if len(found.IDs) == 0 {
		return dst, page, nil
	}
	err = index.Load(func(yield func(search.Document, error) bool) {
		for _, st := range stations {
			if !yield(Document(&st, statuses)) {
				return
			}
		}
	}, search.AsOf{Statuses: search.Mark{Time: asOf}})
	if err != nil {
		return dst, page, fmt.Errorf("render what SQL found: %w", err)
	}
	// The conditions have been met; the place is still needed, for the order and the distance.
	m, err := (&Query{Near: q.Near, Box: q.Box, Limit: len(found.IDs)}).memory()
	if err != nil {
		return dst, page, err
	}
	var result search.Result
	index.Snapshot().Search(&m, &result)
	return appendItems(dst, &result), page, nil
}
