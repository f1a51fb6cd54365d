package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

const reviewColumns = `id, station_id, author, rating, outcome, comment, connector, vehicle, hidden_at IS NOT NULL, hidden_reason,
       version, created_at, updated_at`

func scanReview(rows *sql.Rows) (review.Review, error) {
	var r review.Review
	err := rows.Scan(&r.ID, &r.StationID, &r.Author, &r.Rating, &r.Outcome, &r.Comment, &r.Connector, &r.Vehicle, &r.Hidden, &r.HiddenReason,
		&r.Version, &r.CreatedAt, &r.UpdatedAt)
	r.CreatedAt, r.UpdatedAt = r.CreatedAt.UTC(), r.UpdatedAt.UTC()
	return r, err
}

const standing = `
SELECT deleted_at IS NOT NULL, merged_into FROM stations WHERE id = $1`

// stands gives nil for a station that is there; else the faults of Get, one of which leads to the survivor of a merge. How it is locked
// is the last words of the query.
func stands(ctx context.Context, q sqlx.QueryerContext, id uuid.UUID, lock string) error {
	var removed bool
	var into *uuid.UUID
	err := q.QueryRowxContext(ctx, standing+lock, id).Scan(&removed, &into)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return station.ErrNotFound
	case err != nil:
		return fmt.Errorf("station of reviews: %w", err)
	case into != nil:
		return station.MergedInto(*into)
	case removed:
		return station.ErrRemoved
	}
	return nil
}

// staying keeps a station from being merged or removed until the transaction ends.
const staying = ` FOR SHARE`

const createReview = `
INSERT INTO reviews (id, station_id, author, rating, outcome, comment, connector, vehicle)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT ON CONSTRAINT reviews_author_key DO NOTHING
RETURNING ` + reviewColumns

// CreateReview stores a review of a station, once for each idempotency key of the author. It returns the faults of Get, and review.Twice
// when the author has one of it already.
func (s *Store) CreateReview(ctx context.Context, author, stationID uuid.UUID, in review.Input) (review.Review, error) {
	out, _, err := idempotency.Do(ctx, s.db, author.String(), func(ctx context.Context, tx *sqlx.Tx) (review.Review, error) {
		var none review.Review
		if faults := in.Validate(); len(faults) > 0 {
			return none, review.ErrInvalid.At(faults...)
		}
		if err := stands(ctx, tx, stationID, staying); err != nil {
			return none, err
		}
		id, err := uuid.NewV7()
		if err != nil {
			return none, fmt.Errorf("id of a review: %w", err)
		}
		made, err := collect(ctx, tx, scanReview, createReview, id, stationID, author, in.Rating, in.Outcome, in.Comment, in.Connector, in.Vehicle)
		switch {
		case err != nil:
			return none, fmt.Errorf("create review: %w", err)
		case len(made) > 0:
			return made[0], nil
		}
		if err := tx.GetContext(ctx, &id, `SELECT id FROM reviews WHERE station_id = $1 AND author = $2`, stationID, author); err != nil {
			return none, fmt.Errorf("review that there is already: %w", err)
		}
		return none, review.Twice(id)
	})
	return out, postgres.Map(err, nil)
}

const selectReview = `
SELECT ` + reviewColumns + `
FROM reviews
WHERE station_id = $1 AND id = $2`

// reviewOf gives a review that the viewer sees, or review.ErrNotFound.
func reviewOf(ctx context.Context, q sqlx.QueryerContext, viewer review.Viewer, stationID, id uuid.UUID, lock string) (review.Review, error) {
	found, err := collect(ctx, q, scanReview, selectReview+lock, stationID, id)
	switch {
	case err != nil:
		return review.Review{}, fmt.Errorf("find review: %w", err)
	case len(found) == 0 || !viewer.Sees(&found[0]):
		return review.Review{}, review.ErrNotFound
	}
	return found[0], nil
}

// Review gives a review of a station. It returns the faults of Get, and review.ErrNotFound when the viewer is not shown it.
func (s *Store) Review(ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID) (review.Review, error) {
	if err := stands(ctx, s.db, stationID, ""); err != nil {
		return review.Review{}, postgres.Map(err, nil)
	}
	out, err := reviewOf(ctx, s.db, viewer, stationID, id, "")
	return out, postgres.Map(err, nil)
}

// The plan to have: reviews_listed_idx from its end, whatever of it is hidden.
const listReviews = `
SELECT ` + reviewColumns + `
FROM reviews
WHERE station_id = $1 AND id < $2 AND (hidden_at IS NULL OR $3 OR author = $4) AND (author = $4 OR NOT $5)
ORDER BY id DESC
LIMIT $6`

// Reviews gives the reviews of a station that the viewer is shown, or only the viewer's own, the newest before an id first; every one is before
// uuid.Max. It returns the faults of Get.
func (s *Store) Reviews(ctx context.Context, viewer review.Viewer, stationID uuid.UUID, mine bool, before uuid.UUID, limit int) ([]review.Review, error) {
	if err := stands(ctx, s.db, stationID, ""); err != nil {
		return nil, postgres.Map(err, nil)
	}
	found, err := collect(ctx, s.db, scanReview, listReviews, stationID, before, viewer.Moderator, viewer.Person, mine, limit)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("list reviews: %w", err), nil)
	}
	return found, nil
}

const reviewsOf = `
SELECT r.*
FROM unnest($1::uuid[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT ` + reviewColumns + ` FROM reviews WHERE station_id = wanted.id AND hidden_at IS NULL ORDER BY id DESC LIMIT $2) AS r`

// ReviewsOf gives the newest reviews of each station that everybody may see, at most so many.
func (s *Store) ReviewsOf(ctx context.Context, stations []uuid.UUID, each int) (map[uuid.UUID][]review.Review, error) {
	found, err := collect(ctx, s.db, scanReview, reviewsOf, uuids(stations), each)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("reviews of stations: %w", err), nil)
	}
	out := make(map[uuid.UUID][]review.Review, len(stations))
	for _, r := range found {
		out[r.StationID] = append(out[r.StationID], r)
	}
	return out, nil
}

const updateReview = `
UPDATE reviews
SET rating = $2, outcome = $3, comment = $4, connector = $5, vehicle = $6, version = version + 1, updated_at = now()
WHERE id = $1
RETURNING ` + reviewColumns

// UpdateReview changes a review by a function that gets it as it is, and says what is wrong with the change. It returns the faults of
// Review too.
func (s *Store) UpdateReview(
	ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID, change func(review.Review) (review.Input, error),
) (out review.Review, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := stands(ctx, tx, stationID, staying); err != nil {
			return err
		}
		before, err := reviewOf(ctx, tx, viewer, stationID, id, " FOR UPDATE")
		if err != nil {
			return err
		}
		in, err := change(before)
		if err != nil {
			return err
		}
		if faults := in.Validate(); len(faults) > 0 {
			return review.ErrInvalid.At(faults...)
		}
		if in.Same(&before.Input) {
			out = before
			return nil
		}
		out, err = oneReview(ctx, tx, updateReview, id, in.Rating, in.Outcome, in.Comment, in.Connector, in.Vehicle)
		return err
	})
	return out, postgres.Map(err, nil)
}

// oneReview gives the review that a statement returns.
func oneReview(ctx context.Context, tx *sqlx.Tx, statement string, args ...any) (review.Review, error) {
	made, err := collect(ctx, tx, scanReview, statement, args...)
	if err != nil || len(made) != 1 {
		return review.Review{}, errors.Join(err, errors.New("change review"))
	}
	return made[0], nil
}

// RemoveReview deletes a review that the function lets go, also of a station that was removed. It returns review.ErrNotFound.
func (s *Store) RemoveReview(ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID, allow func(review.Review) error) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		r, err := reviewOf(ctx, tx, viewer, stationID, id, " FOR UPDATE")
		if err != nil {
			return err
		}
		if err := allow(r); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM reviews WHERE id = $1`, id); err != nil {
			return fmt.Errorf("delete review: %w", err)
		}
		return nil
	})
	return postgres.Map(err, nil)
}

const hideReview = `
UPDATE reviews SET hidden_at = now(), hidden_by = $2, hidden_reason = $3, version = version + 1 WHERE id = $1
RETURNING ` + reviewColumns

const showReview = `
UPDATE reviews SET hidden_at = NULL, hidden_by = NULL, hidden_reason = '', version = version + 1 WHERE id = $1
RETURNING ` + reviewColumns

// ModerateReview hides a review, with a reason for its author, or shows it again, when the function allows it. It returns the faults of
// Review.
func (s *Store) ModerateReview(
	ctx context.Context, moderator, stationID, id uuid.UUID, hide bool, reason string, allow func(review.Review) error,
) (out review.Review, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := stands(ctx, tx, stationID, staying); err != nil {
			return err
		}
		out, err = reviewOf(ctx, tx, review.Viewer{Person: moderator, Moderator: true}, stationID, id, " FOR UPDATE")
		if err != nil {
			return err
		}
		if err := allow(out); err != nil {
			return err
		}
		switch {
		case hide == out.Hidden && reason == out.HiddenReason:
			return nil
		case hide:
			out, err = oneReview(ctx, tx, hideReview, id, moderator, reason)
		default:
			out, err = oneReview(ctx, tx, showReview, id)
		}
		return err
	})
	return out, postgres.Map(err, nil)
}

// Of two reviews of one person the one stays that was written last. Whoever writes one keeps its station from being merged, so that both
// are to be seen here.
var mergeReviews = []string{
	`DELETE FROM reviews r USING reviews other
WHERE r.station_id IN ($1, $2) AND other.station_id IN ($1, $2) AND other.author = r.author
  AND (r.updated_at, r.id) < (other.updated_at, other.id)`,
	`UPDATE reviews SET station_id = $2 WHERE station_id = $1`,
}
