package find

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// spread chooses as search.Snapshot.Spread does.
func spread(matches []Match, size int) []uuid.UUID {
	type placed struct {
		key uint64
		id  search.ID
	}
	all := make([]placed, len(matches))
	for i, m := range matches {
		all[i] = placed{search.CurveKey(m.Latitude, m.Longitude), search.ID(m.ID)}
	}
	slices.SortFunc(all, func(a, b placed) int { return cmp.Or(cmp.Compare(a.key, b.key), a.id.Compare(b.id)) })
	var s search.Spreader
	for i := range all {
		s.Count(all[i].key)
	}
	s.Settle(size)
	chosen := make([]uuid.UUID, 0, size)
	for i := range all {
		if s.Pick(all[i].key) {
			chosen = append(chosen, uuid.UUID(all[i].id))
		}
	}
	return chosen
}

// Cluster puts the stations that match into the cells of a map, and counts them.
func (f *Finder) Cluster(ctx context.Context, q *Query, into *search.Clusters) (total int, err error) {
	err = f.either(func() error {
		m := q.memory()
		total = f.replica.Snapshot().Cluster(&m, into)
		return nil
	}, func() error {
		matches, err := f.sql.Matches(ctx, q)
		if err != nil {
			return err
		}
		for _, m := range matches {
			into.Add(search.ID(m.ID), m.Latitude, m.Longitude)
		}
		total = len(matches)
		return nil
	})
	return total, err
}

// Tile puts the stations that match into a tile, wherever the query's place is.
func (f *Finder) Tile(ctx context.Context, q *Query, into *search.Tile) error {
	west, south, east, north := into.Box()
	place, err := Within(Box{West: west, South: south, East: east, North: north})
	if err != nil {
		return err
	}
	ask := *q
	ask.Place = place
	return f.either(func() error {
		m := ask.memory()
		f.replica.Snapshot().Gather(&m, into)
		return nil
	}, func() error {
		return f.tileBySQL(ctx, &ask, into)
	})
}

// tileBySQL has the stations that are shown one by one rendered by way of an index of them alone, as bySQL does.
func (f *Finder) tileBySQL(ctx context.Context, q *Query, into *search.Tile) error {
	offers, err := f.sql.Offers(ctx, q)
	if err != nil {
		return err
	}
	var shown []uuid.UUID
	for i := range offers {
		o := &offers[i]
		if into.Add(search.ID(o.ID), search.MercatorOf(o.Latitude, o.Longitude), o.Offer) && into.Few() {
			shown = append(shown, o.ID)
		}
	}
	if !into.Few() || len(shown) == 0 {
		return nil
	}
	index, _, err := f.indexOf(ctx, shown)
	if err != nil {
		return err
	}
	index.Snapshot().Show(q.Now, into)
	return nil
}

// Stats counts the catalogue.
func (f *Finder) Stats(ctx context.Context) (stats search.Stats, err error) {
	err = f.either(func() error {
		stats = f.replica.Snapshot().Stats()
		return nil
	}, func() (err error) {
		stats, err = f.sql.Stats(ctx)
		return err
	})
	return stats, err
}

// Every gives the ids of all that match when they are at most so many, and otherwise one more than that.
func (f *Finder) Every(ctx context.Context, q *Query, most int) (all []uuid.UUID, err error) {
	ask := *q
	ask.Sort, ask.After, ask.Limit, ask.Spread = ByPlace, nil, most+1, false
	err = f.either(func() error {
		m := ask.memory()
		var result search.Result
		f.replica.Snapshot().Search(&m, &result)
		for i := range result.Hits {
			all = append(all, uuid.UUID(result.Hits[i].ID()))
		}
		return nil
	}, func() error {
		found, err := f.sql.Search(ctx, &ask)
		all = found.IDs
		return err
	})
	return all, err
}
