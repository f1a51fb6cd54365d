package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

type emailRow struct {
	ID         uuid.UUID `db:"id"`
	Account    uuid.UUID `db:"account_id"`
	Address    string    `db:"address"`
	AddressKey string    `db:"address_key"`
	Primary    bool      `db:"is_primary"`
	Confirmed  bool      `db:"confirmed"`
	At         time.Time `db:"at"`
}

func (row emailRow) own() account.OwnEmail {
	return account.OwnEmail{
		ID: row.ID, Email: account.EmailOfRow(row.Address, row.AddressKey), Primary: row.Primary, Confirmed: row.Confirmed, At: row.At,
	}
}

const (
	// ownEmails are the addresses of the account $1, confirmed or not.
	ownEmails = `
		SELECT id, account_id, address, address_key, is_primary, true AS confirmed, confirmed_at AS at FROM emails WHERE account_id = $1
		UNION ALL
		SELECT id, account_id, address, address_key, false, false, created_at FROM pending_emails WHERE account_id = $1 AND expires_at > now()`
	listEmails = `SELECT * FROM (` + ownEmails + `) e ORDER BY is_primary DESC, confirmed DESC, at, id`
	getEmail   = `SELECT * FROM (` + ownEmails + `) e WHERE id = $2`
)

// hold locks the holder's account, or returns account.ErrNone: its changes take turns from here.
func hold(ctx context.Context, tx *sqlx.Tx, holder account.Holder) (accountRow, error) {
	return findAccount(ctx, tx, account.ErrNone, byHolder+` FOR UPDATE OF a`, holder.Account, holder.Session)
}

// ListEmails returns all addresses of the holder.
func (s *Accounts) ListEmails(ctx context.Context, holder account.Holder) ([]account.OwnEmail, error) {
	if _, err := s.GetAccount(ctx, holder); err != nil {
		return nil, err
	}
	var rows []emailRow
	if err := s.db.SelectContext(ctx, &rows, listEmails, holder.Account); err != nil {
		return nil, pg.Map(fmt.Errorf("list addresses: %w", err), nil)
	}
	emails := make([]account.OwnEmail, len(rows))
	for i, row := range rows {
		emails[i] = row.own()
	}
	return emails, nil
}

func findEmail(ctx context.Context, db sqlx.QueryerContext, of, id uuid.UUID) (emailRow, error) {
	var row emailRow
	err := sqlx.GetContext(ctx, db, &row, getEmail, of, id)
	if errors.Is(err, sql.ErrNoRows) {
		return emailRow{}, account.ErrNoEmail
	}
	if err != nil {
		return emailRow{}, fmt.Errorf("find an address: %w", err)
	}
	return row, nil
}

const addPending = `
	INSERT INTO pending_emails (id, account_id, address, address_key, expires_at)
	VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))
	ON CONFLICT ON CONSTRAINT pending_emails_once DO UPDATE SET address = excluded.address, expires_at = excluded.expires_at
	RETURNING id, account_id, address, address_key, false AS is_primary, false AS confirmed, created_at AS at`

// AddEmail lets an address wait for confirmation. Nobody else's addresses are looked at.
func (s *Accounts) AddEmail(
	ctx context.Context, holder account.Holder, id uuid.UUID, email account.Email, life time.Duration, event audit.Event,
) (account.OwnEmail, error) {
	var row emailRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := hold(ctx, tx, holder); err != nil {
			return err
		}
		var rows []emailRow
		if err := tx.SelectContext(ctx, &rows, listEmails, holder.Account); err != nil {
			return fmt.Errorf("list addresses: %w", err)
		}
		waits := false
		for _, one := range rows {
			if one.AddressKey == email.Key() && one.Confirmed {
				return account.ErrOwnEmail
			}
			waits = waits || one.AddressKey == email.Key()
		}
		if len(rows) >= account.MaxEmails && !waits {
			return account.ErrTooManyEmails
		}
		if err := tx.GetContext(ctx, &row, addPending, id, holder.Account, email.Address(), email.Key(), seconds(life)); err != nil {
			return fmt.Errorf("add an address: %w", err)
		}
		if err := queue(ctx, tx, notice.Of(notice.EmailAdded, holder.Account, row.ID)); err != nil {
			return err
		}
		return record(ctx, tx, event.With("email", row.ID.String()))
	})
	return row.own(), err
}

// GetPending returns an address that waits, or account.ErrNoEmail.
func (s *Accounts) GetPending(ctx context.Context, holder account.Holder, id uuid.UUID) (account.OwnEmail, error) {
	if _, err := s.GetAccount(ctx, holder); err != nil {
		return account.OwnEmail{}, err
	}
	row, err := findEmail(ctx, s.db, holder.Account, id)
	if err == nil && row.Confirmed {
		err = account.ErrNoEmail
	}
	return row.own(), pg.Map(err, nil)
}

const (
	// lockRivals has all who confirm an address take turns, in one order: each would else hold its own row and wait for the others'.
	lockRivals = `
		SELECT id FROM pending_emails WHERE address_key = (SELECT address_key FROM pending_emails WHERE token_hash = $1) ORDER BY id FOR UPDATE`
	// takePending consumes the token with its row, so that of many at once one gets it.
	takePending = `
		DELETE FROM pending_emails p USING accounts a
		WHERE p.token_hash = $1 AND p.token_expires_at > now() AND p.expires_at > now() AND a.id = p.account_id AND a.disabled_at IS NULL
		RETURNING p.id, p.account_id, p.address, p.address_key, false AS is_primary, true AS confirmed, now() AS at`
	insertConfirmed = `
		INSERT INTO emails (id, account_id, address, address_key, is_primary, confirmed_at) VALUES ($1, $2, $3, $4, false, now())`
)

// ConfirmAdded consumes a token and gives its account the address, or returns account.ErrLink. What others have asked for with
// the address has lost its sense then.
func (s *Accounts) ConfirmAdded(ctx context.Context, hash token.Hash, event audit.Event) (account.OwnEmail, error) {
	var row emailRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, lockRivals, hash[:]); err != nil {
			return fmt.Errorf("lock what waits for an address: %w", err)
		}
		err := tx.GetContext(ctx, &row, takePending, hash[:])
		if errors.Is(err, sql.ErrNoRows) {
			return account.ErrLink
		}
		if err != nil {
			return fmt.Errorf("consume a token: %w", err)
		}
		if _, err := tx.ExecContext(ctx, insertConfirmed, row.ID, row.Account, row.Address, row.AddressKey); err != nil {
			return fmt.Errorf("insert an address: %w", err)
		}
		for _, statement := range []string{dropRegistrations, `DELETE FROM pending_emails WHERE address_key = $1`} {
			if _, err := tx.ExecContext(ctx, statement, row.AddressKey); err != nil {
				return fmt.Errorf("drop what waits for an address: %w", err)
			}
		}
		event.Account, event.Actor = row.Account, audit.ByAccount(row.Account)
		return changedEmails(ctx, tx, row.Account, event.With("email", row.ID.String()))
	})
	if pg.Constraint(err) == "emails_key_unique" {
		return account.OwnEmail{}, account.ErrLink.Because(err)
	}
	return row.own(), err
}

const (
	primaryKeyOf = `SELECT address_key FROM emails WHERE account_id = $1 AND is_primary`
	// strengthen makes mailed tokens worthless: they were sent to an address that has lost its say.
	strengthen = `UPDATE accounts SET security_version = security_version + 1 WHERE id = $1`
)

// changedEmails tells the owner at the primary address, and records the event.
func changedEmails(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, event audit.Event) error {
	var key string
	if err := tx.GetContext(ctx, &key, primaryKeyOf, id); err != nil {
		return fmt.Errorf("find the primary address: %w", err)
	}
	if _, err := tx.ExecContext(ctx, touch, id); err != nil {
		return fmt.Errorf("change an account: %w", err)
	}
	job := notice.About(notice.EmailsChanged, id)
	job.AddressKey = key
	if err := queue(ctx, tx, job); err != nil {
		return err
	}
	return record(ctx, tx, event)
}

// MakePrimary makes a confirmed address the primary one. Both it and the one before are written to.
func (s *Accounts) MakePrimary(ctx context.Context, holder account.Holder, id uuid.UUID, event audit.Event) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		before, err := hold(ctx, tx, holder)
		if err != nil {
			return err
		}
		row, err := findEmail(ctx, tx, holder.Account, id)
		switch {
		case err != nil:
			return err
		case !row.Confirmed:
			return account.ErrUnconfirmedEmail
		case row.Primary:
			return nil
		}
		for _, statement := range []string{
			`UPDATE emails SET is_primary = false WHERE account_id = $1 AND is_primary AND id <> $2`,
			`UPDATE emails SET is_primary = true WHERE account_id = $1 AND id = $2`,
		} {
			if _, err := tx.ExecContext(ctx, statement, holder.Account, id); err != nil {
				return fmt.Errorf("change the primary address: %w", err)
			}
		}
		for _, statement := range []string{voidTokens, strengthen} {
			if _, err := tx.ExecContext(ctx, statement, holder.Account); err != nil {
				return fmt.Errorf("void mailed tokens: %w", err)
			}
		}
		job := notice.About(notice.EmailsChanged, holder.Account)
		job.AddressKey = before.AddressKey
		if err := queue(ctx, tx, job); err != nil {
			return err
		}
		return changedEmails(ctx, tx, holder.Account, event.With("email", id.String()))
	})
}

// RemoveEmail removes an address.
func (s *Accounts) RemoveEmail(ctx context.Context, holder account.Holder, id uuid.UUID, event audit.Event) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := hold(ctx, tx, holder); err != nil {
			return err
		}
		row, err := findEmail(ctx, tx, holder.Account, id)
		switch {
		case err != nil:
			return err
		case row.Primary:
			return account.ErrPrimaryEmail
		}
		statement := `DELETE FROM emails WHERE account_id = $1 AND id = $2 AND NOT is_primary`
		if !row.Confirmed {
			statement = `DELETE FROM pending_emails WHERE account_id = $1 AND id = $2`
		}
		if _, err := tx.ExecContext(ctx, statement, holder.Account, id); err != nil {
			return fmt.Errorf("remove an address: %w", err)
		}
		event := event.With("email", id.String())
		if !row.Confirmed {
			return record(ctx, tx, event.With("confirmed", "false"))
		}
		if _, err := tx.ExecContext(ctx, voidTokens, holder.Account); err != nil {
			return fmt.Errorf("void mailed tokens: %w", err)
		}
		return changedEmails(ctx, tx, holder.Account, event)
	})
}
