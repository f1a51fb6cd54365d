package webhook

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

// TestType is the type of the message that Test sends.
const TestType = "webhook.test"

// envelope is the body of a message, as the specification proposes it.
type envelope struct {
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

const enqueueSQL = `
insert into webhook_deliveries (id, endpoint_id, key, type, body, state, due_at, created_at)
select m.id, m.endpoint_id, m.key, m.type, m.body, 'PENDING', $6, $6
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[]) with ordinality as m (id, endpoint_id, key, type, body, n)
where exists (select from webhook_endpoints e where e.id = m.endpoint_id for key share)
order by m.n`

// Enqueue puts messages on their way in the transaction that makes them true. Those of endpoints that are gone are passed over. The caller
// sees to it that messages of one key are enqueued in their order, by a lock on what the key stands for for instance.
func Enqueue(ctx context.Context, tx sqlx.ExtContext, now time.Time, messages ...Message) error {
	_, err := enqueue(ctx, tx, now, messages)
	return err
}

func enqueue(ctx context.Context, tx sqlx.ExtContext, now time.Time, messages []Message) ([]Delivery, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	n := len(messages)
	list, endpoints, keys, types, bodies := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([][]byte, n)
	out := make([]Delivery, n)
	for i, m := range messages {
		body, err := json.Marshal(envelope{Type: m.Type, Timestamp: m.At.UTC(), Data: m.Data})
		if err != nil {
			return nil, fmt.Errorf("write a webhook message: %w", err)
		}
		id := uuid.Must(uuid.NewV7())
		list[i], endpoints[i], keys[i], types[i], bodies[i] = id.String(), m.EndpointID.String(), m.Key, m.Type, body
		out[i] = Delivery{ID: id, EndpointID: m.EndpointID, Type: m.Type, Key: m.Key, Body: body, State: Pending, DueAt: now, CreatedAt: now}
	}
	_, err := tx.ExecContext(ctx, enqueueSQL, pq.Array(list), pq.Array(endpoints), pq.Array(keys), pq.Array(types), pq.Array(bodies), now)
	if err != nil {
		return nil, fmt.Errorf("enqueue webhook messages: %w", err)
	}
	return out, nil
}

// Test sends an endpoint within the scope a message of no consequence. It returns ErrNotFound, and ErrDisabled.
func (s *Store) Test(ctx context.Context, id uuid.UUID, scope Scope) (out Delivery, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		e, err := s.get(ctx, tx, id, scope, " for key share")
		if err != nil {
			return err
		}
		if e.Disabled != Enabled {
			return ErrDisabled
		}
		now := s.now()
		sent, err := enqueue(ctx, tx, now, []Message{{
			EndpointID: id, Type: TestType, Key: "test", At: now, Data: json.RawMessage(`{"webhook_id":"` + id.String() + `"}`),
		}})
		if err == nil {
			out = sent[0]
		}
		return err
	})
	return out, postgres.Map(err, nil)
}

type deliveryRow struct {
	ID         uuid.UUID  `db:"id"`
	EndpointID uuid.UUID  `db:"endpoint_id"`
	Type       string     `db:"type"`
	Key        string     `db:"key"`
	Body       []byte     `db:"body"`
	State      string     `db:"state"`
	Attempts   int        `db:"attempts"`
	DueAt      time.Time  `db:"due_at"`
	CreatedAt  time.Time  `db:"created_at"`
	FinishedAt *time.Time `db:"finished_at"`
}

const deliveryColumns = `d.id, d.endpoint_id, d.type, d.key, d.body, d.state, d.attempts, d.due_at, d.created_at, d.finished_at`

func (r deliveryRow) fromRow() Delivery {
	return Delivery{
		ID: r.ID, EndpointID: r.EndpointID, Type: r.Type, Key: r.Key, Body: r.Body, State: State(r.State), Attempts: r.Attempts,
		DueAt: r.DueAt.UTC(), CreatedAt: r.CreatedAt.UTC(), FinishedAt: orZero(r.FinishedAt),
	}
}

const listDeliveriesSQL = `
select ` + deliveryColumns + ` from webhook_deliveries d
where d.endpoint_id = $1 and ($2::uuid is null or d.id < $2) and ($3 = '' or d.state = $3)
order by d.id desc limit $4`

// ListDeliveries gives up to limit deliveries of an endpoint, newest first: those before an id unless it is zero, in one state
// unless it is "". Whether the caller may see the endpoint is for Get to say.
func (s *Store) ListDeliveries(ctx context.Context, endpoint, before uuid.UUID, state State, limit int) ([]Delivery, error) {
	var rows []deliveryRow
	if err := s.db.SelectContext(ctx, &rows, listDeliveriesSQL, endpoint, orNull(before), string(state), limit); err != nil {
		return nil, postgres.Map(fmt.Errorf("list webhook deliveries: %w", err), nil)
	}
	out := make([]Delivery, len(rows))
	for i, r := range rows {
		out[i] = r.fromRow()
	}
	return out, nil
}

const getDeliverySQL = `select ` + deliveryColumns + ` from webhook_deliveries d where d.id = $1 and d.endpoint_id = $2`

const attemptsSQL = `
select number, at, duration_ms, coalesce(status, 0) as status, reason from webhook_attempts where delivery_id = $1 order by number`

// GetDelivery gives a delivery of an endpoint with its tries. It returns ErrDeliveryNotFound.
func (s *Store) GetDelivery(ctx context.Context, endpoint, id uuid.UUID) (Delivery, []Attempt, error) {
	var row deliveryRow
	err := s.db.GetContext(ctx, &row, getDeliverySQL, id, endpoint)
	if errors.Is(err, sql.ErrNoRows) {
		return Delivery{}, nil, ErrDeliveryNotFound
	}
	var rows []struct {
		Number   int       `db:"number"`
		At       time.Time `db:"at"`
		Duration int64     `db:"duration_ms"`
		Status   int       `db:"status"`
		Reason   string    `db:"reason"`
	}
	if err == nil {
		err = s.db.SelectContext(ctx, &rows, attemptsSQL, id)
	}
	if err != nil {
		return Delivery{}, nil, postgres.Map(fmt.Errorf("read a webhook delivery: %w", err), nil)
	}
	attempts := make([]Attempt, len(rows))
	for i, r := range rows {
		attempts[i] = Attempt{Number: r.Number, At: r.At.UTC(), Duration: time.Duration(r.Duration) * time.Millisecond, Status: r.Status, Reason: r.Reason}
	}
	return row.fromRow(), attempts, nil
}

const redeliverSQL = `
update webhook_deliveries d
set state = 'PENDING', finished_at = null, tries = 0, lease = null, due_at = $2
where d.id = $1
returning ` + deliveryColumns

// Redeliver sends a delivery of an endpoint within the scope anew, under the id that it had. It returns ErrNotFound, ErrDeliveryNotFound,
// ErrDisabled, and ErrUnderWay for one that has not ended.
func (s *Store) Redeliver(ctx context.Context, endpoint, id uuid.UUID, scope Scope) (Delivery, error) {
	var row deliveryRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		e, err := s.get(ctx, tx, endpoint, scope, " for key share")
		if err != nil {
			return err
		}
		err = tx.GetContext(ctx, &row, getDeliverySQL+` for update`, id, endpoint)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrDeliveryNotFound
		case err != nil:
			return err
		case row.State == string(Pending):
			return ErrUnderWay
		case e.Disabled != Enabled:
			return ErrDisabled
		}
		return tx.GetContext(ctx, &row, redeliverSQL, id, s.now())
	})
	if err != nil {
		return Delivery{}, postgres.Map(err, nil)
	}
	return row.fromRow(), nil
}
