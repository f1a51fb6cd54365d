package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/revocation"
)

// RevocationChannel is notified when something is revoked.
const RevocationChannel = "revocations"

// Revocations keeps what ends tokens before their time. Triggers write it.
type Revocations struct {
	db *pg.DB
}

// NewRevocations makes Revocations.
func NewRevocations(db *pg.DB) *Revocations { return &Revocations{db: db} }

type revocationRow struct {
	Seq     int64     `db:"seq"`
	Kind    string    `db:"kind"`
	Subject string    `db:"subject"`
	Version int64     `db:"version"`
	Until   time.Time `db:"expires_at"`
}

func toRevocations(rows []revocationRow) []revocation.Revocation {
	all := make([]revocation.Revocation, len(rows))
	for i, row := range rows {
		all[i] = revocation.Revocation{Kind: revocation.Kind(row.Kind), Subject: row.Subject, Version: row.Version, Until: row.Until}
	}
	return all
}

const (
	// Rows that another replica is publishing are passed over: should it fail, they come up again.
	lockOutstanding = `
		SELECT seq, kind, subject, version, expires_at FROM revocations
		WHERE published_at IS NULL ORDER BY seq LIMIT 500 FOR UPDATE SKIP LOCKED`
	markPublished   = `UPDATE revocations SET published_at = now() WHERE seq = ANY($1)`
	listRevocations = `SELECT seq, kind, subject, version, expires_at FROM revocations WHERE expires_at > now() ORDER BY seq`
)

// Outstanding hands what was not published yet to publish.
func (s *Revocations) Outstanding(ctx context.Context, publish func([]revocation.Revocation) error) (int, error) {
	var rows []revocationRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := tx.SelectContext(ctx, &rows, lockOutstanding); err != nil || len(rows) == 0 {
			return err
		}
		if err := publish(toRevocations(rows)); err != nil {
			return err
		}
		seqs := make(pq.Int64Array, len(rows))
		for i, row := range rows {
			seqs[i] = row.Seq
		}
		if _, err := tx.ExecContext(ctx, markPublished, seqs); err != nil {
			return fmt.Errorf("mark revocations: %w", err)
		}
		return nil
	})
	return len(rows), err
}

// ListRevocations returns all that still matter.
func (s *Revocations) ListRevocations(ctx context.Context) ([]revocation.Revocation, error) {
	var rows []revocationRow
	if err := s.db.SelectContext(ctx, &rows, listRevocations); err != nil {
		return nil, pg.Map(fmt.Errorf("list revocations: %w", err), nil)
	}
	return toRevocations(rows), nil
}

var _ revocation.Store = (*Revocations)(nil)
