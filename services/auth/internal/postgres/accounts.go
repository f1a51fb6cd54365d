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

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Accounts keeps people, what they asked for before they were, and their passwords.
type Accounts struct {
	db *pg.DB
}

// NewAccounts makes Accounts.
func NewAccounts(db *pg.DB) *Accounts { return &Accounts{db: db} }

type accountRow struct {
	ID              uuid.UUID      `db:"id"`
	Address         string         `db:"address"`
	AddressKey      string         `db:"address_key"`
	Username        sql.NullString `db:"username"`
	UsernameKey     sql.NullString `db:"username_key"`
	Name            string         `db:"name"`
	Locale          string         `db:"locale"`
	PasswordHash    string         `db:"password_hash"`
	Disabled        bool           `db:"disabled"`
	SecurityVersion int            `db:"security_version"`
	Version         int64          `db:"version"`
	CreatedAt       time.Time      `db:"created_at"`
	UpdatedAt       time.Time      `db:"updated_at"`
	SecondFactor    bool           `db:"second_factor"`
	EraseAt         sql.NullTime   `db:"erase_at"`
	Grants          pq.StringArray `db:"grants"`
}

const selectAccount = `
	SELECT a.id, e.address, e.address_key, a.username, a.username_key, a.name, a.locale, a.password_hash,
	       a.disabled_at IS NOT NULL AS disabled, a.security_version, a.version, a.created_at, a.updated_at,
	       a.erase_at, ` + hasFactor + ` AS second_factor, ` + grantsColumn + `
	FROM accounts a JOIN emails e ON e.account_id = a.id AND e.is_primary`

func (row accountRow) account() (account.Account, error) {
	grants, err := grantsOf(row.Grants)
	return account.Account{
		ID: row.ID, Email: account.EmailOfRow(row.Address, row.AddressKey),
		Username: account.UsernameOfRow(row.Username.String, row.UsernameKey.String), Name: row.Name, Locale: row.Locale,
		Disabled: row.Disabled, Grants: grants, Version: row.Version, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
		EraseAt: row.EraseAt.Time,
	}, err
}

func (row accountRow) secret() (account.Secret, error) {
	a, err := row.account()
	return account.Secret{Account: a, PasswordHash: row.PasswordHash, SecurityVersion: row.SecurityVersion, SecondFactor: row.SecondFactor}, err
}

// findAccount returns the one account of a query, or none when there is none.
func findAccount(ctx context.Context, db sqlx.QueryerContext, none error, query string, args ...any) (accountRow, error) {
	var row accountRow
	err := sqlx.GetContext(ctx, db, &row, query, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return accountRow{}, none
	}
	if err != nil {
		return accountRow{}, fmt.Errorf("find account: %w", err)
	}
	return row, nil
}

// byHolder finds an account by an access token that speaks for it: while the account may be used and the session goes on.
const byHolder = selectAccount + `
	JOIN sessions s ON s.account_id = a.id AND s.id = $2 AND s.ended_at IS NULL AND s.expires_at > now()
	WHERE a.id = $1 AND a.disabled_at IS NULL`

// byBearer does so for an API key, too, whose tokens name one of its texts in place of a session. It is for reading: what keys may
// not do is for the contract to say.
const byBearer = selectAccount + `
	WHERE a.id = $1 AND a.disabled_at IS NULL AND (
		EXISTS (SELECT FROM sessions s WHERE s.id = $2 AND s.account_id = a.id AND s.ended_at IS NULL AND s.expires_at > now())
		OR EXISTS (SELECT FROM api_key_secrets t JOIN api_keys k ON k.id = t.key_id WHERE t.id = $2 AND k.account_id = a.id AND ` + workingKey + `))`

// GetAccount returns the holder's account, or account.ErrNone.
func (s *Accounts) GetAccount(ctx context.Context, holder account.Holder) (account.Account, error) {
	row, err := findAccount(ctx, s.db, account.ErrNone, byBearer, holder.Account, holder.Session)
	if err != nil {
		return account.Account{}, pg.Map(err, nil)
	}
	return row.account()
}

const updateProfile = `
	UPDATE accounts a
	SET name = COALESCE($4, name), locale = COALESCE($5, locale), version = version + 1, updated_at = now()
	WHERE id = $1 AND version = $3 AND disabled_at IS NULL
	  AND EXISTS (SELECT FROM sessions s WHERE s.id = $2 AND s.account_id = a.id AND s.ended_at IS NULL AND s.expires_at > now())`

// UpdateProfile changes a profile in the given version. It returns account.ErrNone, or account.ErrStale.
func (s *Accounts) UpdateProfile(ctx context.Context, holder account.Holder, version int64, patch account.Patch, event audit.Event) (account.Account, error) {
	var row accountRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, updateProfile, holder.Account, holder.Session, version, patch.Name, patch.Locale)
		if err != nil {
			return fmt.Errorf("update profile: %w", err)
		}
		changed, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("update profile: %w", err)
		}
		if row, err = findAccount(ctx, tx, account.ErrNone, byHolder, holder.Account, holder.Session); err != nil {
			return err
		}
		if changed == 0 {
			return account.ErrStale
		}
		return record(ctx, tx, event)
	})
	if err != nil {
		return account.Account{}, pg.Map(err, nil)
	}
	return row.account()
}

const setUsername = `
	UPDATE accounts SET username = $2, username_key = $3, username_skeleton = $4, version = version + 1, updated_at = now() WHERE id = $1`

// SetUsername gives the holder's account a username, or returns account.ErrUsernameTaken.
func (s *Accounts) SetUsername(ctx context.Context, holder account.Holder, username account.Username, event audit.Event) (account.Account, error) {
	var row accountRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := findAccount(ctx, tx, account.ErrNone, byHolder, holder.Account, holder.Session); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, setUsername, holder.Account, username.String(), username.Key(), username.Skeleton()); err != nil {
			return fmt.Errorf("set a username: %w", err)
		}
		var err error
		if row, err = findAccount(ctx, tx, account.ErrNone, byHolder, holder.Account, holder.Session); err != nil {
			return err
		}
		if err := queue(ctx, tx, notice.About(notice.UsernameChanged, holder.Account)); err != nil {
			return err
		}
		return record(ctx, tx, event)
	})
	if err != nil {
		return account.Account{}, pg.Map(err, accountConstraints)
	}
	return row.account()
}

// GetSecret returns the holder's, or account.ErrNone.
func (s *Accounts) GetSecret(ctx context.Context, holder account.Holder) (account.Secret, error) {
	row, err := findAccount(ctx, s.db, account.ErrNone, byHolder, holder.Account, holder.Session)
	if err != nil {
		return account.Secret{}, pg.Map(err, nil)
	}
	return row.secret()
}

const byResetToken = selectAccount + `
	JOIN one_time_tokens t ON t.account_id = a.id AND t.security_version = a.security_version
	WHERE t.hash = $1 AND t.purpose = 'reset_password' AND t.expires_at > now() AND a.disabled_at IS NULL`

// GetSecretByToken returns the secret of the account that a reset token is for, or account.ErrLink.
func (s *Accounts) GetSecretByToken(ctx context.Context, hash token.Hash) (account.Secret, error) {
	row, err := findAccount(ctx, s.db, account.ErrLink, byResetToken, hash[:])
	if err != nil {
		return account.Secret{}, pg.Map(err, nil)
	}
	return row.secret()
}

// SetPassword sets a password, or returns account.ErrNone when the account has changed since.
func (s *Accounts) SetPassword(ctx context.Context, password account.NewPassword) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error { return setPassword(ctx, tx, password) })
}

const consumeReset = `
	DELETE FROM one_time_tokens
	WHERE hash = $1 AND purpose = 'reset_password' AND account_id = $2 AND security_version = $3 AND expires_at > now()`

// ResetPassword consumes the token and sets the password, or returns account.ErrLink.
func (s *Accounts) ResetPassword(ctx context.Context, hash token.Hash, password account.NewPassword) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, consumeReset, hash[:], password.Account, password.SecurityVersion)
		if err != nil {
			return fmt.Errorf("consume reset token: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(account.ErrLink, err)
		}
		if err := setPassword(ctx, tx, password); !errors.Is(err, account.ErrNone) {
			return err
		}
		return account.ErrLink
	})
}

const (
	replaceHash = `
		UPDATE accounts SET password_hash = $2, short_password = $4, security_version = security_version + 1
		WHERE id = $1 AND security_version = $3 AND disabled_at IS NULL`
	voidTokens  = `DELETE FROM one_time_tokens WHERE account_id = $1`
	endSessions = `
		UPDATE sessions SET ended_at = now(), end_reason = $3
		WHERE account_id = $1 AND id IS DISTINCT FROM $2 AND ended_at IS NULL`
)

func setPassword(ctx context.Context, tx *sqlx.Tx, password account.NewPassword) error {
	result, err := tx.ExecContext(ctx, replaceHash, password.Account, password.Hash, password.SecurityVersion, password.Short)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(account.ErrNone, err)
	}
	if _, err := tx.ExecContext(ctx, voidTokens, password.Account); err != nil {
		return fmt.Errorf("void mailed tokens: %w", err)
	}
	if _, err := tx.ExecContext(ctx, endSessions, password.Account, optional(password.Keep), session.PasswordChanged); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	if err := queue(ctx, tx, password.Mail); err != nil {
		return err
	}
	return record(ctx, tx, password.Event)
}

// Queue keeps a mail to be sent and an event.
func (s *Accounts) Queue(ctx context.Context, mail notice.Job, event audit.Event) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := queue(ctx, tx, mail); err != nil {
			return err
		}
		return record(ctx, tx, event)
	})
}

// accountConstraints are what the database refuses about accounts.
var accountConstraints = map[string]*fault.Fault{
	"accounts_username_unique":          account.ErrUsernameTaken,
	"accounts_username_skeleton_unique": account.ErrUsernameTaken,
	"emails_key_unique":                 account.ErrEmailTaken,
}

const (
	insertAccount = `
		INSERT INTO accounts (id, username, username_key, username_skeleton, name, locale, password_hash)
		VALUES ($1, NULLIF($2, ''), NULLIF($3, ''), NULLIF($4, ''), $5, $6, $7)`
	insertEmail = `
		INSERT INTO emails (account_id, address, address_key, is_primary, confirmed_at)
		VALUES ($1, $2, $3, true, now())`
	insertGrant = `
		INSERT INTO role_grants (account_id, role, operator_id) VALUES ($1, $2, $3)
		ON CONFLICT (account_id, role, COALESCE(operator_id, '00000000-0000-0000-0000-000000000000')) DO NOTHING`
)

// insert writes a new account with its address and grants.
func insert(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, r account.Registration, grants []role.Grant) error {
	_, err := tx.ExecContext(ctx, insertAccount, id, r.Username.String(), r.Username.Key(), r.Username.Skeleton(), r.Name, r.Locale, r.PasswordHash)
	if err != nil {
		return fmt.Errorf("insert account: %w", err)
	}
	if _, err := tx.ExecContext(ctx, insertEmail, id, r.Email.Address(), r.Email.Key()); err != nil {
		return fmt.Errorf("insert address: %w", err)
	}
	for _, grant := range grants {
		if _, err := tx.ExecContext(ctx, insertGrant, id, grant.Role, optional(grant.Operator)); err != nil {
			return fmt.Errorf("insert grant: %w", err)
		}
	}
	return nil
}

var (
	_ account.RegistrationStore = (*Accounts)(nil)
	_ account.ProfileStore      = (*Accounts)(nil)
	_ account.PasswordStore     = (*Accounts)(nil)
	_ account.Directory         = (*Accounts)(nil)
	_ account.EmailStore        = (*Accounts)(nil)
	_ account.ErasureStore      = (*Accounts)(nil)
)
