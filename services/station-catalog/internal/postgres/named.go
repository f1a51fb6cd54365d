package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// An operator that was renamed here is found by the name that sources tell.
const operatorsByName = `
SELECT DISTINCT ON (wanted.name) wanted.name, o.party_id
FROM unnest($1::text[]) AS wanted (name)
JOIN operators o ON o.country_code = 'ZZ' AND (o.told_name = wanted.name OR o.name = wanted.name)
ORDER BY wanted.name, (o.told_name IS NOT DISTINCT FROM wanted.name) DESC, o.id`

const lockNames = `SELECT pg_advisory_xact_lock(hashtextextended('names of operators', 0))`

// nameOperators gives the operators that are known by name alone their codes: those that they have, and, when create is set, the
// first that is free. What is told of a station stays as it was told: its fingerprint has been taken.
func nameOperators(ctx context.Context, tx *sqlx.Tx, entries []transfer.Entry, create bool) error {
	told := map[string]*operator.Operator{}
	for i := range entries {
		if o := &entries[i].Operator; o.CountryCode == operator.Nowhere {
			told[o.Name] = o
		}
	}
	if len(told) == 0 {
		return nil
	}
	codes, err := codesOfNames(ctx, tx, told)
	if err != nil {
		return err
	}
	if create && len(codes) < len(told) {
		if _, err := tx.ExecContext(ctx, lockNames); err != nil {
			return fmt.Errorf("lock the names of operators: %w", err)
		}
		if codes, err = codesOfNames(ctx, tx, told); err != nil { // another may have made them meanwhile
			return err
		}
		if err := createNamed(ctx, tx, told, codes); err != nil {
			return err
		}
	}
	for i := range entries {
		e := &entries[i]
		if code, ok := codes[e.Operator.Name]; ok && e.Operator.CountryCode == operator.Nowhere {
			e.Operator.PartyID, e.Station.Operator.PartyID = code, code
		}
	}
	return nil
}

func codesOfNames(ctx context.Context, tx *sqlx.Tx, told map[string]*operator.Operator) (map[string]string, error) {
	var names pq.StringArray
	for name := range told {
		names = append(names, name)
	}
	codes := make(map[string]string, len(told))
	_, err := collect(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
		var name, code string
		err := rows.Scan(&name, &code)
		codes[name] = code
		return struct{}{}, err
	}, operatorsByName, names)
	if err != nil {
		return nil, fmt.Errorf("look up operators by name: %w", err)
	}
	return codes, nil
}

const namedCodes = `SELECT party_id FROM operators WHERE country_code = 'ZZ'`

const insertNamed = `
INSERT INTO operators (id, country_code, party_id, name, told_name, website, email, phone)
SELECT id, 'ZZ', code, name, name, website, email, phone
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS fresh (id, code, name, website, email, phone)`

// createNamed makes the operators that have no code yet, and adds their codes.
func createNamed(ctx context.Context, tx *sqlx.Tx, told map[string]*operator.Operator, codes map[string]string) error {
	taken := map[string]bool{}
	_, err := collect(ctx, tx, func(rows *sql.Rows) (struct{}, error) {
		var code string
		err := rows.Scan(&code)
		taken[code] = true
		return struct{}{}, err
	}, namedCodes)
	if err != nil {
		return fmt.Errorf("codes of named operators: %w", err)
	}
	var missing []string
	for name := range told {
		if codes[name] == "" {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing) // the same codes, whichever way the map falls
	var ids, parties, names, websites, mails, phones pq.StringArray
	for _, name := range missing {
		code := ""
		for attempt := 0; attempt < operator.Codes && (code == "" || taken[code]); attempt++ {
			code = operator.CodeFor(name, attempt)
		}
		if taken[code] {
			return operator.ErrNoCode
		}
		taken[code], codes[name] = true, code
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("id of an operator: %w", err)
		}
		o := told[name]
		ids, parties, names = append(ids, id.String()), append(parties, code), append(names, name)
		websites, mails, phones = append(websites, o.Website), append(mails, o.Email), append(phones, o.Phone)
	}
	if _, err := tx.ExecContext(ctx, insertNamed, ids, parties, names, websites, mails, phones); err != nil {
		return fmt.Errorf("create named operators: %w", err)
	}
	return nil
}
