package importer

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// point is an EVSE of the register with what its row says of the station.
type point struct {
	Line               int64
	UID                string
	Station            string
	Country, Party     string
	Latitude           float64
	Longitude          float64
	Points             int // how many EVSEs the station has, as the row says; 0 unknown
	PowerW             int // 0 unknown
	Plugs              plugs
	Free, AdHoc, Card  *bool
	OtherMeans         *bool
	Reservable         bool
	TwoWheels          bool
	DisabledOnly       bool
	Customers          bool
	ParkingType        string
	Access             station.Access
	Name, Address      string
	Operator           string
	Mail, Phone, Price string
	Hours              string
}

// stageLine and unstage carry a row's values through the staging: its line and its columns, parted by tabs.
func stageLine(number int64, f *fields) string {
	return strconv.FormatInt(number, 10) + "\t" + strings.Join(f[:], "\t")
}

func unstage(data string) (int64, *fields) {
	number, rest, _ := strings.Cut(data, "\t")
	line, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, nil
	}
	var f fields
	for c := range f {
		f[c], rest, _ = strings.Cut(rest, "\t")
	}
	return line, &f
}

// pointReader collects what is wrong while it reads.
type pointReader struct {
	line     int64
	uid      string
	findings []transfer.Finding
}

func (r *pointReader) find(severity transfer.Severity, code, detail string, args ...any) {
	r.findings = append(r.findings, finding(r.line, r.uid, severity, code, detail, args...))
}

// readPoint reads the values of a row. With a finding that rejects the row the point's Station is empty.
func readPoint(line int64, f *fields) (point, []transfer.Finding) {
	r := &pointReader{line: line, uid: f[colEVSE]}
	p := point{Line: line, UID: evseUID(f[colEVSE]), Station: f[colStation]}
	if p.UID == "" || p.Station == "" || isNone(p.UID) || isNone(p.Station) {
		r.find(transfer.Rejected, "missing_id", "the row has no %s or no %s", columnNames[colEVSE], columnNames[colStation])
		return point{}, r.findings
	}
	if len(p.UID) > 64 || utf8.RuneCountInString(p.Station) > 128 {
		r.find(transfer.Rejected, "text_too_long", "the id is longer than 64 characters, or the station's longer than 128")
		return point{}, r.findings
	}
	if p.Country, p.Party = party(p.UID); p.Party == "" {
		if p.Country, p.Party = party(evseUID(p.Station)); p.Party == "" {
			r.find(transfer.Rejected, "unknown_operator", "neither the EVSE's id nor the station's begins with a country and an operator")
			return point{}, r.findings
		}
	}
	if !r.place(&p, f[colCoordinates]) {
		return point{}, r.findings
	}
	p.Name = r.short(f[colStationName], columnNames[colStationName], 255)
	p.Address = r.short(f[colAddress], columnNames[colAddress], 255)
	p.Price = r.short(f[colPrice], columnNames[colPrice], 2000)
	p.Hours = r.short(f[colHours], columnNames[colHours], 2000)
	p.Operator = r.short(operatorName(f), columnNames[colOperator], 255)
	p.Mail, p.Phone = r.short(f[colOperatorMail], columnNames[colOperatorMail], 255), phone(f[colOperatorPhone])
	p.Points = r.whole(f[colPoints], columnNames[colPoints])
	r.power(&p, f[colPower])
	p.Plugs = plugs{
		Domestic: r.yes(f, colDomestic), Type2: r.yes(f, colType2), CCS: r.yes(f, colCCS),
		CHAdeMO: r.yes(f, colCHAdeMO), Other: r.yes(f, colOther), Cable: r.yes(f, colCable),
	}
	r.plausible(&p)
	p.Free, p.AdHoc = r.flag(f, colFree), r.flag(f, colAdHoc)
	p.Card, p.OtherMeans = r.flag(f, colCard), r.flag(f, colOtherMeans)
	p.Reservable, p.TwoWheels = r.yes(f, colReservable), r.yes(f, colTwoWheels)
	p.DisabledOnly = fold(f[colDisabled]) == "reserve pmr"
	r.access(&p, f)
	return p, r.findings
}

// evseUID is the id without the stars, blanks and dashes that some write between its parts.
func evseUID(id string) string {
	for i := range len(id) {
		if c := id[i]; c == '*' || c == ' ' || c >= 'a' && c <= 'z' || c >= 0x80 {
			return strings.ToUpper(separators.Replace(id))
		}
	}
	return id
}

var separators = strings.NewReplacer("*", "", " ", "", "\u00a0", "")

// isNone recognises the scheme's way to say that there is no id.
func isNone(id string) bool {
	if id = strings.TrimLeft(id, " "); id == "" || id[0]|0x20 != 'n' {
		return false
	}
	id = strings.ReplaceAll(fold(id), " ", "")
	return id == "nonconcerne" || id == "nonconcernee"
}

// party gives the operator of an eMI3 id: two letters for the country, three characters for the operator.
func party(id string) (country, code string) {
	if len(id) < 6 {
		return "", ""
	}
	for i := range 5 {
		c := id[i]
		letter, digit := c >= 'A' && c <= 'Z', c >= '0' && c <= '9'
		if !letter && (i < 2 || !digit) {
			return "", ""
		}
	}
	return id[:2], id[2:5]
}

// operatorName is the operator's name without the code that some append; the brand's or the owner's when there is none.
func operatorName(f *fields) string {
	for _, name := range []string{f[colOperator], f[colBrand], f[colOwner]} {
		name, _, _ = strings.Cut(name, " | ")
		if name = strings.TrimSpace(name); name != "" && !isNone(name) {
			return name
		}
	}
	return ""
}

func phone(s string) string {
	s = strings.TrimPrefix(s, "tel:")
	if len(s) > 40 {
		return ""
	}
	return s
}

// place reads "[longitude, latitude]".
func (r *pointReader) place(p *point, text string) bool {
	inner := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	first, second, ok := strings.Cut(inner, ",")
	lon, errLon := strconv.ParseFloat(strings.TrimSpace(first), 64)
	lat, errLat := strconv.ParseFloat(strings.TrimSpace(second), 64)
	// The comparisons are false for NaN too.
	if !ok || errLon != nil || errLat != nil || !(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 180) {
		r.find(transfer.Rejected, "coordinates", "%q is not a longitude and a latitude", text)
		return false
	}
	if lat == 0 && lon == 0 {
		r.find(transfer.Rejected, "coordinates", "the coordinates are zero")
		return false
	}
	p.Latitude, p.Longitude = lat, lon
	if zoneOf(lat, lon) == "" {
		r.find(transfer.Doubtful, "coordinates_outside", "%g, %g lies outside of France", lat, lon)
	}
	return true
}

// short cuts a text that is too long.
func (r *pointReader) short(s, name string, most int) string {
	if len(s) <= most || utf8.RuneCountInString(s) <= most {
		return s
	}
	r.find(transfer.Adjusted, "text_too_long", "%s is longer than %d characters and was cut", name, most)
	return strings.TrimSpace(string([]rune(s)[:most]))
}

func (r *pointReader) whole(s, name string) int {
	if s == "" {
		return 0
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n != math.Trunc(n) || n < 0 || n > 100_000 {
		r.find(transfer.Adjusted, "number", "%s is %q, which is not a number of points; it was left out", name, s)
		return 0
	}
	return int(n)
}

const (
	wattsPerKW = 1000
	mostKW     = 2000 // no connector of a car has more
)

// power reads kilowatts, and recognises watts by their size.
func (r *pointReader) power(p *point, s string) {
	kw, err := strconv.ParseFloat(s, 64)
	if err != nil {
		kw, err = strconv.ParseFloat(strings.Replace(strings.TrimSuffix(fold(s), "kw"), ",", ".", 1), 64)
	}
	switch {
	case s == "":
		r.find(transfer.Adjusted, "power_missing", "the power is missing")
	case err != nil || math.IsNaN(kw) || kw < 0:
		r.find(transfer.Adjusted, "power_missing", "%q is not a power; it was left out", s)
	case kw == 0:
		r.find(transfer.Adjusted, "power_missing", "the power is 0; it was left out")
	case kw > mostKW && kw <= mostKW*wattsPerKW:
		r.find(transfer.Adjusted, "power_in_watts", "%g kW was read as watts", kw)
		p.PowerW = int(math.Round(kw))
	case kw > mostKW:
		r.find(transfer.Adjusted, "power_implausible", "%g kW is more than any connector has; it was left out", kw)
	default:
		p.PowerW = int(math.Round(kw * wattsPerKW))
	}
}

// flag reads a boolean; nil is unknown.
func (r *pointReader) flag(f *fields, c column) *bool {
	switch s := f[c]; s {
	case "":
		return nil
	case "true", "True", "TRUE", "1":
		return &yes
	case "false", "False", "FALSE", "0":
		return &no
	default:
		switch fold(s) {
		case "vrai", "oui", "yes", "1.0":
			return &yes
		case "faux", "non", "no", "0.0":
			return &no
		}
		r.find(transfer.Adjusted, "boolean", "%s is %q; it was left out", columnNames[c], s)
		return nil
	}
}

// yes and no are what flags point to; nobody writes to them.
var yes, no = true, false

func (r *pointReader) yes(f *fields, c column) bool {
	v := r.flag(f, c)
	return v != nil && *v
}

func (r *pointReader) access(p *point, f *fields) {
	p.Access = station.Public
	switch fold(f[colAccess]) {
	case "acces libre", "":
	case "acces reserve":
		p.Access = station.Restricted
	default:
		r.find(transfer.Adjusted, "access", "%s is %q; public was taken", columnNames[colAccess], f[colAccess])
	}
	switch fold(f[colPlace]) {
	case "voirie":
		p.ParkingType = "ON_STREET"
	case "parking public", "parking prive a usage public":
		p.ParkingType = "PARKING_LOT"
	case "parking prive reserve a la clientele":
		p.ParkingType, p.Customers = "PARKING_LOT", true
	}
}

// fold makes lower-case ASCII of French text.
func fold(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf || r >= 'A' && r <= 'Z' }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case 'à', 'â', 'ä', 'À', 'Â', 'Ä':
			return 'a'
		case 'é', 'è', 'ê', 'ë', 'É', 'È', 'Ê', 'Ë':
			return 'e'
		case 'î', 'ï', 'Î', 'Ï':
			return 'i'
		case 'ô', 'ö', 'Ô', 'Ö':
			return 'o'
		case 'ù', 'û', 'ü', 'Ù', 'Û', 'Ü':
			return 'u'
		case 'ç', 'Ç':
			return 'c'
		}
		if r >= 'A' && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}
