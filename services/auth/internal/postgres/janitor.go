package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
)

// Janitor deletes what has lost its meaning.
type Janitor struct {
	db *pg.DB
}

// NewJanitor makes a Janitor.
func NewJanitor(db *pg.DB) *Janitor { return &Janitor{db: db} }

// Sessions outlast their end by thirty days, in which a network is known and a replay is recognised for what it is.
var sweeps = []struct{ table, condition string }{
	{"registrations", `expires_at < now()`},
	{"one_time_tokens", `expires_at < now()`},
	{"passkey_ceremonies", `expires_at < now()`},
	{"pending_logins", `expires_at < now()`},
	{"totp_factors", `confirmed_at IS NULL AND created_at < now() - interval '1 day'`},
	{"client_assertions", `expires_at < now()`},
	{"pending_emails", `expires_at < now()`},
	{"invitations", `expires_at < now() - interval '30 days'`},
	{"throttles", `empty_at < now()`},
	{"outbox", `settled_at < now() - interval '7 days'`},
	{"events", `at < now() - interval '30 days'`},
	{"revocations", `expires_at < now() AND published_at IS NOT NULL`},
	{"api_key_secrets", `ends_at < now()`},
	{"sessions", `expires_at < now() - interval '30 days'`},
	{"sessions", `ended_at < now() - interval '30 days'`},
}

// sweepBatch keeps each statement short, so that no lock is held for long.
const sweepBatch = 2000

// Sweep deletes what is due and returns how many rows that were. Replicas that sweep at once do no harm: rows that one has
// locked are left to it.
func (s *Janitor) Sweep(ctx context.Context) (int64, error) {
	var total int64
	for _, sweep := range sweeps {
		statement := fmt.Sprintf(`DELETE FROM %[1]s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %[1]s WHERE %[2]s LIMIT %[3]d FOR UPDATE SKIP LOCKED))`,
			sweep.table, sweep.condition, sweepBatch)
		for {
			result, err := s.db.ExecContext(ctx, statement)
			if err != nil {
				return total, pg.Map(fmt.Errorf("sweep %s: %w", sweep.table, err), nil)
			}
			n, err := result.RowsAffected()
			if err != nil {
				return total, fmt.Errorf("sweep %s: %w", sweep.table, err)
			}
			total += n
			if n < sweepBatch {
				break
			}
		}
	}
	return total, nil
}

const (
	withoutSkeleton = `
		SELECT id, username, username_key FROM accounts
		WHERE username_key IS NOT NULL AND username_skeleton IS NULL AND id > $1 ORDER BY id LIMIT $2`
	// setSkeleton does nothing for a name that looks like somebody's: who has it keeps it, and nobody gets another like it.
	setSkeleton = `
		UPDATE accounts SET username_skeleton = $2 WHERE id = $1 AND username_key = $3
		  AND NOT EXISTS (SELECT FROM accounts o WHERE o.username_skeleton = $2)`
)

// FillSkeletons fills in what usernames look like where the program of an earlier release has written them, and returns how many.
func (s *Janitor) FillSkeletons(ctx context.Context) (filled int64, err error) {
	after := uuid.Nil
	for {
		var rows []struct {
			ID       uuid.UUID `db:"id"`
			Username string    `db:"username"`
			Key      string    `db:"username_key"`
		}
		if err := s.db.SelectContext(ctx, &rows, withoutSkeleton, after, sweepBatch); err != nil {
			return filled, pg.Map(fmt.Errorf("find usernames: %w", err), nil)
		}
		for _, row := range rows {
			skeleton := account.UsernameOfRow(row.Username, row.Key).Skeleton()
			result, err := s.db.ExecContext(ctx, setSkeleton, row.ID, skeleton, row.Key)
			if pg.Constraint(err) == "accounts_username_skeleton_unique" {
				continue // somebody was given a name like it in the same moment
			}
			if err != nil {
				return filled, pg.Map(fmt.Errorf("fill in a skeleton: %w", err), nil)
			}
			n, err := result.RowsAffected()
			if err != nil {
				return filled, fmt.Errorf("fill in a skeleton: %w", err)
			}
			filled += n
		}
		if len(rows) < sweepBatch {
			return filled, nil
		}
		after = rows[len(rows)-1].ID
	}
}
