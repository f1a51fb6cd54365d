package session

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
)

// Unused is a reservation whose driver did not come.
type Unused struct {
	ReservationID uuid.UUID
	DriverID      uuid.UUID
	OperatorID    uuid.UUID
	PlotID        uuid.UUID
	StationID     uuid.UUID
	From          time.Time // how long the plot was held
	Until         time.Time
	Tariff        json.RawMessage // nil when there is none
	TimeZone      string
}

// NoShow makes the record of a reservation whose driver did not come, priced by what the tariff says of reservations that expire. It
// reports false when that is nothing, and there is nothing to pay.
func NoShow(u Unused, stay Stay, id uuid.UUID, now time.Time) (CDR, bool, error) {
	if len(u.Tariff) == 0 || !u.Until.After(u.From) {
		return CDR{}, false, nil
	}
	held := &tariff.Reservation{From: u.From, Until: u.Until, Expired: true}
	t, bill, err := price(Session{ID: u.ReservationID, Tariff: u.Tariff, TimeZone: u.TimeZone}, held, nil)
	if err != nil || len(bill.Lines) == 0 {
		return CDR{}, false, err
	}
	cdr := CDR{
		ID: id, ReservationID: u.ReservationID, DriverID: u.DriverID, OperatorID: u.OperatorID, PlotID: u.PlotID, StationID: u.StationID,
		StationName: stay.StationName, Address: stay.Address, OperatorName: stay.OperatorName, PlotLabel: stay.PlotLabel,
		StartedAt: u.From, EndedAt: u.Until, TimeZone: u.TimeZone, StopReason: ReasonNoShow, EnergyKWh: "0",
		ReservationS: int64(u.Until.Sub(u.From).Seconds()), TariffID: t.ID, Tariff: u.Tariff, Currency: bill.Currency,
		TotalExclTax: amount(bill.BeforeTaxes, bill.Currency), TotalInclTax: amount(bill.AfterTaxes, bill.Currency), CreatedAt: now,
	}
	for _, l := range bill.Lines {
		cdr.Lines = append(cdr.Lines, lineOf(l, bill.Currency))
	}
	return cdr, true, nil
}
