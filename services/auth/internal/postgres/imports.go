package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/flaskuser"
)

// Imports keeps people of another program's database.
type Imports struct {
	db *pg.DB
}

// NewImports makes Imports.
func NewImports(db *pg.DB) *Imports { return &Imports{db: db} }

// ImportedBefore returns which of the ids of a source were imported before.
func (s *Imports) ImportedBefore(ctx context.Context, source string, ids []string) (map[string]bool, error) {
	return s.among(ctx, `SELECT source_id FROM imported_people WHERE source_id = ANY ($1) AND source = $2`, pq.StringArray(ids), source)
}

// Taken returns which keys of addresses and of usernames somebody has.
func (s *Imports) Taken(ctx context.Context, emails, usernames []string) (takenEmails, takenUsernames map[string]bool, err error) {
	if takenEmails, err = s.among(ctx, `SELECT address_key FROM emails WHERE address_key = ANY ($1)`, pq.StringArray(emails)); err != nil {
		return nil, nil, err
	}
	takenUsernames, err = s.among(ctx, `SELECT username_key FROM accounts WHERE username_key = ANY ($1)`, pq.StringArray(usernames))
	return takenEmails, takenUsernames, err
}

func (s *Imports) among(ctx context.Context, query string, args ...any) (map[string]bool, error) {
	var found []string
	if err := s.db.SelectContext(ctx, &found, query, args...); err != nil {
		return nil, pg.Map(fmt.Errorf("look for what is there: %w", err), nil)
	}
	set := make(map[string]bool, len(found))
	for _, one := range found {
		set[one] = true
	}
	return set, nil
}

// lifeOfImported is how long an address from elsewhere may wait to be confirmed.
const lifeOfImported = `interval '30 days'`

// A statement a table, whatever the number of people.
const (
	importAccounts = `
		INSERT INTO accounts (id, username, username_key, name, locale, password_hash, disabled_at)
		SELECT id, NULLIF(username, ''), NULLIF(username_key, ''), name, '', hash, CASE WHEN disabled THEN now() END
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[]) AS e (id, username, username_key, name, hash, disabled)`
	importEmails = `
		INSERT INTO emails (account_id, address, address_key, is_primary, confirmed_at)
		SELECT id, address, key, main, now() FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bool[]) AS e (id, address, key, main)`
	importGrants = `
		INSERT INTO role_grants (account_id, role, operator_id)
		SELECT id, role, NULLIF(operator, '00000000-0000-0000-0000-000000000000'::uuid)
		FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS e (id, role, operator)
		ON CONFLICT (account_id, role, COALESCE(operator_id, '00000000-0000-0000-0000-000000000000')) DO NOTHING`
	importRegistrations = `
		INSERT INTO registrations (id, address, address_key, username, username_key, name, locale, password_hash, expires_at)
		SELECT id, address, key, NULLIF(username, ''), NULLIF(username_key, ''), name, '', hash, now() + ` + lifeOfImported + `
		FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS e (id, address, key, username, username_key, name, hash)`
	importMarks = `
		INSERT INTO imported_people (source, source_id, account_id) SELECT $1, source_id, id FROM unnest($2::text[], $3::uuid[]) AS e (source_id, id)`
	importEvents = `
		INSERT INTO audit_events (id, kind, account_id, actor, detail)
		SELECT event, $1, id, $2, jsonb_build_object('import', $3::text) FROM unnest($4::uuid[], $5::uuid[]) AS e (event, id)`
)

// WriteImported writes accounts and registrations, all or none. Nobody is told of them one by one: they are no news to the services,
// who meet them as they log in.
func (s *Imports) WriteImported(ctx context.Context, source string, entries []flaskuser.Entry) error {
	var c importColumns
	for _, e := range entries {
		c.add(e)
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		for _, step := range []struct {
			statement string
			args      []any
		}{
			{importAccounts, []any{pq.Array(c.ids), pq.Array(c.usernames), pq.Array(c.usernameKeys), pq.Array(c.names), pq.Array(c.hashes), pq.Array(c.disabled)}},
			{importEmails, []any{pq.Array(c.emailOf), pq.Array(c.addresses), pq.Array(c.addressKeys), pq.Array(c.main)}},
			{importGrants, []any{pq.Array(c.grantOf), pq.Array(c.roles), pq.Array(c.operators)}},
			{importRegistrations, []any{pq.Array(c.regIDs), pq.Array(c.regAddresses), pq.Array(c.regKeys), pq.Array(c.regUsernames), pq.Array(c.regUsernameKeys), pq.Array(c.regNames), pq.Array(c.regHashes)}},
			{importMarks, []any{source, pq.Array(c.sourceIDs), pq.Array(c.all)}},
			{importEvents, []any{audit.Created, audit.CLI, source, pq.Array(c.events), pq.Array(c.ids)}},
		} {
			if _, err := tx.ExecContext(ctx, step.statement, step.args...); err != nil {
				return pg.Map(fmt.Errorf("write those who come: %w", err), accountConstraints)
			}
		}
		return nil
	})
}

// importColumns are entries as the columns of statements.
type importColumns struct {
	sourceIDs []string
	all       []uuid.UUID

	ids, events                            []uuid.UUID
	usernames, usernameKeys, names, hashes []string
	disabled                               []bool

	emailOf                []uuid.UUID
	addresses, addressKeys []string
	main                   []bool

	grantOf, operators []uuid.UUID
	roles              []string

	regIDs                                                                    []uuid.UUID
	regAddresses, regKeys, regUsernames, regUsernameKeys, regNames, regHashes []string
}

func (c *importColumns) add(e flaskuser.Entry) {
	c.sourceIDs, c.all = append(c.sourceIDs, e.SourceID), append(c.all, e.ID)
	if e.Outcome == flaskuser.Waiting {
		c.regIDs, c.regAddresses, c.regKeys = append(c.regIDs, e.ID), append(c.regAddresses, e.Email.Address()), append(c.regKeys, e.Email.Key())
		c.regUsernames, c.regUsernameKeys = append(c.regUsernames, e.Username.String()), append(c.regUsernameKeys, e.Username.Key())
		c.regNames, c.regHashes = append(c.regNames, e.Name), append(c.regHashes, e.Hash)
		return
	}
	c.ids, c.events = append(c.ids, e.ID), append(c.events, uuid.Must(uuid.NewV7()))
	c.usernames, c.usernameKeys = append(c.usernames, e.Username.String()), append(c.usernameKeys, e.Username.Key())
	c.names, c.hashes, c.disabled = append(c.names, e.Name), append(c.hashes, e.Hash), append(c.disabled, e.Disabled)
	for i, email := range append([]account.Email{e.Email}, e.More...) {
		c.emailOf, c.main = append(c.emailOf, e.ID), append(c.main, i == 0)
		c.addresses, c.addressKeys = append(c.addresses, email.Address()), append(c.addressKeys, email.Key())
	}
	for _, grant := range e.Grants {
		c.grantOf, c.roles, c.operators = append(c.grantOf, e.ID), append(c.roles, string(grant.Role)), append(c.operators, grant.Operator)
	}
}

var _ flaskuser.Store = (*Imports)(nil)
