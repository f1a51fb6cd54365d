// Package tariff prices a charge by an OCPI tariff.
//
// Tariff is the OCPI object as it travels in JSON (2.2.1 and 2.3.0 are both read). Usage says what happened at the plot: an
// optional reservation and a row of segments, each charging or parked. Price walks through the segments, cuts them where a
// restriction begins or ends to hold, and answers with a Bill: every priced line and the totals before and after taxes.
//
//	bill, err := t.Price(tariff.Usage{Location: paris, Segments: segments})
//	money := tariff.Format(bill.AfterTaxes, bill.Currency) // "5.50"
//
// The arithmetic is exact (big.Rat): nothing is rounded before Format. The rules are those of the tariff module of OCPI 2.3.0:
//
//   - In each dimension (ENERGY, TIME, PARKING_TIME, FLAT) the first element, in order, whose restrictions hold at that moment
//     and that prices the dimension is the one that counts.
//   - TIME is time charging, PARKING_TIME time not charging. FLAT is charged once, at the first moment an element prices it.
//   - step_size rounds up the total of a dimension by the step of its last active component, and what is added costs what that
//     component costs. Of the two dimensions of time only the one that was priced last is rounded.
//   - Elements restricted to RESERVATION price the time from the booking to the start or the expiry, those restricted to
//     RESERVATION_EXPIRES the same time when nobody came; all others price the session alone.
//   - min_price and max_price bound the total of a session before and after taxes separately.
package tariff

import (
	"encoding/json"
	"time"
)

// Dimension is what a price component puts a price on.
type Dimension string

// The dimensions that a price component may have.
const (
	Energy      Dimension = "ENERGY"       // price per kWh, step_size in Wh
	Time        Dimension = "TIME"         // price per hour of charging (of waiting, in a reservation), step_size in seconds
	ParkingTime Dimension = "PARKING_TIME" // price per hour not charging, step_size in seconds
	Flat        Dimension = "FLAT"         // price per session or reservation, without a step
)

// TaxIncluded says whether the prices of a tariff contain the taxes.
type TaxIncluded string

// The values of tax_included. An absent one is read as NO.
const (
	TaxIncludedYes TaxIncluded = "YES"
	TaxIncludedNo  TaxIncluded = "NO"
	TaxIncludedNA  TaxIncluded = "N/A" // no taxes apply
)

// Tariff is an OCPI tariff. Prices are in Currency (ISO 4217).
type Tariff struct {
	CountryCode   string          `json:"country_code"`
	PartyID       string          `json:"party_id"`
	ID            string          `json:"id"`
	Currency      string          `json:"currency"`
	Type          string          `json:"type,omitempty"`
	AltText       json.RawMessage `json:"tariff_alt_text,omitempty"`
	AltURL        string          `json:"tariff_alt_url,omitempty"`
	MinPrice      *Limit          `json:"min_price,omitempty"`
	MaxPrice      *Limit          `json:"max_price,omitempty"`
	Elements      []Element       `json:"elements"`
	TaxIncluded   TaxIncluded     `json:"tax_included,omitempty"`
	StartDateTime *time.Time      `json:"start_date_time,omitempty"`
	EndDateTime   *time.Time      `json:"end_date_time,omitempty"`
	LastUpdated   time.Time       `json:"last_updated"`
}

// Element is a group of price components that hold under the same restrictions.
type Element struct {
	PriceComponents []PriceComponent `json:"price_components"`
	Restrictions    *Restrictions    `json:"restrictions,omitempty"`
}

// PriceComponent is a price in one dimension. VAT is a percentage; absent, no rate is known.
type PriceComponent struct {
	Type     Dimension `json:"type"`
	Price    Number    `json:"price"`
	VAT      *Number   `json:"vat,omitempty"`
	StepSize int64     `json:"step_size"`
}

// Limit is a lowest or highest total, before and after taxes.
type Limit struct {
	BeforeTaxes *Number `json:"before_taxes,omitempty"`
	AfterTaxes  *Number `json:"after_taxes,omitempty"`
}

// UnmarshalJSON reads a limit as OCPI 2.3.0 writes it (before_taxes, after_taxes) and as 2.2.1 does (excl_vat, incl_vat).
func (l *Limit) UnmarshalJSON(data []byte) error {
	var raw struct {
		BeforeTaxes *Number `json:"before_taxes"`
		AfterTaxes  *Number `json:"after_taxes"`
		ExclVAT     *Number `json:"excl_vat"`
		InclVAT     *Number `json:"incl_vat"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	*l = Limit{BeforeTaxes: raw.BeforeTaxes, AfterTaxes: raw.AfterTaxes}
	if l.BeforeTaxes == nil {
		l.BeforeTaxes = raw.ExclVAT
	}
	if l.AfterTaxes == nil {
		l.AfterTaxes = raw.InclVAT
	}
	return nil
}

// ValidAt reports whether the tariff's own dates allow a session that starts at the time: start_date_time is the first moment,
// end_date_time the first one after.
func (t Tariff) ValidAt(start time.Time) bool {
	if t.StartDateTime != nil && start.Before(*t.StartDateTime) {
		return false
	}
	return t.EndDateTime == nil || start.Before(*t.EndDateTime)
}
