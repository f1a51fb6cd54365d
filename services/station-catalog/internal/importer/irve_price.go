package importer

import (
	"regexp"
	"strings"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
)

// pricePattern is a price per kilowatt-hour and nothing else, with or without a word on taxes: "0,54 € TTC / kWh", "0.69€/kwh",
// "0,46€/KWH HT".
var pricePattern = regexp.MustCompile(`^([0-9]{1,2})[.,]([0-9]{1,4}) ?(?:€|eur|euros?) ?(ttc|ht)? ?/ ?kwh ?(ttc|ht)?$`)

// readTariff makes a tariff of a price text whose meaning is certain, and false of any other. To say nothing of taxes is to
// include them, as consumers' prices must. free is the register's word that charging costs nothing.
func readTariff(country, partyID, text string, free *bool) (tariff.Tariff, bool) {
	t := tariff.Tariff{CountryCode: country, PartyID: partyID, Currency: "EUR", LastUpdated: tariffEpoch}
	if free != nil && *free && (text == "" || fold(text) == "gratuit") {
		t.Elements = []tariff.Element{{PriceComponents: []tariff.PriceComponent{{Type: tariff.Flat, Price: "0", StepSize: 1}}}}
		t.TaxIncluded = tariff.TaxIncludedYes
		t.ID = "irve free"
		return t, true
	}
	m := pricePattern.FindStringSubmatch(strings.ToLower(text))
	if m == nil || m[3] != "" && m[4] != "" || free != nil && *free {
		return t, false
	}
	digits := strings.TrimLeft(m[1], "0")
	if digits == "" {
		digits = "0"
	}
	price, err := tariff.ParseNumber(digits + "." + m[2])
	// A price beyond these bounds is a slip of the pen.
	if amount, _ := price.Rat().Float64(); err != nil || amount < 0.01 || amount > 3 {
		return t, false
	}
	t.TaxIncluded = tariff.TaxIncludedYes
	if m[3] == "ht" || m[4] == "ht" {
		t.TaxIncluded = tariff.TaxIncludedNo
	}
	t.Elements = []tariff.Element{{PriceComponents: []tariff.PriceComponent{{Type: tariff.Energy, Price: price, StepSize: 1}}}}
	t.ID = "irve " + string(price) + "/kWh " + taxWord(t.TaxIncluded)
	return t, true
}

// tariffEpoch stands for the unknown time at which the register's tariffs were last updated. It must not vary: it is part of what
// is compared when a file comes again.
var tariffEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func taxWord(included tariff.TaxIncluded) string {
	if included == tariff.TaxIncludedYes {
		return "TTC"
	}
	return "HT"
}
