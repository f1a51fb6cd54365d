package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// aboutAccounts are the letters that go to an account's primary address and need nothing but the account.
var aboutAccounts = map[notice.Kind]notice.Template{
	notice.AccountOpened:       notice.Welcome,
	notice.PasswordChanged:     notice.ChangedPassword,
	notice.UsernameChanged:     notice.ChangedUsername,
	notice.SecondFactorChanged: notice.ChangedSecondFactor,
	notice.TokenReused:         notice.EndedSession,
	notice.ErasureCalledOff:    notice.ErasureCanceled,
}

// Resolve finds the recipient of a job and stores the token that the letter needs.
func (s *Outbox) Resolve(ctx context.Context, job notice.Job, mint notice.Mint, lives notice.Lives) (to notice.Recipient, found bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		var err error
		to, err = resolve(ctx, tx, job, mint, lives)
		if found = !errors.Is(err, sql.ErrNoRows); !found {
			return nil
		}
		return err
	})
	if err != nil {
		return notice.Recipient{}, false, err
	}
	return to, found, nil
}

func resolve(ctx context.Context, tx *sqlx.Tx, job notice.Job, mint notice.Mint, lives notice.Lives) (notice.Recipient, error) {
	if template, ok := aboutAccounts[job.Kind]; ok {
		return recipient(ctx, tx, template, `a.id = $1`, job.Account)
	}
	switch job.Kind {
	case notice.Registered, notice.ResendAsked:
		return resolveRegistration(ctx, tx, job, mint, lives)
	case notice.PasswordForgot:
		return resolveForgotten(ctx, tx, job, mint, lives)
	case notice.EmailAdded:
		return resolveAdded(ctx, tx, job, mint, lives)
	case notice.EmailsChanged:
		return resolveChangedEmails(ctx, tx, job)
	case notice.DeviceSeen:
		return resolveDevice(ctx, tx, job)
	case notice.ErasureAsked:
		return resolveErasure(ctx, tx, job)
	case notice.Invited:
		return resolveInvitation(ctx, tx, job, mint)
	case notice.AccountOpened, notice.PasswordChanged, notice.UsernameChanged, notice.SecondFactorChanged, notice.TokenReused,
		notice.ErasureCalledOff: // above
	}
	return notice.Recipient{}, fmt.Errorf("a mail of the unknown kind %q", job.Kind)
}

type recipientRow struct {
	ID              uuid.UUID      `db:"id"`
	Address         string         `db:"address"`
	Name            string         `db:"name"`
	Locale          string         `db:"locale"`
	Username        sql.NullString `db:"username"`
	EraseAt         sql.NullTime   `db:"erase_at"`
	SecurityVersion int            `db:"security_version"`
}

func (row recipientRow) recipient(template notice.Template) notice.Recipient {
	return notice.Recipient{
		Template: template, Address: row.Address, Name: row.Name, Locale: row.Locale,
		Facts: notice.Facts{Username: row.Username.String, At: row.EraseAt.Time},
	}
}

// selectRecipient finds an account to write to at its own spelling of an address, never at one that somebody typed.
const (
	selectRecipientAt = `
		SELECT a.id, e.address, a.name, a.locale, a.username, a.erase_at, a.security_version
		FROM accounts a JOIN emails e ON e.account_id = a.id`
	selectRecipient = selectRecipientAt + ` AND e.is_primary WHERE `
)

func findRecipient(ctx context.Context, tx *sqlx.Tx, query string, args ...any) (recipientRow, error) {
	var row recipientRow
	if err := tx.GetContext(ctx, &row, query, args...); err != nil {
		return recipientRow{}, fmt.Errorf("find a recipient: %w", err)
	}
	return row, nil
}

func recipient(ctx context.Context, tx *sqlx.Tx, template notice.Template, condition string, arg any) (notice.Recipient, error) {
	row, err := findRecipient(ctx, tx, selectRecipient+condition, arg)
	return row.recipient(template), err
}

const (
	registrationToWrite = `
		SELECT id, address, address_key, username, username_key, name, locale, password_hash, created_at FROM registrations
		WHERE (id = $1 OR address_key = $2) AND expires_at > now() ORDER BY created_at DESC LIMIT 1`
	insertConfirmation = `
		INSERT INTO one_time_tokens (hash, purpose, registration_id, expires_at)
		VALUES ($1, 'confirm_email', $2, now() + make_interval(secs => $3))`
	prolongRegistration = `UPDATE registrations SET expires_at = GREATEST(expires_at, now() + make_interval(secs => $2)) WHERE id = $1`
	byAddressKey        = `a.id = (SELECT account_id FROM emails WHERE address_key = $1)`
)

// resolveRegistration writes to the address of a registration: the link, or word that there is an account. A link carries no
// name: whoever registered an address that is not theirs would choose words that we send to a stranger.
func resolveRegistration(ctx context.Context, tx *sqlx.Tx, job notice.Job, mint notice.Mint, lives notice.Lives) (notice.Recipient, error) {
	var row registrationRow
	err := tx.GetContext(ctx, &row, registrationToWrite, optional(job.Registration), sql.NullString{String: job.AddressKey, Valid: job.AddressKey != ""})
	if err != nil {
		return notice.Recipient{}, fmt.Errorf("find a registration: %w", err)
	}
	known, err := recipient(ctx, tx, notice.AlreadyRegistered, byAddressKey, row.AddressKey)
	if !errors.Is(err, sql.ErrNoRows) {
		return known, err
	}
	hash := mint(token.ConfirmEmail)
	if _, err := tx.ExecContext(ctx, insertConfirmation, hash[:], row.ID, seconds(lives.Confirm)); err != nil {
		return notice.Recipient{}, fmt.Errorf("keep a token: %w", err)
	}
	if _, err := tx.ExecContext(ctx, prolongRegistration, row.ID, seconds(lives.Confirm)); err != nil {
		return notice.Recipient{}, fmt.Errorf("prolong a registration: %w", err)
	}
	return notice.Recipient{Template: notice.ConfirmEmail, Address: row.Address, Locale: row.Locale}, nil
}

const insertReset = `
	INSERT INTO one_time_tokens (hash, purpose, account_id, security_version, expires_at)
	VALUES ($1, 'reset_password', $2, $3, now() + make_interval(secs => $4))`

// resolveForgotten writes the link to the owner of an address whose account may be used.
func resolveForgotten(ctx context.Context, tx *sqlx.Tx, job notice.Job, mint notice.Mint, lives notice.Lives) (notice.Recipient, error) {
	row, err := findRecipient(ctx, tx, selectRecipient+byAddressKey+` AND a.disabled_at IS NULL`, job.AddressKey)
	if err != nil {
		return notice.Recipient{}, err
	}
	hash := mint(token.ResetPassword)
	if _, err := tx.ExecContext(ctx, insertReset, hash[:], row.ID, row.SecurityVersion, seconds(lives.Reset)); err != nil {
		return notice.Recipient{}, fmt.Errorf("keep a token: %w", err)
	}
	return row.recipient(notice.ResetPassword), record(ctx, tx, audit.New(audit.ResetMailed, row.ID, audit.System))
}

const (
	pendingToWrite = `
		SELECT p.address, p.address_key, a.locale FROM pending_emails p JOIN accounts a ON a.id = p.account_id
		WHERE p.id = $1 AND p.expires_at > now() AND a.disabled_at IS NULL`
	keepPendingToken = `
		UPDATE pending_emails SET token_hash = $2, token_expires_at = LEAST(expires_at, now() + make_interval(secs => $3)) WHERE id = $1`
)

// resolveAdded writes to an address that was added to an account: the link, or word to the account that it belongs to. The link
// carries no name, for the same reason as that of a registration.
func resolveAdded(ctx context.Context, tx *sqlx.Tx, job notice.Job, mint notice.Mint, lives notice.Lives) (notice.Recipient, error) {
	var row struct {
		Address    string `db:"address"`
		AddressKey string `db:"address_key"`
		Locale     string `db:"locale"`
	}
	if err := tx.GetContext(ctx, &row, pendingToWrite, job.Subject); err != nil {
		return notice.Recipient{}, fmt.Errorf("find an added address: %w", err)
	}
	owner, err := findRecipient(ctx, tx, selectRecipientAt+` WHERE e.address_key = $1`, row.AddressKey)
	if !errors.Is(err, sql.ErrNoRows) {
		return owner.recipient(notice.AddressTaken), err
	}
	hash := mint(token.ConfirmAdded)
	if _, err := tx.ExecContext(ctx, keepPendingToken, job.Subject, hash[:], seconds(lives.Confirm)); err != nil {
		return notice.Recipient{}, fmt.Errorf("keep a token: %w", err)
	}
	return notice.Recipient{Template: notice.ConfirmAddedEmail, Address: row.Address, Locale: row.Locale}, nil
}

// resolveChangedEmails writes to one address of an account.
func resolveChangedEmails(ctx context.Context, tx *sqlx.Tx, job notice.Job) (notice.Recipient, error) {
	row, err := findRecipient(ctx, tx, selectRecipientAt+` WHERE a.id = $1 AND e.address_key = $2`, job.Account, job.AddressKey)
	return row.recipient(notice.ChangedEmails), err
}

const deviceToWriteOf = `SELECT agent, area, auth_time FROM sessions WHERE id = $1 AND account_id = $2`

// resolveDevice tells of a login.
func resolveDevice(ctx context.Context, tx *sqlx.Tx, job notice.Job) (notice.Recipient, error) {
	to, err := recipient(ctx, tx, notice.NewDevice, `a.id = $1`, job.Account)
	if err != nil {
		return notice.Recipient{}, err
	}
	var row struct {
		Agent string    `db:"agent"`
		Area  string    `db:"area"`
		At    time.Time `db:"auth_time"`
	}
	if err := tx.GetContext(ctx, &row, deviceToWriteOf, job.Subject, job.Account); err != nil {
		return notice.Recipient{}, fmt.Errorf("find a login: %w", err)
	}
	to.Facts.Device, to.Facts.Area, to.Facts.At = row.Agent, row.Area, row.At
	return to, nil
}

// resolveErasure tells when an account goes, unless that was called off meanwhile.
func resolveErasure(ctx context.Context, tx *sqlx.Tx, job notice.Job) (notice.Recipient, error) {
	return recipient(ctx, tx, notice.ErasureScheduled, `a.id = $1 AND a.erase_at IS NOT NULL`, job.Account)
}

// The locale of somebody who has an account is their own.
const (
	invitationToWrite = `
		SELECT i.address, COALESCE(NULLIF(a.locale, ''), i.locale) AS locale
		FROM invitations i LEFT JOIN emails e ON e.address_key = i.address_key LEFT JOIN accounts a ON a.id = e.account_id
		WHERE i.id = $1 AND i.expires_at > now() AND i.accepted_at IS NULL AND i.revoked_at IS NULL`
	keepInvitationToken = `UPDATE invitations SET token_hash = $2 WHERE id = $1`
)

// resolveInvitation writes the link to the address that was invited.
func resolveInvitation(ctx context.Context, tx *sqlx.Tx, job notice.Job, mint notice.Mint) (notice.Recipient, error) {
	var row struct {
		Address string `db:"address"`
		Locale  string `db:"locale"`
	}
	if err := tx.GetContext(ctx, &row, invitationToWrite, job.Subject); err != nil {
		return notice.Recipient{}, fmt.Errorf("find an invitation: %w", err)
	}
	hash := mint(token.Invitation)
	if _, err := tx.ExecContext(ctx, keepInvitationToken, job.Subject, hash[:]); err != nil {
		return notice.Recipient{}, fmt.Errorf("keep a token: %w", err)
	}
	return notice.Recipient{Template: notice.InviteUser, Address: row.Address, Locale: row.Locale}, nil
}
