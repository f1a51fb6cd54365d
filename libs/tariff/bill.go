package tariff

import "math/big"

// Bill is what a usage costs. BeforeTaxes is nil when the tariff's prices include taxes at a rate it does not say,
// AfterTaxes when it excludes taxes at a rate it does not say; at least one of them is there.
type Bill struct {
	Currency    string
	Lines       []Line
	BeforeTaxes *big.Rat
	AfterTaxes  *big.Rat
}

// Line is what one price component adds to a bill. Volume is what is billed, whole steps included: kWh, hours, or 1 for FLAT.
type Line struct {
	Phase       Phase
	Dimension   Dimension
	Element     int // which element of the tariff set the price
	Volume      *big.Rat
	BeforeTaxes *big.Rat // nil as in Bill
	AfterTaxes  *big.Rat // nil as in Bill

	component PriceComponent
}

// Price is the price of a unit of the line's dimension, as it stands in the tariff.
func (l Line) Price() Number { return l.component.Price }

// VAT is the percentage that the tariff names for the line, nil when it names none.
func (l Line) VAT() *Number { return l.component.VAT }

// StepSize is the smallest quantity that is billed, in Wh or seconds.
func (l Line) StepSize() int64 { return l.component.StepSize }

func (l *ledger) bill(session bool) Bill {
	bill := Bill{Currency: l.tariff.Currency, BeforeTaxes: new(big.Rat), AfterTaxes: new(big.Rat)}
	for _, phase := range l.phases {
		for _, line := range phase.lines {
			line.tax(l.tariff.TaxIncluded)
			bill.BeforeTaxes = sum(bill.BeforeTaxes, line.BeforeTaxes)
			bill.AfterTaxes = sum(bill.AfterTaxes, line.AfterTaxes)
			bill.Lines = append(bill.Lines, *line)
		}
	}
	if session {
		l.tariff.bound(&bill)
	}
	return bill
}

// tax sets the line's amounts from its volume, price and rate.
func (l *Line) tax(included TaxIncluded) {
	amount := new(big.Rat).Mul(l.Volume, l.component.Price.Rat())
	l.BeforeTaxes, l.AfterTaxes = amount, amount
	if included == TaxIncludedNA || amount.Sign() == 0 {
		return
	}
	if l.component.VAT == nil {
		// OCPI 2.2.1 has no tax_included and means by a missing rate that no VAT applies.
		if included == TaxIncludedYes {
			l.BeforeTaxes = nil
		}
		if included == TaxIncludedNo {
			l.AfterTaxes = nil
		}
		return
	}
	factor := new(big.Rat).Add(big.NewRat(1, 1), new(big.Rat).Quo(l.component.VAT.Rat(), big.NewRat(100, 1)))
	if included == TaxIncludedYes {
		l.BeforeTaxes = new(big.Rat).Quo(amount, factor)
		return
	}
	l.AfterTaxes = new(big.Rat).Mul(amount, factor)
}

// bound applies min_price and max_price to the totals.
func (t Tariff) bound(b *Bill) {
	if t.MinPrice != nil {
		b.BeforeTaxes = atLeast(b.BeforeTaxes, t.MinPrice.BeforeTaxes)
		b.AfterTaxes = atLeast(b.AfterTaxes, t.MinPrice.AfterTaxes)
	}
	if t.MaxPrice != nil {
		b.BeforeTaxes = atMost(b.BeforeTaxes, t.MaxPrice.BeforeTaxes)
		b.AfterTaxes = atMost(b.AfterTaxes, t.MaxPrice.AfterTaxes)
	}
}

func sum(total, amount *big.Rat) *big.Rat {
	if total == nil || amount == nil {
		return nil
	}
	return total.Add(total, amount)
}

func atLeast(total *big.Rat, limit *Number) *big.Rat {
	if total == nil || limit == nil || total.Cmp(limit.Rat()) >= 0 {
		return total
	}
	return limit.Rat()
}

func atMost(total *big.Rat, limit *Number) *big.Rat {
	if total == nil || limit == nil || total.Cmp(limit.Rat()) <= 0 {
		return total
	}
	return limit.Rat()
}

// Format rounds an amount, halves away from zero, to the digits that its currency is counted in.
func Format(amount *big.Rat, currency string) string {
	return amount.FloatString(MinorDigits(currency))
}

// MinorDigits is the number of digits after the point in amounts of a currency (ISO 4217).
func MinorDigits(currency string) int {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	default:
		return 2
	}
}
