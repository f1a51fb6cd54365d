package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/apikey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// APIKeys keeps API keys.
type APIKeys struct {
	db *pg.DB
}

// NewAPIKeys makes APIKeys.
func NewAPIKeys(db *pg.DB) *APIKeys { return &APIKeys{db: db} }

type apiKeyRow struct {
	ID           uuid.UUID      `db:"id"`
	Name         string         `db:"name"`
	Scopes       pq.StringArray `db:"scopes"`
	Networks     pq.StringArray `db:"networks"`
	CreatedAt    time.Time      `db:"created_at"`
	ExpiresAt    sql.NullTime   `db:"expires_at"`
	LastUsedAt   sql.NullTime   `db:"last_used_at"`
	EarlierUntil sql.NullTime   `db:"earlier_until"`
}

func (row apiKeyRow) key() (apikey.Key, error) {
	networks, err := apikey.ParseNetworks(row.Networks)
	return apikey.Key{
		ID: row.ID, Name: row.Name, Scopes: row.Scopes, Networks: networks, CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt.Time,
		LastUsedAt: row.LastUsedAt.Time, EarlierUntil: row.EarlierUntil.Time,
	}, err
}

// workingKey is the condition that the text t of the key k of the account a works.
const workingKey = `(t.ends_at IS NULL OR t.ends_at > now()) AND (k.expires_at IS NULL OR k.expires_at > now())
	AND a.disabled_at IS NULL AND a.erase_at IS NULL`

const (
	selectAPIKey = `
		SELECT k.id, k.name, k.scopes, k.networks, k.created_at, k.expires_at, k.last_used_at,
		       (SELECT max(t.ends_at) FROM api_key_secrets t WHERE t.key_id = k.id AND t.ends_at > now()) AS earlier_until
		FROM api_keys k`
	getAPIKey    = selectAPIKey + ` WHERE k.id = $1`
	listAPIKeys  = selectAPIKey + ` WHERE k.account_id = $1 ORDER BY k.id DESC`
	insertAPIKey = `
		INSERT INTO api_keys (id, account_id, name, scopes, networks, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`
	insertAPISecret = `INSERT INTO api_key_secrets (id, key_id, hash) VALUES ($1, $2, $3)`
	lockAPIKey      = `
		SELECT expires_at IS NOT NULL AND expires_at <= now() FROM api_keys WHERE id = $1 AND account_id = $2 FOR UPDATE`
	currentSecret = `SELECT id FROM api_key_secrets WHERE key_id = $1 AND ends_at IS NULL`
	// lockSecret also tells whose the key is.
	lockSecret = `
		SELECT a.id FROM api_key_secrets t JOIN api_keys k ON k.id = t.key_id JOIN accounts a ON a.id = k.account_id
		WHERE t.id = $1 AND k.id = $2 AND ` + workingKey + ` FOR UPDATE OF k`
	removeSecrets = `DELETE FROM api_key_secrets WHERE key_id = $1 AND (id <> $2 OR $3 <= 0)`
	endSecret     = `
		UPDATE api_key_secrets SET ends_at = LEAST(COALESCE(ends_at, 'infinity'), now() + make_interval(secs => $2)) WHERE id = $1`
	useAPIKey = `
		SELECT k.id AS key, t.id AS secret, a.id AS account, a.rights_version, k.scopes, k.networks, ` + grantsColumn + `,
		       EXTRACT(epoch FROM LEAST(k.expires_at, t.ends_at) - now())::float8 AS left,
		       k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute' AS unnoted
		FROM api_key_secrets t JOIN api_keys k ON k.id = t.key_id JOIN accounts a ON a.id = k.account_id
		WHERE t.hash = $1 AND ` + workingKey
	noteUse = `UPDATE api_keys SET last_used_at = now() WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`
)

// CreateKey keeps a key with its first text. It returns account.ErrNone, apikey.ErrScope and apikey.ErrTooMany.
func (s *APIKeys) CreateKey(ctx context.Context, holder account.Holder, key apikey.Key, first apikey.Secret, event audit.Event) (apikey.Key, error) {
	return s.write(ctx, key.ID, event, func(ctx context.Context, tx *sqlx.Tx) error {
		row, err := hold(ctx, tx, holder)
		if err != nil {
			return err
		}
		owner, err := row.account()
		if err != nil {
			return err
		}
		held := role.AuthorityOf(owner.Grants).Scopes
		for _, scope := range key.Scopes {
			if !slices.Contains(held, scope) {
				return apikey.ErrScope.Detailf("you do not have the scope %q", scope)
			}
		}
		var n int
		if err := tx.GetContext(ctx, &n, `SELECT count(*) FROM api_keys WHERE account_id = $1`, owner.ID); err != nil {
			return fmt.Errorf("count API keys: %w", err)
		}
		if n >= apikey.Most {
			return apikey.ErrTooMany
		}
		networks := make(pq.StringArray, len(key.Networks))
		for i, network := range key.Networks {
			networks[i] = network.String()
		}
		scopes := append(pq.StringArray{}, key.Scopes...)
		if _, err := tx.ExecContext(ctx, insertAPIKey, key.ID, owner.ID, key.Name, scopes, networks, optionalTime(key.ExpiresAt)); err != nil {
			return fmt.Errorf("keep an API key: %w", err)
		}
		return putSecret(ctx, tx, key.ID, first)
	})
}

func putSecret(ctx context.Context, tx *sqlx.Tx, key uuid.UUID, secret apikey.Secret) error {
	if _, err := tx.ExecContext(ctx, insertAPISecret, secret.ID, key, secret.Hash[:]); err != nil {
		return fmt.Errorf("keep the text of an API key: %w", err)
	}
	return nil
}

// write makes a change to a key, records it, and returns the key as it is then.
func (s *APIKeys) write(ctx context.Context, id uuid.UUID, event audit.Event, change func(context.Context, *sqlx.Tx) error) (apikey.Key, error) {
	var row apiKeyRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := change(ctx, tx); err != nil {
			return err
		}
		if err := tx.GetContext(ctx, &row, getAPIKey, id); err != nil {
			return fmt.Errorf("read an API key: %w", err)
		}
		return record(ctx, tx, event)
	})
	if err != nil {
		return apikey.Key{}, pg.Map(err, nil)
	}
	return row.key()
}

// ListKeys returns the keys of the holder's account, newest first.
func (s *APIKeys) ListKeys(ctx context.Context, holder account.Holder) ([]apikey.Key, error) {
	var live bool
	if err := s.db.GetContext(ctx, &live, isLive, holder.Session, holder.Account, int64(math.MaxInt64)); err != nil {
		return nil, pg.Map(fmt.Errorf("look at a session: %w", err), nil)
	}
	if !live {
		return nil, account.ErrNone
	}
	var rows []apiKeyRow
	if err := s.db.SelectContext(ctx, &rows, listAPIKeys, holder.Account); err != nil {
		return nil, pg.Map(fmt.Errorf("list API keys: %w", err), nil)
	}
	keys := make([]apikey.Key, len(rows))
	for i, row := range rows {
		var err error
		if keys[i], err = row.key(); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// RotateKey gives a key of the holder's account another text. The current one has the grace. It returns account.ErrNone,
// apikey.ErrNotFound and apikey.ErrExpired.
func (s *APIKeys) RotateKey(ctx context.Context, holder account.Holder, r apikey.Rotation) (apikey.Key, error) {
	return s.write(ctx, r.Key, r.Event, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := hold(ctx, tx, holder); err != nil {
			return err
		}
		var expired bool
		err := tx.GetContext(ctx, &expired, lockAPIKey, r.Key, holder.Account)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return apikey.ErrNotFound
		case err != nil:
			return fmt.Errorf("look for an API key: %w", err)
		case expired:
			return apikey.ErrExpired
		}
		var current uuid.UUID
		if err := tx.GetContext(ctx, &current, currentSecret, r.Key); err != nil {
			return fmt.Errorf("look for the text of an API key: %w", err)
		}
		return replaceSecret(ctx, tx, current, r)
	})
}

// RotateByKey does so for who holds a text of the key, which has the grace. It returns account.ErrNone.
func (s *APIKeys) RotateByKey(ctx context.Context, presented uuid.UUID, r apikey.Rotation) (apikey.Key, error) {
	return s.write(ctx, r.Key, r.Event, func(ctx context.Context, tx *sqlx.Tx) error {
		var owner uuid.UUID
		err := tx.GetContext(ctx, &owner, lockSecret, presented, r.Key)
		if errors.Is(err, sql.ErrNoRows) {
			return account.ErrNone
		}
		if err != nil {
			return fmt.Errorf("look for the text of an API key: %w", err)
		}
		return replaceSecret(ctx, tx, presented, r)
	})
}

// replaceSecret leaves the key with the next text and, for the grace, with the one before.
func replaceSecret(ctx context.Context, tx *sqlx.Tx, before uuid.UUID, r apikey.Rotation) error {
	if _, err := tx.ExecContext(ctx, removeSecrets, r.Key, before, seconds(r.Grace)); err != nil {
		return fmt.Errorf("end texts of an API key: %w", err)
	}
	if _, err := tx.ExecContext(ctx, endSecret, before, seconds(r.Grace)); err != nil {
		return fmt.Errorf("end the text of an API key: %w", err)
	}
	return putSecret(ctx, tx, r.Key, r.Next)
}

// RemoveKey removes a key of the holder's account, or returns apikey.ErrNotFound.
func (s *APIKeys) RemoveKey(ctx context.Context, holder account.Holder, id uuid.UUID, event audit.Event) error {
	return pg.Map(s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := hold(ctx, tx, holder); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `DELETE FROM api_keys WHERE id = $1 AND account_id = $2`, id, holder.Account)
		if err != nil {
			return fmt.Errorf("remove an API key: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(apikey.ErrNotFound, err)
		}
		return record(ctx, tx, event)
	}), nil)
}

// UseKey returns the key that has the text and its owner's rights of now, and whether one has that works.
func (s *APIKeys) UseKey(ctx context.Context, hash apikey.Hash) (apikey.Use, bool, error) {
	var row struct {
		Key      uuid.UUID       `db:"key"`
		Secret   uuid.UUID       `db:"secret"`
		Account  uuid.UUID       `db:"account"`
		Version  int64           `db:"rights_version"`
		Scopes   pq.StringArray  `db:"scopes"`
		Networks pq.StringArray  `db:"networks"`
		Grants   pq.StringArray  `db:"grants"`
		Left     sql.NullFloat64 `db:"left"`
		Unnoted  bool            `db:"unnoted"`
	}
	err := s.db.GetContext(ctx, &row, useAPIKey, hash[:])
	if errors.Is(err, sql.ErrNoRows) {
		return apikey.Use{}, false, nil
	}
	if err != nil {
		return apikey.Use{}, false, pg.Map(fmt.Errorf("look for an API key: %w", err), nil)
	}
	if row.Unnoted {
		if _, err := s.db.ExecContext(ctx, noteUse, row.Key); err != nil {
			return apikey.Use{}, false, pg.Map(fmt.Errorf("note the use of an API key: %w", err), nil)
		}
	}
	use := apikey.Use{Key: row.Key, Secret: row.Secret, Account: row.Account, Version: row.Version, Scopes: row.Scopes, Left: -1}
	if row.Left.Valid {
		use.Left = time.Duration(row.Left.Float64 * float64(time.Second))
	}
	var networks []netip.Prefix
	if networks, err = apikey.ParseNetworks(row.Networks); err == nil {
		use.Networks = networks
		use.Grants, err = grantsOf(row.Grants)
	}
	return use, err == nil, err
}

// Pepper returns the pepper, and keeps the one offered when there is none yet.
func (s *APIKeys) Pepper(ctx context.Context, offered []byte, offeredBy string) (sealed []byte, by string, err error) {
	var row struct {
		Sealed []byte `db:"sealed"`
		By     string `db:"sealed_by"`
	}
	if _, err = s.db.ExecContext(ctx, `INSERT INTO api_key_pepper (sealed, sealed_by) VALUES ($1, $2) ON CONFLICT DO NOTHING`, offered, offeredBy); err == nil {
		err = s.db.GetContext(ctx, &row, `SELECT sealed, sealed_by FROM api_key_pepper`)
	}
	if err != nil {
		return nil, "", pg.Map(fmt.Errorf("the pepper of API keys: %w", err), nil)
	}
	return row.Sealed, row.By, nil
}

// ResealPepper seals it anew unless the key-encryption key named has sealed it, and reports whether it did.
func (s *APIKeys) ResealPepper(ctx context.Context, current string, anew func(sealed []byte, by string) ([]byte, error)) (bool, error) {
	resealed := false
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		var row struct {
			Sealed []byte `db:"sealed"`
			By     string `db:"sealed_by"`
		}
		err := tx.GetContext(ctx, &row, `SELECT sealed, sealed_by FROM api_key_pepper WHERE sealed_by <> $1 FOR UPDATE`, current)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the pepper of API keys: %w", err)
		}
		sealed, err := anew(row.Sealed, row.By)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE api_key_pepper SET sealed = $1, sealed_by = $2`, sealed, current); err != nil {
			return fmt.Errorf("seal the pepper of API keys anew: %w", err)
		}
		resealed = true
		return nil
	})
	return resealed, pg.Map(err, nil)
}

var (
	_ apikey.Store       = (*APIKeys)(nil)
	_ apikey.PepperStore = (*APIKeys)(nil)
)
