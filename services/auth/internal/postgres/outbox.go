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
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Outbox is the queue of mails.
type Outbox struct {
	db *pg.DB
}

// NewOutbox makes an Outbox.
func NewOutbox(db *pg.DB) *Outbox { return &Outbox{db: db} }

// A claim is a lease: it moves the time at which the job is due beyond the time that sending may take, and no transaction
// stays open meanwhile. Whoever dies while sending leaves a job that comes due again.
const claimJobs = `
	UPDATE outbox SET due_at = now() + make_interval(secs => $2), attempts = attempts + 1
	WHERE id IN (
		SELECT id FROM outbox WHERE settled_at IS NULL AND due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
	RETURNING id, kind, COALESCE(address_key, '') AS address_key, registration_id, account_id, attempts, created_at`

type jobRow struct {
	ID           uuid.UUID     `db:"id"`
	Kind         string        `db:"kind"`
	AddressKey   string        `db:"address_key"`
	Registration uuid.NullUUID `db:"registration_id"`
	Account      uuid.NullUUID `db:"account_id"`
	Attempts     int           `db:"attempts"`
	CreatedAt    time.Time     `db:"created_at"`
}

// Claim returns jobs that are due, which no other Claim returns until lease has passed.
func (s *Outbox) Claim(ctx context.Context, limit int, lease time.Duration) ([]notice.Job, error) {
	var rows []jobRow
	if err := s.db.SelectContext(ctx, &rows, claimJobs, limit, seconds(lease)); err != nil {
		return nil, pg.Map(fmt.Errorf("claim mails: %w", err), nil)
	}
	jobs := make([]notice.Job, len(rows))
	for i, row := range rows {
		jobs[i] = notice.Job{
			ID: row.ID, Kind: notice.Kind(row.Kind), AddressKey: row.AddressKey, Registration: row.Registration.UUID,
			Account: row.Account.UUID, Attempts: row.Attempts, CreatedAt: row.CreatedAt,
		}
	}
	return jobs, nil
}

// Resolve finds the recipient of a job and stores the token that the letter needs.
func (s *Outbox) Resolve(ctx context.Context, job notice.Job, confirm, reset token.Hash, lives notice.Lives) (to notice.Recipient, found bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		var err error
		switch job.Kind {
		case notice.Registered, notice.ResendAsked:
			to, err = resolveRegistration(ctx, tx, job, confirm, lives)
		case notice.PasswordForgot:
			to, err = resolveForgotten(ctx, tx, job, reset, lives)
		case notice.PasswordChanged:
			to, err = recipient(ctx, tx, notice.ChangedPassword, `a.id = $1`, job.Account)
		case notice.TokenReused:
			to, err = recipient(ctx, tx, notice.EndedSession, `a.id = $1`, job.Account)
		default:
			return fmt.Errorf("a mail of the unknown kind %q", job.Kind)
		}
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

type recipientRow struct {
	ID              uuid.UUID `db:"id"`
	Address         string    `db:"address"`
	Name            string    `db:"name"`
	Locale          string    `db:"locale"`
	SecurityVersion int       `db:"security_version"`
}

// selectRecipient finds an account to write to at its own spelling of its primary address, never at one that somebody typed.
const selectRecipient = `
	SELECT a.id, e.address, a.name, a.locale, a.security_version
	FROM accounts a JOIN emails e ON e.account_id = a.id AND e.is_primary
	WHERE `

func findRecipient(ctx context.Context, tx *sqlx.Tx, condition string, arg any) (recipientRow, error) {
	var row recipientRow
	if err := tx.GetContext(ctx, &row, selectRecipient+condition, arg); err != nil {
		return recipientRow{}, fmt.Errorf("find a recipient: %w", err)
	}
	return row, nil
}

func recipient(ctx context.Context, tx *sqlx.Tx, template notice.Template, condition string, arg any) (notice.Recipient, error) {
	row, err := findRecipient(ctx, tx, condition, arg)
	return notice.Recipient{Template: template, Address: row.Address, Name: row.Name, Locale: row.Locale}, err
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
func resolveRegistration(ctx context.Context, tx *sqlx.Tx, job notice.Job, hash token.Hash, lives notice.Lives) (notice.Recipient, error) {
	var row registrationRow
	err := tx.GetContext(ctx, &row, registrationToWrite, optional(job.Registration), sql.NullString{String: job.AddressKey, Valid: job.AddressKey != ""})
	if err != nil {
		return notice.Recipient{}, fmt.Errorf("find a registration: %w", err)
	}
	known, err := recipient(ctx, tx, notice.AlreadyRegistered, byAddressKey, row.AddressKey)
	if !errors.Is(err, sql.ErrNoRows) {
		return known, err
	}
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
func resolveForgotten(ctx context.Context, tx *sqlx.Tx, job notice.Job, hash token.Hash, lives notice.Lives) (notice.Recipient, error) {
	row, err := findRecipient(ctx, tx, byAddressKey+` AND a.disabled_at IS NULL`, job.AddressKey)
	if err != nil {
		return notice.Recipient{}, err
	}
	if _, err := tx.ExecContext(ctx, insertReset, hash[:], row.ID, row.SecurityVersion, seconds(lives.Reset)); err != nil {
		return notice.Recipient{}, fmt.Errorf("keep a token: %w", err)
	}
	if err := record(ctx, tx, audit.New(audit.ResetMailed, row.ID, audit.System)); err != nil {
		return notice.Recipient{}, err
	}
	return notice.Recipient{Template: notice.ResetPassword, Address: row.Address, Name: row.Name, Locale: row.Locale}, nil
}

const (
	settleJob   = `UPDATE outbox SET settled_at = now(), outcome = $2 WHERE id = $1 AND settled_at IS NULL`
	postponeJob = `UPDATE outbox SET due_at = now() + make_interval(secs => $2) WHERE id = $1 AND settled_at IS NULL`
)

// Settle ends a job.
func (s *Outbox) Settle(ctx context.Context, job uuid.UUID, outcome notice.Outcome) error {
	_, err := s.db.ExecContext(ctx, settleJob, job, outcome)
	return pg.Map(err, nil)
}

// Postpone makes a job due again after a while.
func (s *Outbox) Postpone(ctx context.Context, job uuid.UUID, wait time.Duration) error {
	_, err := s.db.ExecContext(ctx, postponeJob, job, seconds(wait))
	return pg.Map(err, nil)
}

var _ notice.Outbox = (*Outbox)(nil)
