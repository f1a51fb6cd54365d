// Package webhook tells other people's servers what has happened, by the Standard Webhooks specification
// (https://www.standardwebhooks.com): signed messages, at least once, in order within a key.
//
// A service has the tables of Schema in its migrations and makes a Store. Its API lets callers name endpoints:
//
//	store := webhook.NewStore(db, webhook.StoreOptions{Guard: guard, Key: key})
//	endpoint, secret, err := store.Create(ctx, webhook.Endpoint{OwnerID: me, URL: url, Types: types})
//
// What happened is enqueued in the transaction that makes it true, once for each endpoint that may hear of it
// (which ones is for the service to say), and sent by a Worker, of which every replica runs one:
//
//	err = webhook.Enqueue(ctx, tx, now, webhook.Message{EndpointID: e.ID, Type: "plot.status", Key: plot, At: at, Data: data})
//	…
//	group.Go("webhooks", webhook.NewWorker(store, client, webhook.WorkerConfig{}).Run)
//
// A service that keeps its events in a table enqueues from there instead, by a Dispatcher.
//
// A delivery is done when the endpoint answers 2xx. Otherwise it is tried again, later and later with jitter, and heeds
// Retry-After; messages of the same endpoint and key wait for it, others do not. After the last try it is FAILED and
// the next of its key goes. An endpoint that fails many times in a row is left alone for a while; one that has
// failed for days, or answers 410, is disabled. Every try is on record, and a delivery can be sent anew.
//
// Receivers check a message with Verify. Secrets are kept encrypted; on rotation the old one goes on signing beside the
// new one for a while.
package webhook
