package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/roaming"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

const placeColumns = `
st.country_code AS operator_country, st.party_id AS operator_party, st.name AS station_name, st.street, st.city, st.postal_code,
st.state AS province, st.country, st.latitude, st.longitude, e.id AS outlet_id, coalesce(e.evse_id, '') AS emi3,
coalesce(e.connectors, '[]') AS connectors`

type siteRow struct {
	CountryCode string     `db:"operator_country"`
	PartyID     string     `db:"operator_party"`
	Name        string     `db:"station_name"`
	Street      string     `db:"street"`
	City        string     `db:"city"`
	PostalCode  string     `db:"postal_code"`
	State       string     `db:"province"`
	Country     string     `db:"country"`
	Latitude    float64    `db:"latitude"`
	Longitude   float64    `db:"longitude"`
	EVSE        *uuid.UUID `db:"outlet_id"`
	EMI3        string     `db:"emi3"`
	Connectors  []byte     `db:"connectors"`
}

func (r siteRow) fromRow() (session.Place, error) {
	out := session.Place{
		CountryCode: r.CountryCode, PartyID: r.PartyID, Name: r.Name, Street: r.Street, City: r.City, PostalCode: r.PostalCode,
		State: r.State, Country: r.Country, Latitude: r.Latitude, Longitude: r.Longitude, EVSE: orZero(r.EVSE), EMI3: r.EMI3,
	}
	var plugs []session.Connector
	if err := json.Unmarshal(r.Connectors, &plugs); err != nil {
		return out, fmt.Errorf("connectors of EVSE %s: %w", out.EVSE, err)
	}
	if len(plugs) > 0 {
		out.Connector = plugs[0]
	}
	return out, nil
}

const placeOfSQL = `SELECT ` + placeColumns + ` FROM stations st LEFT JOIN evses e ON e.id = $2 WHERE st.id = $1`

// placeOf says where an outlet is, nil while the catalogue's copy does not know whose station it is.
func placeOf(ctx context.Context, q sqlx.QueryerContext, station, evse uuid.UUID) (*session.Place, error) {
	var row siteRow
	if err := sqlx.GetContext(ctx, q, &row, placeOfSQL, station, evse); err != nil {
		return nil, fmt.Errorf("read the station: %w", err)
	}
	place, err := row.fromRow()
	if err != nil || place.PartyID == "" {
		return nil, err
	}
	return &place, nil
}

// Both lists are in the order in which things were made, and found by the party's own index.
const (
	chargesWhere = `
WHERE s.token ->> 'party_id' <> ''
  AND (s.token ->> 'country_code', s.token ->> 'party_id') IN (SELECT * FROM unnest($1::text[], $2::text[]))
  AND s.party_updated_at >= $3 AND s.party_updated_at < $4`
	countChargesSQL = `SELECT count(*) FROM sessions s` + chargesWhere
	chargesSQL      = `
SELECT ` + sessionColumns + `, ` + placeColumns + `
FROM sessions s
JOIN stations st ON st.id = s.station_id
LEFT JOIN evses e ON e.id = s.evse_id` + chargesWhere + `
ORDER BY s.id
OFFSET $5 LIMIT $6`

	billsWhere = `
WHERE c.document #>> '{token,party_id}' <> ''
  AND (c.document #>> '{token,country_code}', c.document #>> '{token,party_id}') IN (SELECT * FROM unnest($1::text[], $2::text[]))
  AND c.created_at >= $3 AND c.created_at < $4`
	countBillsSQL = `SELECT count(*) FROM cdrs c` + billsWhere
	billsSQL      = `SELECT c.document FROM cdrs c` + billsWhere + ` ORDER BY c.id OFFSET $5 LIMIT $6`
)

// farOff is the end of a list that has none.
var farOff = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// spanArgs are the parameters of a list, without its page.
func spanArgs(span roaming.Span) []any {
	var countries, parties []string
	for _, p := range span.Parties {
		countries, parties = append(countries, p.CountryCode), append(parties, p.PartyID)
	}
	if span.To.IsZero() {
		span.To = farOff
	}
	return []any{pq.Array(countries), pq.Array(parties), span.From, span.To}
}

// Charges gives a page of the sessions of parties' contracts, and how many there are.
func (s *Store) Charges(ctx context.Context, span roaming.Span) (out []roaming.Charge, total int, err error) {
	args := spanArgs(span)
	if err := s.db.GetContext(ctx, &total, countChargesSQL, args...); err != nil {
		return nil, 0, postgres.Map(fmt.Errorf("count charges: %w", err), nil)
	}
	var rows []struct {
		sessionRow
		siteRow
	}
	if err := s.db.SelectContext(ctx, &rows, chargesSQL, append(args, span.Offset, span.Limit)...); err != nil {
		return nil, 0, postgres.Map(fmt.Errorf("list charges: %w", err), nil)
	}
	for _, r := range rows {
		place, err := r.siteRow.fromRow()
		if err != nil {
			return nil, 0, err
		}
		out = append(out, roaming.Charge{Session: r.sessionRow.fromRow(), Place: place})
	}
	return out, total, nil
}

// Bills gives a page of the records of parties' contracts, and how many there are.
func (s *Store) Bills(ctx context.Context, span roaming.Span) (out []session.CDR, total int, err error) {
	args := spanArgs(span)
	if err := s.db.GetContext(ctx, &total, countBillsSQL, args...); err != nil {
		return nil, 0, postgres.Map(fmt.Errorf("count bills: %w", err), nil)
	}
	var documents [][]byte
	if err := s.db.SelectContext(ctx, &documents, billsSQL, append(args, span.Offset, span.Limit)...); err != nil {
		return nil, 0, postgres.Map(fmt.Errorf("list bills: %w", err), nil)
	}
	out = make([]session.CDR, len(documents))
	for i, document := range documents {
		if out[i], err = s.readBill(ctx, document); err != nil {
			return nil, 0, err
		}
	}
	return out, total, nil
}

const partnerTokenSQL = `
SELECT ` + tokenColumns + ` FROM tokens t WHERE t.key = $1 AND t.country_code = $2 AND t.party_id = $3`

// PartnerToken gives a token that a party told, or token.ErrNotFound.
func (s *Store) PartnerToken(ctx context.Context, party token.Party, uid string) (token.Token, error) {
	row, err := selectToken(ctx, s.db, partnerTokenSQL, token.Key(uid), party.CountryCode, party.PartyID)
	return row.fromRow(), postgres.Map(err, nil)
}

// A uid of somebody else's is left as it is, and is told by there being no row.
const putTokenSQL = insertTokenSQL + `
ON CONFLICT ON CONSTRAINT tokens_key DO UPDATE SET
    uid = excluded.uid, type = excluded.type, contract_id = excluded.contract_id, issuer = excluded.issuer,
    visual_number = excluded.visual_number, group_id = excluded.group_id, language = excluded.language, whitelist = excluded.whitelist,
    valid = excluded.valid, updated_at = excluded.updated_at, version = tokens.version + 1
WHERE tokens.country_code = excluded.country_code AND tokens.party_id = excluded.party_id
RETURNING version`

// PutPartnerToken stores a token of a party as the party told it, and says whether it is new. It returns token.ErrTaken when the uid is
// somebody else's.
func (s *Store) PutPartnerToken(ctx context.Context, t token.Token) (fresh bool, err error) {
	t.ID, t.CreatedAt, t.Version = newID(), s.now(), 1
	query, args, err := sqlx.Named(putTokenSQL, toTokenRow(t))
	if err != nil {
		return false, fmt.Errorf("store the token: %w", err)
	}
	var version int64
	err = s.db.GetContext(ctx, &version, s.db.Rebind(query), args...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, token.ErrTaken
	}
	return version == 1, postgres.Map(err, byConstraint)
}

const outletsAtSQL = `
SELECT p.id AS plot_id, e.id AS evse_id, p.status = 'AVAILABLE' AS free,
       coalesce(cc.charge_point_id, '00000000-0000-0000-0000-000000000000') AS charge_point_id, coalesce(cc.number, 0) AS number
FROM stations st
JOIN evses e ON e.station_id = st.id AND NOT e.removed
JOIN plot_evses pe ON pe.evse_id = e.id
JOIN plots p ON p.id = pe.plot_id
LEFT JOIN charge_point_connectors cc ON cc.evse_id = e.id
WHERE st.id = $1 AND NOT st.removed AND ($2::uuid IS NULL OR e.id = $2)
ORDER BY p.status = 'AVAILABLE' DESC, cc.charge_point_id IS NULL, e.uid`

// OutletsAt gives the outlets of a station, or the one that is named, the free ones first.
func (s *Store) OutletsAt(ctx context.Context, station uuid.UUID, evse *uuid.UUID) ([]roaming.Outlet, error) {
	var out []roaming.Outlet
	if err := s.db.SelectContext(ctx, &out, outletsAtSQL, station, evse); err != nil {
		return nil, postgres.Map(fmt.Errorf("find the station's outlets: %w", err), nil)
	}
	return out, nil
}

const chargedAtSQL = `
SELECT EXISTS (
    SELECT FROM sessions s
    WHERE s.evse_id = $4 AND (s.state IN ('PENDING', 'ACTIVE') OR s.ended_at > $3)
      AND s.token ->> 'party_id' <> ''
      AND (s.token ->> 'country_code', s.token ->> 'party_id') IN (SELECT * FROM unnest($1::text[], $2::text[])))`

// ChargedAt tells whether a contract of the parties charges at an EVSE, or has since a time.
func (s *Store) ChargedAt(ctx context.Context, parties []token.Party, evse uuid.UUID, since time.Time) (there bool, err error) {
	args := spanArgs(roaming.Span{Parties: parties})
	err = s.db.GetContext(ctx, &there, chargedAtSQL, args[0], args[1], since, evse)
	return there, postgres.Map(err, nil)
}

const partnerReservationSQL = `
SELECT reservation_id FROM partner_reservations WHERE (country_code, party_id) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND name = $3`

// PartnerReservation gives what parties have reserved under a name, or roaming.ErrNoReservation.
func (s *Store) PartnerReservation(ctx context.Context, parties []token.Party, name string) (id uuid.UUID, err error) {
	args := spanArgs(roaming.Span{Parties: parties})
	err = s.db.GetContext(ctx, &id, partnerReservationSQL, args[0], args[1], name)
	if errors.Is(err, sql.ErrNoRows) {
		return id, roaming.ErrNoReservation
	}
	return id, postgres.Map(err, nil)
}

const nameReservationSQL = `
INSERT INTO partner_reservations (country_code, party_id, name, reservation_id) VALUES ($1, $2, $3, $4)
ON CONFLICT ON CONSTRAINT partner_reservations_pkey DO UPDATE SET reservation_id = excluded.reservation_id`

// NameReservation keeps the name that a party has for a reservation; an earlier one of the name is forgotten.
func (s *Store) NameReservation(ctx context.Context, party token.Party, name string, id uuid.UUID) error {
	_, err := s.db.ExecContext(ctx, nameReservationSQL, party.CountryCode, party.PartyID, name, id)
	return postgres.Map(err, nil)
}
