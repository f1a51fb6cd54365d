package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// The first lease has not lapsed: there was nothing to lose.
const renewLeaseSQL = `
WITH before AS (SELECT alive_until FROM replicas WHERE address = $1),
renewed AS (
    INSERT INTO replicas AS r (address, alive_until) VALUES ($1, $3)
    ON CONFLICT (address) DO UPDATE SET alive_until = greatest(r.alive_until, excluded.alive_until)
)
SELECT coalesce((SELECT alive_until < $2 FROM before), false)`

// RenewLease implements central.Links.
func (s *Store) RenewLease(ctx context.Context, replica string, now, until time.Time) (lapsed bool, err error) {
	err = s.db.GetContext(ctx, &lapsed, renewLeaseSQL, replica, now, until)
	return lapsed, postgres.Map(err, nil)
}

// A replica that never had a lease is of a release that knows none.
const forgetDeadSQL = `
WITH dead AS (SELECT address FROM replicas WHERE alive_until < $1)
UPDATE charge_points
SET connected_to = '', connection_id = NULL, connected_since = NULL, updated_at = $1, version = version + 1
WHERE connected_to IN (SELECT address FROM dead)`

// The row of one that died long ago says nothing any more.
const dropLeasesSQL = `DELETE FROM replicas WHERE alive_until < $1`

const leaseKept = time.Hour

// ForgetDead implements central.Links.
func (s *Store) ForgetDead(ctx context.Context, now time.Time) (int64, error) {
	result, err := s.db.ExecContext(ctx, forgetDeadSQL, now)
	if err != nil {
		return 0, postgres.Map(err, nil)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, err
	}
	_, err = s.db.ExecContext(ctx, dropLeasesSQL, now.Add(-leaseKept))
	return n, postgres.Map(err, nil)
}

const reclaimSQL = `
UPDATE charge_points c
SET connected_to = $1, connection_id = t.connection_id, connected_since = $2, protocol = t.protocol, updated_at = $2, version = version + 1
FROM unnest($3::uuid[], $4::uuid[], $5::text[]) AS t (id, connection_id, protocol)
WHERE c.id = t.id AND c.connected_to = '' AND c.removed_at IS NULL`

// Reclaim implements central.Links. A charge point that has connected elsewhere meanwhile stays there.
func (s *Store) Reclaim(ctx context.Context, replica string, held map[uuid.UUID]chargepoint.Connection) error {
	points, connections, protocols := make([]uuid.UUID, 0, len(held)), make([]uuid.UUID, 0, len(held)), make([]string, 0, len(held))
	for id, conn := range held {
		points, connections, protocols = append(points, id), append(connections, conn.ID), append(protocols, conn.Protocol)
	}
	_, err := s.db.ExecContext(ctx, reclaimSQL, replica, s.now(), ids(points), ids(connections), pq.Array(protocols))
	return postgres.Map(err, nil)
}

const replacedSQL = `
SELECT c.id
FROM unnest($2::uuid[], $3::uuid[]) AS t (id, connection_id) JOIN charge_points c ON c.id = t.id
WHERE c.connection_id <> t.connection_id AND c.connected_to <> $1`

// Replaced implements central.Links. Of two sockets at one replica the edge itself ends the older.
func (s *Store) Replaced(ctx context.Context, replica string, held map[uuid.UUID]chargepoint.Connection) ([]uuid.UUID, error) {
	points, connections := make([]uuid.UUID, 0, len(held)), make([]uuid.UUID, 0, len(held))
	for id, conn := range held {
		points, connections = append(points, id), append(connections, conn.ID)
	}
	var replaced []uuid.UUID
	err := s.db.SelectContext(ctx, &replaced, replacedSQL, replica, ids(points), ids(connections))
	return replaced, postgres.Map(err, nil)
}

const offerSecretSQL = `UPDATE charge_points SET next_salt = $2, next_hash = $3, updated_at = $4, version = version + 1 WHERE id = $1`

// OfferSecret implements central.Safe.
func (s *Store) OfferSecret(ctx context.Context, id uuid.UUID, next chargepoint.Secret) error {
	return s.execOne(ctx, offerSecretSQL, id, next.Salt, next.Hash, s.now())
}

const revokeSecretSQL = `
UPDATE charge_points
SET secret_salt = $2, secret_hash = $3, next_salt = NULL, next_hash = NULL, updated_at = $4, version = version + 1
WHERE id = $1`

// RevokeSecret implements central.Safe.
func (s *Store) RevokeSecret(ctx context.Context, id uuid.UUID, secret chargepoint.Secret) error {
	return s.execOne(ctx, revokeSecretSQL, id, secret.Salt, secret.Hash, s.now())
}

const promoteSecretSQL = `
UPDATE charge_points
SET secret_salt = next_salt, secret_hash = next_hash, next_salt = NULL, next_hash = NULL, updated_at = $2, version = version + 1
WHERE id = $1 AND next_hash IS NOT NULL`

// PromoteSecret implements central.Links. Two sockets that open at once do it once.
func (s *Store) PromoteSecret(ctx context.Context, id uuid.UUID) error {
	_, err := s.db.ExecContext(ctx, promoteSecretSQL, id, s.now())
	return postgres.Map(err, nil)
}

const secureSQL = `
UPDATE charge_points SET security_profile = $2, certificate_sha256 = $3, updated_at = $4, version = version + 1 WHERE id = $1`

// SecureChargePoint says how a charge point must prove who it is from now on; the socket it has is not asked again.
func (s *Store) SecureChargePoint(ctx context.Context, id uuid.UUID, security chargepoint.Security) error {
	return s.execOne(ctx, secureSQL, id, security.Profile, security.Certificate, s.now())
}
