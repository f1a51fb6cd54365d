package postgres_test

import (
	"slices"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
)

// TestWebhooksAreToldInTheOrderOfTransactions promises it where the numbers of transactions grow longer: none is passed by.
func TestWebhooksAreToldInTheOrderOfTransactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	queue := postgres.NewWebhookQueue(w.db, webhook.NewStore(w.db, webhook.StoreOptions{}))
	w.exec(`UPDATE webhook_dispatch SET xid = '0', seq = 0`)
	want := []string{"5", "40", "300"}
	for _, xid := range want {
		w.exec(`INSERT INTO events (id, kind, xid) VALUES ($1, 'user.registered', $2::text::xid8)`, newID(), xid)
	}
	var got []string
	for range want {
		if n, err := queue.DispatchWebhooks(t.Context(), 1); n != 1 || err != nil {
			t.Errorf("%d events are handed on, %v", n, err)
		}
		var at string
		w.must(w.db.GetContext(t.Context(), &at, `SELECT xid::text FROM webhook_dispatch`))
		got = append(got, at)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the queue went by %v, want %v", got, want)
	}
}
