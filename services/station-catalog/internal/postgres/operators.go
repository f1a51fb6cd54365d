package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

const selectOperators = `
SELECT id, number, name, country_code, party_id, website, phone, email, version, updated_at FROM operators `

// Operator gives an operator, or operator.ErrNotFound.
func (s *Store) Operator(ctx context.Context, id uuid.UUID) (operator.Operator, error) {
	found, err := collect(ctx, s.db, scanOperator, selectOperators+`WHERE id = $1 AND deleted_at IS NULL`, id)
	switch {
	case err != nil:
		return operator.Operator{}, postgres.Map(fmt.Errorf("get operator: %w", err), nil)
	case len(found) == 0:
		return operator.Operator{}, operator.ErrNotFound
	}
	return found[0], nil
}

// Operators gives operators by id, behind one.
func (s *Store) Operators(ctx context.Context, after uuid.UUID, limit int) ([]operator.Operator, error) {
	found, err := collect(ctx, s.db, scanOperator, selectOperators+`WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2`, after, limit)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("list operators: %w", err), nil)
	}
	return found, nil
}

func scanOperator(rows *sql.Rows) (operator.Operator, error) {
	var o operator.Operator
	err := rows.Scan(&o.ID, &o.Number, &o.Name, &o.CountryCode, &o.PartyID, &o.Website, &o.Phone, &o.Email, &o.Version, &o.UpdatedAt)
	o.UpdatedAt = o.UpdatedAt.UTC()
	return o, err
}

// party is how an operator is known.
type party struct{ country, code string }

func partyOf(s *station.Station) party { return party{s.Operator.CountryCode, s.Operator.PartyID} }

const knownOperators = `
SELECT o.id, o.country_code, o.party_id
FROM unnest($1::text[], $2::text[]) AS wanted (country_code, party_id)
JOIN operators o ON o.country_code = wanted.country_code AND o.party_id = wanted.party_id`

const insertOperators = `
INSERT INTO operators (id, country_code, party_id, name, email, phone, website)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
ON CONFLICT ON CONSTRAINT operators_party_key DO NOTHING`

// An operator that was removed is back with its first station.
const restoreOperators = `
UPDATE operators SET deleted_at = NULL, version = version + 1, updated_at = now() WHERE id = ANY($1) AND deleted_at IS NOT NULL`

// operatorsOf gives the ids of the entries' operators and, when create is set, makes those that are not there yet. An operator
// keeps the name that it was made with: sources spell names as they like. Entries of an operator that is known by its name alone
// are given its code.
func operatorsOf(ctx context.Context, tx *sqlx.Tx, entries []transfer.Entry, create bool) (map[party]uuid.UUID, error) {
	if err := nameOperators(ctx, tx, entries, create); err != nil {
		return nil, err
	}
	told := make(map[party]*operator.Operator)
	for i := range entries {
		key := partyOf(&entries[i].Station)
		if o := &entries[i].Operator; told[key] == nil || told[key].Name == "" {
			told[key] = o
		}
	}
	ids, err := lookUpOperators(ctx, tx, told)
	if err != nil || !create {
		return ids, err
	}
	if _, err := tx.ExecContext(ctx, restoreOperators, uuids(slices.Collect(maps.Values(ids)))); err != nil {
		return nil, fmt.Errorf("restore operators: %w", err)
	}
	if len(ids) == len(told) {
		return ids, nil
	}
	var newIDs, countries, codes, names, mails, phones, websites pq.StringArray
	for key, o := range told {
		if _, ok := ids[key]; ok {
			continue
		}
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("id of an operator: %w", err)
		}
		name := o.Name
		if name == "" {
			name = key.country + "*" + key.code
		}
		newIDs, countries, codes = append(newIDs, id.String()), append(countries, key.country), append(codes, key.code)
		names, mails = append(names, name), append(mails, o.Email)
		phones, websites = append(phones, o.Phone), append(websites, o.Website)
	}
	if _, err := tx.ExecContext(ctx, insertOperators, newIDs, countries, codes, names, mails, phones, websites); err != nil {
		return nil, fmt.Errorf("create operators: %w", err)
	}
	return lookUpOperators(ctx, tx, told)
}

func lookUpOperators(ctx context.Context, tx *sqlx.Tx, told map[party]*operator.Operator) (map[party]uuid.UUID, error) {
	var countries, codes pq.StringArray
	for key := range told {
		countries, codes = append(countries, key.country), append(codes, key.code)
	}
	ids := make(map[party]uuid.UUID, len(told))
	_, err := collect(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
		var id uuid.UUID
		var key party
		err := rows.Scan(&id, &key.country, &key.code)
		ids[key] = id
		return struct{}{}, err
	}, knownOperators, countries, codes)
	if err != nil {
		return nil, fmt.Errorf("look up operators: %w", err)
	}
	return ids, nil
}
