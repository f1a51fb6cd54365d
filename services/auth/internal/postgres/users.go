package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
)

// An address or a name finds at most one account by its index; roles are few.
const findAccounts = selectAccount + `
	WHERE a.id > $1
	  AND ($2 = '' OR a.id = (SELECT account_id FROM emails WHERE address_key = $2))
	  AND ($3 = '' OR a.username_key = $3)
	  AND ($4 = '' OR EXISTS (SELECT FROM role_grants g WHERE g.account_id = a.id AND g.role = $4 AND (g.operator_id = $5 OR $5 IS NULL)))
	  AND ($5 IS NULL OR EXISTS (SELECT FROM role_grants g WHERE g.account_id = a.id AND g.operator_id = $5))
	  AND ($6::boolean IS NULL OR (a.disabled_at IS NOT NULL) = $6)
	ORDER BY a.id LIMIT $7`

// FindAccounts returns accounts by id.
func (s *Accounts) FindAccounts(ctx context.Context, f account.Find) ([]account.Account, error) {
	var rows []accountRow
	err := s.db.SelectContext(ctx, &rows, findAccounts, f.After, f.EmailKey, f.UsernameKey, f.Role, optional(f.Operator), f.Disabled, f.Limit)
	if err != nil {
		return nil, pg.Map(fmt.Errorf("find accounts: %w", err), nil)
	}
	accounts := make([]account.Account, len(rows))
	for i, row := range rows {
		if accounts[i], err = row.account(); err != nil {
			return nil, err
		}
	}
	return accounts, nil
}

// GetAccountByID returns an account, or account.ErrNotFound.
func (s *Accounts) GetAccountByID(ctx context.Context, id uuid.UUID) (account.Account, error) {
	row, err := findAccount(ctx, s.db, account.ErrNotFound, selectAccount+` WHERE a.id = $1`, id)
	if err != nil {
		return account.Account{}, pg.Map(err, nil)
	}
	return row.account()
}

const (
	disableAccount = `
		UPDATE accounts SET disabled_at = now(), security_version = security_version + 1, version = version + 1, updated_at = now()
		WHERE id = $1 AND disabled_at IS NULL`
	enableAccount = `
		UPDATE accounts SET disabled_at = NULL, version = version + 1, updated_at = now() WHERE id = $1 AND disabled_at IS NOT NULL`
)

// SetDisabled switches an account off or on, and reports whether it was not so before.
func (s *Accounts) SetDisabled(ctx context.Context, id uuid.UUID, disabled bool, event audit.Event) (changed bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		changed = false // should this be a second try
		if _, err := findAccount(ctx, tx, account.ErrNotFound, selectAccount+` WHERE a.id = $1 FOR UPDATE OF a`, id); err != nil {
			return err
		}
		statement := enableAccount
		if disabled {
			statement = disableAccount
		}
		result, err := tx.ExecContext(ctx, statement, id)
		if err != nil {
			return fmt.Errorf("switch an account: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		changed = true
		if disabled {
			if _, err := tx.ExecContext(ctx, endSessions, id, nil, session.Disabled); err != nil {
				return fmt.Errorf("end sessions: %w", err)
			}
			if _, err := tx.ExecContext(ctx, voidTokens, id); err != nil {
				return fmt.Errorf("void mailed tokens: %w", err)
			}
		}
		return record(ctx, tx, event)
	})
	return changed, err
}

// EndAll ends all sessions of an account and returns how many there were.
func (s *Accounts) EndAll(ctx context.Context, id uuid.UUID, event audit.Event) (ended int64, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, endSessions, id, nil, session.EndedByAdmin)
		if err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		if ended, err = result.RowsAffected(); err != nil || ended == 0 {
			return err
		}
		return record(ctx, tx, event)
	})
	return ended, err
}

var _ account.UserStore = (*Accounts)(nil)
