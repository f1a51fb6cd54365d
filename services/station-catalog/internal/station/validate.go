package station

import (
	"fmt"
	"math"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
)

var (
	countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)
	partyPattern   = regexp.MustCompile(`^[A-Z0-9]{3}$`)
	evseIDPattern  = regexp.MustCompile(`^[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9][A-Z0-9*]{0,30}$`)
	beginPattern   = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	endPattern     = regexp.MustCompile(`^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`)
	// SourcePattern is what the name of a source looks like.
	SourcePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
)

// The largest numbers that a connector may have; far above any that exists.
const (
	maxVolts = 10_000
	maxAmps  = 10_000
	maxWatts = 100_000_000
)

// Most EVSEs of a station, connectors of an EVSE, and tariffs of a station.
const (
	MaxEVSEs      = 1000
	maxConnectors = 20
	maxTariffs    = 100
)

// Validate gives every fault of the station as JSON pointers into it, none when it may be stored. Ids, versions, times and what is
// live are not looked at: they are ours.
func (s *Station) Validate() []fault.Field {
	c := &checker{}
	c.match("/operator/country_code", s.Operator.CountryCode, countryPattern, "must be an ISO 3166-1 alpha-2 code")
	c.match("/operator/party_id", s.Operator.PartyID, partyPattern, "must be three capital letters or digits")
	c.text("/operator/name", s.Operator.Name, 0, 255)
	c.match("/source", s.Source, SourcePattern, "must be lower-case letters, digits, dots and dashes")
	c.text("/source_id", s.SourceID, 1, 128)
	c.text("/name", s.Name, 1, 255)
	c.text("/address", s.Address, 0, 255)
	c.text("/city", s.City, 0, 100)
	c.text("/postal_code", s.PostalCode, 0, 16)
	c.text("/state", s.State, 0, 64)
	if !reference.Country(s.Country) {
		c.add("/country", "enum", "%q is not the ISO 3166-1 alpha-2 code of a country", s.Country)
	}
	c.within("/latitude", s.Latitude, -90, 90)
	c.within("/longitude", s.Longitude, -180, 180)
	c.timeZone("/time_zone", s.TimeZone)
	c.among("/access", string(s.Access), reference.Access)
	if s.ParkingType != "" {
		c.among("/parking_type", s.ParkingType, reference.ParkingTypes)
	}
	c.each("/facilities", s.Facilities, reference.Facilities)
	c.opening("/opening_times", s.Opening)
	c.text("/opening_hours_text", s.OpeningText, 0, 2000)
	if s.Payment != nil {
		c.text("/payment/text", s.Payment.Text, 0, 2000)
	}
	c.tariffs(s)
	c.evses(s)
	return c.fields
}

type checker struct{ fields []fault.Field }

func (c *checker) add(pointer, code, detail string, args ...any) {
	c.fields = append(c.fields, fault.Field{Pointer: pointer, Code: code, Detail: fmt.Sprintf(detail, args...)})
}

func (c *checker) text(pointer, value string, least, most int) {
	switch n := utf8.RuneCountInString(value); {
	case !utf8.ValidString(value):
		c.add(pointer, "encoding", "must be UTF-8")
	case n < least:
		c.add(pointer, "required", "must not be empty")
	case n > most:
		c.add(pointer, "length", "must be at most %d characters", most)
	}
	for _, r := range value {
		if r == 0 {
			c.add(pointer, "encoding", "must not contain the character NUL")
			return
		}
	}
}

func (c *checker) match(pointer, value string, pattern *regexp.Regexp, detail string) {
	if !pattern.MatchString(value) {
		c.add(pointer, "pattern", "%s", detail)
	}
}

func (c *checker) within(pointer string, value, least, most float64) {
	if math.IsNaN(value) || value < least || value > most {
		c.add(pointer, "range", "must be from %g to %g", least, most)
	}
}

func (c *checker) among(pointer, value string, allowed reference.Enumeration) {
	if !allowed.Has(value) {
		c.add(pointer, "enum", "%q is not one of the values of the reference", value)
	}
}

func (c *checker) each(pointer string, values []string, allowed reference.Enumeration) {
	for i, v := range values {
		c.among(fmt.Sprintf("%s/%d", pointer, i), v, allowed)
	}
}

func (c *checker) timeZone(pointer, name string) {
	if name == "" || name == "Local" {
		c.add(pointer, "required", "must be an IANA time zone")
		return
	}
	if _, err := loadLocation(name); err != nil {
		c.add(pointer, "enum", "%q is not an IANA time zone", name)
	}
}

func (c *checker) opening(pointer string, o *OpeningTimes) {
	if o == nil {
		return
	}
	if o.TwentyFourSeven && len(o.Regular) > 0 {
		c.add(pointer+"/regular_hours", "contradiction", "must be absent when twentyfourseven is true")
	}
	for i, h := range o.Regular {
		at := fmt.Sprintf("%s/regular_hours/%d", pointer, i)
		if h.Weekday < 1 || h.Weekday > 7 {
			c.add(at+"/weekday", "range", "must be from 1 (Monday) to 7")
		}
		c.match(at+"/period_begin", h.Begin, beginPattern, "must be HH:MM")
		c.match(at+"/period_end", h.End, endPattern, "must be HH:MM, at most 24:00")
		if h.End <= h.Begin {
			c.add(at+"/period_end", "order", "must be later than the beginning")
		}
	}
	for name, periods := range map[string][]Period{"exceptional_openings": o.Openings, "exceptional_closings": o.Closings} {
		for i, p := range periods {
			if !p.End.After(p.Begin) {
				c.add(fmt.Sprintf("%s/%s/%d/period_end", pointer, name, i), "order", "must be later than the beginning")
			}
		}
	}
}

func (c *checker) tariffs(s *Station) {
	if len(s.Tariffs) > maxTariffs {
		c.add("/tariffs", "length", "must be at most %d", maxTariffs)
		return
	}
	seen := map[string]bool{}
	for i := range s.Tariffs {
		t := &s.Tariffs[i]
		at := fmt.Sprintf("/tariffs/%d", i)
		if seen[t.ID] {
			c.add(at+"/id", "duplicate", "%q stands there twice", t.ID)
		}
		seen[t.ID] = true
		if t.CountryCode != s.Operator.CountryCode || t.PartyID != s.Operator.PartyID {
			c.add(at+"/party_id", "foreign", "must be a tariff of the station's operator")
		}
		for _, f := range t.Validate() {
			f.Pointer = at + f.Pointer
			c.fields = append(c.fields, f)
		}
	}
}

func (c *checker) evses(s *Station) {
	if len(s.EVSEs) > MaxEVSEs {
		c.add("/evses", "length", "must be at most %d", MaxEVSEs)
		return
	}
	tariffs := make(map[string]bool, len(s.Tariffs))
	for i := range s.Tariffs {
		tariffs[s.Tariffs[i].ID] = true
	}
	seen := make(map[string]bool, len(s.EVSEs))
	for i := range s.EVSEs {
		e := &s.EVSEs[i]
		at := fmt.Sprintf("/evses/%d", i)
		c.text(at+"/uid", e.UID, 1, 64)
		if seen[e.UID] {
			c.add(at+"/uid", "duplicate", "%q stands there twice", e.UID)
		}
		seen[e.UID] = true
		if e.EVSEID != "" {
			c.match(at+"/evse_id", e.EVSEID, evseIDPattern, "must be an eMI3 EVSE id in capitals")
		}
		c.text(at+"/physical_reference", e.PhysicalReference, 0, 64)
		c.text(at+"/floor_level", e.FloorLevel, 0, 8)
		c.text(at+"/price_text", e.PriceText, 0, 2000)
		c.each(at+"/capabilities", e.Capabilities, reference.Capabilities)
		c.each(at+"/parking_restrictions", e.ParkingRestrictions, reference.ParkingRestrictions)
		c.connectors(at+"/connectors", e.Connectors, tariffs)
	}
}

func (c *checker) connectors(pointer string, connectors []Connector, tariffs map[string]bool) {
	if len(connectors) > maxConnectors {
		c.add(pointer, "length", "must be at most %d", maxConnectors)
		return
	}
	seen := make(map[string]bool, len(connectors))
	for i, k := range connectors {
		at := fmt.Sprintf("%s/%d", pointer, i)
		c.text(at+"/id", k.ID, 1, 36)
		if seen[k.ID] {
			c.add(at+"/id", "duplicate", "%q stands there twice", k.ID)
		}
		seen[k.ID] = true
		c.among(at+"/standard", k.Standard, reference.ConnectorStandards)
		c.among(at+"/format", k.Format, reference.ConnectorFormats)
		c.among(at+"/power_type", k.PowerType, reference.PowerTypes)
		c.within(at+"/max_voltage", float64(k.Voltage), 0, maxVolts)
		c.within(at+"/max_amperage", float64(k.Amperage), 0, maxAmps)
		c.within(at+"/max_electric_power", float64(k.PowerW), 0, maxWatts)
		for j, id := range k.TariffIDs {
			if !tariffs[id] {
				c.add(fmt.Sprintf("%s/tariff_ids/%d", at, j), "unknown", "%q is not among the station's tariffs", id)
			}
		}
	}
}

// loadLocation knows the zones without asking the file system each time.
func loadLocation(name string) (*time.Location, error) {
	if l, ok := locations.Load(name); ok {
		return l.(*time.Location), nil
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	locations.Store(name, l)
	return l, nil
}
