package ocpi

import (
	"encoding/json"
	"math/big"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
)

// Tariff is a tariff in the form of OCPI 2.2.1, which knows prices before taxes alone.
type Tariff struct {
	CountryCode   string          `json:"country_code"`
	PartyID       string          `json:"party_id"`
	ID            string          `json:"id"`
	Currency      string          `json:"currency"`
	Type          string          `json:"type,omitempty"`
	AltText       json.RawMessage `json:"tariff_alt_text,omitempty"`
	AltURL        string          `json:"tariff_alt_url,omitempty"`
	MinPrice      *Price          `json:"min_price,omitempty"`
	MaxPrice      *Price          `json:"max_price,omitempty"`
	Elements      []TariffElement `json:"elements"`
	StartDateTime *Time           `json:"start_date_time,omitempty"`
	EndDateTime   *Time           `json:"end_date_time,omitempty"`
	LastUpdated   Time            `json:"last_updated"`
}

// TariffElement is a group of prices under the same restrictions.
type TariffElement struct {
	PriceComponents []PriceComponent     `json:"price_components"`
	Restrictions    *tariff.Restrictions `json:"restrictions,omitempty"`
}

// PriceComponent is a price before taxes in one dimension.
type PriceComponent struct {
	Type     tariff.Dimension `json:"type"`
	Price    Number           `json:"price"`
	VAT      *Number          `json:"vat,omitempty"`
	StepSize int64            `json:"step_size"`
}

// TariffOf writes a tariff. Prices that include taxes are written without them where the tariff says the rate, and as they are where
// it does not: the sum that is to be paid is then right all the same.
func TariffOf(t tariff.Tariff, updated time.Time) Tariff {
	out := Tariff{
		CountryCode: t.CountryCode, PartyID: t.PartyID, ID: t.ID, Currency: t.Currency, Type: t.Type, AltText: t.AltText, AltURL: t.AltURL,
		StartDateTime: timeOf(t.StartDateTime), EndDateTime: timeOf(t.EndDateTime), LastUpdated: Time(updated),
	}
	rate, uniform := (*tariff.Number)(nil), true
	for i, e := range t.Elements {
		element := TariffElement{Restrictions: e.Restrictions, PriceComponents: make([]PriceComponent, len(e.PriceComponents))}
		for j, c := range e.PriceComponents {
			if first := i == 0 && j == 0; first {
				rate = c.VAT
			} else if (rate == nil) != (c.VAT == nil) || rate != nil && rate.Rat().Cmp(c.VAT.Rat()) != 0 {
				uniform = false
			}
			price, vat := c.Price.Rat(), c.VAT
			switch t.TaxIncluded {
			case tariff.TaxIncludedYes:
				price = untaxed(price, vat)
			case tariff.TaxIncludedNA:
				vat = nil
			case tariff.TaxIncludedNo:
			}
			element.PriceComponents[j] = PriceComponent{Type: c.Type, Price: NumberOf(price), VAT: numberOf(vat), StepSize: max(c.StepSize, 1)}
		}
		out.Elements = append(out.Elements, element)
	}
	if !uniform {
		rate = nil
	}
	out.MinPrice, out.MaxPrice = limitOf(t.MinPrice, rate), limitOf(t.MaxPrice, rate)
	return out
}

// limitOf writes a limit. One that is known after taxes alone is reckoned back by the tariff's rate.
func limitOf(l *tariff.Limit, rate *tariff.Number) *Price {
	switch {
	case l == nil, l.BeforeTaxes == nil && l.AfterTaxes == nil:
		return nil
	case l.BeforeTaxes == nil:
		return &Price{ExclVAT: NumberOf(untaxed(l.AfterTaxes.Rat(), rate)), InclVAT: numberOf(l.AfterTaxes)}
	}
	return &Price{ExclVAT: NumberOf(l.BeforeTaxes.Rat()), InclVAT: numberOf(l.AfterTaxes)}
}

// untaxed is an amount without the taxes that it includes; the amount itself when their rate, in per cent, is not known.
func untaxed(amount *big.Rat, rate *tariff.Number) *big.Rat {
	if rate == nil {
		return amount
	}
	hundred := big.NewRat(100, 1)
	return new(big.Rat).Quo(new(big.Rat).Mul(amount, hundred), new(big.Rat).Add(hundred, rate.Rat()))
}

func numberOf(n *tariff.Number) *Number {
	if n == nil {
		return nil
	}
	out := NumberOf(n.Rat())
	return &out
}

func timeOf(t *time.Time) *Time {
	if t == nil {
		return nil
	}
	out := Time(*t)
	return &out
}
