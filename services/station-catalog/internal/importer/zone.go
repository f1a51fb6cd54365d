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
