package importer

// territories are the parts of France with their time zones, as boxes that contain nothing else of it. The weight of a map of all
// zones (15 MB in memory) is not worth it for one country.
var territories = []struct {
	zone                     string
	west, south, east, north float64
}{
	{"Europe/Paris", -5.5, 41.2, 9.8, 51.3},
	{"America/Guadeloupe", -63.3, 15.7, -60.9, 18.3},
	{"America/Martinique", -61.4, 14.2, -60.7, 15},
	{"America/Cayenne", -54.8, 2, -51.5, 6},
	{"Indian/Reunion", 55, -21.5, 56, -20.7},
	{"Indian/Mayotte", 44.9, -13.2, 45.4, -12.5},
	{"America/Miquelon", -56.6, 46.6, -56, 47.3},
	{"Pacific/Tahiti", -155, -28, -137, -13.5},
	{"Pacific/Noumea", 158, -23.2, 168.5, -18},
	{"Pacific/Wallis", -178.5, -14.5, -176, -13},
}

// zoneOf gives the time zone of a place in France, "" elsewhere. (Marquesas and Gambier have clocks of their own; nobody charges a
// car by the hour there yet.)
func zoneOf(lat, lon float64) string {
	for _, t := range territories {
		if lon >= t.west && lon <= t.east && lat >= t.south && lat <= t.north {
			return t.zone
		}
	}
	return ""
}

// countryZones are the time zones of countries that have one, or nearly one.
var countryZones = map[string]string{
	"AD": "Europe/Andorra", "AE": "Asia/Dubai", "AL": "Europe/Tirane", "AT": "Europe/Vienna", "BA": "Europe/Sarajevo", "BE": "Europe/Brussels",
	"BG": "Europe/Sofia", "BY": "Europe/Minsk", "CH": "Europe/Zurich", "CL": "America/Santiago", "CN": "Asia/Shanghai", "CO": "America/Bogota",
	"CY": "Asia/Nicosia", "CZ": "Europe/Prague", "DE": "Europe/Berlin", "DK": "Europe/Copenhagen", "EE": "Europe/Tallinn", "ES": "Europe/Madrid",
	"FI": "Europe/Helsinki", "FO": "Atlantic/Faroe", "GB": "Europe/London", "GE": "Asia/Tbilisi", "GI": "Europe/Gibraltar", "GR": "Europe/Athens",
	"HK": "Asia/Hong_Kong", "HR": "Europe/Zagreb", "HU": "Europe/Budapest", "IE": "Europe/Dublin", "IL": "Asia/Jerusalem", "IN": "Asia/Kolkata",
	"IS": "Atlantic/Reykjavik", "IT": "Europe/Rome", "JP": "Asia/Tokyo", "KR": "Asia/Seoul", "LI": "Europe/Vaduz", "LT": "Europe/Vilnius",
	"LU": "Europe/Luxembourg", "LV": "Europe/Riga", "MA": "Africa/Casablanca", "MC": "Europe/Monaco", "MD": "Europe/Chisinau",
	"ME": "Europe/Podgorica", "MK": "Europe/Skopje", "MT": "Europe/Malta", "NL": "Europe/Amsterdam", "NO": "Europe/Oslo",
	"NZ": "Pacific/Auckland", "PL": "Europe/Warsaw", "PT": "Europe/Lisbon", "RO": "Europe/Bucharest", "RS": "Europe/Belgrade",
	"SE": "Europe/Stockholm", "SG": "Asia/Singapore", "SI": "Europe/Ljubljana", "SK": "Europe/Bratislava", "SM": "Europe/San_Marino",
	"TH": "Asia/Bangkok", "TR": "Europe/Istanbul", "TW": "Asia/Taipei", "UA": "Europe/Kyiv", "ZA": "Africa/Johannesburg",
}

// stateZones are the time zones in which most of a state of the USA, or of a province of Canada, lies.
var stateZones = func() map[string]string {
	all := map[string]string{"AZ": "America/Phoenix", "HI": "Pacific/Honolulu", "AK": "America/Anchorage", "SK": "America/Regina", "NL": "America/St_Johns", "PR": "America/Puerto_Rico"}
	for zone, states := range map[string][]string{
		"America/New_York": {
			"CT", "DC", "DE", "FL", "GA", "IN", "KY", "MA", "MD", "ME", "MI", "NC", "NH", "NJ", "NY", "OH", "PA", "RI", "SC", "VA", "VT", "WV",
		},
		"America/Chicago":     {"AL", "AR", "IA", "IL", "KS", "LA", "MN", "MO", "MS", "ND", "NE", "OK", "SD", "TN", "TX", "WI"},
		"America/Denver":      {"CO", "ID", "MT", "NM", "UT", "WY"},
		"America/Los_Angeles": {"CA", "NV", "OR", "WA"},
		"America/Toronto":     {"ON", "QC"},
		"America/Halifax":     {"NB", "NS", "PE"},
		"America/Winnipeg":    {"MB"},
		"America/Edmonton":    {"AB", "NT"},
		"America/Vancouver":   {"BC"},
		"America/Whitehorse":  {"YT"},
	} {
		for _, state := range states {
			all[state] = zone
		}
	}
	return all
}()

// zoneFor gives the time zone of a place whose source tells none: by its state, its country, or its longitude; UTC when all of
// them leave it open.
func zoneFor(country, state string, lat, lon float64) string {
	switch country {
	case "FR":
		if zone := zoneOf(lat, lon); zone != "" {
			return zone
		}
		return "Europe/Paris"
	case "US", "CA":
		if zone := stateZones[state]; zone != "" {
			return zone
		}
		return americanZone(lat, lon)
	case "AU":
		switch {
		case lon < 129:
			return "Australia/Perth"
		case lon < 141:
			return "Australia/Adelaide"
		case lat > -28.5:
			return "Australia/Brisbane"
		}
		return "Australia/Sydney"
	}
	if zone := countryZones[country]; zone != "" {
		return zone
	}
	return "UTC"
}

// americanZone follows the meridians near which the zones of North America meet.
func americanZone(lat, lon float64) string {
	switch {
	case lat < 24 && lon < -140:
		return "Pacific/Honolulu"
	case lon < -141:
		return "America/Anchorage"
	case lon < -114.5:
		return "America/Los_Angeles"
	case lon < -102:
		return "America/Denver"
	case lon < -86.5:
		return "America/Chicago"
	case lon < -67:
		return "America/New_York"
	}
	return "America/Halifax"
}
