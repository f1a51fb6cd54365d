package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
)

// WebhookQueue is the events on their way to webhooks.
type WebhookQueue struct {
	db    *pg.DB
	hooks *webhook.Store
}

// NewWebhookQueue makes a WebhookQueue.
func NewWebhookQueue(db *pg.DB, hooks *webhook.Store) *WebhookQueue {
	return &WebhookQueue{db: db, hooks: hooks}
}

var _ webhook.Queue = (*WebhookQueue)(nil)

const (
	// Whoever holds the row hands on; others have nothing to do meanwhile.
	lockDispatched = `SELECT xid::text AS xid, seq FROM webhook_dispatch FOR UPDATE SKIP LOCKED`
	saveDispatched = `UPDATE webhook_dispatch SET xid = $1::text::xid8, seq = $2`
	// Transactions that are under way may yet write events before those that are there.
	eventsAfter = `
		SELECT xid::text AS xid, seq, id, kind, subject, operator_id, at, data FROM events
		WHERE (xid, seq) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot())
		ORDER BY events.xid, seq LIMIT $3`
)

type eventRow struct {
	XID      string          `db:"xid"`
	Seq      int64           `db:"seq"`
	ID       uuid.UUID       `db:"id"`
	Kind     string          `db:"kind"`
	Subject  *uuid.UUID      `db:"subject"`
	Operator *uuid.UUID      `db:"operator_id"`
	At       time.Time       `db:"at"`
	Data     json.RawMessage `db:"data"`
}

// message is what a webhook is told of an event. Messages about one account keep their order.
func (r eventRow) message(endpoint uuid.UUID) (webhook.Message, error) {
	told := struct {
		Event    uuid.UUID       `json:"event_id"`
		Account  *uuid.UUID      `json:"account_id,omitempty"`
		Operator *uuid.UUID      `json:"operator_id,omitempty"`
		Detail   json.RawMessage `json:"detail"`
	}{Event: r.ID, Account: r.Subject, Operator: r.Operator, Detail: r.Data}
	key := ""
	if r.Subject != nil {
		key = r.Subject.String()
	}
	data, err := json.Marshal(told)
	if err != nil {
		return webhook.Message{}, fmt.Errorf("tell of %s: %w", r.Kind, err)
	}
	return webhook.Message{EndpointID: endpoint, Type: r.Kind, Key: key, At: r.At, Data: data}, nil
}

var actKinds = map[webhook.Act]audit.Kind{
	webhook.Created: audit.WebhookCreated, webhook.Changed: audit.WebhookChanged, webhook.Rotated: audit.WebhookRotated,
	webhook.Removed: audit.WebhookRemoved,
}

// RecordWebhooks writes into the audit log what is done to webhooks, as the request in the context tells by whom: of makes its event.
func RecordWebhooks(of func(ctx context.Context, kind audit.Kind) audit.Event) func(context.Context, *sqlx.Tx, webhook.Act, uuid.UUID) error {
	return func(ctx context.Context, tx *sqlx.Tx, done webhook.Act, endpoint uuid.UUID) error {
		return record(ctx, tx, of(ctx, actKinds[done]).With("webhook", endpoint.String()))
	}
}

// DispatchWebhooks hands on events in their order, each once: how far it has come is kept in the same transaction.
func (s *WebhookQueue) DispatchWebhooks(ctx context.Context, limit int) (n int, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		n = 0
		var last eventRow
		if err := tx.GetContext(ctx, &last, lockDispatched); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			return fmt.Errorf("read how far webhooks have been told: %w", err)
		}
		var events []eventRow
		if err := tx.SelectContext(ctx, &events, eventsAfter, last.XID, last.Seq, limit); err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		if len(events) == 0 {
			return nil
		}
		n = len(events)
		if err := s.enqueue(ctx, tx, events); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, saveDispatched, events[n-1].XID, events[n-1].Seq)
		return err
	})
	return n, pg.Map(err, nil)
}

// enqueue tells every webhook what it wants to hear of. What happened before there was the webhook is not told.
func (s *WebhookQueue) enqueue(ctx context.Context, tx *sqlx.Tx, events []eventRow) error {
	endpoints, err := s.hooks.Active(ctx, tx)
	if err != nil {
		return err
	}
	var messages []webhook.Message
	for _, endpoint := range endpoints {
		for _, event := range events {
			if !endpoint.Wants(event.Kind) || event.At.Before(endpoint.CreatedAt) {
				continue
			}
			message, err := event.message(endpoint.ID)
			if err != nil {
				return err
			}
			messages = append(messages, message)
		}
	}
	return webhook.Enqueue(ctx, tx, time.Now(), messages...)
}
