package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/introspection"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

const (
	isLive = `
		SELECT EXISTS (
			SELECT FROM sessions s JOIN accounts a ON a.id = s.account_id
			WHERE s.id = $1 AND s.account_id = $2 AND a.rights_version <= $3 AND s.ended_at IS NULL AND s.expires_at > now() AND a.disabled_at IS NULL)`
	isKeyLive = `
		SELECT EXISTS (
			SELECT FROM api_key_secrets t JOIN api_keys k ON k.id = t.key_id JOIN accounts a ON a.id = k.account_id
			WHERE t.id = $1 AND a.id = $2 AND a.rights_version <= $3 AND ` + workingKey + `)`
	findRefresh = `
		SELECT s.account_id, s.id, s.client_id, t.expires_at
		FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id JOIN accounts a ON a.id = s.account_id
		WHERE t.hash = $1 AND t.used_at IS NULL AND t.expires_at > now()
		  AND s.ended_at IS NULL AND s.expires_at > now() AND a.disabled_at IS NULL`
)

// IsLive reports whether the holder's session goes on, the account may be used, and it has lost no right since the version.
func (s *Sessions) IsLive(ctx context.Context, holder account.Holder, version int64) (bool, error) {
	var live bool
	if err := s.db.GetContext(ctx, &live, isLive, holder.Session, holder.Account, version); err != nil {
		return false, pg.Map(fmt.Errorf("look at a session: %w", err), nil)
	}
	return live, nil
}

// IsKeyLive does so for the text of an API key, which stands in its tokens in place of a session.
func (s *Sessions) IsKeyLive(ctx context.Context, holder account.Holder, version int64) (bool, error) {
	var live bool
	if err := s.db.GetContext(ctx, &live, isKeyLive, holder.Session, holder.Account, version); err != nil {
		return false, pg.Map(fmt.Errorf("look at an API key: %w", err), nil)
	}
	return live, nil
}

// FindRefresh returns a refresh token that would work, and whether it would.
func (s *Sessions) FindRefresh(ctx context.Context, hash token.Hash) (introspection.Refresh, bool, error) {
	var row struct {
		Account uuid.UUID `db:"account_id"`
		Session uuid.UUID `db:"id"`
		Client  string    `db:"client_id"`
		Expires time.Time `db:"expires_at"`
	}
	err := s.db.GetContext(ctx, &row, findRefresh, hash[:])
	if errors.Is(err, sql.ErrNoRows) {
		return introspection.Refresh{}, false, nil
	}
	if err != nil {
		return introspection.Refresh{}, false, pg.Map(fmt.Errorf("look at a refresh token: %w", err), nil)
	}
	return introspection.Refresh{Account: row.Account, Session: row.Session, Client: row.Client, Expires: row.Expires}, true, nil
}

var _ introspection.Sessions = (*Sessions)(nil)
