package find

import (
	"context"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Rated gives the rating of a station; zero when it has none.
type Rated func(station uuid.UUID) search.Rating

// RatedBy is what these ratings tell.
func RatedBy(ratings map[uuid.UUID]review.Rating) Rated {
	return func(station uuid.UUID) search.Rating { return rating(ratings[station]) }
}

func rating(r review.Rating) search.Rating {
	return search.Rating{Average: r.Average, Count: uint32(r.Count)} //nolint:gosec // there are fewer people
}

func (r *Replica) followRatings(ctx context.Context) {
	f := follower[review.Changes]{name: "ratings", gauge: &r.ratings, wake: r.wakeRatings, take: r.takeRatings}
	f.read = func(ctx context.Context) (review.Changes, error) {
		return r.catalogue.RatingsAfter(ctx, r.ratingPlace(), logLimit)
	}
	f.run(ctx, r)
}

func (r *Replica) ratingPlace() review.Place {
	r.writing.Lock()
	defer r.writing.Unlock()
	return r.rated
}

func (r *Replica) takeRatings(changes review.Changes) (more, held bool) {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.rated = changes.Place
	if len(changes.Ratings) > 0 {
		batch := search.Batch{Ratings: make([]search.RatingChange, len(changes.Ratings))}
		for i, told := range changes.Ratings {
			batch.Ratings[i] = search.RatingChange{Station: search.ID(told.Station), Rating: rating(told.Rating)}
		}
		r.index.Apply(batch)
	}
	return len(changes.Ratings) == logLimit, changes.Held
}

// loadRatings gives every rating there is, and the place of the last.
func (r *Replica) loadRatings(ctx context.Context) (map[uuid.UUID]search.Rating, review.Place, error) {
	all := make(map[uuid.UUID]search.Rating)
	var place review.Place
	for {
		changes, err := r.catalogue.RatingsAfter(ctx, place, logLimit)
		if err != nil {
			return nil, place, err
		}
		for _, told := range changes.Ratings {
			all[told.Station] = rating(told.Rating)
		}
		if place = changes.Place; len(changes.Ratings) < logLimit {
			return all, place, nil
		}
	}
}

// ratedAnew gives the ratings of stations that the index does not have; it keeps those of the others.
func (r *Replica) ratedAnew(ctx context.Context, events []feed.Event[station.Station]) (Rated, error) {
	held := r.index.Snapshot()
	var unheard []uuid.UUID
	for i := range events {
		if st := events[i].Data; st != nil {
			if _, known := held.Rating(search.ID(st.ID)); !known {
				unheard = append(unheard, st.ID)
			}
		}
	}
	if len(unheard) == 0 {
		return RatedBy(nil), nil
	}
	ratings, err := r.catalogue.Ratings(ctx, unheard)
	return RatedBy(ratings), err
}
