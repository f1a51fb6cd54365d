package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// CreateAccount writes a confirmed account with its grants, and drops what waits for the address. It returns
// account.ErrEmailTaken or account.ErrUsernameTaken.
func (s *Accounts) CreateAccount(ctx context.Context, id uuid.UUID, r account.Registration, grants []role.Grant, event audit.Event) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if err := insert(ctx, tx, id, r, grants); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, dropRegistrations, r.Email.Key()); err != nil {
			return fmt.Errorf("drop registrations: %w", err)
		}
		return record(ctx, tx, event)
	})
	return pg.Map(err, accountConstraints)
}

const (
	byIdentity = selectAccount + `
		WHERE a.id = (SELECT account_id FROM emails WHERE address_key = NULLIF($1, '')) OR a.username_key = NULLIF($2, '')`
	listAccounts = selectAccount + ` WHERE a.id > $1 ORDER BY a.id LIMIT $2`
)

// FindAccount returns the account that an identity names, or account.ErrNotFound.
func (s *Accounts) FindAccount(ctx context.Context, identity account.Identity) (account.Account, error) {
	row, err := findAccount(ctx, s.db, account.ErrNotFound, byIdentity, identity.EmailKey, identity.UsernameKey)
	if err != nil {
		return account.Account{}, pg.Map(err, nil)
	}
	return row.account()
}

// ListAccounts returns up to limit accounts after an id, by id.
func (s *Accounts) ListAccounts(ctx context.Context, after uuid.UUID, limit int) ([]account.Account, error) {
	var rows []accountRow
	if err := s.db.SelectContext(ctx, &rows, listAccounts, after, limit); err != nil {
		return nil, pg.Map(fmt.Errorf("list accounts: %w", err), nil)
	}
	accounts := make([]account.Account, len(rows))
	for i, row := range rows {
		var err error
		if accounts[i], err = row.account(); err != nil {
			return nil, err
		}
	}
	return accounts, nil
}

const deleteGrant = `DELETE FROM role_grants WHERE account_id = $1 AND role = $2 AND operator_id IS NOT DISTINCT FROM $3`

// Grant gives a role, and reports whether the account did not have it.
func (s *Accounts) Grant(ctx context.Context, id uuid.UUID, grant role.Grant, event audit.Event) (bool, error) {
	return s.changeGrant(ctx, insertGrant, id, grant, event)
}

// Revoke takes a role, and reports whether the account had it. Tokens that carry it live a few minutes longer.
func (s *Accounts) Revoke(ctx context.Context, id uuid.UUID, grant role.Grant, event audit.Event) (bool, error) {
	return s.changeGrant(ctx, deleteGrant, id, grant, event)
}

// touch gives the account a new version: its roles are part of what the owner reads.
const touch = `UPDATE accounts SET version = version + 1, updated_at = now() WHERE id = $1`

func (s *Accounts) changeGrant(ctx context.Context, statement string, id uuid.UUID, grant role.Grant, event audit.Event) (changed bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, statement, id, grant.Role, optional(grant.Operator))
		if err != nil {
			return fmt.Errorf("change grants: %w", err)
		}
		n, err := result.RowsAffected()
		if changed = n > 0; err != nil || !changed {
			return err
		}
		if _, err := tx.ExecContext(ctx, touch, id); err != nil {
			return fmt.Errorf("change grants: %w", err)
		}
		return record(ctx, tx, event)
	})
	return changed, err
}
