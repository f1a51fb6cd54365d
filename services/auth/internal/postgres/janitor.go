package postgres

import (
	"context"
	"fmt"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
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
	{"throttles", `empty_at < now()`},
	{"outbox", `settled_at < now() - interval '7 days'`},
	{"events", `at < now() - interval '30 days'`},
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
