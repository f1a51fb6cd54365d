package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
)

const (
	scheduleErasure = `
		UPDATE accounts SET erase_at = now() + make_interval(secs => $2), version = version + 1, updated_at = now()
		WHERE id = $1 RETURNING erase_at`
	cancelErasure = `
		UPDATE accounts SET erase_at = NULL, version = version + 1, updated_at = now() WHERE id = $1 AND erase_at IS NOT NULL`
)

// ScheduleErasure sets the time after which the account goes, unless it is set already, and ends all other sessions.
func (s *Accounts) ScheduleErasure(ctx context.Context, holder account.Holder, grace time.Duration, event audit.Event) (when time.Time, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		row, err := hold(ctx, tx, holder)
		if err != nil {
			return err
		}
		if row.EraseAt.Valid {
			when = row.EraseAt.Time
			return nil
		}
		if err := tx.GetContext(ctx, &when, scheduleErasure, holder.Account, seconds(grace)); err != nil {
			return fmt.Errorf("schedule an erasure: %w", err)
		}
		if _, err := tx.ExecContext(ctx, endSessions, holder.Account, optional(holder.Session), session.Erasing); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		if err := queue(ctx, tx, notice.About(notice.ErasureAsked, holder.Account)); err != nil {
			return err
		}
		return record(ctx, tx, event.With("at", when.UTC().Format(time.RFC3339)))
	})
	return when, err
}

// CancelErasure takes the time back, or returns account.ErrNotErasing.
func (s *Accounts) CancelErasure(ctx context.Context, holder account.Holder, event audit.Event) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := hold(ctx, tx, holder); err != nil {
			return err
		}
		return keep(ctx, tx, holder.Account, event)
	})
}

// keep takes an erasure back, or returns account.ErrNotErasing.
func keep(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, event audit.Event) error {
	result, err := tx.ExecContext(ctx, cancelErasure, id)
	if err != nil {
		return fmt.Errorf("cancel an erasure: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(account.ErrNotErasing, err)
	}
	if err := queue(ctx, tx, notice.About(notice.ErasureCalledOff, id)); err != nil {
		return err
	}
	return record(ctx, tx, event)
}

// Rows that another replica has locked are left to it, so an account is erased once. What a login has just taken back does not
// come: the row is looked at again once its lock is held.
const dueErasures = `SELECT id FROM accounts WHERE erase_at <= now() ORDER BY erase_at LIMIT 100 FOR UPDATE SKIP LOCKED`

// What hangs on an account goes with it by foreign keys; this is the rest.
var eraseRest = []string{
	`DELETE FROM registrations WHERE address_key IN (SELECT address_key FROM emails WHERE account_id = ANY ($1))`,
	`DELETE FROM pending_emails WHERE address_key IN (SELECT address_key FROM emails WHERE account_id = ANY ($1))`,
	`DELETE FROM invitations WHERE address_key IN (SELECT address_key FROM emails WHERE account_id = ANY ($1))`,
	`DELETE FROM outbox WHERE account_id = ANY ($1) OR address_key IN (SELECT address_key FROM emails WHERE account_id = ANY ($1))`,
	`DELETE FROM accounts WHERE id = ANY ($1)`,
}

// Erase erases the accounts whose time has come, with the webhooks that they made, and returns how many. The audit log keeps their ids.
func (s *Janitor) Erase(ctx context.Context) (erased int, err error) {
	for {
		n, err := s.eraseSome(ctx)
		erased += n
		if err != nil || n == 0 {
			return erased, pg.Map(err, nil)
		}
	}
}

func (s *Janitor) eraseSome(ctx context.Context) (n int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		var ids []uuid.UUID
		if err := tx.SelectContext(ctx, &ids, dueErasures); err != nil {
			return fmt.Errorf("find accounts to erase: %w", err)
		}
		if n = len(ids); n == 0 {
			return nil
		}
		texts := make(pq.StringArray, n)
		gone := make([]feed.Change, n)
		for i, id := range ids {
			texts[i], gone[i] = id.String(), feed.Change{ID: id, Op: feed.Delete, Version: 1}
			if err := record(ctx, tx, audit.New(audit.Erased, id, audit.System)); err != nil {
				return err
			}
			if err := webhook.Forget(ctx, tx, id); err != nil {
				return err
			}
		}
		for _, statement := range eraseRest {
			if _, err := tx.ExecContext(ctx, statement, texts); err != nil {
				return fmt.Errorf("erase accounts: %w", err)
			}
		}
		return feed.Append(ctx, tx, ErasureLog, gone...)
	})
	return n, err
}

// ErasureLog is the log of the feed of erasures. It is never compacted: a service that is restored from a backup has people to forget who
// were erased long before.
const ErasureLog = "erasures"

// Erasures serves the feed of erasures. Nothing is left to be told of whom it names but the id.
func Erasures(db *pg.DB, log *slog.Logger) *feed.Source[struct{}] {
	nobody := func(context.Context, []uuid.UUID) (map[uuid.UUID]struct{}, error) { return nil, nil } //nolint:nilnil // all are gone
	return feed.NewSource(db, feed.SourceOptions[struct{}]{Table: ErasureLog, Load: nobody, Log: log})
}
