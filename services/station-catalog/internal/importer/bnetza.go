package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"iter"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// bnetza is the format of the German register of charging points (Ladesäulenregister), as CSV in UTF-8 or Windows-1252, parted by
// commas or semicolons, with some lines before its header. A row is a charging device of up to six points; the register has no
// ids, so a station is an operator at an address and a place, and its devices are numbered in the order of the file.
type bnetza struct{}

// The columns of the register, those of its earlier and of its later years. The points' columns follow by number.
const (
	bnetzaOperator = iota
	bnetzaStreet
	bnetzaLatitude
	bnetzaLongitude
	bnetzaMandatory
	bnetzaHouse = iota - 1
	bnetzaPostalCity
	bnetzaPostalCode
	bnetzaCity
	bnetzaState
	bnetzaPower
	bnetzaPoints
)

// bnetzaMost is the greatest number of points of a device that the register has had columns for.
const bnetzaMost = 6

var bnetzaColumns = func() [][]string {
	all := [][]string{
		bnetzaOperator:   {"Betreiber"},
		bnetzaStreet:     {"Adresse", "Straße"},
		bnetzaLatitude:   {"Breitengrad [DG]", "Breitengrad"},
		bnetzaLongitude:  {"Längengrad [DG]", "Längengrad"},
		bnetzaHouse:      {"Hausnummer"},
		bnetzaPostalCity: {"Postleitzahl Ort"},
		bnetzaPostalCode: {"Postleitzahl"},
		bnetzaCity:       {"Ort"},
		bnetzaState:      {"Bundesland"},
		bnetzaPower:      {"Anschlussleistung [kW]", "Anschlussleistung", "Nennleistung Ladeeinrichtung [kW]", "InstallierteLadeleistungNLL"},
	}
	for n := range bnetzaMost {
		number := strconv.Itoa(n + 1)
		all = append(all, []string{"Steckertypen" + number}, []string{"P" + number + " [kW]", "Nennleistung Stecker" + number})
	}
	return all
}()

// device is a row of the register on its way to its turn.
type device struct {
	Operator  string       `json:"operator"`
	Address   string       `json:"address"`
	Postal    string       `json:"postal"`
	City      string       `json:"city"`
	State     string       `json:"state"`
	Latitude  float64      `json:"latitude"`
	Longitude float64      `json:"longitude"`
	Points    []devicePlug `json:"points"`
}

type devicePlug struct {
	Plugs  string `json:"plugs"`
	PowerW int    `json:"power"`
}

// Rows reads devices.
func (bnetza) Rows(r io.Reader, _ string) iter.Seq2[transfer.Row, error] {
	var places []int
	return table{
		preamble: 20,
		header: func(record []string) (err error) {
			places, err = columnsOf(record, bnetzaColumns, bnetzaMandatory, "the German register")
			return err
		},
		row: func(number int64, record []string) transfer.Row {
			return deviceRow(number, func(c int) string {
				if places[c] < 0 {
					return ""
				}
				return tidy(text(record[places[c]]))
			})
		},
	}.rows(r)
}

// text reads UTF-8, and what is not as Windows-1252.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	decoded, err := charmap.Windows1252.NewDecoder().String(s)
	if err != nil {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return decoded
}

var postalCity = regexp.MustCompile(`^([0-9]{4,5}) +(.+)$`)

func deviceRow(number int64, value func(int) string) transfer.Row {
	s := &site{line: number}
	d := device{
		Operator: s.short(value(bnetzaOperator), "Betreiber", 255), Postal: s.short(value(bnetzaPostalCode), "Postleitzahl", 16),
		City: s.short(value(bnetzaCity), "Ort", 100), State: s.short(value(bnetzaState), "Bundesland", 64),
	}
	d.Address = s.short(strings.TrimSpace(value(bnetzaStreet)+" "+value(bnetzaHouse)), "Adresse", 255)
	if m := postalCity.FindStringSubmatch(value(bnetzaPostalCity)); m != nil {
		d.Postal, d.City = m[1], s.short(m[2], "Ort", 100)
	} else if d.City == "" {
		d.City = s.short(value(bnetzaPostalCity), "Ort", 100)
	}
	if d.Operator == "" {
		s.reject("missing_id", "the row names no operator (Betreiber)")
		return transfer.Row{Line: number, Findings: s.findings}
	}
	s.Station.SourceID = deviceKey(&d)
	if s.place(value(bnetzaLatitude), value(bnetzaLongitude)); s.rejected() {
		return transfer.Row{Line: number, Findings: s.findings}
	}
	d.Latitude, d.Longitude = s.Station.Latitude, s.Station.Longitude
	whole := s.kilowatts(value(bnetzaPower))
	for n := range bnetzaMost {
		plugs, power := value(bnetzaPoints+2*n), value(bnetzaPoints+2*n+1)
		if plugs == "" && power == "" {
			continue
		}
		watts := s.kilowatts(power)
		if watts == 0 {
			watts = whole
		}
		if _, unknown := germanPlugs(plugs, watts); len(unknown) > 0 {
			s.find(transfer.Adjusted, "unknown_value", "the plug %q of point %d is not known; it was left out", strings.Join(unknown, ", "), n+1)
		}
		d.Points = append(d.Points, devicePlug{plugs, watts})
	}
	if len(d.Points) == 0 {
		s.find(transfer.Adjusted, "no_plug", "the row tells of no point; the station has no EVSE for it")
	}
	data, err := json.Marshal(d)
	if err != nil {
		return rejected(number, "not_csv", "the row cannot be kept")
	}
	return transfer.Row{
		Line: number, Key: deviceKey(&d), Findings: s.findings, Data: strconv.FormatInt(number, 10) + "\t" + string(data),
	}
}

// deviceKey is the station that a device stands at.
func deviceKey(d *device) string {
	h := sha256.New()
	for _, part := range []string{
		fold(d.Operator), fold(d.Address), d.Postal, strconv.FormatFloat(d.Latitude, 'f', 5, 64), strconv.FormatFloat(d.Longitude, 'f', 5, 64),
	} {
		h.Write([]byte(part + "\x00"))
	}
	return "DE-" + hex.EncodeToString(h.Sum(nil)[:8])
}

// kilowatts reads a power in watts; 0 is unknown.
func (s *site) kilowatts(value string) int {
	if value == "" {
		return 0
	}
	kw, err := strconv.ParseFloat(decimal(value), 64)
	if err != nil || !(kw >= 0 && kw <= mostKW) {
		s.find(transfer.Adjusted, "power_missing", "%q is not a power; it was left out", value)
		return 0
	}
	return int(math.Round(kw * wattsPerKW))
}

// Assemble makes a station of its devices.
func (bnetza) Assemble(rows []transfer.StagedRow, source string) (transfer.Entry, []transfer.Finding, bool) {
	var entry transfer.Entry
	found := 0
	s := &site{}
	for line, text := range stagedLines(rows) {
		var d device
		if json.Unmarshal([]byte(text), &d) != nil {
			continue
		}
		if found++; found == 1 {
			entry.Line, s.line = line, line
			s.runBy(d.Operator)
			s.Station = station.Station{
				Source: source, SourceID: rows[0].Key, Name: d.Operator, Address: d.Address, City: d.City, PostalCode: d.Postal, State: d.State,
				Country: "DE", Latitude: d.Latitude, Longitude: d.Longitude, TimeZone: "Europe/Berlin", Access: station.Public,
				Operator: station.Operator{CountryCode: operator.Nowhere, PartyID: s.Operator.PartyID, Name: s.Operator.Name},
			}
		}
		for n, p := range d.Points {
			connectors, _ := germanPlugs(p.Plugs, p.PowerW)
			s.Station.EVSEs = append(s.Station.EVSEs, station.EVSE{
				UID: rows[0].Key + "-" + strconv.Itoa(found) + "-" + strconv.Itoa(n+1), Connectors: connectors,
			})
		}
	}
	if found == 0 {
		return entry, nil, false
	}
	if len(s.Station.EVSEs) > station.MaxEVSEs {
		s.Station.EVSEs = s.Station.EVSEs[:station.MaxEVSEs]
		s.find(transfer.Adjusted, "too_many", "the station has more than %d points; the rest was left out", station.MaxEVSEs)
	}
	entry.Station, entry.Operator, entry.Complete = s.Station, s.Operator, true
	return entry, s.findings, true
}

// germanPlugs makes connectors of the register's plug texts, and gives those that are not known. The power is that of the
// strongest; what a kind cannot carry it does not get.
func germanPlugs(texts string, watts int) (all []station.Connector, unknown []string) {
	all = []station.Connector{}
	for _, plug := range strings.FieldsFunc(texts, func(r rune) bool { return r == ',' || r == ';' || r == '|' }) {
		plug = fold(tidy(plug))
		var c station.Connector
		switch {
		case plug == "" || plug == "0":
			continue
		case strings.Contains(plug, "combo") || strings.Contains(plug, "ccs"):
			c = dc("IEC_62196_T2_COMBO", watts, ccsVolts(watts))
		case strings.Contains(plug, "chademo"):
			c = dc("CHADEMO", watts, chademoVolts)
		case strings.Contains(plug, "mcs"):
			c = dc("MCS", watts, ccsHighVolts)
		case strings.Contains(plug, "tesla"):
			c = dc("TESLA_S", watts, ccsLowVolts)
		case strings.Contains(plug, "typ 1"):
			c = ac("IEC_62196_T1", "CABLE", atMost(watts, singlePhaseW))
		case strings.Contains(plug, "typ 2") || strings.Contains(plug, "typ2"):
			format := "SOCKET"
			if strings.Contains(plug, "kupplung") || strings.Contains(plug, "fahrzeug") {
				format = "CABLE"
			}
			c = ac("IEC_62196_T2", format, atMost(watts, type2W))
		case strings.Contains(plug, "schuko"):
			c = ac("DOMESTIC_F", "SOCKET", atMost(watts, domesticW))
		case strings.Contains(plug, "cee 3"):
			c = ac("IEC_60309_2_single_16", "SOCKET", atMost(watts, domesticW))
		case strings.Contains(plug, "cee 5"):
			c = ac("IEC_60309_2_three_32", "SOCKET", atMost(watts, type2SocketW))
		default:
			unknown = append(unknown, plug)
			continue
		}
		c.ID = strconv.Itoa(len(all) + 1)
		all = append(all, c)
	}
	return all, unknown
}
