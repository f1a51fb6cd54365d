package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/mfa"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

// Factors keeps second factors: authenticator apps, recovery codes and passkeys.
type Factors struct {
	*Accounts // for GetAccount
	*Events
	db *pg.DB
}

// NewFactors makes Factors.
func NewFactors(db *pg.DB) *Factors {
	return &Factors{Accounts: NewAccounts(db), Events: NewEvents(db), db: db}
}

// hasFactor is true of an account a whose password is not enough.
const hasFactor = `(EXISTS (SELECT FROM totp_factors f WHERE f.account_id = a.id AND f.confirmed_at IS NOT NULL)
	OR EXISTS (SELECT FROM passkeys p WHERE p.account_id = a.id))`

type appRow struct {
	ID         uuid.UUID    `db:"id"`
	Name       string       `db:"name"`
	Secret     []byte       `db:"secret"`
	SealedBy   string       `db:"sealed_by"`
	CreatedAt  time.Time    `db:"created_at"`
	Confirmed  bool         `db:"confirmed"`
	LastUsedAt sql.NullTime `db:"last_used_at"`
}

const selectApp = `SELECT id, name, secret, sealed_by, created_at, confirmed_at IS NOT NULL AS confirmed, last_used_at FROM totp_factors`

func (row appRow) app() mfa.App {
	return mfa.App{
		ID: row.ID, Name: row.Name, Secret: row.Secret, SealedBy: row.SealedBy, Confirmed: row.Confirmed, CreatedAt: row.CreatedAt,
		LastUsedAt: row.LastUsedAt.Time,
	}
}

// Overview returns what protects an account besides its password.
func (s *Factors) Overview(ctx context.Context, id uuid.UUID) (mfa.Overview, error) {
	var rows []appRow
	if err := s.db.SelectContext(ctx, &rows, selectApp+` WHERE account_id = $1 AND confirmed_at IS NOT NULL ORDER BY id`, id); err != nil {
		return mfa.Overview{}, pg.Map(fmt.Errorf("list authenticator apps: %w", err), nil)
	}
	var counts struct {
		Passkeys int `db:"passkeys"`
		Codes    int `db:"codes"`
	}
	err := s.db.GetContext(ctx, &counts, `
		SELECT (SELECT count(*) FROM passkeys WHERE account_id = $1) AS passkeys,
		       (SELECT count(*) FROM recovery_codes WHERE account_id = $1 AND used_at IS NULL) AS codes`, id)
	if err != nil {
		return mfa.Overview{}, pg.Map(fmt.Errorf("count second factors: %w", err), nil)
	}
	all := mfa.Overview{Passkeys: counts.Passkeys, CodesLeft: counts.Codes}
	for _, row := range rows {
		all.Apps = append(all.Apps, row.app())
	}
	return all, nil
}

// lockAccount makes changes of an account's factors wait for each other, and reports whether it has one.
func lockAccount(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (has bool, err error) {
	err = tx.GetContext(ctx, &has, `SELECT `+hasFactor+` FROM accounts a WHERE a.id = $1 FOR UPDATE`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, account.ErrNone
	}
	if err != nil {
		return false, fmt.Errorf("lock an account: %w", err)
	}
	return has, nil
}

// changed records a change of an account's factors and writes to its owner of it.
func changed(ctx context.Context, tx *sqlx.Tx, owner uuid.UUID, event audit.Event) error {
	if err := queue(ctx, tx, notice.About(notice.SecondFactorChanged, owner)); err != nil {
		return err
	}
	return record(ctx, tx, event)
}

// CreateApp keeps an app that waits for its first code, in place of others that do.
func (s *Factors) CreateApp(ctx context.Context, id uuid.UUID, app mfa.App, most int, event audit.Event) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := lockAccount(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM totp_factors WHERE account_id = $1 AND confirmed_at IS NULL`, id); err != nil {
			return fmt.Errorf("forget apps that were not confirmed: %w", err)
		}
		result, err := tx.ExecContext(ctx, `
			INSERT INTO totp_factors (id, account_id, name, secret, sealed_by)
			SELECT $1, $2, $3, $4, $5 WHERE (SELECT count(*) FROM totp_factors WHERE account_id = $2) < $6`,
			app.ID, id, app.Name, app.Secret, app.SealedBy, most)
		if err != nil {
			return fmt.Errorf("insert an authenticator app: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(mfa.ErrTooMany, err)
		}
		return record(ctx, tx, event)
	})
}

// GetApp returns an account's app, confirmed or not, or mfa.ErrNotFound.
func (s *Factors) GetApp(ctx context.Context, owner, id uuid.UUID) (mfa.App, error) {
	var row appRow
	err := s.db.GetContext(ctx, &row, selectApp+` WHERE account_id = $1 AND id = $2`, owner, id)
	if errors.Is(err, sql.ErrNoRows) {
		return mfa.App{}, mfa.ErrNotFound
	}
	if err != nil {
		return mfa.App{}, pg.Map(fmt.Errorf("get an authenticator app: %w", err), nil)
	}
	return row.app(), nil
}

// ConfirmApp makes the app a factor from a time step on, and keeps the codes when it is the account's first.
func (s *Factors) ConfirmApp(
	ctx context.Context, owner, id uuid.UUID, step int64, codes []mfa.CodeHash, event audit.Event,
) (first bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		has, err := lockAccount(ctx, tx, owner)
		if err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `
			UPDATE totp_factors SET confirmed_at = now(), last_step = $3 WHERE account_id = $1 AND id = $2 AND confirmed_at IS NULL`, owner, id, step)
		if err != nil {
			return fmt.Errorf("confirm an authenticator app: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(mfa.ErrNotFound, err)
		}
		if first = !has; first {
			if err := replaceCodes(ctx, tx, owner, codes); err != nil {
				return err
			}
		}
		return changed(ctx, tx, owner, event)
	})
	return first, err
}

// RemoveApp removes an app, and the recovery codes with the last factor.
func (s *Factors) RemoveApp(ctx context.Context, owner, id uuid.UUID, event audit.Event) error {
	return s.remove(ctx, owner, id, `DELETE FROM totp_factors WHERE account_id = $1 AND id = $2`, mfa.ErrNotFound, event)
}

// remove deletes a factor. A password that is too short to stand alone keeps the last one.
func (s *Factors) remove(ctx context.Context, owner, id uuid.UUID, statement string, none error, event audit.Event) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := lockAccount(ctx, tx, owner); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, statement, owner, id)
		if err != nil {
			return fmt.Errorf("remove a factor: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(none, err)
		}
		var left struct {
			Factor bool `db:"factor"`
			Short  bool `db:"short_password"`
		}
		if err := tx.GetContext(ctx, &left, `SELECT `+hasFactor+` AS factor, a.short_password FROM accounts a WHERE a.id = $1`, owner); err != nil {
			return fmt.Errorf("look for other factors: %w", err)
		}
		if !left.Factor {
			if left.Short {
				return mfa.ErrShortPassword
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM recovery_codes WHERE account_id = $1`, owner); err != nil {
				return fmt.Errorf("remove recovery codes: %w", err)
			}
		}
		return changed(ctx, tx, owner, event)
	})
}

// ReplaceCodes keeps new recovery codes in place of the old.
func (s *Factors) ReplaceCodes(ctx context.Context, owner uuid.UUID, codes []mfa.CodeHash, event audit.Event) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		has, err := lockAccount(ctx, tx, owner)
		if err != nil {
			return err
		}
		if !has {
			return mfa.ErrNone
		}
		if err := replaceCodes(ctx, tx, owner, codes); err != nil {
			return err
		}
		return changed(ctx, tx, owner, event)
	})
}

func replaceCodes(ctx context.Context, tx *sqlx.Tx, owner uuid.UUID, codes []mfa.CodeHash) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM recovery_codes WHERE account_id = $1`, owner); err != nil {
		return fmt.Errorf("remove recovery codes: %w", err)
	}
	hashes := make(pq.ByteaArray, len(codes))
	for i := range codes {
		hashes[i] = codes[i][:]
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO recovery_codes (account_id, hash) SELECT $1, unnest($2::bytea[])`, owner, hashes); err != nil {
		return fmt.Errorf("keep recovery codes: %w", err)
	}
	return nil
}

// UseStep marks a time step of an app as used. Of any number of uses of one step one reports true.
func (s *Factors) UseStep(ctx context.Context, owner, id uuid.UUID, step int64) (bool, error) {
	return s.use(ctx, `
		UPDATE totp_factors SET last_step = $3, last_used_at = now()
		WHERE account_id = $1 AND id = $2 AND last_step < $3 AND confirmed_at IS NOT NULL`, owner, id, step)
}

func (s *Factors) use(ctx context.Context, statement string, args ...any) (bool, error) {
	result, err := s.db.ExecContext(ctx, statement, args...)
	if err != nil {
		return false, pg.Map(fmt.Errorf("use a factor: %w", err), nil)
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// UseCode uses a recovery code. Of any number of uses of one code one reports true.
func (s *Factors) UseCode(ctx context.Context, owner uuid.UUID, code mfa.CodeHash, event audit.Event) (used bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx,
			`UPDATE recovery_codes SET used_at = now() WHERE account_id = $1 AND hash = $2 AND used_at IS NULL`, owner, code[:])
		if err != nil {
			return fmt.Errorf("use a recovery code: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		used = true
		return record(ctx, tx, event)
	})
	return used, err
}

// Reseal seals secrets anew that another than the current key-encryption key has sealed, and returns how many.
func (s *Factors) Reseal(ctx context.Context, current string, anew func(id uuid.UUID, sealed []byte, by string) ([]byte, error)) (int, error) {
	const batch = 500
	total := 0
	for {
		n := 0
		err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
			var rows []appRow
			if err := tx.SelectContext(ctx, &rows, selectApp+` WHERE sealed_by <> $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED`, current, batch); err != nil {
				return fmt.Errorf("find secrets to be sealed anew: %w", err)
			}
			for _, row := range rows {
				sealed, err := anew(row.ID, row.Secret, row.SealedBy)
				if err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, `UPDATE totp_factors SET secret = $2, sealed_by = $3 WHERE id = $1`, row.ID, sealed, current); err != nil {
					return fmt.Errorf("seal a secret anew: %w", err)
				}
			}
			n = len(rows)
			return nil
		})
		total += n
		if err != nil || n < batch {
			return total, err
		}
	}
}

var _ mfa.Store = (*Factors)(nil)
