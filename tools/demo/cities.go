package demo

// city is a real city. Weight is its share of the stations; sea is where its open water lies, as compass degrees clockwise from
// the first to the second (both zero: inland), so that no station is generated in it.
type city struct {
	name      string
	country   string // ISO 3166-1 alpha-2
	latitude  float64
	longitude float64
	zone      string
	currency  string
	weight    int
	sea       [2]float64
}

// Coordinates are those of the city's centre, to two or three decimals.
var cities = []city{
	// Germany, Austria, Switzerland
	{"Berlin", "DE", 52.517, 13.389, "Europe/Berlin", "EUR", 40, [2]float64{}},
	{"Hamburg", "DE", 53.551, 9.994, "Europe/Berlin", "EUR", 30, [2]float64{}},
	{"München", "DE", 48.137, 11.575, "Europe/Berlin", "EUR", 34, [2]float64{}},
	{"Köln", "DE", 50.938, 6.957, "Europe/Berlin", "EUR", 26, [2]float64{}},
	{"Frankfurt am Main", "DE", 50.110, 8.682, "Europe/Berlin", "EUR", 26, [2]float64{}},
	{"Stuttgart", "DE", 48.776, 9.183, "Europe/Berlin", "EUR", 22, [2]float64{}},
	{"Leipzig", "DE", 51.340, 12.375, "Europe/Berlin", "EUR", 16, [2]float64{}},
	{"Wien", "AT", 48.208, 16.373, "Europe/Vienna", "EUR", 28, [2]float64{}},
	{"Graz", "AT", 47.071, 15.438, "Europe/Vienna", "EUR", 12, [2]float64{}},
	{"Zürich", "CH", 47.376, 8.541, "Europe/Zurich", "CHF", 22, [2]float64{120, 190}},
	{"Genève", "CH", 46.204, 6.143, "Europe/Zurich", "CHF", 14, [2]float64{10, 70}},
	// France, Belgium, the Netherlands, Luxembourg
	{"Paris", "FR", 48.857, 2.352, "Europe/Paris", "EUR", 44, [2]float64{}},
	{"Lyon", "FR", 45.764, 4.836, "Europe/Paris", "EUR", 26, [2]float64{}},
	{"Marseille", "FR", 43.297, 5.370, "Europe/Paris", "EUR", 22, [2]float64{160, 330}},
	{"Toulouse", "FR", 43.605, 1.444, "Europe/Paris", "EUR", 20, [2]float64{}},
	{"Nantes", "FR", 47.218, -1.554, "Europe/Paris", "EUR", 18, [2]float64{}},
	{"Strasbourg", "FR", 48.573, 7.752, "Europe/Paris", "EUR", 16, [2]float64{}},
	{"Lille", "FR", 50.633, 3.058, "Europe/Paris", "EUR", 18, [2]float64{}},
	{"Bordeaux", "FR", 44.838, -0.579, "Europe/Paris", "EUR", 18, [2]float64{}},
	{"Bruxelles", "BE", 50.847, 4.352, "Europe/Brussels", "EUR", 22, [2]float64{}},
	{"Antwerpen", "BE", 51.221, 4.400, "Europe/Brussels", "EUR", 16, [2]float64{}},
	{"Amsterdam", "NL", 52.373, 4.893, "Europe/Amsterdam", "EUR", 34, [2]float64{20, 70}},
	{"Rotterdam", "NL", 51.922, 4.479, "Europe/Amsterdam", "EUR", 28, [2]float64{}},
	{"Utrecht", "NL", 52.091, 5.122, "Europe/Amsterdam", "EUR", 22, [2]float64{}},
	{"Luxembourg", "LU", 49.611, 6.130, "Europe/Luxembourg", "EUR", 10, [2]float64{}},
	// The British Isles
	{"London", "GB", 51.507, -0.128, "Europe/London", "GBP", 44, [2]float64{}},
	{"Birmingham", "GB", 52.480, -1.903, "Europe/London", "GBP", 22, [2]float64{}},
	{"Manchester", "GB", 53.479, -2.245, "Europe/London", "GBP", 22, [2]float64{}},
	{"Leeds", "GB", 53.797, -1.543, "Europe/London", "GBP", 16, [2]float64{}},
	{"Bristol", "GB", 51.454, -2.597, "Europe/London", "GBP", 14, [2]float64{}},
	{"Edinburgh", "GB", 55.953, -3.189, "Europe/London", "GBP", 14, [2]float64{310, 80}},
	{"Glasgow", "GB", 55.861, -4.250, "Europe/London", "GBP", 14, [2]float64{}},
	{"Cardiff", "GB", 51.481, -3.179, "Europe/London", "GBP", 10, [2]float64{90, 230}},
	{"Dublin", "IE", 53.350, -6.260, "Europe/Dublin", "EUR", 18, [2]float64{30, 150}},
	{"Cork", "IE", 51.897, -8.470, "Europe/Dublin", "EUR", 8, [2]float64{}},
	// The north
	{"Oslo", "NO", 59.913, 10.739, "Europe/Oslo", "NOK", 30, [2]float64{170, 240}},
	{"Bergen", "NO", 60.393, 5.324, "Europe/Oslo", "NOK", 14, [2]float64{240, 340}},
	{"Trondheim", "NO", 63.430, 10.395, "Europe/Oslo", "NOK", 12, [2]float64{290, 60}},
	{"Stockholm", "SE", 59.329, 18.069, "Europe/Stockholm", "SEK", 26, [2]float64{80, 130}},
	{"Göteborg", "SE", 57.708, 11.975, "Europe/Stockholm", "SEK", 18, [2]float64{210, 290}},
	{"Malmö", "SE", 55.605, 13.004, "Europe/Stockholm", "SEK", 14, [2]float64{210, 360}},
	{"København", "DK", 55.676, 12.568, "Europe/Copenhagen", "DKK", 22, [2]float64{40, 170}},
	{"Aarhus", "DK", 56.157, 10.211, "Europe/Copenhagen", "DKK", 12, [2]float64{30, 170}},
	{"Helsinki", "FI", 60.170, 24.938, "Europe/Helsinki", "EUR", 16, [2]float64{80, 260}},
	{"Reykjavík", "IS", 64.147, -21.942, "Atlantic/Reykjavik", "ISK", 10, [2]float64{210, 80}},
	{"Tallinn", "EE", 59.437, 24.754, "Europe/Tallinn", "EUR", 8, [2]float64{270, 80}},
	{"Riga", "LV", 56.949, 24.105, "Europe/Riga", "EUR", 8, [2]float64{}},
	{"Vilnius", "LT", 54.687, 25.280, "Europe/Vilnius", "EUR", 8, [2]float64{}},
	// The south
	{"Madrid", "ES", 40.417, -3.704, "Europe/Madrid", "EUR", 30, [2]float64{}},
	{"Barcelona", "ES", 41.387, 2.170, "Europe/Madrid", "EUR", 26, [2]float64{50, 210}},
	{"Valencia", "ES", 39.470, -0.377, "Europe/Madrid", "EUR", 16, [2]float64{20, 160}},
	{"Sevilla", "ES", 37.389, -5.984, "Europe/Madrid", "EUR", 14, [2]float64{}},
	{"Bilbao", "ES", 43.263, -2.935, "Europe/Madrid", "EUR", 12, [2]float64{}},
	{"Lisboa", "PT", 38.722, -9.139, "Europe/Lisbon", "EUR", 20, [2]float64{90, 260}},
	{"Porto", "PT", 41.158, -8.629, "Europe/Lisbon", "EUR", 14, [2]float64{210, 340}},
	{"Roma", "IT", 41.893, 12.483, "Europe/Rome", "EUR", 26, [2]float64{}},
	{"Milano", "IT", 45.464, 9.190, "Europe/Rome", "EUR", 28, [2]float64{}},
	{"Torino", "IT", 45.070, 7.687, "Europe/Rome", "EUR", 16, [2]float64{}},
	{"Bologna", "IT", 44.494, 11.343, "Europe/Rome", "EUR", 14, [2]float64{}},
	{"Napoli", "IT", 40.852, 14.268, "Europe/Rome", "EUR", 14, [2]float64{110, 290}},
	{"Athína", "GR", 37.984, 23.728, "Europe/Athens", "EUR", 14, [2]float64{170, 260}},
	{"Zagreb", "HR", 45.813, 15.977, "Europe/Zagreb", "EUR", 10, [2]float64{}},
	{"Ljubljana", "SI", 46.051, 14.506, "Europe/Ljubljana", "EUR", 10, [2]float64{}},
	// The east of Europe
	{"Warszawa", "PL", 52.232, 21.007, "Europe/Warsaw", "PLN", 20, [2]float64{}},
	{"Kraków", "PL", 50.062, 19.938, "Europe/Warsaw", "PLN", 14, [2]float64{}},
	{"Wrocław", "PL", 51.108, 17.039, "Europe/Warsaw", "PLN", 12, [2]float64{}},
	{"Praha", "CZ", 50.088, 14.421, "Europe/Prague", "CZK", 18, [2]float64{}},
	{"Brno", "CZ", 49.195, 16.608, "Europe/Prague", "CZK", 10, [2]float64{}},
	{"Bratislava", "SK", 48.144, 17.109, "Europe/Bratislava", "EUR", 8, [2]float64{}},
	{"Budapest", "HU", 47.498, 19.040, "Europe/Budapest", "HUF", 16, [2]float64{}},
	{"București", "RO", 44.436, 26.102, "Europe/Bucharest", "RON", 14, [2]float64{}},
	{"Sofia", "BG", 42.697, 23.322, "Europe/Sofia", "EUR", 8, [2]float64{}},
	// North America
	{"New York", "US", 40.713, -74.006, "America/New_York", "USD", 34, [2]float64{120, 230}},
	{"Boston", "US", 42.361, -71.058, "America/New_York", "USD", 18, [2]float64{20, 150}},
	{"Washington", "US", 38.895, -77.036, "America/New_York", "USD", 20, [2]float64{}},
	{"Atlanta", "US", 33.749, -84.388, "America/New_York", "USD", 18, [2]float64{}},
	{"Miami", "US", 25.762, -80.192, "America/New_York", "USD", 16, [2]float64{20, 190}},
	{"Chicago", "US", 41.879, -87.630, "America/Chicago", "USD", 24, [2]float64{350, 150}},
	{"Austin", "US", 30.267, -97.743, "America/Chicago", "USD", 18, [2]float64{}},
	{"Denver", "US", 39.739, -104.990, "America/Denver", "USD", 18, [2]float64{}},
	{"Seattle", "US", 47.606, -122.332, "America/Los_Angeles", "USD", 20, [2]float64{210, 320}},
	{"San Francisco", "US", 37.775, -122.419, "America/Los_Angeles", "USD", 26, [2]float64{240, 120}},
	{"Los Angeles", "US", 34.052, -118.244, "America/Los_Angeles", "USD", 34, [2]float64{}},
	{"Toronto", "CA", 43.653, -79.383, "America/Toronto", "CAD", 22, [2]float64{80, 240}},
	{"Montréal", "CA", 45.509, -73.554, "America/Toronto", "CAD", 20, [2]float64{}},
	{"Vancouver", "CA", 49.283, -123.121, "America/Vancouver", "CAD", 18, [2]float64{200, 20}},
	// Asia and the Pacific
	{"Tōkyō", "JP", 35.690, 139.692, "Asia/Tokyo", "JPY", 26, [2]float64{100, 190}},
	{"Ōsaka", "JP", 34.694, 135.502, "Asia/Tokyo", "JPY", 16, [2]float64{200, 290}},
	{"Seoul", "KR", 37.567, 126.978, "Asia/Seoul", "KRW", 22, [2]float64{}},
	{"Singapore", "SG", 1.352, 103.820, "Asia/Singapore", "SGD", 16, [2]float64{110, 240}},
	{"Bengaluru", "IN", 12.972, 77.594, "Asia/Kolkata", "INR", 16, [2]float64{}},
	{"Delhi", "IN", 28.614, 77.209, "Asia/Kolkata", "INR", 16, [2]float64{}},
	{"Sydney", "AU", -33.869, 151.209, "Australia/Sydney", "AUD", 20, [2]float64{30, 160}},
	{"Melbourne", "AU", -37.814, 144.963, "Australia/Melbourne", "AUD", 18, [2]float64{170, 260}},
	{"Auckland", "NZ", -36.851, 174.765, "Pacific/Auckland", "NZD", 12, [2]float64{330, 110}},
	// South America, Africa, the Near East
	{"São Paulo", "BR", -23.551, -46.633, "America/Sao_Paulo", "BRL", 20, [2]float64{}},
	{"Santiago", "CL", -33.449, -70.669, "America/Santiago", "CLP", 12, [2]float64{}},
	{"Cape Town", "ZA", -33.925, 18.424, "Africa/Johannesburg", "ZAR", 10, [2]float64{190, 30}},
	{"Tel Aviv", "IL", 32.085, 34.782, "Asia/Jerusalem", "ILS", 12, [2]float64{180, 10}},
	{"Dubai", "AE", 25.204, 55.271, "Asia/Dubai", "AED", 12, [2]float64{230, 40}},
}
