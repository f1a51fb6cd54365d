package importer

import (
	"regexp"
	"strings"
	"sync"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/openinghours"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// Assemble makes a station of its rows. What is said of the station is taken from the first row; a row that says otherwise is
// reported. The station is complete when it has as many rows as they say that it has points.
func (irve) Assemble(rows []transfer.StagedRow, source string) (transfer.Entry, []transfer.Finding, bool) {
	var points []point
	for _, row := range rows {
		for data := range strings.SplitSeq(row.Data, "\n") {
			line, f := unstage(data)
			if f == nil {
				continue
			}
			// What is wrong with the values was found when the row arrived.
			if p, _ := readPoint(line, f); p.Station != "" {
				points = append(points, p)
			}
		}
	}
	if len(points) == 0 {
		return transfer.Entry{}, nil, false
	}
	first := &points[0]
	a := assembly{first: first, tariffs: map[string]bool{}}
	s := &a.entry.Station
	a.entry.Line = first.Line
	a.entry.Complete = first.Points > 0 && len(points) >= first.Points
	a.entry.Operator = operator.Operator{
		CountryCode: first.Country, PartyID: first.Party, Name: first.Operator, Email: first.Mail, Phone: first.Phone,
	}
	s.Operator = station.Operator{CountryCode: first.Country, PartyID: first.Party, Name: first.Operator}
	s.Source, s.SourceID = source, first.Station
	s.Name = first.Name
	if s.Name == "" {
		s.Name = first.Station
	}
	s.Address, s.PostalCode, s.City = splitAddress(first.Address)
	s.Country = "FR"
	s.Latitude, s.Longitude = first.Latitude, first.Longitude
	if s.TimeZone = zoneOf(first.Latitude, first.Longitude); s.TimeZone == "" {
		s.TimeZone = "Europe/Paris"
	}
	s.Access, s.ParkingType = first.Access, first.ParkingType
	a.hours()
	a.payment()
	for i := range points {
		a.disagree(&points[i])
		a.add(&points[i])
	}
	return a.entry, a.findings, true
}

type assembly struct {
	first    *point
	entry    transfer.Entry
	tariffs  map[string]bool
	findings []transfer.Finding
}

func (a *assembly) hours() {
	s := &a.entry.Station
	if a.first.Hours == "" {
		return
	}
	hours, ok := knownHours.parse(a.first.Hours)
	if !ok {
		s.OpeningText = a.first.Hours
		a.findings = append(a.findings, finding(a.first.Line, a.first.UID, transfer.Adjusted, "hours",
			"the hours %q are not understood; they were kept as text", a.first.Hours))
		return
	}
	s.Opening = hours
}

// hoursMemory remembers what texts say of hours: most stations are open at the hours of many others. The hours are not to be changed.
type hoursMemory struct {
	mu    sync.Mutex
	hours map[string]*station.OpeningTimes // nil for a text that is not understood
}

var knownHours hoursMemory

// mostHours is how many texts are remembered; beyond it all are forgotten.
const mostHours = 1000

func (m *hoursMemory) parse(text string) (*station.OpeningTimes, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	hours, known := m.hours[text]
	if !known {
		hours, _ = openinghours.Parse(text)
		if m.hours == nil || len(m.hours) == mostHours {
			m.hours = make(map[string]*station.OpeningTimes)
		}
		m.hours[strings.Clone(text)] = hours
	}
	return hours, hours != nil
}

func (a *assembly) payment() {
	p := station.Payment{Free: a.first.Free, AdHoc: a.first.AdHoc, Card: a.first.Card, Other: a.first.OtherMeans, Text: a.first.Price}
	if p != (station.Payment{}) {
		a.entry.Station.Payment = &p
	}
}

// disagree reports what a row says of the station otherwise than the first row.
func (a *assembly) disagree(p *point) {
	for _, c := range []struct {
		name  string
		equal bool
	}{
		{columnNames[colCoordinates], p.Latitude == a.first.Latitude && p.Longitude == a.first.Longitude},
		{columnNames[colStationName], p.Name == a.first.Name},
		{columnNames[colAddress], p.Address == a.first.Address},
		{columnNames[colPlace], p.ParkingType == a.first.ParkingType},
		{columnNames[colAccess], p.Access == a.first.Access},
		{columnNames[colHours], p.Hours == a.first.Hours},
		{"operator", p.Country == a.first.Country && p.Party == a.first.Party},
	} {
		if !c.equal {
			a.findings = append(a.findings, finding(p.Line, p.UID, transfer.Adjusted, "disagreement",
				"%s differs from that of line %d of the same station; the first was taken", c.name, a.first.Line))
		}
	}
}

func (a *assembly) add(p *point) {
	s := &a.entry.Station
	e := station.EVSE{
		UID: p.UID, Connectors: p.connectors(), Reservable: p.Reservable,
		Capabilities: capabilities(p), ParkingRestrictions: restrictions(p),
	}
	if evsePattern.MatchString(p.UID) {
		e.EVSEID = p.UID
	}
	if p.Price != a.first.Price {
		e.PriceText = p.Price
	}
	if t, ok := readTariff(a.first.Country, a.first.Party, p.Price, p.Free); ok {
		if !a.tariffs[t.ID] {
			a.tariffs[t.ID] = true
			s.Tariffs = append(s.Tariffs, t)
		}
		for i := range e.Connectors {
			e.Connectors[i].TariffIDs = []string{t.ID}
		}
	}
	s.EVSEs = append(s.EVSEs, e)
}

var evsePattern = regexp.MustCompile(`^[A-Z]{2}[A-Z0-9]{3}E[A-Z0-9]{1,31}$`)

func capabilities(p *point) []string {
	var all []string
	if p.Card != nil && *p.Card {
		all = append(all, "CREDIT_CARD_PAYABLE")
	}
	if p.Reservable {
		all = append(all, "RESERVABLE")
	}
	return all
}

func restrictions(p *point) []string {
	var all []string
	if p.Customers {
		all = append(all, "CUSTOMERS")
	}
	if p.DisabledOnly {
		all = append(all, "DISABLED")
	}
	if p.TwoWheels {
		all = append(all, "MOTORCYCLES")
	}
	return all
}

var (
	bracketAddress = regexp.MustCompile(`^\[([^\]]*)\] ?\[([0-9]{5})\] ?\[([^\]]*)\]$`)
	// A street, a postal code, a town, and perhaps the country: "3 avenue X, 77700 Y".
	plainAddress = regexp.MustCompile(`^(.*?)[ ,]+([0-9]{5})[ ,]+([^0-9,]{2,100}?)(?:,? *(?i:france))?$`)
)

// splitAddress takes the postal code and the town off an address where it is certain which they are.
func splitAddress(address string) (street, postalCode, city string) {
	var m []string
	if strings.HasPrefix(address, "[") {
		m = bracketAddress.FindStringSubmatch(address)
	}
	if m == nil {
		m = plainAddress.FindStringSubmatch(address)
	}
	if m == nil {
		return address, "", ""
	}
	return strings.Trim(m[1], " ,"), m[2], strings.Trim(m[3], " ,")
}
