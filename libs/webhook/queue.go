package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

// job is one try of a delivery, taken by this process for the time of its lease.
type job struct {
	Delivery

	url     string
	secrets []Secret
	lease   uuid.UUID
	tries   int // of this round, this one included
}

// The oldest of each key goes, from endpoints that are neither disabled nor left alone for the moment. The outer limit keeps the order of
// what has waited longest; a row that another process takes at the same moment is skipped.
const claimSQL = `
with due as (
    select d.id
    from webhook_endpoints e
    cross join lateral (
        select d.id, d.due_at
        from webhook_deliveries d
        where d.endpoint_id = e.id and d.state = 'PENDING' and d.due_at <= $1
          and not exists (select from webhook_deliveries earlier
                          where earlier.endpoint_id = d.endpoint_id and earlier.key = d.key and earlier.state = 'PENDING' and earlier.seq < d.seq)
        order by d.due_at, d.seq
        limit $2
    ) d
    where e.disabled = '' and e.paused_until <= $1 and e.id <> all ($3)
    order by d.due_at
    limit $4
), mine as (
    select d.id from webhook_deliveries d join due on due.id = d.id where d.state = 'PENDING' and d.due_at <= $1 for update of d skip locked
)
update webhook_deliveries d
set lease = $5, due_at = $6, attempts = d.attempts + 1, tries = d.tries + 1
from mine, webhook_endpoints e
where d.id = mine.id and e.id = d.endpoint_id
returning ` + deliveryColumns + `, d.tries, e.url, e.secret, case when e.previous_until > $1 then e.previous_secret end as previous_secret`

type jobRow struct {
	deliveryRow

	Tries    int    `db:"tries"`
	URL      string `db:"url"`
	Secret   []byte `db:"secret"`
	Previous []byte `db:"previous_secret"`
}

// claim takes up to limit tries that are due, at most perEndpoint of an endpoint and none of the endpoints that are busy.
func (s *Store) claim(ctx context.Context, limit, perEndpoint int, busy []uuid.UUID, lease time.Duration) ([]job, error) {
	sealer, err := s.sealer(ctx)
	if err != nil {
		return nil, err
	}
	now := s.now()
	token := uuid.New()
	blocked := make([]string, len(busy))
	for i, id := range busy {
		blocked[i] = id.String()
	}
	var rows []jobRow
	err = s.db.SelectContext(ctx, &rows, claimSQL, now, perEndpoint, pq.Array(blocked), limit, token, now.Add(lease))
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("take webhook deliveries: %w", err), nil)
	}
	jobs := make([]job, 0, len(rows))
	for _, r := range rows {
		j := job{Delivery: r.fromRow(), url: r.URL, lease: token, tries: r.Tries}
		secret, err := sealer.open(r.EndpointID, r.Secret)
		if err == nil {
			j.secrets = append(j.secrets, secret)
			if r.Previous != nil {
				if secret, err = sealer.open(r.EndpointID, r.Previous); err == nil {
					j.secrets = append(j.secrets, secret)
				}
			}
		}
		if err != nil {
			return jobs, fmt.Errorf("webhook %s: %w", r.EndpointID, err)
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// outcome is how a try went and what comes of it.
type outcome struct {
	attempt Attempt
	ok      bool
	gone    bool          // the endpoint wants nothing any more
	last    bool          // there is no further try
	wait    time.Duration // until the next try
	pause   time.Duration // in which the endpoint is left alone altogether
}

const finishSQL = `
update webhook_deliveries set state = $3, finished_at = $4, due_at = coalesce($5, due_at), lease = null
where id = $1 and lease = $2 and state = 'PENDING'`

const attemptSQL = `
insert into webhook_attempts (delivery_id, number, at, duration_ms, status, reason) values ($1, $2, $3, $4, $5, $6)`

// A busy endpoint's row is not written for every success.
const succeededSQL = `
update webhook_endpoints set failures = 0, failing_since = null, paused_until = '-infinity', delivered_at = $2::timestamptz
where id = $1 and (failures > 0 or delivered_at is null or delivered_at < $2::timestamptz - interval '10 seconds')`

const failedSQL = `
update webhook_endpoints
set failures = failures + 1, failing_since = coalesce(failing_since, $2),
    paused_until = case when failures + 1 >= $3 then greatest(paused_until, $4) else paused_until end,
    disabled = case when $5 then 'gone' when failing_since < $6 and disabled = '' then 'failing' else disabled end,
    updated_at = case when $5 or failing_since < $6 then $2 else updated_at end,
    version = version + case when $5 or failing_since < $6 then 1 else 0 end
where id = $1`

// record keeps how a try went. One whose lease another process has taken over is passed over: that one's word counts.
func (s *Store) record(ctx context.Context, j job, o outcome, cfg WorkerConfig) error {
	now := s.now()
	return postgres.Map(s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		state, finished, due := Delivered, &now, (*time.Time)(nil)
		switch {
		case !o.ok && (o.last || o.gone):
			state = Failed
		case !o.ok:
			at := now.Add(o.wait)
			state, finished, due = Pending, nil, &at
		}
		result, err := tx.ExecContext(ctx, finishSQL, j.ID, j.lease, string(state), finished, due)
		if err != nil {
			return fmt.Errorf("record a webhook delivery: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		var status *int
		if o.attempt.Status != 0 {
			status = &o.attempt.Status
		}
		if _, err := tx.ExecContext(ctx, attemptSQL, j.ID, j.Attempts, o.attempt.At, o.attempt.Duration.Milliseconds(), status, o.attempt.Reason); err != nil {
			return fmt.Errorf("record a try of a webhook: %w", err)
		}
		if o.ok {
			_, err = tx.ExecContext(ctx, succeededSQL, j.EndpointID, now)
		} else {
			pauseFrom := cfg.PauseAfter
			if o.pause > 0 {
				pauseFrom = 0
			}
			_, err = tx.ExecContext(ctx, failedSQL, j.EndpointID, now, pauseFrom, now.Add(max(o.wait, o.pause)), o.gone, now.Add(-cfg.DisableAfter))
		}
		return err
	}), nil)
}

const releaseSQL = `
update webhook_deliveries set lease = null, due_at = $3, attempts = attempts - 1, tries = tries - 1
where id = $1 and lease = $2 and state = 'PENDING'`

// release gives a try back that was broken off here, for another process to make.
func (s *Store) release(ctx context.Context, j job) error {
	_, err := s.db.ExecContext(ctx, releaseSQL, j.ID, j.lease, s.now())
	return postgres.Map(err, nil)
}

const (
	expireSQL = `
update webhook_deliveries set state = 'FAILED', finished_at = $2, lease = null where state = 'PENDING' and created_at < $1`
	purgeSQL = `delete from webhook_deliveries where state <> 'PENDING' and finished_at < $1`
)

// Purge gives up deliveries that have waited since before expired, as those of a disabled endpoint do, and removes those that ended
// before old from the log.
func (s *Store) Purge(ctx context.Context, expired, old time.Time) error {
	if _, err := s.db.ExecContext(ctx, expireSQL, expired, s.now()); err != nil {
		return postgres.Map(fmt.Errorf("give up old webhook deliveries: %w", err), nil)
	}
	_, err := s.db.ExecContext(ctx, purgeSQL, old)
	return postgres.Map(err, nil)
}
