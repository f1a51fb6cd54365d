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
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

const usernameTaken = `SELECT EXISTS (SELECT FROM accounts WHERE username_key = $1 OR username_skeleton = $2)`

// UsernameTaken reports whether an account has the username or one that looks like it.
func (s *Accounts) UsernameTaken(ctx context.Context, username account.Username) (bool, error) {
	var taken bool
	if err := s.db.GetContext(ctx, &taken, usernameTaken, username.Key(), username.Skeleton()); err != nil {
		return false, pg.Map(fmt.Errorf("look for a username: %w", err), nil)
	}
	return taken, nil
}

type registrationRow struct {
	ID           uuid.UUID      `db:"id"`
	Address      string         `db:"address"`
	AddressKey   string         `db:"address_key"`
	Username     sql.NullString `db:"username"`
	UsernameKey  sql.NullString `db:"username_key"`
	Name         string         `db:"name"`
	Locale       string         `db:"locale"`
	PasswordHash string         `db:"password_hash"`
	CreatedAt    time.Time      `db:"created_at"`
}

func (row registrationRow) registration() account.Registration {
	return account.Registration{
		ID: row.ID, Email: account.EmailOfRow(row.Address, row.AddressKey),
		Username: account.UsernameOfRow(row.Username.String, row.UsernameKey.String), Name: row.Name, Locale: row.Locale,
		PasswordHash: row.PasswordHash,
	}
}

const insertRegistration = `
	INSERT INTO registrations (id, address, address_key, username, username_key, name, locale, password_hash, expires_at)
	VALUES ($1, $2, $3, NULLIF($4, ''), NULLIF($5, ''), $6, $7, $8, now() + make_interval(secs => $9))`

// Register keeps a registration, the mail to be sent and the event.
func (s *Accounts) Register(ctx context.Context, r account.Registration, mail notice.Job, event audit.Event) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, insertRegistration, r.ID, r.Email.Address(), r.Email.Key(), r.Username.String(),
			r.Username.Key(), r.Name, r.Locale, r.PasswordHash, seconds(r.Life))
		if err != nil {
			return fmt.Errorf("register: %w", err)
		}
		if err := queue(ctx, tx, mail); err != nil {
			return err
		}
		return record(ctx, tx, event)
	})
}

const (
	registrationByHash = `
		SELECT r.id, r.address, r.address_key, r.username, r.username_key, r.name, r.locale, r.password_hash, r.created_at
		FROM one_time_tokens t JOIN registrations r ON r.id = t.registration_id
		WHERE t.hash = $1 AND t.purpose = 'confirm_email' AND t.expires_at > now()`
	// lockRegistrations makes those who confirm one address take turns, whichever of its registrations they hold. The second
	// then finds its token gone with the registration.
	lockRegistrations = `SELECT id FROM registrations WHERE address_key = $1 ORDER BY id FOR UPDATE`
	dropRegistrations = `DELETE FROM registrations WHERE address_key = $1`
)

// Confirm consumes a token and makes its registration an account. It returns account.ErrLink when the token is not valid, and
// when the address has got an account since.
func (s *Accounts) Confirm(ctx context.Context, hash token.Hash, id uuid.UUID, event audit.Event) (account.Account, error) {
	for attempt := 1; ; attempt++ {
		confirmed, err := s.confirm(ctx, hash, id, event)
		switch pg.Constraint(err) {
		case "emails_key_unique":
			return account.Account{}, account.ErrLink.Because(err)
		case "accounts_username_unique", "accounts_username_skeleton_unique":
			// Somebody was given the username in the same moment. The second time it is seen to be taken.
			if attempt == 1 {
				continue
			}
		}
		return confirmed, err
	}
}

func (s *Accounts) confirm(ctx context.Context, hash token.Hash, id uuid.UUID, event audit.Event) (account.Account, error) {
	var row accountRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		first, err := findRegistration(ctx, tx, hash)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, lockRegistrations, first.AddressKey); err != nil {
			return fmt.Errorf("lock registrations: %w", err)
		}
		found, err := findRegistration(ctx, tx, hash)
		if err != nil {
			return err
		}
		registration := found.registration()
		var taken bool
		if err := tx.GetContext(ctx, &taken, usernameTaken, registration.Username.Key(), registration.Username.Skeleton()); err != nil {
			return fmt.Errorf("look for a username: %w", err)
		}
		if taken {
			registration.Username = account.Username{}
		}
		if err := insert(ctx, tx, id, registration, []role.Grant{{Role: role.Driver}}); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, dropRegistrations, found.AddressKey); err != nil {
			return fmt.Errorf("drop registrations: %w", err)
		}
		if row, err = findAccount(ctx, tx, account.ErrNone, selectAccount+` WHERE a.id = $1`, id); err != nil {
			return err
		}
		if err := queue(ctx, tx, notice.About(notice.AccountOpened, id)); err != nil {
			return err
		}
		return record(ctx, tx, event)
	})
	if err != nil {
		return account.Account{}, err
	}
	return row.account()
}

func findRegistration(ctx context.Context, tx *sqlx.Tx, hash token.Hash) (registrationRow, error) {
	var row registrationRow
	err := tx.GetContext(ctx, &row, registrationByHash, hash[:])
	if errors.Is(err, sql.ErrNoRows) {
		return registrationRow{}, account.ErrLink
	}
	if err != nil {
		return registrationRow{}, fmt.Errorf("find registration: %w", err)
	}
	return row, nil
}
