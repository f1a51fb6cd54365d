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
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/peer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// Openings take turns, so that the count holds.
const lockFetches = `SELECT pg_advisory_xact_lock(hashtextextended('fetches', 0))`

const insertFetch = `
INSERT INTO import_fetches (import_id, url, token, page_url) VALUES ($1, $2, $3, $2)`

// OpenFetch begins an import by an order.
func (s *Store) OpenFetch(ctx context.Context, o peer.Order, most int) (uuid.UUID, bool, error) {
	id, before, err := idempotency.Do(ctx, s.db, o.Import.SubmittedBy, func(ctx context.Context, tx *sqlx.Tx) (uuid.UUID, error) {
		if _, err := tx.ExecContext(ctx, lockFetches); err != nil {
			return uuid.Nil, fmt.Errorf("lock fetches: %w", err)
		}
		var open int
		if err := tx.GetContext(ctx, &open, `SELECT count(*) FROM import_fetches`); err != nil {
			return uuid.Nil, fmt.Errorf("count fetches: %w", err)
		}
		if open >= most {
			return uuid.Nil, peer.ErrBusy
		}
		if err := createImport(ctx, tx, o.Import); err != nil {
			return uuid.Nil, err
		}
		if _, err := tx.ExecContext(ctx, insertFetch, o.Import.ID, o.URL, o.Token); err != nil {
			return uuid.Nil, fmt.Errorf("open a fetch: %w", err)
		}
		return o.Import.ID, nil
	})
	return id, before, postgres.Map(err, nil)
}

// Whoever had it before may still be at work: Stage and AppendFetch then wait for this, and find another worker.
const claimFetch = `
UPDATE imports
SET worker = $1, leased_until = now() + make_interval(secs => $2), updated_at = now(), rows = 0, rejected_rows = 0, adjusted_rows = 0
WHERE id = (
    SELECT i.id
    FROM import_fetches f
    JOIN imports i ON i.id = f.import_id
    WHERE i.state = 'receiving' AND (i.leased_until IS NULL OR i.leased_until < now())
    ORDER BY i.created_at
    LIMIT 1
    FOR UPDATE OF i SKIP LOCKED)
RETURNING ` + importColumns

const takeFetch = `
UPDATE import_fetches SET tries = tries + 1
WHERE import_id = $1
RETURNING url, token, page_url, page_next, page_tag, page_start, pages, length, complete, tries`

// ClaimFetch gives an order to a worker.
func (s *Store) ClaimFetch(ctx context.Context, worker string, lease time.Duration) (o peer.Order, claimed bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		found, err := collect(ctx, tx, scanImport, claimFetch, worker, lease.Seconds())
		if err != nil {
			return fmt.Errorf("claim a fetch: %w", err)
		}
		if claimed = len(found) > 0; !claimed {
			return nil
		}
		orders, err := collect(ctx, tx, scanFetch, takeFetch, found[0].ID)
		if err != nil {
			return fmt.Errorf("take up a fetch: %w", err)
		}
		o = orders[0]
		o.Import, o.Import.Worker = found[0], worker
		for _, drop := range []string{dropStaged, dropFindings} {
			if _, err := tx.ExecContext(ctx, drop, o.Import.ID); err != nil {
				return fmt.Errorf("drop what was staged before: %w", err)
			}
		}
		return nil
	})
	return o, claimed, postgres.Map(err, nil)
}

func scanFetch(rows *sql.Rows) (o peer.Order, err error) {
	p := &o.Page
	err = rows.Scan(&o.URL, &o.Token, &p.URL, &p.Next, &p.Tag, &p.Start, &p.Count, &o.Length, &o.Complete, &o.Tries)
	return o, err
}

const dropFindings = `
DELETE FROM import_findings WHERE import_id = $1`

const dropFetch = `
DELETE FROM import_fetches WHERE import_id = $1`

const keepFetch = `
UPDATE imports SET leased_until = now() + make_interval(secs => $3), updated_at = now()
WHERE id = $1 AND worker = $2 AND state = 'receiving'`

// KeepFetch extends the lease of a worker.
func (s *Store) KeepFetch(ctx context.Context, imp transfer.Import, lease time.Duration) error {
	return postgres.Map(held(ctx, s.db, "keep a fetch", keepFetch, imp.ID, imp.Worker, lease.Seconds()), nil)
}

// The row stays locked until the part is there, so that whoever claims the fetch finds either all of it or nothing.
const holdFetch = `
SELECT true FROM imports WHERE id = $1 AND worker = $2 AND state = 'receiving' FOR UPDATE`

const growFetch = `
UPDATE import_fetches
SET page_url = $2, page_next = $3, page_tag = $4, page_start = $5, pages = $6, length = $7, complete = $8
WHERE import_id = $1`

const replaceFetched = `
DELETE FROM import_fetch_parts WHERE import_id = $1 AND start >= $2`

const insertFetched = `
INSERT INTO import_fetch_parts (import_id, start, data) VALUES ($1, $2, $3)`

// AppendFetch stores a part.
func (s *Store) AppendFetch(ctx context.Context, o peer.Order, part []byte) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		mine, err := collect(ctx, tx, func(rows *sql.Rows) (mine bool, err error) {
			err = rows.Scan(&mine)
			return mine, err
		}, holdFetch, o.Import.ID, o.Import.Worker)
		if err != nil || len(mine) == 0 {
			return errorOr(err, transfer.ErrLost)
		}
		if err := room(ctx, tx, len(part)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, replaceFetched, o.Import.ID, o.Length); err != nil {
			return fmt.Errorf("drop what is fetched anew: %w", err)
		}
		if len(part) > 0 {
			if _, err := tx.ExecContext(ctx, insertFetched, o.Import.ID, o.Length, part); err != nil {
				return fmt.Errorf("store what was fetched: %w", err)
			}
		}
		p := &o.Page
		_, err = tx.ExecContext(ctx, growFetch, o.Import.ID, p.URL, p.Next, p.Tag, p.Start, p.Count, o.Length+int64(len(part)), o.Complete)
		if err != nil {
			return fmt.Errorf("note how much was fetched: %w", err)
		}
		return nil
	})
}

// FetchedPart gives a part; transfer.ErrLost when it is not there any more.
func (s *Store) FetchedPart(ctx context.Context, id uuid.UUID, start int64) ([]byte, error) {
	return s.part(ctx, "part of a fetch", transfer.ErrLost, `SELECT data FROM import_fetch_parts WHERE import_id = $1 AND start = $2`, id, start)
}

var _ peer.Store = (*Store)(nil)
