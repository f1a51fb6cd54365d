package ocpi

import (
	"encoding/json"
	"math/big"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// CDR is a bill as OCPI 2.2.1 says it. A credit has all that the record has which it takes back, but for its total, which is negative.
type CDR struct {
	CountryCode       string           `json:"country_code"`
	PartyID           string           `json:"party_id"`
	ID                string           `json:"id"`
	StartDateTime     ocpi.Time        `json:"start_date_time"`
	EndDateTime       ocpi.Time        `json:"end_date_time"`
	SessionID         string           `json:"session_id,omitempty"`
	CdrToken          CdrToken         `json:"cdr_token"`
	AuthMethod        string           `json:"auth_method"`
	Reference         string           `json:"authorization_reference,omitempty"`
	CdrLocation       CdrLocation      `json:"cdr_location"`
	Currency          string           `json:"currency"`
	Tariffs           []ocpi.Tariff    `json:"tariffs,omitempty"`
	Periods           []ChargingPeriod `json:"charging_periods"`
	TotalCost         ocpi.Price       `json:"total_cost"`
	TotalFixedCost    *ocpi.Price      `json:"total_fixed_cost,omitempty"`
	TotalEnergy       ocpi.Number      `json:"total_energy"`
	TotalEnergyCost   *ocpi.Price      `json:"total_energy_cost,omitempty"`
	TotalTime         ocpi.Number      `json:"total_time"`
	TotalTimeCost     *ocpi.Price      `json:"total_time_cost,omitempty"`
	TotalParkingTime  *ocpi.Number     `json:"total_parking_time,omitempty"`
	TotalParkingCost  *ocpi.Price      `json:"total_parking_cost,omitempty"`
	TotalReservation  *ocpi.Price      `json:"total_reservation_cost,omitempty"`
	Remark            string           `json:"remark,omitempty"`
	Credit            bool             `json:"credit,omitempty"`
	CreditReferenceID string           `json:"credit_reference_id,omitempty"`
	LastUpdated       ocpi.Time        `json:"last_updated"`
}

// CdrLocation is where a charge was.
type CdrLocation struct {
	ID                 string           `json:"id"`
	Name               string           `json:"name,omitempty"`
	Address            string           `json:"address"`
	City               string           `json:"city"`
	PostalCode         string           `json:"postal_code,omitempty"`
	State              string           `json:"state,omitempty"`
	Country            string           `json:"country"`
	Coordinates        ocpi.Coordinates `json:"coordinates"`
	EVSEUID            string           `json:"evse_uid"`
	EVSEID             string           `json:"evse_id"`
	ConnectorID        string           `json:"connector_id"`
	ConnectorStandard  string           `json:"connector_standard"`
	ConnectorFormat    string           `json:"connector_format"`
	ConnectorPowerType string           `json:"connector_power_type"`
}

// ChargingPeriod is a stretch of a charge.
type ChargingPeriod struct {
	StartDateTime ocpi.Time      `json:"start_date_time"`
	Dimensions    []CdrDimension `json:"dimensions"`
	TariffID      string         `json:"tariff_id,omitempty"`
}

// CdrDimension is so much of something: kWh or hours.
type CdrDimension struct {
	Type   string      `json:"type"`
	Volume ocpi.Number `json:"volume"`
}

// The most characters of texts.
const (
	maxName       = 255
	maxAddress    = 45
	maxPostalCode = 10
	maxState      = 20
	maxRemark     = 255
)

// ToCDR writes a bill.
func ToCDR(in session.CDR) CDR {
	place := placeOf(in)
	out := CDR{
		CountryCode: place.CountryCode, PartyID: place.PartyID, ID: in.ID.String(), StartDateTime: ocpi.Time(started(in)),
		EndDateTime: ocpi.Time(in.EndedAt), CdrToken: toCdrToken(in.Token), AuthMethod: in.AuthMethod, Reference: in.Reference,
		CdrLocation: toCdrLocation(in, place), Currency: in.Currency, Periods: toPeriods(in),
		TotalEnergy: numberOf(in.EnergyKWh), TotalTime: hours(in.ChargingS + in.ParkingS), Remark: ocpi.Cut(in.Remark, maxRemark),
		LastUpdated: ocpi.Time(in.CreatedAt), TotalCost: ocpi.Price{ExclVAT: "0"},
		TotalEnergyCost: costOf(in, "SESSION", tariff.Energy), TotalTimeCost: costOf(in, "SESSION", tariff.Time),
		TotalParkingCost: costOf(in, "SESSION", tariff.ParkingTime), TotalFixedCost: costOf(in, "SESSION", tariff.Flat),
		TotalReservation: costOf(in, "RESERVATION", ""),
	}
	if in.SessionID != uuid.Nil {
		out.SessionID = in.SessionID.String()
	}
	if out.AuthMethod == "" { // of a record from before it was kept, when no partner could order from afar
		out.AuthMethod = session.ByWhitelist
	}
	if out.Currency == "" {
		out.Currency = noCurrency
	}
	if total := priceOf(in.TotalExclTax, in.TotalInclTax); total != nil {
		out.TotalCost = *total
	}
	if in.ParkingS > 0 {
		parked := hours(in.ParkingS)
		out.TotalParkingTime = &parked
	}
	var t tariff.Tariff
	if json.Unmarshal(in.Tariff, &t) == nil && t.ID != "" {
		out.Tariffs = []ocpi.Tariff{ocpi.TariffOf(t, t.LastUpdated)}
	}
	if in.Credits != uuid.Nil {
		out.Credit, out.CreditReferenceID = true, in.Credits.String()
	}
	return out
}

// started is when the bill begins: with the reservation, where the plot was held before.
func started(in session.CDR) time.Time {
	return in.StartedAt.Add(-time.Duration(in.ReservationS) * time.Second)
}

func toCdrLocation(in session.CDR, place session.Place) CdrLocation {
	out := CdrLocation{
		ID: in.StationID.String(), Name: ocpi.Cut(in.StationName, maxName), Address: ocpi.Cut(place.Street, maxAddress),
		City: ocpi.Cut(place.City, maxAddress), PostalCode: ocpi.Cut(place.PostalCode, maxPostalCode), State: ocpi.Cut(place.State, maxState),
		Country: ocpi.Alpha3(place.Country), Coordinates: ocpi.CoordinatesOf(place.Latitude, place.Longitude),
		EVSEUID: unassigned, EVSEID: orUnassigned(place.EMI3), ConnectorID: orUnassigned(place.Connector.ID),
		ConnectorStandard: place.Connector.Standard, ConnectorFormat: place.Connector.Format, ConnectorPowerType: place.Connector.PowerType,
	}
	if out.Address == "" {
		out.Address = ocpi.Cut(in.StationName, maxAddress)
	}
	if place.EVSE != uuid.Nil {
		out.EVSEUID = place.EVSE.String()
	}
	return out
}

// toPeriods writes the periods: that of the reservation, those of the charge, and of a record from before they were kept one for all.
func toPeriods(in session.CDR) []ChargingPeriod {
	var out []ChargingPeriod
	add := func(at time.Time, dimensions ...CdrDimension) {
		out = append(out, ChargingPeriod{ocpi.Time(at), dimensions, in.TariffID})
	}
	if in.ReservationS > 0 {
		add(started(in), CdrDimension{"RESERVATION_TIME", hours(in.ReservationS)})
	}
	for _, p := range in.Periods {
		took := CdrDimension{"PARKING_TIME", spanOf(p.End.Sub(p.Start))}
		if p.Charging {
			took.Type = "TIME"
		}
		add(p.Start, CdrDimension{"ENERGY", numberOf(p.EnergyKWh)}, took)
	}
	if len(in.Periods) == 0 && in.SessionID != uuid.Nil {
		dimensions := []CdrDimension{{"ENERGY", numberOf(in.EnergyKWh)}, {"TIME", hours(in.ChargingS)}}
		if in.ParkingS > 0 {
			dimensions = append(dimensions, CdrDimension{"PARKING_TIME", hours(in.ParkingS)})
		}
		add(in.StartedAt, dimensions...)
	}
	return out
}

// costOf adds up the lines of a dimension, or of all when it is empty; nil when there are none.
func costOf(in session.CDR, phase string, of tariff.Dimension) *ocpi.Price {
	excl, incl, lines, taxed := new(big.Rat), new(big.Rat), 0, true
	for _, l := range in.Lines {
		if l.Phase != phase || of != "" && l.Dimension != string(of) {
			continue
		}
		before, ok := new(big.Rat).SetString(l.ExclTax)
		after, known := new(big.Rat).SetString(l.InclTax)
		if !ok {
			before = after
		}
		if before == nil {
			continue
		}
		lines++
		excl.Add(excl, before)
		if taxed = taxed && known; taxed {
			incl.Add(incl, after)
		}
	}
	if lines == 0 {
		return nil
	}
	out := ocpi.Price{ExclVAT: ocpi.NumberOf(excl)}
	if taxed {
		with := ocpi.NumberOf(incl)
		out.InclVAT = &with
	}
	return &out
}

func numberOf(decimal string) ocpi.Number {
	r, ok := new(big.Rat).SetString(decimal)
	if !ok {
		return "0"
	}
	return ocpi.NumberOf(r)
}

func hours(seconds int64) ocpi.Number { return ocpi.NumberOf(big.NewRat(seconds, 3600)) }

func spanOf(d time.Duration) ocpi.Number {
	return ocpi.NumberOf(big.NewRat(int64(d), int64(time.Hour)))
}

func (a *API) cdrs(c *fiber.Ctx) error {
	span, page, err := a.span(c)
	if err != nil {
		return err
	}
	found, total, err := a.Lists.Bills(c.UserContext(), span)
	if err != nil {
		return err
	}
	out := make([]CDR, len(found))
	for i, bill := range found {
		out[i] = ToCDR(bill)
	}
	return ocpi.List(c, a.Origin, page, total, out)
}
