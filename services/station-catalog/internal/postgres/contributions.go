package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/contribution"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/report"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
)

const reviewsBy = `
SELECT ` + reviewColumns + `
FROM reviews
WHERE author = $1 AND id < $2 AND ($3::uuid IS NULL OR station_id = $3)
ORDER BY id DESC
LIMIT $4`

const reportsBy = `
SELECT ` + reportColumns + `
FROM reports r JOIN stations s ON s.id = r.station_id
WHERE r.reporter = $1 AND r.id < $2 AND ($3::uuid IS NULL OR r.station_id = $3)
ORDER BY r.id DESC
LIMIT $4`

const photosBy = `
SELECT ` + photoColumns + `
FROM photos
WHERE author = $1 AND id < $2 AND ($3::uuid IS NULL OR station_id = $3)
ORDER BY id DESC
LIMIT $4`

// contributions are the sources of what a person has said, by kind: at most limit of each, the newest before an id first.
var contributions = map[string]func(ctx context.Context, s *Store, args ...any) ([]contribution.Contribution, error){
	contribution.Review: func(ctx context.Context, s *Store, args ...any) ([]contribution.Contribution, error) {
		return collect(ctx, s.db, func(rows *sql.Rows) (contribution.Contribution, error) {
			r, err := scanReview(rows)
			return ofReview(&r), err
		}, reviewsBy, args...)
	},
	contribution.Report: func(ctx context.Context, s *Store, args ...any) ([]contribution.Contribution, error) {
		return collect(ctx, s.db, func(rows *sql.Rows) (contribution.Contribution, error) {
			r, err := scanReport(rows)
			return ofReport(&r), err
		}, reportsBy, args...)
	},
	contribution.Photo: func(ctx context.Context, s *Store, args ...any) ([]contribution.Contribution, error) {
		return collect(ctx, s.db, func(rows *sql.Rows) (contribution.Contribution, error) {
			p, err := scanPhoto(rows)
			return ofPhoto(&p), err
		}, photosBy, args...)
	},
}

func ofReview(r *review.Review) contribution.Contribution {
	c := contribution.Contribution{
		Kind: contribution.Review, ID: r.ID, State: contribution.Shown, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Review: r,
		Station: contribution.Station{ID: r.StationID},
	}
	if r.Hidden {
		c.State = contribution.Hidden
	}
	return c
}

func ofReport(r *report.Report) contribution.Contribution {
	return contribution.Contribution{
		Kind: contribution.Report, ID: r.ID, State: string(r.State), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Report: r,
		Station: contribution.Station{ID: r.StationID},
	}
}

func ofPhoto(p *photo.Photo) contribution.Contribution {
	return contribution.Contribution{
		Kind: contribution.Photo, ID: p.ID, State: string(p.State), CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Photo: p,
		Station: contribution.Station{ID: p.StationID},
	}
}

const namesOfStations = `
SELECT id, name, deleted_at IS NOT NULL FROM stations WHERE id = ANY($1)`

// Contributions gives what a person has said, of all these kinds and of one station unless it is uuid.Nil, also of stations that were
// removed: the newest before an id first; every one is before uuid.Max.
func (s *Store) Contributions(
	ctx context.Context, person uuid.UUID, kinds []string, stationID, before uuid.UUID, limit int,
) ([]contribution.Contribution, error) {
	var all []contribution.Contribution
	for _, kind := range kinds {
		some, err := contributions[kind](ctx, s, person, before, uuid.NullUUID{UUID: stationID, Valid: stationID != uuid.Nil}, limit)
		if err != nil {
			return nil, postgres.Map(fmt.Errorf("list what a person said: %w", err), nil)
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b contribution.Contribution) int { return slices.Compare(b.ID[:], a.ID[:]) })
	all = all[:min(len(all), limit)]
	of := make([]uuid.UUID, len(all))
	for i := range all {
		of[i] = all[i].Station.ID
	}
	named := map[uuid.UUID]contribution.Station{}
	_, err := collect(ctx, s.db, func(rows *sql.Rows) (at contribution.Station, err error) {
		err = rows.Scan(&at.ID, &at.Name, &at.Removed)
		named[at.ID] = at
		return at, err
	}, namesOfStations, uuids(of))
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("stations of what a person said: %w", err), nil)
	}
	for i := range all {
		all[i].Station = named[all[i].Station.ID]
	}
	return all, nil
}
