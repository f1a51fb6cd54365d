package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
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
	RETURNING id, kind, COALESCE(address_key, '') AS address_key, registration_id, account_id, subject_id, attempts, created_at`

type jobRow struct {
	ID           uuid.UUID     `db:"id"`
	Kind         string        `db:"kind"`
	AddressKey   string        `db:"address_key"`
	Registration uuid.NullUUID `db:"registration_id"`
	Account      uuid.NullUUID `db:"account_id"`
	Subject      uuid.NullUUID `db:"subject_id"`
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
			Account: row.Account.UUID, Subject: row.Subject.UUID, Attempts: row.Attempts, CreatedAt: row.CreatedAt,
		}
	}
	return jobs, nil
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
