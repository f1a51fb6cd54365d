package postgres

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/signingkey"
)

// Keys keeps signing keys.
type Keys struct {
	db *pg.DB
}

// NewKeys makes Keys.
func NewKeys(db *pg.DB) *Keys { return &Keys{db: db} }

const selectKeys = `
	SELECT kid, algorithm, state, public_key, private_key, sealed_by, created_at, activated_at, retired_at, gone_at
	FROM signing_keys ORDER BY created_at, kid`

type keyRow struct {
	Kid         string       `db:"kid"`
	Algorithm   string       `db:"algorithm"`
	State       string       `db:"state"`
	PublicKey   []byte       `db:"public_key"`
	PrivateKey  []byte       `db:"private_key"`
	SealedBy    string       `db:"sealed_by"`
	CreatedAt   time.Time    `db:"created_at"`
	ActivatedAt sql.NullTime `db:"activated_at"`
	RetiredAt   sql.NullTime `db:"retired_at"`
	GoneAt      sql.NullTime `db:"gone_at"`
}

// ListKeys returns all keys, oldest first.
func (s *Keys) ListKeys(ctx context.Context) ([]signingkey.Key, error) {
	keys, err := listKeys(ctx, s.db)
	return keys, pg.Map(err, nil)
}

func listKeys(ctx context.Context, db sqlx.QueryerContext) ([]signingkey.Key, error) {
	var rows []keyRow
	if err := sqlx.SelectContext(ctx, db, &rows, selectKeys); err != nil {
		return nil, fmt.Errorf("list signing keys: %w", err)
	}
	keys := make([]signingkey.Key, len(rows))
	for i, row := range rows {
		public, err := x509.ParsePKIXPublicKey(row.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("signing key %s: %w", row.Kid, err)
		}
		point, ok := public.(*ecdsa.PublicKey)
		if !ok || row.Algorithm != signingkey.Algorithm {
			return nil, fmt.Errorf("signing key %s is for %s, which this release does not know", row.Kid, row.Algorithm)
		}
		keys[i] = signingkey.Key{
			ID: row.Kid, State: signingkey.State(row.State), Public: point, Sealed: row.PrivateKey, SealedBy: row.SealedBy,
			CreatedAt: row.CreatedAt, ActivatedAt: row.ActivatedAt.Time, RetiredAt: row.RetiredAt.Time, GoneAt: row.GoneAt.Time,
		}
	}
	return keys, nil
}

const upsertKey = `
	INSERT INTO signing_keys (kid, algorithm, state, public_key, private_key, sealed_by, created_at, activated_at, retired_at, gone_at)
	VALUES (:kid, :algorithm, :state, :public_key, :private_key, :sealed_by, :created_at, :activated_at, :retired_at, :gone_at)
	ON CONFLICT ON CONSTRAINT signing_keys_pkey DO UPDATE
	SET state = excluded.state, private_key = excluded.private_key, sealed_by = excluded.sealed_by,
	    activated_at = excluded.activated_at, retired_at = excluded.retired_at, gone_at = excluded.gone_at`

// lockKeys makes calls of ChangeKeys take turns. The number is arbitrary and used for nothing else in this database.
const lockKeys = `SELECT pg_advisory_xact_lock(7105201)`

// ChangeKeys calls decide with all keys and writes what it returns, while no other call does the same.
func (s *Keys) ChangeKeys(ctx context.Context, decide func([]signingkey.Key) ([]signingkey.Change, error)) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, lockKeys); err != nil {
			return fmt.Errorf("lock the signing keys: %w", err)
		}
		keys, err := listKeys(ctx, tx)
		if err != nil {
			return err
		}
		changes, err := decide(keys)
		if err != nil {
			return err
		}
		for _, change := range changes {
			row, err := toKeyRow(change.Key)
			if err != nil {
				return err
			}
			if _, err := tx.NamedExecContext(ctx, upsertKey, row); err != nil {
				return fmt.Errorf("write signing key %s: %w", row.Kid, err)
			}
			if err := record(ctx, tx, change.Event); err != nil {
				return err
			}
		}
		return nil
	})
}

func toKeyRow(key signingkey.Key) (keyRow, error) {
	public, err := x509.MarshalPKIXPublicKey(key.Public)
	if err != nil {
		return keyRow{}, fmt.Errorf("write signing key %s: %w", key.ID, err)
	}
	return keyRow{
		Kid: key.ID, Algorithm: signingkey.Algorithm, State: string(key.State), PublicKey: public, PrivateKey: key.Sealed,
		SealedBy: key.SealedBy, CreatedAt: key.CreatedAt, ActivatedAt: nullTime(key.ActivatedAt), RetiredAt: nullTime(key.RetiredAt),
		GoneAt: nullTime(key.GoneAt),
	}, nil
}

func nullTime(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }
