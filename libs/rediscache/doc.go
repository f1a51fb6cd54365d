// Package rediscache keeps what is dear to make and cheap to lose.
//
//	client, err := rediscache.Open(cfg)
//	details := rediscache.New[Detail](client, rediscache.Options{Namespace: "station_detail", Version: 1, TTL: time.Minute})
//	d, err := details.Get(ctx, id.String(), func(ctx context.Context) (Detail, error) { return store.Detail(ctx, id) })
//
// Redis is never the only copy and never the reason for a failed request: Get goes to load whenever
// Redis does not answer. The client that Open makes notices a Redis that is dead or frozen by the
// first command that runs into a timeout; from then on every command fails at once with ErrDown,
// and a probe in the background looks each second whether it is back. That holds for whoever uses
// the client, not for caches alone.
//
// One process loads a key once at a time, however many ask. Package redistest gives a test a
// database of its own.
package rediscache
