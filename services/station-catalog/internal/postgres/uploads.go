package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

const uploadColumns = `
id, format, source, dry_run, operator_id, submitted_by, removal, max_removed_share, length, import_id, created_at, updated_at`

const insertUpload = `
INSERT INTO import_uploads (id, format, source, dry_run, operator_id, submitted_by, removal, max_removed_share)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING ` + uploadColumns

// Openings of one caller take turns, so that the count holds.
const lockUploads = `SELECT pg_advisory_xact_lock(hashtextextended('uploads of ' || $1, 0))`

const countOpenUploads = `
SELECT count(*) FROM import_uploads WHERE submitted_by = $1 AND import_id IS NULL`

// OpenUpload begins an upload, once for each idempotency key of who submits it.
func (s *Store) OpenUpload(ctx context.Context, u transfer.Upload) (transfer.Upload, error) {
	out, _, err := idempotency.Do(ctx, s.db, u.SubmittedBy, func(ctx context.Context, tx *sqlx.Tx) (transfer.Upload, error) {
		if _, err := tx.ExecContext(ctx, lockUploads, u.SubmittedBy); err != nil {
			return u, fmt.Errorf("lock uploads: %w", err)
		}
		var open int
		if err := tx.GetContext(ctx, &open, countOpenUploads, u.SubmittedBy); err != nil {
			return u, fmt.Errorf("count uploads: %w", err)
		}
		if open >= transfer.OpenUploads {
			return u, transfer.ErrUploads.Detailf("%d uploads are open: end or delete one of them", open)
		}
		made, err := collect(ctx, tx, scanUpload, insertUpload, u.ID, u.Format, u.Source, u.DryRun, u.Operator, u.SubmittedBy,
			string(u.Removal), u.MaxRemovedShare)
		if err != nil {
			return u, fmt.Errorf("open upload: %w", err)
		}
		return made[0], nil
	})
	return out, postgres.Map(err, nil)
}

func scanUpload(rows *sql.Rows) (transfer.Upload, error) {
	var u transfer.Upload
	err := rows.Scan(&u.ID, &u.Format, &u.Source, &u.DryRun, &u.Operator, &u.SubmittedBy, &u.Removal, &u.MaxRemovedShare, &u.Length,
		&u.ImportID, &u.CreatedAt, &u.UpdatedAt)
	u.CreatedAt, u.UpdatedAt, u.Complete = u.CreatedAt.UTC(), u.UpdatedAt.UTC(), u.ImportID != nil
	return u, err
}

// GetUpload gives an upload, or transfer.ErrUploadNotFound.
func (s *Store) GetUpload(ctx context.Context, id uuid.UUID) (transfer.Upload, error) {
	found, err := collect(ctx, s.db, scanUpload, `SELECT `+uploadColumns+` FROM import_uploads WHERE id = $1`, id)
	switch {
	case err != nil:
		return transfer.Upload{}, postgres.Map(fmt.Errorf("get upload: %w", err), nil)
	case len(found) == 0:
		return transfer.Upload{}, transfer.ErrUploadNotFound
	}
	return found[0], nil
}

const growUpload = `
UPDATE import_uploads SET length = length + $3, updated_at = now() WHERE id = $1 AND length = $2 AND import_id IS NULL`

// What was fetched and is not staged yet lies in the same place.
const heldByUploads = `
SELECT (SELECT coalesce(sum(length), 0) FROM import_uploads WHERE import_id IS NULL) + (SELECT coalesce(sum(length), 0) FROM import_fetches)`

const insertPart = `
INSERT INTO import_upload_parts (upload_id, start, data) VALUES ($1, $2, $3)`

// room gives transfer.ErrUploadsFull when so many bytes more would be too many.
func room(ctx context.Context, tx *sqlx.Tx, more int) error {
	var held int64
	if err := tx.GetContext(ctx, &held, heldByUploads); err != nil {
		return fmt.Errorf("count what uploads hold: %w", err)
	}
	if held+int64(more) > transfer.MaxUploads {
		return transfer.ErrUploadsFull
	}
	return nil
}

// AppendUpload stores a part behind what is there.
func (s *Store) AppendUpload(ctx context.Context, id uuid.UUID, start int64, part []byte) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := room(ctx, tx, len(part)); err != nil {
			return err
		}
		grown, err := tx.ExecContext(ctx, growUpload, id, start, len(part))
		if err != nil {
			return fmt.Errorf("lengthen upload: %w", err)
		}
		if n, err := grown.RowsAffected(); err != nil || n == 0 {
			return errorOr(err, transfer.ErrUploadOffset)
		}
		if _, err := tx.ExecContext(ctx, insertPart, id, start, part); err != nil {
			return fmt.Errorf("store a part: %w", err)
		}
		return nil
	})
}

func errorOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// UploadPart gives a part, or transfer.ErrUploadNotFound.
func (s *Store) UploadPart(ctx context.Context, id uuid.UUID, start int64) ([]byte, error) {
	return s.part(ctx, "part of an upload", transfer.ErrUploadNotFound, `SELECT data FROM import_upload_parts WHERE upload_id = $1 AND start = $2`, id, start)
}

func (s *Store) part(ctx context.Context, what string, absent error, query string, params ...any) ([]byte, error) {
	found, err := collect(ctx, s.db, func(rows *sql.Rows) (part []byte, err error) {
		err = rows.Scan(&part)
		return part, err
	}, query, params...)
	switch {
	case err != nil:
		return nil, postgres.Map(fmt.Errorf("%s: %w", what, err), nil)
	case len(found) == 0:
		return nil, absent
	}
	return found[0], nil
}

// EndUpload notes what an upload has become.
func (s *Store) EndUpload(ctx context.Context, id, importID uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE import_uploads SET import_id = $2, updated_at = now() WHERE id = $1`, id, importID); err != nil {
			return fmt.Errorf("end upload: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM import_upload_parts WHERE upload_id = $1`, id); err != nil {
			return fmt.Errorf("drop parts: %w", err)
		}
		return nil
	})
}

// DropUpload forgets an upload.
func (s *Store) DropUpload(ctx context.Context, id uuid.UUID) error {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM import_uploads WHERE id = $1`, id); err != nil {
		return postgres.Map(fmt.Errorf("drop upload: %w", err), nil)
	}
	return nil
}

// ForgetUploads drops the uploads that have got nothing for so long, and those that have ended as long ago.
func (s *Store) ForgetUploads(ctx context.Context, silence time.Duration) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM import_uploads WHERE updated_at < now() - make_interval(secs => $1)`, silence.Seconds())
	if err != nil {
		return postgres.Map(fmt.Errorf("forget uploads: %w", err), nil)
	}
	return nil
}

var _ transfer.Uploads = (*Store)(nil)
