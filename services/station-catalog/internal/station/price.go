package station

import (
	"math/big"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
)

// Price is what a kilowatt-hour costs, with taxes where the tariff says how many.
type Price struct {
	Currency string
	PerKWh   *big.Rat
}

// PriceFrom is the least price of energy in the tariffs of the station's connectors, whatever their times and other restrictions;
// reservations are no charging. Of several currencies the first in the alphabet counts. It is false when no tariff prices energy.
func (s *Station) PriceFrom() (Price, bool) {
	referred := map[string]bool{}
	for i := range s.EVSEs {
		if s.EVSEs[i].Removed {
			continue
		}
		for _, c := range s.EVSEs[i].Connectors {
			for _, id := range c.TariffIDs {
				referred[id] = true
			}
		}
	}
	var least Price
	for i := range s.Tariffs {
		t := &s.Tariffs[i]
		if !referred[t.ID] {
			continue
		}
		price := leastEnergy(t)
		switch {
		case price == nil:
		case least.PerKWh == nil, t.Currency < least.Currency, t.Currency == least.Currency && price.Cmp(least.PerKWh) < 0:
			least = Price{t.Currency, price}
		}
	}
	return least, least.PerKWh != nil
}

func leastEnergy(t *tariff.Tariff) *big.Rat {
	var least *big.Rat
	for _, element := range t.Elements {
		if element.Restrictions != nil && element.Restrictions.Reservation != "" {
			continue
		}
		for _, c := range element.PriceComponents {
			if c.Type != tariff.Energy {
				continue
			}
			price := c.Price.Rat()
			if c.VAT != nil && t.TaxIncluded != tariff.TaxIncludedYes && t.TaxIncluded != tariff.TaxIncludedNA {
				hundred := big.NewRat(100, 1)
				price.Mul(price, new(big.Rat).Quo(new(big.Rat).Add(hundred, c.VAT.Rat()), hundred))
			}
			if least == nil || price.Cmp(least) < 0 {
				least = price
			}
		}
	}
	return least
}

// Free tells that charging is known to cost nothing.
func (s *Station) Free() bool { return s.Payment != nil && s.Payment.Free != nil && *s.Payment.Free }
