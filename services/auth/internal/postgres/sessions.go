package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Sessions keeps logins and their refresh tokens.
type Sessions struct {
	db         *pg.DB
	statements *pg.Statements
}

// NewSessions makes Sessions.
func NewSessions(db *pg.DB) *Sessions { return &Sessions{db: db, statements: db.Statements()} }

// A network is known for thirty days after a login that was right.
const selectCandidate = `
	SELECT a.id, a.password_hash, a.disabled_at IS NOT NULL AS disabled, a.security_version, a.rights_version, ` + grantsColumn + `,
	       EXISTS (SELECT FROM sessions s
	               WHERE s.account_id = a.id AND s.network = $1 AND s.auth_time > now() - interval '30 days') AS known_network,
	       EXISTS (SELECT FROM totp_factors f WHERE f.account_id = a.id AND f.confirmed_at IS NOT NULL) AS has_app,
	       EXISTS (SELECT FROM passkeys p WHERE p.account_id = a.id) AS has_passkey
	FROM accounts a`

// Either identity is found by a unique index; the empty one of the two finds nobody.
const candidateByIdentity = selectCandidate + `
	WHERE a.id = (SELECT account_id FROM emails WHERE address_key = NULLIF($2, '')) OR a.username_key = NULLIF($3, '')`

type candidateRow struct {
	ID              uuid.UUID      `db:"id"`
	PasswordHash    string         `db:"password_hash"`
	Disabled        bool           `db:"disabled"`
	SecurityVersion int            `db:"security_version"`
	RightsVersion   int64          `db:"rights_version"`
	Grants          pq.StringArray `db:"grants"`
	KnownNetwork    bool           `db:"known_network"`
	HasApp          bool           `db:"has_app"`
	HasPasskey      bool           `db:"has_passkey"`
}

// FindCandidate returns whom an identity names; the zero Candidate when it is nobody.
func (s *Sessions) FindCandidate(ctx context.Context, identity account.Identity, network caller.Network) (session.Candidate, error) {
	return s.candidate(ctx, candidateByIdentity, network[:], identity.EmailKey, identity.UsernameKey)
}

// candidate returns the one of a query; the zero Candidate when there is none.
func (s *Sessions) candidate(ctx context.Context, query string, args ...any) (session.Candidate, error) {
	var row candidateRow
	err := s.db.GetContext(ctx, &row, query, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return session.Candidate{}, nil
	}
	if err != nil {
		return session.Candidate{}, pg.Map(fmt.Errorf("find a login: %w", err), nil)
	}
	grants, err := grantsOf(row.Grants)
	return session.Candidate{
		Account: row.ID, PasswordHash: row.PasswordHash, Disabled: row.Disabled, SecurityVersion: row.SecurityVersion,
		RightsVersion: row.RightsVersion, Grants: grants, KnownNetwork: row.KnownNetwork, HasApp: row.HasApp, HasPasskey: row.HasPasskey,
	}, err
}

const (
	// One statement, so that a login costs one round trip and one commit. Nothing is written when the account is not what it
	// was; then no row comes back. The owner is told when neither the device nor the network is one of an earlier login.
	beginSession = `
		WITH who AS (
			SELECT id, erase_at IS NOT NULL AS erasing FROM accounts
			WHERE id = $2 AND security_version = $3 AND disabled_at IS NULL FOR SHARE
		), s AS (
			INSERT INTO sessions (id, account_id, client_id, device_name, device, network, remember, expires_at, agent, area, amr)
			SELECT $1, who.id, $4, $5, $6, $7, $8, now() + make_interval(secs => $9), $23, $24, $26 FROM who
			RETURNING id
		), t AS (
			INSERT INTO refresh_tokens (hash, session_id, expires_at)
			SELECT $10, s.id, now() + make_interval(secs => $11) FROM s
		), e AS (
			` + insertAudit + ` SELECT $12, $13, $14, $15, $16, $17, $18, $19 FROM s
		), told AS (
			` + insertTold + `
			SELECT told.id, told.kind, $14, $17, told.data::jsonb
			FROM s, unnest($20::uuid[], $21::text[], $22::text[]) AS told (id, kind, data)
		), stranger AS (
			INSERT INTO outbox (id, kind, account_id, subject_id)
			SELECT $25, 'device_seen', $2, s.id FROM s
			WHERE EXISTS (SELECT FROM sessions o WHERE o.account_id = $2)
			  AND NOT EXISTS (SELECT FROM sessions o WHERE o.account_id = $2 AND (o.network = $7 OR o.device = $6))
		)
		SELECT who.erasing FROM s, who`
	rehash = `UPDATE accounts SET password_hash = $2 WHERE id = $1 AND security_version = $3`
)

// Begin writes a session, or returns session.ErrCredentials when the account has changed since it was a candidate. An erasure that
// waits is called off.
func (s *Sessions) Begin(ctx context.Context, b session.Beginning) error {
	event, err := recordArgs(b.Event)
	if err != nil {
		return err
	}
	if b.Rehash != "" {
		if _, err := s.db.ExecContext(ctx, rehash, b.Account, b.Rehash, b.SecurityVersion); err != nil {
			return pg.Map(fmt.Errorf("hash a password anew: %w", err), nil)
		}
	}
	args := []any{
		b.Session, b.Account, b.SecurityVersion, b.Client, b.DeviceName, b.From.Device[:], b.From.Network[:], b.Remember,
		seconds(b.Life), b.Refresh[:], seconds(b.RefreshLife),
	}
	args = append(append(args, event...), b.From.Agent, b.From.Area, uuid.Must(uuid.NewV7()), append(pq.StringArray{}, b.Methods...))
	var erasing bool
	err = s.db.GetContext(ctx, &erasing, beginSession, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return session.ErrCredentials
	}
	if err != nil {
		return pg.Map(fmt.Errorf("begin a session: %w", err), nil)
	}
	if !erasing {
		return nil
	}
	// Who comes back wants to stay. Only after this is the person told that they are in.
	kept := audit.New(audit.ErasureCanceled, b.Account, b.Event.Actor).In(b.Session).From(b.From)
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error { return keep(ctx, tx, b.Account, kept) })
	if errors.Is(err, account.ErrNotErasing) {
		return nil // another login was faster
	}
	return err
}

// The condition on used_at decides who of many at once exchanges the token: the others wait for the row, find it used, and get
// nothing back. Whatever else is not right leaves the token as it was.
const rotateByHash = `
	WITH used AS (
		UPDATE refresh_tokens t SET used_at = now(), used_device = $4, successor = $3
		FROM sessions s JOIN accounts a ON a.id = s.account_id
		WHERE t.hash = $1 AND t.used_at IS NULL AND t.expires_at > now() AND s.id = t.session_id AND s.client_id = $5
		  AND s.ended_at IS NULL AND s.expires_at > now() AND a.disabled_at IS NULL
		RETURNING s.id, s.account_id, s.client_id, s.auth_time, s.amr, a.rights_version,
		          LEAST(s.expires_at, now() + make_interval(secs => CASE WHEN s.remember THEN $7::float8 ELSE $6::float8 END)) AS expires_at
	), next AS (
		INSERT INTO refresh_tokens (hash, session_id, expires_at) SELECT $2, id, expires_at FROM used
	), seen AS (
		UPDATE sessions SET last_used_at = now() FROM used WHERE sessions.id = used.id
	)
	SELECT a.id AS session_id, a.account_id, a.client_id, a.auth_time, a.amr, a.rights_version, EXTRACT(epoch FROM a.expires_at - now()) AS life,
	       ARRAY(SELECT g.role || COALESCE('@' || g.operator_id, '') FROM role_grants g
	             WHERE g.account_id = a.account_id ORDER BY g.id) AS grants
	FROM used a`

type turnRow struct {
	Session  uuid.UUID      `db:"session_id"`
	Account  uuid.UUID      `db:"account_id"`
	Client   string         `db:"client_id"`
	AuthTime time.Time      `db:"auth_time"`
	Methods  pq.StringArray `db:"amr"`
	Rights   int64          `db:"rights_version"`
	Life     float64        `db:"life"`
	Grants   pq.StringArray `db:"grants"`
}

func (row turnRow) turn(outcome session.Outcome) (session.Turn, error) {
	grants, err := grantsOf(row.Grants)
	return session.Turn{
		Outcome: outcome, Session: row.Session, Account: row.Account, Client: row.Client, AuthTime: row.AuthTime, Methods: session.Methods(row.Methods), RightsVersion: row.Rights,
		RefreshLife: time.Duration(row.Life * float64(time.Second)), Grants: grants,
	}, err
}

// Rotate exchanges a refresh token.
func (s *Sessions) Rotate(ctx context.Context, r session.Rotation) (session.Turn, error) {
	var row turnRow
	err := s.statements.GetContext(ctx, &row, rotateByHash, r.Presented[:], r.Successor[:], r.Sealed, r.From.Device[:], r.Client,
		seconds(r.Lifetimes.Idle), seconds(r.Lifetimes.RememberIdle))
	switch {
	case err == nil:
		return row.turn(session.Rotated)
	case errors.Is(err, sql.ErrNoRows):
		return s.explain(ctx, r)
	default:
		return session.Turn{}, pg.Map(fmt.Errorf("rotate a refresh token: %w", err), nil)
	}
}

const explainByHash = `
	SELECT s.id AS session_id, s.account_id, s.client_id, s.auth_time, s.amr, a.rights_version,
	       EXTRACT(epoch FROM LEAST(s.expires_at, t.used_at + make_interval(secs => CASE WHEN s.remember THEN $3::float8 ELSE $2::float8 END)) - now()) AS life,
	       ` + grantsColumn + `,
	       t.successor, t.used_device, t.used_at > now() - make_interval(secs => $4) AS fresh
	FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id JOIN accounts a ON a.id = s.account_id
	WHERE t.hash = $1 AND t.used_at IS NOT NULL AND s.client_id = $5
	  AND s.ended_at IS NULL AND s.expires_at > now() AND a.disabled_at IS NULL`

type usedRow struct {
	turnRow
	Successor []byte `db:"successor"`
	Device    []byte `db:"used_device"`
	Fresh     bool   `db:"fresh"`
}

// explain tells why a token was not exchanged. One that was used a moment ago, on this device, is Repeated; one that was used
// otherwise, in a session that goes on, is Reused and ends it; any other is Refused.
func (s *Sessions) explain(ctx context.Context, r session.Rotation) (session.Turn, error) {
	var row usedRow
	err := s.db.GetContext(ctx, &row, explainByHash, r.Presented[:], seconds(r.Lifetimes.Idle), seconds(r.Lifetimes.RememberIdle),
		seconds(r.Lifetimes.Grace), r.Client)
	if errors.Is(err, sql.ErrNoRows) {
		return session.Turn{Outcome: session.Refused}, nil
	}
	if err != nil {
		return session.Turn{}, pg.Map(fmt.Errorf("explain a refresh token: %w", err), nil)
	}
	if row.Fresh && bytes.Equal(row.Device, r.From.Device[:]) {
		turn, err := row.turn(session.Repeated)
		turn.Sealed = row.Successor
		return turn, err
	}
	turn, err := row.turn(session.Reused)
	if err != nil {
		return session.Turn{}, err
	}
	event := audit.New(audit.TokenReused, turn.Account, audit.Anonymous).In(turn.Session).From(r.From)
	return turn, s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, endSession, turn.Account, turn.Session, session.TokenReused)
		if err != nil {
			return fmt.Errorf("end a session: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err // another replay was faster and has told the owner
		}
		if err := queue(ctx, tx, notice.About(notice.TokenReused, turn.Account)); err != nil {
			return err
		}
		return record(ctx, tx, event)
	})
}

const (
	endSession = `
		UPDATE sessions SET ended_at = now(), end_reason = $3
		WHERE account_id = $1 AND (id = $2 OR $2 IS NULL) AND ended_at IS NULL`
	sessionByHash = `
		SELECT s.account_id, s.id FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
		WHERE t.hash = $1 AND s.ended_at IS NULL`
)

// End ends one session of an account, or all for the zero session.
func (s *Sessions) End(ctx context.Context, holder account.Holder, reason session.Reason, event audit.Event) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, endSession, holder.Account, optional(holder.Session), reason)
		if err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return record(ctx, tx, event)
	})
}

// EndByToken ends the session that a refresh token belongs to, used or not.
func (s *Sessions) EndByToken(ctx context.Context, refresh token.Hash, reason session.Reason, event audit.Event) error {
	var row struct {
		Account uuid.UUID `db:"account_id"`
		Session uuid.UUID `db:"id"`
	}
	err := s.db.GetContext(ctx, &row, sessionByHash, refresh[:])
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return pg.Map(fmt.Errorf("find the session of a token: %w", err), nil)
	}
	event.Account, event.Session, event.Actor = row.Account, row.Session, audit.ByAccount(row.Account)
	return s.End(ctx, account.Holder{Account: row.Account, Session: row.Session}, reason, event)
}

var _ session.Store = (*Sessions)(nil)
