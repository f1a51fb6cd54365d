package importer

import (
	"io"
	"iter"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// ocpiSuccess is the status code of an answer that succeeded (OCPI 2.2.1, 5.1).
const ocpiSuccess = "1000"

// ocpi is the format of OCPI 2.2.1 Locations: an array of them, a peer's answer, or one behind the other. Fields that 2.3.0 added
// are passed over.
type ocpi struct{ wholes }

// Rows reads locations.
func (ocpi) Rows(r io.Reader, _ string) iter.Seq2[transfer.Row, error] {
	return sitesOf(r, readLocation)
}

// ocpiLocation is an OCPI Location as far as it is read.
type ocpiLocation struct {
	CountryCode string `json:"country_code"`
	PartyID     string `json:"party_id"`
	ID          word   `json:"id"`
	Publish     *bool  `json:"publish"`
	Name        string `json:"name"`
	Address     string `json:"address"`
	City        string `json:"city"`
	PostalCode  word   `json:"postal_code"`
	State       string `json:"state"`
	Country     string `json:"country"`
	Coordinates struct {
		Latitude  word `json:"latitude"`
		Longitude word `json:"longitude"`
	} `json:"coordinates"`
	ParkingType string     `json:"parking_type"`
	EVSEs       []ocpiEVSE `json:"evses"`
	Operator    struct {
		Name    string `json:"name"`
		Website string `json:"website"`
	} `json:"operator"`
	Facilities   []string   `json:"facilities"`
	TimeZone     string     `json:"time_zone"`
	OpeningTimes *ocpiHours `json:"opening_times"`
}

type ocpiEVSE struct {
	UID                 word            `json:"uid"`
	EVSEID              string          `json:"evse_id"`
	Status              string          `json:"status"`
	Capabilities        []string        `json:"capabilities"`
	Connectors          []ocpiConnector `json:"connectors"`
	FloorLevel          word            `json:"floor_level"`
	PhysicalReference   word            `json:"physical_reference"`
	ParkingRestrictions []string        `json:"parking_restrictions"`
}

type ocpiConnector struct {
	ID        word   `json:"id"`
	Standard  string `json:"standard"`
	Format    string `json:"format"`
	PowerType string `json:"power_type"`
	Voltage   word   `json:"max_voltage"`
	Amperage  word   `json:"max_amperage"`
	Power     word   `json:"max_electric_power"`
	TariffIDs []word `json:"tariff_ids"`
}

type ocpiHours struct {
	TwentyFourSeven bool `json:"twentyfourseven"`
	Regular         []struct {
		Weekday word   `json:"weekday"`
		Begin   string `json:"period_begin"`
		End     string `json:"period_end"`
	} `json:"regular_hours"`
	Openings []ocpiPeriod `json:"exceptional_openings"`
	Closings []ocpiPeriod `json:"exceptional_closings"`
}

type ocpiPeriod struct {
	Begin string `json:"period_begin"`
	End   string `json:"period_end"`
}

// readLocation makes a station of a location. Location and EVSE ids are unique within their party alone, so ours name it.
func readLocation(s *site, in *ocpiLocation) {
	country, code := strings.ToUpper(in.CountryCode), strings.ToUpper(in.PartyID)
	st := &s.Station
	if in.ID == "" || len(country) != 2 || len(code) != 3 {
		s.reject("missing_id", "the location has no id, country_code or party_id")
		return
	}
	party := country + "*" + code + "*"
	st.SourceID = party + tidy(string(in.ID))
	s.Complete = true
	if in.Publish != nil && !*in.Publish {
		s.reject("unpublished", "the location is not to be published (publish is false)")
		return
	}
	s.Operator = operator.Operator{
		CountryCode: country, PartyID: code,
		Name: s.short(in.Operator.Name, "operator.name", 255), Website: s.short(in.Operator.Website, "operator.website", 255),
	}
	st.Name = s.short(in.Name, "name", 255)
	st.Address, st.City = s.short(in.Address, "address", 255), s.short(in.City, "city", 100)
	if st.Name == "" {
		st.Name = st.Address
	}
	if st.Name == "" {
		st.Name = string(in.ID)
	}
	st.PostalCode, st.State = s.short(string(in.PostalCode), "postal_code", 16), s.short(in.State, "state", 64)
	s.country(in.Country)
	s.place(string(in.Coordinates.Latitude), string(in.Coordinates.Longitude))
	st.TimeZone = in.TimeZone
	if st.TimeZone == "" {
		st.TimeZone = zoneFor(st.Country, st.State, st.Latitude, st.Longitude)
	}
	st.Access = station.Public
	if in.ParkingType != "" {
		if list := s.among("parking_type", []string{in.ParkingType}, reference.ParkingTypes); len(list) > 0 {
			st.ParkingType = list[0]
		}
	}
	st.Facilities = s.among("facilities", in.Facilities, reference.Facilities)
	st.Opening = s.ocpiHours(in.OpeningTimes)
	for i := range in.EVSEs {
		s.ocpiEVSE(party, &in.EVSEs[i])
	}
}

// country reads an ISO 3166-1 code of three letters, or of two.
func (s *site) country(code string) {
	country, ok := reference.CountryOf(strings.TrimSpace(code))
	if !ok {
		s.reject("country", "%q is not a country", code)
		return
	}
	s.Station.Country = country
}

// place reads degrees.
func (s *site) place(latitude, longitude string) {
	lat, errLat := strconv.ParseFloat(decimal(latitude), 64)
	lon, errLon := strconv.ParseFloat(decimal(longitude), 64)
	// The comparisons are false for NaN too.
	switch {
	case errLat != nil || errLon != nil || !(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 180):
		s.reject("coordinates", "%q, %q is not a latitude and a longitude", latitude, longitude)
	case lat == 0 && lon == 0:
		s.reject("coordinates", "the coordinates are zero")
	default:
		s.Station.Latitude, s.Station.Longitude = lat, lon
	}
}

// decimal is a number whose fraction some write behind a comma.
func decimal(text string) string {
	return strings.Replace(strings.TrimSpace(text), ",", ".", 1)
}

// among keeps the values that the reference has.
func (s *site) among(name string, values []string, allowed reference.Enumeration) []string {
	var known []string
	for _, v := range values {
		if allowed.Has(v) {
			known = append(known, v)
			continue
		}
		s.find(transfer.Adjusted, "unknown_value", "%s has the value %q; it was left out", name, v)
	}
	return known
}

// ocpiHours reads opening hours. Exceptions are moments; one that is not is left out.
func (s *site) ocpiHours(in *ocpiHours) *station.OpeningTimes {
	if in == nil {
		return nil
	}
	out := &station.OpeningTimes{TwentyFourSeven: in.TwentyFourSeven}
	if !in.TwentyFourSeven {
		for _, h := range in.Regular {
			end := h.End
			if end == "00:00" || end == "23:59" { // both are how OCPI writes the end of a day
				end = "24:00"
			}
			weekday := h.Weekday.whole()
			if weekday < 1 || weekday > 7 || !clockPattern.MatchString(h.Begin) || !clockPattern.MatchString(end) {
				s.find(transfer.Adjusted, "hours", "the hours %q to %q of weekday %q are not understood; they were left out", h.Begin, h.End, h.Weekday)
				continue
			}
			if end <= h.Begin { // over midnight
				out.Regular = append(out.Regular, station.RegularHours{Weekday: weekday, Begin: h.Begin, End: "24:00"},
					station.RegularHours{Weekday: weekday%7 + 1, Begin: "00:00", End: end})
				continue
			}
			out.Regular = append(out.Regular, station.RegularHours{Weekday: weekday, Begin: h.Begin, End: end})
		}
	}
	out.Openings, out.Closings = s.periods(in.Openings), s.periods(in.Closings)
	if !out.TwentyFourSeven && len(out.Regular) == 0 && len(out.Openings) == 0 {
		return nil
	}
	return out
}

var clockPattern = regexp.MustCompile(`^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`)

func (s *site) periods(in []ocpiPeriod) []station.Period {
	var out []station.Period
	for _, p := range in {
		begin, okBegin := moment(p.Begin)
		end, okEnd := moment(p.End)
		if !okBegin || !okEnd || !end.After(begin) {
			s.find(transfer.Adjusted, "hours", "the exception %q to %q is not understood; it was left out", p.Begin, p.End)
			continue
		}
		out = append(out, station.Period{Begin: begin, End: end})
	}
	return out
}

// moment reads RFC 3339 as OCPI writes it: without a zone it is UTC.
func moment(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

func (s *site) ocpiEVSE(party string, in *ocpiEVSE) {
	if in.Status == string(station.RemovedPlot) {
		return
	}
	uid := tidy(string(in.UID))
	if uid == "" {
		s.find(transfer.Adjusted, "missing_id", "an EVSE has no uid; it was left out")
		return
	}
	e := station.EVSE{
		UID: party + uid, PhysicalReference: s.short(string(in.PhysicalReference), "physical_reference", 64),
		FloorLevel:          s.short(string(in.FloorLevel), "floor_level", 8),
		Capabilities:        s.among("capabilities", in.Capabilities, reference.Capabilities),
		ParkingRestrictions: s.among("parking_restrictions", in.ParkingRestrictions, reference.ParkingRestrictions),
		Connectors:          []station.Connector{},
	}
	if id := strings.ToUpper(tidy(in.EVSEID)); emi3Pattern.MatchString(id) {
		e.EVSEID = id
	} else if id != "" {
		s.find(transfer.Adjusted, "evse_id", "%q is not an eMI3 EVSE id; it was left out", in.EVSEID)
	}
	for _, c := range e.Capabilities {
		e.Reservable = e.Reservable || c == "RESERVABLE"
	}
	for i := range in.Connectors {
		if c, ok := s.ocpiConnector(&in.Connectors[i]); ok {
			e.Connectors = append(e.Connectors, c)
		}
	}
	if len(e.Connectors) == 0 {
		s.find(transfer.Adjusted, "no_plug", "the EVSE %s has no connector that is known", uid)
	}
	s.Station.EVSEs = append(s.Station.EVSEs, e)
}

var emi3Pattern = regexp.MustCompile(`^[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9][A-Z0-9*]{0,30}$`)

func (s *site) ocpiConnector(in *ocpiConnector) (station.Connector, bool) {
	c := station.Connector{
		ID: tidy(string(in.ID)), Standard: in.Standard, Format: in.Format, PowerType: in.PowerType,
		Voltage: in.Voltage.whole(), Amperage: in.Amperage.whole(), PowerW: in.Power.whole(),
	}
	if !reference.ConnectorStandards.Has(c.Standard) || !reference.ConnectorFormats.Has(c.Format) || !reference.PowerTypes.Has(c.PowerType) {
		s.find(transfer.Adjusted, "unknown_value", "a connector of %q, %q, %q was left out", in.Standard, in.Format, in.PowerType)
		return c, false
	}
	if c.PowerW == 0 {
		c.PowerW = c.Voltage * c.Amperage * phasesOf(c.PowerType)
	}
	for _, id := range in.TariffIDs {
		if id := tidy(string(id)); id != "" && len(id) <= 36 {
			c.TariffIDs = append(c.TariffIDs, id)
		}
	}
	return c, true
}

func phasesOf(powerType string) int {
	switch powerType {
	case "AC_3_PHASE":
		return 3
	case "AC_2_PHASE", "AC_2_PHASE_SPLIT":
		return 2
	}
	return 1
}
