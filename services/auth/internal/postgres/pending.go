package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Hold keeps a login that waits for its second factor.
func (s *Sessions) Hold(ctx context.Context, p session.Pending) error {
	c := p.Candidate
	if p.Rehash != "" {
		if _, err := s.db.ExecContext(ctx, rehash, c.Account, p.Rehash, c.SecurityVersion); err != nil {
			return pg.Map(fmt.Errorf("hash a password anew: %w", err), nil)
		}
	}
	_, err := s.db.ExecContext(ctx, `
		INSERT INTO pending_logins (hash, account_id, security_version, device_name, remember, known_network, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))`,
		p.Token[:], c.Account, c.SecurityVersion, p.DeviceName, p.Remember, c.KnownNetwork, seconds(p.Life))
	if err != nil {
		return pg.Map(fmt.Errorf("hold a login: %w", err), nil)
	}
	return nil
}

// The attempt is counted whatever comes of it, by one statement, so that many at once are no more than are allowed.
const tryPending = `
	UPDATE pending_logins p SET attempts = p.attempts + 1
	FROM accounts a
	WHERE p.hash = $1 AND p.attempts < $2 AND p.expires_at > now() AND a.id = p.account_id
	  AND a.security_version = p.security_version AND a.disabled_at IS NULL
	RETURNING p.account_id, p.security_version, a.rights_version, p.device_name, p.remember, p.known_network, ` + grantsColumn

// Try returns a login that waits and counts the attempt, or returns session.ErrPending.
func (s *Sessions) Try(ctx context.Context, pending token.Hash, most int) (session.Pending, error) {
	var row struct {
		Account         uuid.UUID      `db:"account_id"`
		SecurityVersion int            `db:"security_version"`
		RightsVersion   int64          `db:"rights_version"`
		DeviceName      string         `db:"device_name"`
		Remember        bool           `db:"remember"`
		KnownNetwork    bool           `db:"known_network"`
		Grants          pq.StringArray `db:"grants"`
	}
	err := s.db.GetContext(ctx, &row, tryPending, pending[:], most)
	if errors.Is(err, sql.ErrNoRows) {
		return session.Pending{}, session.ErrPending
	}
	if err != nil {
		return session.Pending{}, pg.Map(fmt.Errorf("find a login that waits: %w", err), nil)
	}
	grants, err := grantsOf(row.Grants)
	return session.Pending{
		Token: pending, DeviceName: row.DeviceName, Remember: row.Remember,
		Candidate: session.Candidate{
			Account: row.Account, SecurityVersion: row.SecurityVersion, RightsVersion: row.RightsVersion, KnownNetwork: row.KnownNetwork, Grants: grants,
		},
	}, err
}

// Take ends the waiting of a login. Of any number of takers one reports true.
func (s *Sessions) Take(ctx context.Context, pending token.Hash) (bool, error) {
	result, err := s.db.ExecContext(ctx, `DELETE FROM pending_logins WHERE hash = $1`, pending[:])
	if err != nil {
		return false, pg.Map(fmt.Errorf("take a login that waits: %w", err), nil)
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// FindByAccount returns an account as a candidate; the zero Candidate when there is none.
func (s *Sessions) FindByAccount(ctx context.Context, id uuid.UUID, network caller.Network) (session.Candidate, error) {
	return s.candidate(ctx, selectCandidate+` WHERE a.id = $2`, network[:], id)
}

// FindByHolder returns the account of a live session, or account.ErrNone.
func (s *Sessions) FindByHolder(ctx context.Context, holder account.Holder, network caller.Network) (session.Candidate, error) {
	found, err := s.candidate(ctx, selectCandidate+`
		JOIN sessions l ON l.account_id = a.id AND l.id = $3 AND l.ended_at IS NULL AND l.expires_at > now()
		WHERE a.id = $2 AND a.disabled_at IS NULL`, network[:], holder.Account, holder.Session)
	if err == nil && found.Account == uuid.Nil {
		err = account.ErrNone
	}
	return found, err
}

const proveSession = `
	UPDATE sessions s SET auth_time = now(), amr = $4
	FROM accounts a
	WHERE s.id = $2 AND s.account_id = $1 AND s.ended_at IS NULL AND s.expires_at > now()
	  AND a.id = s.account_id AND a.disabled_at IS NULL AND a.security_version = $3
	RETURNING s.id AS session_id, s.account_id, s.client_id, s.auth_time, s.amr, a.rights_version, 0.0::float8 AS life, ` + grantsColumn

// Prove writes a new proof into a live session, or returns account.ErrNone.
func (s *Sessions) Prove(ctx context.Context, p session.Proven) (session.Turn, error) {
	var row turnRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		err := tx.GetContext(ctx, &row, proveSession, p.Holder.Account, p.Holder.Session, p.SecurityVersion, append(pq.StringArray{}, p.Methods...))
		if errors.Is(err, sql.ErrNoRows) {
			return account.ErrNone
		}
		if err != nil {
			return fmt.Errorf("prove a session: %w", err)
		}
		return record(ctx, tx, p.Event)
	})
	if err != nil {
		return session.Turn{}, err
	}
	return row.turn(session.Rotated)
}

// HasSecondFactor reports whether a password is not enough to be an account.
func (s *Sessions) HasSecondFactor(ctx context.Context, id uuid.UUID) (has bool, err error) {
	err = s.db.GetContext(ctx, &has, `SELECT `+hasFactor+` FROM (SELECT $1::uuid AS id) a`, id)
	return has, pg.Map(err, nil)
}

var _ session.SecondStore = (*Sessions)(nil)
