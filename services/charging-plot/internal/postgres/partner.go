package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/roaming"
)

type partnerRow struct {
	ID           uuid.UUID `db:"id"`
	URL          string    `db:"url"`
	Secret       []byte    `db:"secret"`
	Roles        []byte    `db:"roles"`
	Endpoints    []byte    `db:"endpoints"`
	RegisteredAt time.Time `db:"registered_at"`
	UpdatedAt    time.Time `db:"updated_at"`
}

const getPartnerSQL = `SELECT id, url, secret, roles, endpoints, registered_at, updated_at FROM partners WHERE id = $1`

// Partner gives a partner that has registered, or roaming.ErrUnknown. Its token is as PutPartner was given it.
func (s *Store) Partner(ctx context.Context, id uuid.UUID) (roaming.Partner, error) {
	var row partnerRow
	err := s.db.GetContext(ctx, &row, getPartnerSQL, id)
	if errors.Is(err, sql.ErrNoRows) {
		return roaming.Partner{}, roaming.ErrUnknown
	}
	if err != nil {
		return roaming.Partner{}, postgres.Map(fmt.Errorf("read the partner: %w", err), nil)
	}
	out := roaming.Partner{
		ID: row.ID, URL: row.URL, Token: string(row.Secret), RegisteredAt: row.RegisteredAt.UTC(), UpdatedAt: row.UpdatedAt.UTC(),
	}
	if err := errors.Join(json.Unmarshal(row.Roles, &out.Roles), json.Unmarshal(row.Endpoints, &out.Endpoints)); err != nil {
		return out, fmt.Errorf("read the partner: %w", err)
	}
	return out, nil
}

const putPartnerSQL = `
INSERT INTO partners (id, url, secret, roles, endpoints, registered_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT ON CONSTRAINT partners_pkey DO UPDATE SET
    url = excluded.url, secret = excluded.secret, roles = excluded.roles, endpoints = excluded.endpoints, updated_at = excluded.updated_at`

const dropPartiesSQL = `DELETE FROM partner_parties WHERE partner_id = $1`

const addPartySQL = `INSERT INTO partner_parties (country_code, party_id, partner_id) VALUES ($1, $2, $3)`

// PutPartner registers a partner, or replaces what is known of it. then is called before it holds, and its error ends the matter. It
// returns roaming.ErrTaken when another partner stands for one of its parties.
func (s *Store) PutPartner(ctx context.Context, p roaming.Partner, then func(ctx context.Context) error) error {
	roles, err := json.Marshal(p.Roles)
	if err != nil {
		return fmt.Errorf("write the roles: %w", err)
	}
	endpoints, err := json.Marshal(orEmpty(p.Endpoints))
	if err != nil {
		return fmt.Errorf("write the endpoints: %w", err)
	}
	err = s.inTx(ctx, func(ctx context.Context, tx txn) error {
		if _, err := tx.ExecContext(ctx, putPartnerSQL, p.ID, p.URL, []byte(p.Token), postgres.JSON(roles), postgres.JSON(endpoints), s.now()); err != nil {
			return fmt.Errorf("store the partner: %w", err)
		}
		if _, err := tx.ExecContext(ctx, dropPartiesSQL, p.ID); err != nil {
			return fmt.Errorf("forget the partner's parties: %w", err)
		}
		for _, party := range p.Parties() {
			if _, err := tx.ExecContext(ctx, addPartySQL, party.CountryCode, party.PartyID, p.ID); err != nil {
				return fmt.Errorf("store a party: %w", err)
			}
		}
		return then(ctx)
	})
	return postgres.Map(err, byConstraint)
}

const removePartnerSQL = `DELETE FROM partners WHERE id = $1`

// RemovePartner ends a partner's registration. What it has charged and been billed stays.
func (s *Store) RemovePartner(ctx context.Context, id uuid.UUID) error {
	_, err := s.db.ExecContext(ctx, removePartnerSQL, id)
	return postgres.Map(err, nil)
}

const ownRolesSQL = `
SELECT country_code, party_id, max(operator_name)
FROM stations
WHERE NOT removed AND party_id <> '' AND ($1::uuid IS NULL OR operator_id = $1)
GROUP BY country_code, party_id
ORDER BY country_code, party_id`

// OwnRoles gives the operators that we speak for: one, or all when it is nil.
func (s *Store) OwnRoles(ctx context.Context, operator *uuid.UUID) ([]roaming.Role, error) {
	rows, err := s.db.QueryContext(ctx, ownRolesSQL, operator)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("list operators: %w", err), nil)
	}
	defer rows.Close()
	var out []roaming.Role
	for rows.Next() {
		r := roaming.Role{Role: "CPO"}
		if err := rows.Scan(&r.CountryCode, &r.PartyID, &r.Name); err != nil {
			return nil, postgres.Map(fmt.Errorf("list operators: %w", err), nil)
		}
		out = append(out, r)
	}
	return out, postgres.Map(rows.Err(), nil)
}
