package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

type tokenRow struct {
	ID           uuid.UUID  `db:"id"`
	Key          string     `db:"key"`
	UID          string     `db:"uid"`
	Type         string     `db:"type"`
	DriverID     *uuid.UUID `db:"driver_id"`
	OperatorID   *uuid.UUID `db:"operator_id"`
	CountryCode  string     `db:"country_code"`
	PartyID      string     `db:"party_id"`
	ContractID   string     `db:"contract_id"`
	Issuer       string     `db:"issuer"`
	VisualNumber string     `db:"visual_number"`
	GroupID      string     `db:"group_id"`
	Language     string     `db:"language"`
	Whitelist    string     `db:"whitelist"`
	Valid        bool       `db:"valid"`
	Unproven     bool       `db:"unproven"`
	CreatedAt    time.Time  `db:"created_at"`
	UpdatedAt    time.Time  `db:"updated_at"`
	Version      int64      `db:"version"`
}

const tokenColumns = `
t.id, t.key, t.uid, t.type, t.driver_id, t.operator_id, t.country_code, t.party_id, t.contract_id, t.issuer, t.visual_number, t.group_id,
t.language, t.whitelist, t.valid, t.unproven, t.created_at, t.updated_at, t.version`

func (r tokenRow) fromRow() token.Token {
	return token.Token{
		ID: r.ID, UID: r.UID, Type: token.Type(r.Type), DriverID: orZero(r.DriverID), OperatorID: orZero(r.OperatorID),
		Party: token.Party{CountryCode: r.CountryCode, PartyID: r.PartyID}, ContractID: r.ContractID, Issuer: r.Issuer,
		VisualNumber: r.VisualNumber, GroupID: r.GroupID, Language: r.Language, Whitelist: token.Whitelist(r.Whitelist), Valid: r.Valid, Unproven: r.Unproven,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), Version: r.Version,
	}
}

func toTokenRow(t token.Token) tokenRow {
	return tokenRow{
		ID: t.ID, Key: t.Key(), UID: t.UID, Type: string(t.Type), DriverID: orNull(t.DriverID), OperatorID: orNull(t.OperatorID),
		CountryCode: t.Party.CountryCode, PartyID: t.Party.PartyID, ContractID: t.ContractID, Issuer: t.Issuer,
		VisualNumber: t.VisualNumber, GroupID: t.GroupID, Language: t.Language, Whitelist: string(t.Whitelist), Valid: t.Valid, Unproven: t.Unproven,
		CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, Version: t.Version,
	}
}

const insertTokenSQL = `
INSERT INTO tokens (id, key, uid, type, driver_id, operator_id, country_code, party_id, contract_id, issuer, visual_number, group_id,
    language, whitelist, valid, unproven, created_at, updated_at, version)
VALUES (:id, :key, :uid, :type, :driver_id, :operator_id, :country_code, :party_id, :contract_id, :issuer, :visual_number, :group_id,
    :language, :whitelist, :valid, :unproven, :created_at, :updated_at, :version)`

const keyTakenSQL = `SELECT EXISTS (SELECT FROM tokens WHERE key = $1)`

// CreateToken registers a token. It returns token.ErrTaken when its uid is registered already, by whoever has shown it, or by the same
// driver. With an idempotency key in ctx a repeated
// request of the caller is given the first one's answer.
func (s *Store) CreateToken(ctx context.Context, caller uuid.UUID, t token.Token) (token.Token, error) {
	out, _, err := writeOnce(ctx, s, caller, func(ctx context.Context, tx txn) (token.Token, error) {
		var taken bool
		if err := tx.GetContext(ctx, &taken, keyTakenSQL, token.Key(t.UID)); err != nil {
			return t, fmt.Errorf("look for the token: %w", err)
		}
		if taken {
			return t, token.ErrTaken
		}
		now := s.now()
		t.ID, t.CreatedAt, t.UpdatedAt, t.Version = newID(), now, now, 1
		if _, err := tx.NamedExecContext(ctx, insertTokenSQL, toTokenRow(t)); err != nil {
			return t, fmt.Errorf("store the token: %w", err)
		}
		return t, nil
	})
	return out, err
}

const getTokenSQL = `SELECT ` + tokenColumns + ` FROM tokens t WHERE t.id = $1`

// GetToken returns token.ErrNotFound when there is none.
func (s *Store) GetToken(ctx context.Context, id uuid.UUID) (token.Token, error) {
	row, err := selectToken(ctx, s.db, getTokenSQL, id)
	return row.fromRow(), postgres.Map(err, nil)
}

// selectToken gives the one token that a query finds, token.ErrNotFound when it finds none.
func selectToken(ctx context.Context, q sqlx.QueryerContext, query string, args ...any) (tokenRow, error) {
	var row tokenRow
	err := sqlx.GetContext(ctx, q, &row, query, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return row, token.ErrNotFound
	}
	if err != nil {
		return row, fmt.Errorf("read a token: %w", err)
	}
	return row, nil
}

const listTokensSQL = `
SELECT ` + tokenColumns + `
FROM tokens t
WHERE ($1::uuid IS NULL OR t.driver_id = $1) AND ($2::uuid IS NULL OR t.operator_id = $2) AND ($3 = '' OR t.type = $3)
  AND ($4::boolean IS NULL OR t.valid = $4) AND t.id > $5
ORDER BY t.id
LIMIT $6`

// ListTokens gives a selection in order of id.
func (s *Store) ListTokens(ctx context.Context, sel token.Selection) ([]token.Token, error) {
	return s.selectTokens(ctx, listTokensSQL, orNull(sel.Driver), orNull(sel.Operator), string(sel.Type), sel.Valid, sel.After, sel.Limit)
}

func (s *Store) selectTokens(ctx context.Context, query string, args ...any) ([]token.Token, error) {
	var rows []tokenRow
	if err := s.db.SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, postgres.Map(fmt.Errorf("list tokens: %w", err), nil)
	}
	out := make([]token.Token, len(rows))
	for i, r := range rows {
		out[i] = r.fromRow()
	}
	return out, nil
}

// Those a charge point asks for first: its operator's, then whoever used it before, newest first.
const localTokensSQL = `
SELECT ` + tokenColumns + `
FROM tokens t
WHERE t.valid AND t.whitelist <> 'NEVER' AND (
    t.operator_id = (SELECT c.operator_id FROM charge_points c WHERE c.id = $1)
    OR t.operator_id IS NULL AND t.id IN (SELECT s.token_id FROM sessions s WHERE s.charge_point_id = $1 AND s.token_id IS NOT NULL))
ORDER BY t.operator_id IS NULL, t.id DESC
LIMIT $2`

// LocalTokens gives the tokens that a charge point is best told of, so that it knows them while it is alone: those its operator issued,
// and those that have charged there before.
func (s *Store) LocalTokens(ctx context.Context, chargePoint uuid.UUID, limit int) ([]token.Token, error) {
	return s.selectTokens(ctx, localTokensSQL, chargePoint, limit)
}

const updateTokenSQL = `
UPDATE tokens
SET key = :key, unproven = :unproven, contract_id = :contract_id, issuer = :issuer, visual_number = :visual_number, group_id = :group_id, language = :language,
    whitelist = :whitelist, valid = :valid, type = :type, updated_at = :updated_at, version = :version
WHERE id = :id`

// ChangeToken stores what change makes of the token; change sees it locked, and its error ends the matter.
func (s *Store) ChangeToken(
	ctx context.Context, id uuid.UUID, change func(token.Token) (token.Token, error),
) (out token.Token, err error) {
	err = s.inTx(ctx, func(ctx context.Context, tx txn) error {
		row, err := selectToken(ctx, tx, getTokenSQL+" FOR UPDATE", id)
		if err != nil {
			return err
		}
		if out, err = change(row.fromRow()); err != nil {
			return err
		}
		out.UpdatedAt, out.Version = s.now(), row.Version+1
		if _, err := tx.NamedExecContext(ctx, updateTokenSQL, toTokenRow(out)); err != nil {
			return fmt.Errorf("store the token: %w", err)
		}
		return nil
	})
	return out, postgres.Map(err, byConstraint)
}

const deleteTokenSQL = `DELETE FROM tokens WHERE id = $1`

// DeleteToken removes a token when check agrees, which sees it locked. Sessions keep what they know of it.
func (s *Store) DeleteToken(ctx context.Context, id uuid.UUID, check func(token.Token) error) error {
	err := s.inTx(ctx, func(ctx context.Context, tx txn) error {
		row, err := selectToken(ctx, tx, getTokenSQL+" FOR UPDATE", id)
		if err != nil {
			return err
		}
		if err := check(row.fromRow()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, deleteTokenSQL, id); err != nil {
			return fmt.Errorf("remove the token: %w", err)
		}
		return nil
	})
	return postgres.Map(err, nil)
}

// Whoever shows a card where they have ordered a charge has it; somebody who has shown it before keeps it.
const proveTokenSQL = `
UPDATE tokens SET key = $2, unproven = false, updated_at = $3, version = version + 1
WHERE key = $1 AND NOT EXISTS (SELECT FROM tokens t WHERE t.key = $2)`

// proveToken takes a driver's token for shown.
func proveToken(ctx context.Context, tx txn, now time.Time, driver uuid.UUID, idTag string) error {
	if _, err := tx.ExecContext(ctx, proveTokenSQL, token.UnprovenKey(idTag, driver), token.Key(idTag), now); err != nil {
		return fmt.Errorf("note that a token was shown: %w", err)
	}
	return nil
}

const provesSQL = `
SELECT EXISTS (
    SELECT FROM sessions s JOIN tokens t ON t.key = $2 || ' ' || s.driver_id
    WHERE s.charge_point_id = $1 AND s.state = 'PENDING' AND t.valid AND t.whitelist <> 'NEVER')`

// proves tells whether a tag is a token that its driver would prove by beginning a charge ordered at the charge point with it.
func proves(ctx context.Context, q sqlx.QueryerContext, chargePoint uuid.UUID, idTag string) (yes bool, err error) {
	if err := sqlx.GetContext(ctx, q, &yes, provesSQL, chargePoint, token.Key(idTag)); err != nil {
		return false, fmt.Errorf("look for an order of the token's driver: %w", err)
	}
	return yes, nil
}

const tokenAtSQL = `
SELECT ` + tokenColumns + `, c.operator_id AS at_operator FROM tokens t, charge_points c WHERE t.key = $1 AND c.id = $2`

// tokenAt gives the token that a tag is, when it holds at the charge point: token.ErrNotFound when there is none, and false when there is
// one that does not hold.
func tokenAt(ctx context.Context, q sqlx.QueryerContext, chargePoint uuid.UUID, idTag string) (t token.Token, holds bool, err error) {
	var row struct {
		tokenRow

		AtOperator uuid.UUID `db:"at_operator"`
	}
	err = sqlx.GetContext(ctx, q, &row, tokenAtSQL, token.Key(idTag), chargePoint)
	if errors.Is(err, sql.ErrNoRows) {
		return token.Token{}, false, token.ErrNotFound
	}
	if err != nil {
		return token.Token{}, false, fmt.Errorf("read a token: %w", err)
	}
	t = row.fromRow()
	return t, t.HoldsAt(row.AtOperator), nil
}
