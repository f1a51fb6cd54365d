package demo

import "slices"

// Operator is an invented company that runs stations. Its country code and party id are an OCPI party.
type Operator struct {
	Name        string `json:"name"`
	CountryCode string `json:"country_code"`
	PartyID     string `json:"party_id"`

	countries []string // where it has stations; empty means everywhere
	fast      bool     // it builds fast chargers before all
}

// Demonstrator runs the stations whose charge points are simulated, in every city.
var Demonstrator = Operator{Name: "Kilowatt Commons", CountryCode: "NL", PartyID: "KWC"}

var operators = []Operator{
	Demonstrator,
	{Name: "Nordlicht Laden", CountryCode: "DE", PartyID: "NLL", countries: []string{"DE", "AT", "CH", "DK"}},
	{Name: "Rasthof Strom", CountryCode: "DE", PartyID: "RHS", countries: []string{"DE", "AT", "CH", "CZ", "PL"}, fast: true},
	{Name: "Prise de Quartier", CountryCode: "FR", PartyID: "PDQ", countries: []string{"FR", "BE", "LU", "CH"}},
	{Name: "Volt Express", CountryCode: "FR", PartyID: "VXP", countries: []string{"FR", "ES", "PT", "IT", "BE"}, fast: true},
	{Name: "Grachtenstroom", CountryCode: "NL", PartyID: "GST", countries: []string{"NL", "BE"}},
	{Name: "Lamppost Electric", CountryCode: "GB", PartyID: "LPE", countries: []string{"GB", "IE"}},
	{Name: "Milestone Rapid", CountryCode: "GB", PartyID: "MSR", countries: []string{"GB", "IE"}, fast: true},
	{Name: "Fjordlade", CountryCode: "NO", PartyID: "FJL", countries: []string{"NO", "SE", "DK", "FI", "IS"}, fast: true},
	{Name: "Björkkraft", CountryCode: "SE", PartyID: "BJK", countries: []string{"SE", "FI", "NO", "EE", "LV", "LT"}},
	{Name: "Sol y Carga", CountryCode: "ES", PartyID: "SYC", countries: []string{"ES", "PT"}},
	{Name: "Presa Comune", CountryCode: "IT", PartyID: "PRC", countries: []string{"IT", "GR", "HR", "SI"}},
	{Name: "Wtyczka Plus", CountryCode: "PL", PartyID: "WTP", countries: []string{"PL", "CZ", "SK", "HU", "RO", "BG"}},
	{Name: "Prairie Charge", CountryCode: "US", PartyID: "PRG", countries: []string{"US"}},
	{Name: "Interstate Watts", CountryCode: "US", PartyID: "ISW", countries: []string{"US", "CA"}, fast: true},
	{Name: "Érable Énergie", CountryCode: "CA", PartyID: "ERE", countries: []string{"CA"}},
	{Name: "Hikari Station", CountryCode: "JP", PartyID: "HKS", countries: []string{"JP", "KR"}},
	{Name: "Monsoon Mobility", CountryCode: "IN", PartyID: "MSM", countries: []string{"IN", "SG"}},
	{Name: "Southern Cross Charging", CountryCode: "AU", PartyID: "SCC", countries: []string{"AU", "NZ", "ZA"}},
	{Name: "Ipê Recarga", CountryCode: "BR", PartyID: "IPE", countries: []string{"BR", "CL"}},
	{Name: "Levant Volt", CountryCode: "IL", PartyID: "LVV", countries: []string{"IL", "AE", "GR"}},
}

// Operators lists the invented operators.
func Operators() []Operator { return slices.Clone(operators) }

// inCountry lists the operators with stations in a country; the demonstrator is everywhere.
func inCountry(country string) []Operator {
	var here []Operator
	for _, o := range operators {
		if len(o.countries) == 0 || slices.Contains(o.countries, country) {
			here = append(here, o)
		}
	}
	return here
}
