package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/subscription"
)

// Dispatcher hands live events to webhooks.
type Dispatcher struct {
	db    *postgres.DB
	store *Store
	hooks *webhook.Store
}

// Dispatch makes a dispatcher.
func (s *Store) Dispatch(hooks *webhook.Store) Dispatcher { return Dispatcher{s.db, s, hooks} }

var _ webhook.Queue = Dispatcher{}

// Whoever holds the row hands on; others have nothing to do meanwhile.
const lockDispatchSQL = `SELECT xid::text AS xid, seq FROM webhook_dispatch FOR UPDATE SKIP LOCKED`

const saveDispatchSQL = `UPDATE webhook_dispatch SET xid = $1::text::xid8, seq = $2`

// DispatchWebhooks hands on events in their order, each once: how far it has come is kept in the same transaction.
func (d Dispatcher) DispatchWebhooks(ctx context.Context, limit int) (n int, err error) {
	err = d.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		n = 0
		var at eventRow
		if err := tx.GetContext(ctx, &at, lockDispatchSQL); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			return fmt.Errorf("read how far webhooks have been told: %w", err)
		}
		events, err := eventsAfter(ctx, tx, at.XID, at.Seq, limit)
		if err != nil || len(events) == 0 {
			return err
		}
		n = len(events)
		if err := d.enqueue(ctx, tx, events); err != nil {
			return err
		}
		last := events[n-1].Position
		_, err = tx.ExecContext(ctx, saveDispatchSQL, strconv.FormatUint(last.XID, 10), last.Seq)
		return err
	})
	return n, postgres.Map(err, nil)
}

func (d Dispatcher) enqueue(ctx context.Context, tx *sqlx.Tx, events []live.Event) error {
	endpoints, err := d.hooks.Active(ctx, tx)
	if err != nil {
		return err
	}
	var messages []webhook.Message
	for _, e := range endpoints {
		subscriber, err := subscription.NewSubscriber(e)
		if err != nil {
			// One that cannot be read must not keep the others from hearing.
			d.store.opt.Log.ErrorContext(ctx, "a webhook's filter cannot be read", "webhook", e.ID, "error", err)
			continue
		}
		for _, event := range events {
			if subscriber.Hears(event) {
				messages = append(messages, subscriber.Message(event))
			}
		}
	}
	return webhook.Enqueue(ctx, tx, d.store.now(), messages...)
}
