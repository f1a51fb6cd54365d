package authn

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Revoker writes revocations into the stream that every Revocations follows. It is auth's; the truth that it is filled from is in
// auth's database.
type Revoker struct {
	client redis.UniversalClient
}

// NewRevoker makes a Revoker.
func NewRevoker(client redis.UniversalClient) *Revoker { return &Revoker{client: client} }

// Filled tells whether the stream holds what was put in: false after a Redis has lost its data, until Fill. It also keeps the
// stream from running out.
func (r *Revoker) Filled(ctx context.Context) (bool, error) {
	var found *redis.IntCmd
	_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		found = p.Exists(ctx, streamKey, markerKey)
		p.Expire(ctx, streamKey, keysLive)
		p.Expire(ctx, markerKey, keysLive)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("look at the revocations: %w", err)
	}
	return found.Val() == 2, nil
}

// Fill writes everything that is revoked at the moment, and then marks the stream as whole.
func (r *Revoker) Fill(ctx context.Context, all []Revocation) error {
	// The first entry says nothing: it makes the stream, so that one that was lost is told from an empty one.
	if err := r.Publish(ctx, append([]Revocation{{Until: time.Now()}}, all...)...); err != nil {
		return err
	}
	if err := r.client.Set(ctx, markerKey, rand.Text(), keysLive).Err(); err != nil {
		return fmt.Errorf("mark the revocations: %w", err)
	}
	return nil
}

// Publish writes revocations. Written twice they mean the same.
func (r *Revoker) Publish(ctx context.Context, some ...Revocation) error {
	least := strconv.FormatInt(time.Now().Add(-streamKeeps).UnixMilli(), 10)
	for len(some) > 0 {
		batch := some[:min(len(some), readBatch)]
		some = some[len(batch):]
		if _, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, one := range batch {
				p.XAdd(ctx, &redis.XAddArgs{Stream: streamKey, MinID: least, Approx: true, Values: []any{
					"kind", string(one.Kind), "id", one.ID, "version", one.Version, "until", one.Until.Unix(),
				}})
			}
			p.Expire(ctx, streamKey, keysLive)
			return nil
		}); err != nil {
			return fmt.Errorf("publish revocations: %w", err)
		}
	}
	return nil
}
