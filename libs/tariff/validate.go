package tariff

import (
	"fmt"
	"regexp"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

var (
	currencyPattern = regexp.MustCompile(`^[A-Z]{3}$`)
	countryPattern  = regexp.MustCompile(`^[A-Z]{2}$`)
	partyPattern    = regexp.MustCompile(`^[A-Z0-9]{3}$`)
)

const maxElements = 100

// Validate names every fault of a tariff, by JSON pointer; none means that Price can be trusted with it.
func (t Tariff) Validate() []fault.Field {
	var out []fault.Field
	wrong := func(pointer, detail string) {
		out = append(out, fault.Field{Pointer: pointer, Code: "invalid", Detail: detail})
	}
	if !countryPattern.MatchString(t.CountryCode) {
		wrong("/country_code", "must be an ISO 3166-1 alpha-2 code")
	}
	if !partyPattern.MatchString(t.PartyID) {
		wrong("/party_id", "must be three capital letters or digits")
	}
	if t.ID == "" || len(t.ID) > 36 {
		wrong("/id", "must have 1 to 36 characters")
	}
	if !currencyPattern.MatchString(t.Currency) {
		wrong("/currency", "must be an ISO 4217 code")
	}
	switch t.TaxIncluded {
	case "", TaxIncludedYes, TaxIncludedNo, TaxIncludedNA:
	default:
		wrong("/tax_included", "must be YES, NO or N/A")
	}
	if len(t.Elements) == 0 || len(t.Elements) > maxElements {
		wrong("/elements", fmt.Sprintf("must have 1 to %d elements", maxElements))
	}
	for i, element := range t.Elements {
		element.validate(fmt.Sprintf("/elements/%d", i), wrong)
	}
	return out
}

func (e Element) validate(pointer string, wrong func(pointer, detail string)) {
	if len(e.PriceComponents) == 0 {
		wrong(pointer+"/price_components", "must have at least one component")
	}
	seen := make(map[Dimension]bool)
	for i, c := range e.PriceComponents {
		at := fmt.Sprintf("%s/price_components/%d", pointer, i)
		switch c.Type {
		case Energy, Time, ParkingTime, Flat:
		default:
			wrong(at+"/type", "must be ENERGY, TIME, PARKING_TIME or FLAT")
		}
		if seen[c.Type] {
			wrong(at+"/type", "an element prices a dimension once")
		}
		seen[c.Type] = true
		if c.StepSize < 0 {
			wrong(at+"/step_size", "must not be negative")
		}
		if c.VAT != nil && (c.VAT.Rat().Sign() < 0) {
			wrong(at+"/vat", "must not be negative")
		}
	}
	if e.Restrictions != nil {
		if field, detail := e.Restrictions.fault(); field != "" {
			wrong(pointer+"/restrictions/"+field, detail)
		}
	}
}
