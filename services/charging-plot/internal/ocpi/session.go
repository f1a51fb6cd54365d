package ocpi

import (
	"encoding/json"
	"math/big"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/roaming"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// Session is a charge as OCPI 2.2.1 says it.
type Session struct {
	CountryCode   string      `json:"country_code"`
	PartyID       string      `json:"party_id"`
	ID            string      `json:"id"`
	StartDateTime ocpi.Time   `json:"start_date_time"`
	EndDateTime   *ocpi.Time  `json:"end_date_time,omitempty"`
	KWh           ocpi.Number `json:"kwh"`
	CdrToken      CdrToken    `json:"cdr_token"`
	AuthMethod    string      `json:"auth_method"`
	Reference     string      `json:"authorization_reference,omitempty"`
	LocationID    string      `json:"location_id"`
	EVSEUID       string      `json:"evse_uid"`
	ConnectorID   string      `json:"connector_id"`
	Currency      string      `json:"currency"`
	TotalCost     *ocpi.Price `json:"total_cost,omitempty"`
	Status        string      `json:"status"`
	LastUpdated   ocpi.Time   `json:"last_updated"`
}

// CdrToken is the token that a charge is for.
type CdrToken struct {
	CountryCode string `json:"country_code"`
	PartyID     string `json:"party_id"`
	UID         string `json:"uid"`
	Type        string `json:"type"`
	ContractID  string `json:"contract_id"`
}

func toCdrToken(t *token.Snapshot) CdrToken {
	return CdrToken{CountryCode: t.CountryCode, PartyID: t.PartyID, UID: t.UID, Type: toTokenType(t.Type), ContractID: t.ContractID}
}

const (
	// unassigned is what stands for an EVSE or a connector that is not known.
	unassigned = "#NA"
	// noCurrency is ISO 4217's word for money that there is none of.
	noCurrency = "XXX"
)

func orUnassigned(id string) string {
	if id == "" {
		return unassigned
	}
	return id
}

// ToSession writes a charge. One that never began counts from when it was ordered.
func ToSession(in roaming.Charge) Session {
	s := in.Session
	out := Session{
		CountryCode: in.Place.CountryCode, PartyID: in.Place.PartyID, ID: s.ID.String(), StartDateTime: ocpi.Time(s.StartedAt),
		KWh: kWh(s.EnergyWh), CdrToken: toCdrToken(s.Token), AuthMethod: s.AuthMethod(), Reference: s.Reference,
		LocationID: s.StationID.String(), EVSEUID: s.EVSEID.String(), ConnectorID: orUnassigned(in.Place.Connector.ID),
		Currency: noCurrency, Status: string(s.State), LastUpdated: ocpi.Time(s.UpdatedAt),
	}
	if s.StartedAt.IsZero() {
		out.StartDateTime = ocpi.Time(s.RequestedAt)
	}
	if !s.EndedAt.IsZero() {
		end := ocpi.Time(s.EndedAt)
		out.EndDateTime = &end
	}
	var tariff struct {
		Currency string `json:"currency"`
	}
	if json.Unmarshal(s.Tariff, &tariff) == nil && tariff.Currency != "" {
		out.Currency = tariff.Currency
	}
	if c := s.Cost; c != nil {
		out.Currency, out.TotalCost = c.Currency, priceOf(c.TotalExclTax, c.TotalInclTax)
	}
	return out
}

func kWh(wh *float64) ocpi.Number {
	if wh == nil {
		return "0"
	}
	exact := new(big.Rat).SetFloat64(*wh)
	if exact == nil {
		return "0"
	}
	return ocpi.NumberOf(exact.Quo(exact, big.NewRat(1000, 1)))
}

// priceOf writes an amount; nil when there is none. OCPI wants one before taxes: where only that with taxes is known, it stands there.
func priceOf(excl, incl string) *ocpi.Price {
	before, okBefore := new(big.Rat).SetString(excl)
	after, okAfter := new(big.Rat).SetString(incl)
	if !okBefore && !okAfter {
		return nil
	}
	if !okBefore {
		before = after
	}
	out := ocpi.Price{ExclVAT: ocpi.NumberOf(before)}
	if okAfter {
		with := ocpi.NumberOf(after)
		out.InclVAT = &with
	}
	return &out
}

func (a *API) sessions(c *fiber.Ctx) error {
	span, page, err := a.span(c)
	if err != nil {
		return err
	}
	found, total, err := a.Lists.Charges(c.UserContext(), span)
	if err != nil {
		return err
	}
	out := make([]Session, len(found))
	for i, s := range found {
		out[i] = ToSession(s)
	}
	return ocpi.List(c, a.Origin, page, total, out)
}

// The place of a bill from before it was kept is not known when its station is not either.
func placeOf(c session.CDR) session.Place {
	if c.Place == nil {
		return session.Place{}
	}
	return *c.Place
}
