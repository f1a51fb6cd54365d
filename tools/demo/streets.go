package demo

import (
	"fmt"
	"math/rand/v2"
)

// streets are names that any city of the language could have, and the order of name and number in an address.
var streets = map[string]struct {
	names   []string
	pattern string // %[1]s is the street, %[2]d the number
	postal  string // digits are drawn for 0, letters for A
}{
	"DE": {[]string{"Hauptstraße", "Bahnhofstraße", "Gartenstraße", "Lindenallee", "Schillerstraße", "Am Stadtpark", "Ringstraße", "Mühlenweg", "Hafenstraße", "Messeplatz"}, "%[1]s %[2]d", "00000"},
	"AT": {[]string{"Hauptstraße", "Bahnhofgasse", "Gartengasse", "Lindengasse", "Am Anger", "Ringstraße", "Mühlgasse", "Marktplatz"}, "%[1]s %[2]d", "0000"},
	"CH": {[]string{"Bahnhofstrasse", "Seestrasse", "Dorfstrasse", "Rue du Lac", "Rue de la Gare", "Route de Chêne", "Lindenweg", "Marktgasse"}, "%[1]s %[2]d", "0000"},
	"FR": {[]string{"rue de la République", "avenue de la Gare", "boulevard des Tilleuls", "place du Marché", "rue des Lilas", "quai du Port", "allée des Platanes", "rue Victor-Hugo", "avenue Jean-Jaurès"}, "%[2]d %[1]s", "00000"},
	"NL": {[]string{"Stationsweg", "Kerkstraat", "Molenlaan", "Marktplein", "Havenkade", "Lindelaan", "Parkweg", "Dorpsstraat"}, "%[1]s %[2]d", "0000 AA"},
	"BE": {[]string{"Stationsstraat", "Kerkplein", "rue du Moulin", "avenue du Parc", "Marktplein", "chaussée de la Gare", "Lindelaan"}, "%[1]s %[2]d", "0000"},
	"GB": {[]string{"High Street", "Station Road", "Church Lane", "Mill Lane", "Victoria Road", "Park Avenue", "Queen Street", "Market Place"}, "%[2]d %[1]s", "AA0 0AA"},
	"US": {[]string{"Main Street", "Oak Avenue", "2nd Street", "Maple Drive", "Lincoln Boulevard", "Market Street", "Cedar Lane", "Lakeview Parkway", "Commerce Drive"}, "%[2]d %[1]s", "00000"},
	"ES": {[]string{"Calle Mayor", "Avenida de la Estación", "Calle del Sol", "Plaza del Mercado", "Paseo de los Álamos", "Calle San Juan", "Ronda Norte"}, "%[1]s, %[2]d", "00000"},
	"PT": {[]string{"Rua da Estação", "Avenida da Liberdade", "Rua das Flores", "Praça do Mercado", "Rua de São João", "Largo da Igreja"}, "%[1]s %[2]d", "0000-000"},
	"IT": {[]string{"Via Roma", "Via Garibaldi", "Corso Italia", "Piazza del Mercato", "Viale della Stazione", "Via dei Tigli", "Via Verdi"}, "%[1]s, %[2]d", "00000"},
	"PL": {[]string{"ul. Dworcowa", "ul. Lipowa", "ul. Ogrodowa", "al. Niepodległości", "ul. Słoneczna", "Rynek", "ul. Młyńska"}, "%[1]s %[2]d", "00-000"},
	"SE": {[]string{"Storgatan", "Kungsgatan", "Stationsvägen", "Parkvägen", "Kyrkogatan", "Hamngatan", "Björkvägen"}, "%[1]s %[2]d", "000 00"},
	"NO": {[]string{"Storgata", "Kirkegata", "Stasjonsveien", "Parkveien", "Havnegata", "Bjørkeveien"}, "%[1]s %[2]d", "0000"},
	"DK": {[]string{"Hovedgaden", "Kirkevej", "Stationsvej", "Parkvej", "Havnegade", "Skolegade"}, "%[1]s %[2]d", "0000"},
	"BR": {[]string{"Rua das Flores", "Avenida Brasil", "Rua da Estação", "Avenida Paulista Nova", "Praça da Matriz", "Rua Sete de Setembro"}, "%[1]s, %[2]d", "00000-000"},
}

// English street names stand in where the list above has no language.
func address(r *rand.Rand, country string) (street, postal string) {
	local, ok := streets[country]
	if !ok {
		local = streets["GB"]
		local.postal = "00000"
	}
	street = fmt.Sprintf(local.pattern, local.names[r.IntN(len(local.names))], 1+r.IntN(180))
	code := []byte(local.postal)
	for i, c := range code {
		switch c {
		case '0':
			code[i] = byte('0' + r.IntN(10)) //nolint:gosec // A digit.
			if i == 0 {
				code[i] = byte('1' + r.IntN(9)) //nolint:gosec // A digit.
			}
		case 'A':
			code[i] = "ABCDEFGHJKLMNPRSTUWXYZ"[r.IntN(22)]
		}
	}
	return street, string(code)
}
