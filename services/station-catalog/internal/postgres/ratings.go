package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
)

// RatingChannel is notified when ratings of stations have changed.
const RatingChannel = "station_ratings"

const ratingsOf = `
SELECT station_id, coalesce(average, 0), count FROM station_ratings WHERE station_id = ANY($1) AND count > 0`

// Ratings gives what the ratings of these stations come to; those without any are left out.
func (s *Store) Ratings(ctx context.Context, stations []uuid.UUID) (map[uuid.UUID]review.Rating, error) {
	found, err := collect(ctx, s.db, func(rows *sql.Rows) (r review.Rated, err error) {
		err = rows.Scan(&r.Station, &r.Average, &r.Count)
		return r, err
	}, ratingsOf, uuids(stations))
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("ratings: %w", err), nil)
	}
	out := make(map[uuid.UUID]review.Rating, len(found))
	for _, r := range found {
		out[r.Station] = r.Rating
	}
	return out, nil
}

// As in statusesAfter, a reader may go on up to below every transaction that may still commit; what lies above comes last.
const ratingsAfter = `
SELECT station_id, coalesce(average, 0), count, xid::text, seq, xid >= pg_snapshot_xmin(pg_current_snapshot())
FROM station_ratings
WHERE (xid, seq) > ($1::xid8, $2)
ORDER BY station_ratings.xid, seq
LIMIT $3`

// RatingsAfter gives ratings that were set behind a place, oldest first, and the place of the last. The zero place is the beginning.
func (s *Store) RatingsAfter(ctx context.Context, after review.Place, limit int) (review.Changes, error) {
	out := review.Changes{Place: after}
	if after.XID == "" {
		after.XID = "0"
	}
	_, err := collect(ctx, s.db, func(rows *sql.Rows) (held bool, err error) {
		var r review.Rated
		var at review.Place
		err = rows.Scan(&r.Station, &r.Average, &r.Count, &at.XID, &at.Seq, &held)
		if out.Held = held; !held {
			out.Place, out.Ratings = at, append(out.Ratings, r)
		}
		return held, err
	}, ratingsAfter, after.XID, after.Seq, limit)
	if err != nil {
		return out, postgres.Map(fmt.Errorf("changed ratings: %w", err), nil)
	}
	return out, nil
}
