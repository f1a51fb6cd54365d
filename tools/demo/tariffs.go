package demo

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// tariffClass groups outlets that cost the same at one operator.
type tariffClass int

const (
	classSlow tariffClass = iota
	classFast
	classHighPower
)

var classNames = [...]string{classSlow: "AC", classFast: "DC", classHighPower: "HPC"}

// Price levels: how many units of a currency make one euro, roughly, and the value added tax that its prices carry. Invented
// prices need no better.
var currencies = map[string]struct {
	perEuro float64
	digits  int
	vat     float64
}{
	"EUR": {1, 2, 20}, "CHF": {0.95, 2, 8.1}, "GBP": {0.86, 2, 20}, "NOK": {11.6, 2, 25}, "SEK": {11.3, 2, 25}, "DKK": {7.45, 2, 25},
	"ISK": {150, 0, 24}, "PLN": {4.3, 2, 23}, "CZK": {25, 1, 21}, "HUF": {395, 0, 27}, "RON": {5, 2, 21}, "USD": {1.1, 2, 7},
	"CAD": {1.5, 2, 13}, "JPY": {165, 0, 10}, "KRW": {1500, 0, 10}, "SGD": {1.45, 2, 9}, "INR": {92, 1, 18}, "AUD": {1.65, 2, 10},
	"NZD": {1.8, 2, 15}, "BRL": {6, 2, 17}, "CLP": {1020, 0, 19}, "ZAR": {20, 1, 15}, "ILS": {4, 2, 18}, "AED": {4, 2, 5},
}

// price turns euros into an amount that a price list of the currency would show.
func price(euros float64, currency string) json.Number {
	c := currencies[currency]
	return json.Number(strconv.FormatFloat(euros*c.perEuro, 'f', c.digits, 64))
}

type priceComponent struct {
	Type     string      `json:"type"`
	Price    json.Number `json:"price"`
	VAT      json.Number `json:"vat"`
	StepSize int         `json:"step_size"`
}

type restrictions struct {
	StartTime   string   `json:"start_time,omitempty"`
	EndTime     string   `json:"end_time,omitempty"`
	MinDuration int      `json:"min_duration,omitempty"`
	DayOfWeek   []string `json:"day_of_week,omitempty"`
}

type element struct {
	PriceComponents []priceComponent `json:"price_components"`
	Restrictions    *restrictions    `json:"restrictions,omitempty"`
}

// Tariff is an OCPI tariff.
type Tariff struct {
	CountryCode string    `json:"country_code"`
	PartyID     string    `json:"party_id"`
	ID          string    `json:"id"`
	Currency    string    `json:"currency"`
	Type        string    `json:"type"`
	AltText     []altText `json:"tariff_alt_text"`
	Elements    []element `json:"elements"`
	LastUpdated time.Time `json:"last_updated"`
}

type altText struct {
	Language string `json:"language"`
	Text     string `json:"text"`
}

// tariff is an operator's price list for a class of outlets in a currency. Its shape changes from operator to operator, so that
// the set shows what tariffs can say: a price per kWh alone; with a start fee; per minute at slow outlets; dearer by day; with
// a fee for cars that stay after charging or too long; and free outlets.
func tariff(o Operator, operatorIndex int, class tariffClass, currency string) Tariff {
	vat := json.Number(strconv.FormatFloat(currencies[currency].vat, 'f', -1, 64))
	component := func(kind string, euros float64, step int) priceComponent {
		return priceComponent{Type: kind, Price: price(euros, currency), VAT: vat, StepSize: step}
	}
	perKWh := []float64{classSlow: 0.39, classFast: 0.55, classHighPower: 0.69}[class] + 0.02*float64(operatorIndex%5)
	energy := component("ENERGY", perKWh, 1)
	parking := element{PriceComponents: []priceComponent{component("PARKING_TIME", 6, 60)}}
	text := fmt.Sprintf("%s %s per kWh", price(perKWh, currency), currency)

	var elements []element
	shape := operatorIndex % 6
	switch {
	case shape == 1: // a start fee, and parking after the charge
		elements = []element{{PriceComponents: []priceComponent{component("FLAT", 0.5, 1), energy}}, parking}
		text = fmt.Sprintf("%s %s at the start and %s per kWh; %s an hour for parking after the charge",
			price(0.5, currency), currency, price(perKWh, currency), price(6, currency))
	case shape == 2 && class == classSlow: // by time
		elements = []element{{PriceComponents: []priceComponent{component("TIME", 2.4, 60)}}}
		text = fmt.Sprintf("%s %s an hour", price(2.4, currency), currency)
	case shape == 3: // dearer by day
		night := energy
		night.Price = price(perKWh*0.75, currency)
		elements = []element{
			{PriceComponents: []priceComponent{night}, Restrictions: &restrictions{StartTime: "22:00", EndTime: "06:00"}},
			{PriceComponents: []priceComponent{energy}},
		}
		text = fmt.Sprintf("%s %s per kWh, %s from 22:00 to 06:00", price(perKWh, currency), currency, night.Price)
	case shape == 4: // a fee for a long stay
		after := 4 * time.Hour
		if class != classSlow {
			after = 45 * time.Minute
		}
		elements = []element{
			{PriceComponents: []priceComponent{energy}},
			{PriceComponents: []priceComponent{component("TIME", 6, 60)}, Restrictions: &restrictions{MinDuration: int(after.Seconds())}},
		}
		text += fmt.Sprintf("; %s an hour after %s", price(6, currency), after)
	case shape == 5 && class == classSlow: // free
		elements = []element{{PriceComponents: []priceComponent{component("ENERGY", 0, 1)}}}
		text = "Free"
	default:
		elements = []element{{PriceComponents: []priceComponent{energy}}}
	}
	return Tariff{
		CountryCode: o.CountryCode, PartyID: o.PartyID, Currency: currency, Type: "AD_HOC_PAYMENT",
		ID:      fmt.Sprintf("%s-%s-%s-%s", o.CountryCode, o.PartyID, classNames[class], currency),
		AltText: []altText{{Language: "en", Text: text}}, Elements: elements, LastUpdated: Updated,
	}
}

// free says whether the operator's tariff for a class costs nothing.
func free(operatorIndex int, class tariffClass) bool {
	return operatorIndex%6 == 5 && class == classSlow
}

// rounded keeps coordinates at the five decimals (about a metre) of a survey.
func rounded(degrees float64) float64 { return math.Round(degrees*1e5) / 1e5 }
