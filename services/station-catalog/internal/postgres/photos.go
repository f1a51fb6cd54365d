package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

const photoColumns = `id, station_id, author, caption, width, height, thumbnail_width, thumbnail_height, hidden_at IS NOT NULL AS hidden,
       hidden_reason, version, created_at, updated_at`

func scanPhoto(rows *sql.Rows) (photo.Photo, error) {
	var p photo.Photo
	var hidden bool
	err := rows.Scan(&p.ID, &p.StationID, &p.Author, &p.Caption, &p.Full.Width, &p.Full.Height, &p.Thumbnail.Width, &p.Thumbnail.Height, &hidden,
		&p.HiddenReason, &p.Version, &p.CreatedAt, &p.UpdatedAt)
	p.CreatedAt, p.UpdatedAt = p.CreatedAt.UTC(), p.UpdatedAt.UTC()
	if p.State = photo.Published; hidden {
		p.State = photo.Hidden
	}
	return p, err
}

const sentBefore = `
SELECT ` + photoColumns + ` FROM photos WHERE station_id = $1 AND author = $2 AND digest = $3`

const countPhotos = `
SELECT (SELECT count(*) FROM photos WHERE station_id = $1 AND author = $2), (SELECT count(*) FROM photos WHERE station_id = $1),
       (SELECT count(*) FROM photos WHERE author = $2 AND created_at > now() - interval '1 day')`

// roomFor gives the photo of a file that the author sent of the station before, or a fault when there is no room for one more.
func roomFor(ctx context.Context, q sqlx.QueryerContext, author, stationID uuid.UUID, digest photo.Digest) (*photo.Photo, error) {
	before, err := collect(ctx, q, scanPhoto, sentBefore, stationID, author, digest[:])
	switch {
	case err != nil:
		return nil, fmt.Errorf("find the same photo: %w", err)
	case len(before) > 0:
		return &before[0], nil
	}
	var n photo.Counts
	if err := q.QueryRowxContext(ctx, countPhotos, stationID, author).Scan(&n.OfPerson, &n.OfStation, &n.OfDay); err != nil {
		return nil, fmt.Errorf("count photos: %w", err)
	}
	return nil, n.Room()
}

// RoomForPhoto gives the photo of a file that the author sent of the station before, nil when there is none and room for one more. It
// returns the faults of Get, and those of photo.Counts.
func (s *Store) RoomForPhoto(ctx context.Context, author, stationID uuid.UUID, digest photo.Digest) (*photo.Photo, error) {
	if err := stands(ctx, s.db, stationID, ""); err != nil {
		return nil, postgres.Map(err, nil)
	}
	before, err := roomFor(ctx, s.db, author, stationID, digest)
	return before, postgres.Map(err, nil)
}

// Whoever adds photos to a station does so in turn, so that those before are counted.
const lockPhotos = `SELECT pg_advisory_xact_lock(hashtextextended('photos of ' || $1, 0))`

const createPhoto = `
INSERT INTO photos (id, station_id, author, digest, caption, width, height, thumbnail_width, thumbnail_height)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING ` + photoColumns

const createPictures = `
INSERT INTO photo_pictures (photo_id, size, jpeg) VALUES ($1, 'full', $2), ($1, 'thumbnail', $3)`

// CreatePhoto stores a photo of a station. When the author sent the same file of it before, it gives the photo of then, and false. It
// returns the faults of RoomForPhoto.
func (s *Store) CreatePhoto(ctx context.Context, author, stationID uuid.UUID, in photo.Taken) (out photo.Photo, made bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := stands(ctx, tx, stationID, staying); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, lockPhotos, stationID.String()); err != nil {
			return fmt.Errorf("lock photos: %w", err)
		}
		before, err := roomFor(ctx, tx, author, stationID, in.Digest)
		if err != nil {
			return err
		}
		if made = before == nil; !made {
			out = *before
			return nil
		}
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("id of a photo: %w", err)
		}
		out, err = onePhoto(ctx, tx, createPhoto, id, stationID, author, in.Digest[:], in.Caption,
			in.Full.Width, in.Full.Height, in.Thumbnail.Width, in.Thumbnail.Height)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, createPictures, id, in.Full.JPEG, in.Thumbnail.JPEG); err != nil {
			return fmt.Errorf("store pictures: %w", err)
		}
		return nil
	})
	return out, made, postgres.Map(err, nil)
}

// onePhoto gives the photo that a statement returns.
func onePhoto(ctx context.Context, tx *sqlx.Tx, statement string, args ...any) (photo.Photo, error) {
	made, err := collect(ctx, tx, scanPhoto, statement, args...)
	if err != nil || len(made) != 1 {
		return photo.Photo{}, errors.Join(err, errors.New("change photo"))
	}
	return made[0], nil
}

const selectPhoto = `
SELECT ` + photoColumns + ` FROM photos WHERE station_id = $1 AND id = $2`

// photoOf gives a photo that the viewer sees, or photo.ErrNotFound.
func photoOf(ctx context.Context, q sqlx.QueryerContext, viewer review.Viewer, stationID, id uuid.UUID, lock string) (photo.Photo, error) {
	found, err := collect(ctx, q, scanPhoto, selectPhoto+lock, stationID, id)
	switch {
	case err != nil:
		return photo.Photo{}, fmt.Errorf("find photo: %w", err)
	case len(found) == 0 || !found[0].SeenBy(viewer):
		return photo.Photo{}, photo.ErrNotFound
	}
	return found[0], nil
}

// Photo gives a photo of a station. It returns the faults of Get, and photo.ErrNotFound when the viewer is not shown it.
func (s *Store) Photo(ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID) (photo.Photo, error) {
	if err := stands(ctx, s.db, stationID, ""); err != nil {
		return photo.Photo{}, postgres.Map(err, nil)
	}
	out, err := photoOf(ctx, s.db, viewer, stationID, id, "")
	return out, postgres.Map(err, nil)
}

const selectPicture = `
SELECT s.deleted_at IS NOT NULL, s.merged_into, p.author, p.hidden_at IS NOT NULL, i.jpeg
FROM stations s
LEFT JOIN photos p ON p.station_id = s.id AND p.id = $2
LEFT JOIN photo_pictures i ON i.photo_id = p.id AND i.size = $3 AND NOT $4
WHERE s.id = $1`

// Picture gives one of the pictures of a photo, and whether everybody is shown it; nothing but that when the viewer has the picture, which
// never changes. It returns the faults of Photo.
func (s *Store) Picture(ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID, size photo.Size, held bool) (jpeg []byte, public bool, err error) {
	var removed, hidden bool
	var into, author *uuid.UUID
	err = s.db.QueryRowContext(ctx, selectPicture, stationID, id, string(size), held).Scan(&removed, &into, &author, &hidden, &jpeg)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, false, station.ErrNotFound
	case err != nil:
		return nil, false, postgres.Map(fmt.Errorf("picture of a photo: %w", err), nil)
	case into != nil:
		return nil, false, station.MergedInto(*into)
	case removed:
		return nil, false, station.ErrRemoved
	case author == nil:
		return nil, false, photo.ErrNotFound
	}
	p := photo.Photo{Author: *author, State: photo.Published}
	if hidden {
		p.State = photo.Hidden
	}
	if !p.SeenBy(viewer) {
		return nil, false, photo.ErrNotFound
	}
	return jpeg, !hidden, nil
}

// The plan to have: photos_listed_idx from its end, whatever of it is hidden.
const listPhotos = `
SELECT ` + photoColumns + `
FROM photos
WHERE station_id = $1 AND id < $2 AND (hidden_at IS NULL OR $3 OR author = $4) AND (author = $4 OR NOT $5)
ORDER BY id DESC
LIMIT $6`

// Photos gives the photos of a station that the viewer is shown, or only the viewer's own, the newest before an id first; every one is
// before uuid.Max. It returns the faults of Get.
func (s *Store) Photos(ctx context.Context, viewer review.Viewer, stationID uuid.UUID, mine bool, before uuid.UUID, limit int) ([]photo.Photo, error) {
	if err := stands(ctx, s.db, stationID, ""); err != nil {
		return nil, postgres.Map(err, nil)
	}
	found, err := collect(ctx, s.db, scanPhoto, listPhotos, stationID, before, viewer.Moderator, viewer.Person, mine, limit)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("list photos: %w", err), nil)
	}
	return found, nil
}

const photosOf = `
SELECT p.*
FROM unnest($1::uuid[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT ` + photoColumns + ` FROM photos WHERE station_id = wanted.id AND hidden_at IS NULL ORDER BY id DESC LIMIT $2) AS p`

// PhotosOf gives the newest photos of each station that everybody may see, at most so many.
func (s *Store) PhotosOf(ctx context.Context, stations []uuid.UUID, each int) (map[uuid.UUID][]photo.Photo, error) {
	found, err := collect(ctx, s.db, scanPhoto, photosOf, uuids(stations), each)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("photos of stations: %w", err), nil)
	}
	out := make(map[uuid.UUID][]photo.Photo, len(stations))
	for _, p := range found {
		out[p.StationID] = append(out[p.StationID], p)
	}
	return out, nil
}

// One query for all, since every reader of a station asks it.
const saidOf = `
SELECT coalesce(r.average, 0), coalesce(r.count, 0), p.id, p.caption, p.width, p.height, p.thumbnail_width, p.thumbnail_height, p.version, p.created_at,
       ` + openReports + `
FROM (SELECT $1::uuid AS id) s
LEFT JOIN station_ratings r ON r.station_id = s.id AND r.count > 0
LEFT JOIN LATERAL (
    SELECT ` + photoColumns + ` FROM photos WHERE station_id = s.id AND hidden_at IS NULL ORDER BY id DESC LIMIT $2) p ON true
ORDER BY p.id DESC`

// Said gives what the ratings of a station come to, zero when it has none, its newest photos that everybody may see, at most so many, and how
// many reports of it are not settled, by kind, nil when none are.
func (s *Store) Said(
	ctx context.Context, stationID uuid.UUID, photos int,
) (rating review.Rating, newest []photo.Photo, open map[string]int64, err error) {
	_, err = collect(ctx, s.db, func(rows *sql.Rows) (none struct{}, err error) {
		var id uuid.NullUUID
		var caption sql.NullString
		var sides [4]sql.NullInt64
		var version sql.NullInt64
		var created sql.NullTime
		var counts []byte
		err = rows.Scan(&rating.Average, &rating.Count, &id, &caption, &sides[0], &sides[1], &sides[2], &sides[3], &version, &created, &counts)
		if id.Valid {
			newest = append(newest, photo.Photo{StationID: stationID, State: photo.Published, Version: version.Int64, Shown: photo.Shown{
				ID: id.UUID, Caption: caption.String, CreatedAt: created.Time.UTC(),
				Full:      photo.Sized{Width: int(sides[0].Int64), Height: int(sides[1].Int64)},
				Thumbnail: photo.Sized{Width: int(sides[2].Int64), Height: int(sides[3].Int64)},
			}})
		}
		if err == nil && counts != nil && open == nil {
			err = json.Unmarshal(counts, &open)
		}
		return none, err
	}, saidOf, stationID, photos)
	if err != nil {
		return rating, nil, nil, postgres.Map(fmt.Errorf("what is said of a station: %w", err), nil)
	}
	return rating, newest, open, nil
}

const captionPhoto = `
UPDATE photos SET caption = $2, version = version + 1, updated_at = now() WHERE id = $1
RETURNING ` + photoColumns

// UpdatePhoto changes the caption of a photo by a function that gets the photo as it is. It returns the faults of Photo too.
func (s *Store) UpdatePhoto(
	ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID, change func(photo.Photo) (caption string, err error),
) (out photo.Photo, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := stands(ctx, tx, stationID, staying); err != nil {
			return err
		}
		before, err := photoOf(ctx, tx, viewer, stationID, id, " FOR UPDATE")
		if err != nil {
			return err
		}
		caption, err := change(before)
		if err != nil {
			return err
		}
		if caption == before.Caption {
			out = before
			return nil
		}
		out, err = onePhoto(ctx, tx, captionPhoto, id, caption)
		return err
	})
	return out, postgres.Map(err, nil)
}

// RemovePhoto deletes a photo that the function lets go, with its pictures, also of a station that was removed. It returns
// photo.ErrNotFound.
func (s *Store) RemovePhoto(ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID, allow func(photo.Photo) error) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		p, err := photoOf(ctx, tx, viewer, stationID, id, " FOR UPDATE")
		if err != nil {
			return err
		}
		if err := allow(p); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM photos WHERE id = $1`, id); err != nil {
			return fmt.Errorf("delete photo: %w", err)
		}
		return nil
	})
	return postgres.Map(err, nil)
}

const hidePhoto = `
UPDATE photos SET hidden_at = now(), hidden_by = $2, hidden_reason = $3, version = version + 1 WHERE id = $1
RETURNING ` + photoColumns

const showPhoto = `
UPDATE photos SET hidden_at = NULL, hidden_by = NULL, hidden_reason = '', version = version + 1 WHERE id = $1
RETURNING ` + photoColumns

// ModeratePhoto hides a photo, with a reason for its author, or shows it again, when the function allows it. It returns the faults of
// Photo.
func (s *Store) ModeratePhoto(
	ctx context.Context, moderator, stationID, id uuid.UUID, hide bool, reason string, allow func(photo.Photo) error,
) (out photo.Photo, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := stands(ctx, tx, stationID, staying); err != nil {
			return err
		}
		out, err = photoOf(ctx, tx, review.Viewer{Person: moderator, Moderator: true}, stationID, id, " FOR UPDATE")
		if err != nil {
			return err
		}
		if err := allow(out); err != nil {
			return err
		}
		switch {
		case hide == (out.State == photo.Hidden) && reason == out.HiddenReason:
			return nil
		case hide:
			out, err = onePhoto(ctx, tx, hidePhoto, id, moderator, reason)
		default:
			out, err = onePhoto(ctx, tx, showPhoto, id)
		}
		return err
	})
	return out, postgres.Map(err, nil)
}

// Of one file that one person sent of both stations one photo stays: a hidden one, lest it is shown again, else the older. The survivor may
// have more than may be sent.
var mergePhotos = []string{
	`DELETE FROM photos p USING photos other
WHERE p.station_id IN ($1, $2) AND other.station_id IN ($1, $2) AND other.author = p.author AND other.digest = p.digest
  AND (p.hidden_at IS NULL, p.id) > (other.hidden_at IS NULL, other.id)`,
	`UPDATE photos SET station_id = $2 WHERE station_id = $1`,
}
