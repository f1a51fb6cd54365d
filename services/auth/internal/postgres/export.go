package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
)

// exported is what is held about an account, by table: the columns that are told, and which rows. Secrets and their hashes are
// not told. A test says that every table that refers to accounts stands here.
var exported = []struct{ name, table, columns, rows string }{
	{"account", "accounts", `id, username, name, locale, disabled_at, erase_at, created_at, updated_at`, `id = $1`},
	{"emails", "emails", `id, address, is_primary, confirmed_at`, `account_id = $1`},
	{"pending_emails", "pending_emails", `id, address, created_at, expires_at`, `account_id = $1`},
	{"roles", "role_grants", `role, operator_id, granted_at`, `account_id = $1`},
	{"sessions", "sessions", `id, client_id, device_name, agent, area, remember, auth_time, last_used_at, expires_at, ended_at, end_reason`, `account_id = $1`},
	{"authenticator_apps", "totp_factors", `id, name, created_at, confirmed_at, last_used_at`, `account_id = $1`},
	{"recovery_codes", "recovery_codes", `created_at, used_at`, `account_id = $1`},
	{"passkeys", "passkeys", `id, name, created_at, last_used_at`, `account_id = $1`},
	{"api_keys", "api_keys", `id, name, scopes, networks, created_at, expires_at, last_used_at`, `account_id = $1`},
	{"mailed_links", "one_time_tokens", `purpose, created_at, expires_at`, `account_id = $1`},
	{"mails", "outbox", `id, kind, created_at, settled_at, outcome`, `account_id = $1`},
	{"invitations_sent", "invitations", `id, address, grants, operator_id, created_at, expires_at, accepted_at, revoked_at`, `invited_by = $1`},
	{
		"invitations_received", "invitations", `id, address, grants, operator_id, created_at, expires_at, accepted_at, revoked_at`,
		`accepted_by = $1 OR address_key IN (SELECT address_key FROM emails WHERE account_id = $1)`,
	},
	{"webhooks", "webhook_endpoints", `id, url, description, types, disabled, created_at, updated_at`, `owner_id = $1`},
	{"brought_over", "imported_people", `source, source_id, imported_at`, `account_id = $1`},
	{"events", "audit_events", `id, at, kind, actor, session_id, operator_id, detail`, `account_id = $1`},
	{"told_to_others", "events", `id, at, kind, operator_id, data`, `subject = $1`},
}

// ExportData returns everything that is held about the holder.
func (s *Accounts) ExportData(ctx context.Context, holder account.Holder, event audit.Event) (account.Export, error) {
	export := account.Export{}
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := hold(ctx, tx, holder); err != nil {
			return err
		}
		if err := record(ctx, tx, event); err != nil {
			return err
		}
		for _, part := range exported {
			var raw []byte
			query := fmt.Sprintf(`SELECT COALESCE(jsonb_agg(to_jsonb(x)), '[]') FROM (SELECT %s FROM %s WHERE %s) x`, part.columns, part.table, part.rows)
			if err := tx.GetContext(ctx, &raw, query, holder.Account); err != nil {
				return fmt.Errorf("export %s: %w", part.name, err)
			}
			var rows []map[string]any
			if err := json.Unmarshal(raw, &rows); err != nil {
				return fmt.Errorf("export %s: %w", part.name, err)
			}
			export[part.name] = rows
		}
		return nil
	})
	return export, err
}
