package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/passkey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

var passkeyConstraints = map[string]*fault.Fault{"passkeys_credential_unique": passkey.ErrTaken}

type passkeyRow struct {
	ID         uuid.UUID    `db:"id"`
	Account    uuid.UUID    `db:"account_id"`
	Name       string       `db:"name"`
	Credential []byte       `db:"credential"`
	SignCount  uint32       `db:"sign_count"`
	CreatedAt  time.Time    `db:"created_at"`
	LastUsedAt sql.NullTime `db:"last_used_at"`
}

const passkeyColumns = `id, account_id, name, credential, sign_count, created_at, last_used_at`

func (row passkeyRow) passkey() (passkey.Passkey, error) {
	one := passkey.Passkey{ID: row.ID, Account: row.Account, Name: row.Name, CreatedAt: row.CreatedAt, LastUsedAt: row.LastUsedAt.Time}
	if err := json.Unmarshal(row.Credential, &one.Credential); err != nil {
		return passkey.Passkey{}, fmt.Errorf("read a passkey: %w", err)
	}
	one.Credential.Authenticator.SignCount = row.SignCount
	return one, nil
}

// CreatePasskey keeps a passkey, and the recovery codes when it is the account's first factor.
func (s *Factors) CreatePasskey(ctx context.Context, n passkey.NewPasskey) (first bool, err error) {
	credential, err := json.Marshal(n.Passkey.Credential)
	if err != nil {
		return false, fmt.Errorf("write a passkey: %w", err)
	}
	one := n.Passkey
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		has, err := lockAccount(ctx, tx, one.Account)
		if err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `
			INSERT INTO passkeys (id, account_id, credential_id, credential, sign_count, name)
			SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM passkeys WHERE account_id = $2) < $7`,
			one.ID, one.Account, one.Credential.ID, string(credential), one.Credential.Authenticator.SignCount, one.Name, n.Most)
		if err != nil {
			return fmt.Errorf("insert a passkey: %w", err)
		}
		if inserted, err := result.RowsAffected(); err != nil || inserted == 0 {
			return errors.Join(passkey.ErrTooMany, err)
		}
		if first = !has; first {
			if err := replaceCodes(ctx, tx, one.Account, n.Codes); err != nil {
				return err
			}
		}
		return changed(ctx, tx, one.Account, n.Event)
	})
	return first, pg.Map(err, passkeyConstraints)
}

// ListPasskeys returns an account's, oldest first.
func (s *Factors) ListPasskeys(ctx context.Context, owner uuid.UUID) ([]passkey.Passkey, error) {
	var rows []passkeyRow
	if err := s.db.SelectContext(ctx, &rows, `SELECT `+passkeyColumns+` FROM passkeys WHERE account_id = $1 ORDER BY id`, owner); err != nil {
		return nil, pg.Map(fmt.Errorf("list passkeys: %w", err), nil)
	}
	all := make([]passkey.Passkey, len(rows))
	for i, row := range rows {
		var err error
		if all[i], err = row.passkey(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// RenamePasskey returns the passkey with its new name, or passkey.ErrNotFound.
func (s *Factors) RenamePasskey(ctx context.Context, owner, id uuid.UUID, name string, event audit.Event) (passkey.Passkey, error) {
	var row passkeyRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		err := tx.GetContext(ctx, &row, `UPDATE passkeys SET name = $3 WHERE account_id = $1 AND id = $2 RETURNING `+passkeyColumns, owner, id, name)
		if errors.Is(err, sql.ErrNoRows) {
			return passkey.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("rename a passkey: %w", err)
		}
		return record(ctx, tx, event)
	})
	if err != nil {
		return passkey.Passkey{}, err
	}
	return row.passkey()
}

// RemovePasskey removes one, and the recovery codes with the last factor.
func (s *Factors) RemovePasskey(ctx context.Context, owner, id uuid.UUID, event audit.Event) error {
	return s.remove(ctx, owner, id, `DELETE FROM passkeys WHERE account_id = $1 AND id = $2`, passkey.ErrNotFound, event)
}

// UsePasskey writes down the authenticator's count. The condition makes it the database that refuses a count twice.
func (s *Factors) UsePasskey(ctx context.Context, used passkey.Passkey) (bool, error) {
	credential, err := json.Marshal(used.Credential)
	if err != nil {
		return false, fmt.Errorf("write a passkey: %w", err)
	}
	return s.use(ctx, `
		UPDATE passkeys SET credential = $3, sign_count = $4, last_used_at = now()
		WHERE account_id = $1 AND id = $2 AND (sign_count < $4 OR sign_count = 0 AND $4 = 0)`,
		used.Account, used.ID, string(credential), used.Credential.Authenticator.SignCount)
}

// BeginCeremony keeps a challenge.
func (s *Factors) BeginCeremony(ctx context.Context, c passkey.Ceremony, life time.Duration) error {
	state, err := json.Marshal(c.State)
	if err != nil {
		return fmt.Errorf("write a ceremony: %w", err)
	}
	bound := c.BoundTo
	if bound == nil {
		bound = []byte{}
	}
	_, err = s.db.ExecContext(ctx, `
		INSERT INTO passkey_ceremonies (hash, purpose, account_id, bound_to, state, expires_at)
		VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))`,
		c.Hash[:], c.Purpose, optional(c.Account), bound, string(state), seconds(life))
	if err != nil {
		return pg.Map(fmt.Errorf("keep a ceremony: %w", err), nil)
	}
	return nil
}

// TakeCeremony returns a challenge that waits, and forgets it: of any number of answers one is looked at.
func (s *Factors) TakeCeremony(ctx context.Context, hash token.Hash, purpose passkey.Purpose) (passkey.Ceremony, error) {
	var row struct {
		Account uuid.NullUUID `db:"account_id"`
		BoundTo []byte        `db:"bound_to"`
		State   []byte        `db:"state"`
	}
	err := s.db.GetContext(ctx, &row, `
		DELETE FROM passkey_ceremonies WHERE hash = $1 AND purpose = $2 AND expires_at > now()
		RETURNING account_id, bound_to, state`, hash[:], purpose)
	if errors.Is(err, sql.ErrNoRows) {
		return passkey.Ceremony{}, passkey.ErrRefused.Because(errors.New("there is no such ceremony"))
	}
	if err != nil {
		return passkey.Ceremony{}, pg.Map(fmt.Errorf("take a ceremony: %w", err), nil)
	}
	c := passkey.Ceremony{Hash: hash, Purpose: purpose, Account: row.Account.UUID, BoundTo: row.BoundTo}
	if err := json.Unmarshal(row.State, &c.State); err != nil {
		return passkey.Ceremony{}, fmt.Errorf("read a ceremony: %w", err)
	}
	return c, nil
}

var _ passkey.Store = (*Factors)(nil)
