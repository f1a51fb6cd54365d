package postgres

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/throttle"
)

// Throttles counts budgets. The counts are exact for any number of replicas.
type Throttles struct {
	db *pg.DB
}

// NewThrottles makes Throttles.
func NewThrottles(db *pg.DB) *Throttles { return &Throttles{db: db} }

// One row a charge, in the order of keys, so that two statements never wait for each other. A charge that is over its budget
// keeps all others from being taken; the condition on the update alone would be enough for that charge, and is what makes the
// count exact when many come at once.
const takeCharges = `
	WITH wanted AS (
		SELECT key, make_interval(secs => size) AS size, make_interval(secs => depth) AS depth
		FROM unnest($1::bytea[], $2::float8[], $3::float8[]) AS w (key, size, depth)
	)
	INSERT INTO throttles (key, empty_at, depth)
	SELECT key, now() + size, depth FROM wanted
	WHERE NOT EXISTS (
		SELECT FROM wanted w JOIN throttles t USING (key)
		WHERE GREATEST(t.empty_at, now()) + w.size > now() + w.depth)
	ORDER BY key
	ON CONFLICT ON CONSTRAINT throttles_pkey DO UPDATE
	SET empty_at = GREATEST(throttles.empty_at, now()) + (excluded.empty_at - now()), depth = excluded.depth
	WHERE GREATEST(throttles.empty_at, now()) + (excluded.empty_at - now()) <= now() + excluded.depth`

const waitForCharges = `
	SELECT COALESCE(EXTRACT(epoch FROM max(t.empty_at + make_interval(secs => w.size) - make_interval(secs => w.depth) - now())), 0)
	FROM unnest($1::bytea[], $2::float8[], $3::float8[]) AS w (key, size, depth) JOIN throttles t USING (key)`

// Take takes all charges, or none and returns throttle.ErrLimited with the time until they would fit. (When many come at once
// some of the charges of one that is refused may stay taken.)
func (s *Throttles) Take(ctx context.Context, charges ...throttle.Charge) error {
	keys, sizes, depths := columnsOf(charges)
	result, err := s.db.ExecContext(ctx, takeCharges, keys, sizes, depths)
	if err != nil {
		return pg.Map(fmt.Errorf("take from budgets: %w", err), nil)
	}
	taken, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("take from budgets: %w", err)
	}
	if int(taken) == len(charges) {
		return nil
	}
	var wait float64
	if err := s.db.GetContext(ctx, &wait, waitForCharges, keys, sizes, depths); err != nil {
		return pg.Map(fmt.Errorf("look at budgets: %w", err), nil)
	}
	return throttle.ErrLimited.After(max(time.Second, time.Duration(wait*float64(time.Second))))
}

const giveBackCharges = `
	WITH given AS (
		SELECT w.key, make_interval(secs => w.size) AS size
		FROM unnest($1::bytea[], $2::float8[], $3::float8[]) AS w (key, size, depth)
	), locked AS (
		SELECT key FROM throttles WHERE key = ANY ($1::bytea[]) ORDER BY key FOR UPDATE
	)
	UPDATE throttles t SET empty_at = t.empty_at - given.size
	FROM given JOIN locked USING (key) WHERE t.key = given.key`

// GiveBack gives charges back.
func (s *Throttles) GiveBack(ctx context.Context, charges ...throttle.Charge) error {
	keys, sizes, depths := columnsOf(charges)
	if _, err := s.db.ExecContext(ctx, giveBackCharges, keys, sizes, depths); err != nil {
		return pg.Map(fmt.Errorf("give back to budgets: %w", err), nil)
	}
	return nil
}

func columnsOf(charges []throttle.Charge) (keys pq.ByteaArray, sizes, depths pq.Float64Array) {
	sorted := slices.SortedFunc(slices.Values(charges), func(a, b throttle.Charge) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	for _, charge := range sorted {
		keys = append(keys, charge.Key[:])
		sizes = append(sizes, seconds(charge.Size()))
		depths = append(depths, seconds(charge.Rule.Depth()))
	}
	return keys, sizes, depths
}
