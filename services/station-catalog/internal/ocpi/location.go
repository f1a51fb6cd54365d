package ocpi

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Location is a station as OCPI 2.2.1 says it. Its id is the station's, an EVSE's uid the EVSE's: the ids of whoever told us of them
// are unique within their party alone.
type Location struct {
	CountryCode  string           `json:"country_code"`
	PartyID      string           `json:"party_id"`
	ID           string           `json:"id"`
	Publish      bool             `json:"publish"`
	Name         string           `json:"name,omitempty"`
	Address      string           `json:"address"`
	City         string           `json:"city"`
	PostalCode   string           `json:"postal_code,omitempty"`
	State        string           `json:"state,omitempty"`
	Country      string           `json:"country"`
	Coordinates  ocpi.Coordinates `json:"coordinates"`
	ParkingType  string           `json:"parking_type,omitempty"`
	EVSEs        []EVSE           `json:"evses,omitempty"`
	Operator     *BusinessDetails `json:"operator,omitempty"`
	Facilities   []string         `json:"facilities,omitempty"`
	TimeZone     string           `json:"time_zone"`
	OpeningTimes *Hours           `json:"opening_times,omitempty"`
	LastUpdated  ocpi.Time        `json:"last_updated"`
}

// BusinessDetails names a company.
type BusinessDetails struct {
	Name string `json:"name"`
}

// EVSE is an EVSE with the status of its plot.
type EVSE struct {
	UID                 string      `json:"uid"`
	EVSEID              string      `json:"evse_id,omitempty"`
	Status              string      `json:"status"`
	Capabilities        []string    `json:"capabilities,omitempty"`
	Connectors          []Connector `json:"connectors"`
	FloorLevel          string      `json:"floor_level,omitempty"`
	PhysicalReference   string      `json:"physical_reference,omitempty"`
	ParkingRestrictions []string    `json:"parking_restrictions,omitempty"`
	LastUpdated         ocpi.Time   `json:"last_updated"`
}

// Connector is a connector. Volts and amperes are wanted by OCPI, and 0 where nobody told them.
type Connector struct {
	ID          string    `json:"id"`
	Standard    string    `json:"standard"`
	Format      string    `json:"format"`
	PowerType   string    `json:"power_type"`
	Voltage     int       `json:"max_voltage"`
	Amperage    int       `json:"max_amperage"`
	PowerW      int       `json:"max_electric_power,omitempty"`
	TariffIDs   []string  `json:"tariff_ids,omitempty"`
	LastUpdated ocpi.Time `json:"last_updated"`
}

// Hours are opening times, in the location's time zone.
type Hours struct {
	TwentyFourSeven bool           `json:"twentyfourseven"`
	Regular         []RegularHours `json:"regular_hours,omitempty"`
	Openings        []Period       `json:"exceptional_openings,omitempty"`
	Closings        []Period       `json:"exceptional_closings,omitempty"`
}

// RegularHours is a span of a weekday.
type RegularHours struct {
	Weekday int    `json:"weekday"`
	Begin   string `json:"period_begin"`
	End     string `json:"period_end"`
}

// Period is a span of time.
type Period struct {
	Begin ocpi.Time `json:"period_begin"`
	End   ocpi.Time `json:"period_end"`
}

// The most characters of texts.
const (
	maxName       = 255
	maxAddress    = 45
	maxCity       = 45
	maxPostalCode = 10
	maxState      = 20
	maxReference  = 16
	maxFloor      = 4
	maxCompany    = 100
)

// endOfDay is how the end of a day is written: OCPI's hours end at 23:59.
const endOfDay = "23:59"

// ToLocation writes a station, with what is known of its plots. One that was removed, or that is private, is not to be published.
func ToLocation(in station.Listed, statuses map[uuid.UUID]station.PlotStatus) Location {
	st := &in.Station
	out := Location{
		CountryCode: st.Operator.CountryCode, PartyID: st.Operator.PartyID, ID: st.ID.String(),
		Publish: !in.Removed && st.Access != station.Private,
		Name:    ocpi.Cut(st.Name, maxName), Address: ocpi.Cut(st.Address, maxAddress), City: ocpi.Cut(st.City, maxCity),
		PostalCode: ocpi.Cut(st.PostalCode, maxPostalCode), State: ocpi.Cut(st.State, maxState), Country: ocpi.Alpha3(st.Country),
		Coordinates: ocpi.CoordinatesOf(st.Latitude, st.Longitude), Facilities: st.Facilities, TimeZone: st.TimeZone,
		OpeningTimes: toHours(st.Opening), LastUpdated: ocpi.Time(st.UpdatedAt),
	}
	if out.Address == "" {
		out.Address = ocpi.Cut(st.Name, maxAddress)
	}
	if slices.Contains(parkingTypes, st.ParkingType) {
		out.ParkingType = st.ParkingType
	}
	if name := ocpi.Cut(st.Operator.Name, maxCompany); name != "" {
		out.Operator = &BusinessDetails{Name: name}
	}
	for i := range st.EVSEs {
		e := &st.EVSEs[i]
		told := statuses[e.ID]
		unit, ok := toEVSE(e, told, st.UpdatedAt)
		if !ok {
			continue
		}
		if told.ToldAt.After(time.Time(out.LastUpdated)) {
			out.LastUpdated = ocpi.Time(told.ToldAt)
		}
		out.EVSEs = append(out.EVSEs, unit)
	}
	return out
}

// toEVSE writes an EVSE; false when none of its connectors has a word in OCPI 2.2.1.
func toEVSE(e *station.EVSE, told station.PlotStatus, updated time.Time) (EVSE, bool) {
	out := EVSE{
		UID: e.ID.String(), EVSEID: e.EVSEID, Status: string(told.Status), Capabilities: among(e.Capabilities, capabilities),
		FloorLevel: ocpi.Cut(e.FloorLevel, maxFloor), PhysicalReference: ocpi.Cut(e.PhysicalReference, maxReference),
		ParkingRestrictions: among(e.ParkingRestrictions, parkingRestrictions), LastUpdated: ocpi.Time(updated),
	}
	switch {
	case e.Removed:
		out.Status = string(station.RemovedPlot)
	case out.Status == "":
		out.Status = string(station.Unknown)
	}
	if e.Reservable && !slices.Contains(out.Capabilities, reservable) {
		out.Capabilities = append(out.Capabilities, reservable)
	}
	if told.ToldAt.After(updated) {
		out.LastUpdated = ocpi.Time(told.ToldAt)
	}
	for _, c := range e.Connectors {
		if standard, ok := standardOf(c.Standard); ok {
			out.Connectors = append(out.Connectors, Connector{
				ID: c.ID, Standard: standard, Format: c.Format, PowerType: c.PowerType, Voltage: c.Voltage, Amperage: c.Amperage,
				PowerW: c.PowerW, TariffIDs: c.TariffIDs, LastUpdated: ocpi.Time(updated),
			})
		}
	}
	return out, len(out.Connectors) > 0
}

func toHours(o *station.OpeningTimes) *Hours {
	if o == nil {
		return nil
	}
	out := &Hours{TwentyFourSeven: o.TwentyFourSeven, Openings: toPeriods(o.Openings), Closings: toPeriods(o.Closings)}
	for _, h := range o.Regular {
		if h.End == "24:00" {
			h.End = endOfDay
		}
		out.Regular = append(out.Regular, RegularHours(h))
	}
	return out
}

func toPeriods(in []station.Period) []Period {
	var out []Period
	for _, p := range in {
		out = append(out, Period{ocpi.Time(p.Begin), ocpi.Time(p.End)})
	}
	return out
}

const reservable = "RESERVABLE"

// What OCPI 2.2.1 has words for, where later versions, which the catalogue reads, have more.
var (
	capabilities = strings.Fields(`CHARGING_PROFILE_CAPABLE CHARGING_PREFERENCES_CAPABLE CHIP_CARD_SUPPORT CONTACTLESS_CARD_SUPPORT
		CREDIT_CARD_PAYABLE DEBIT_CARD_PAYABLE PED_TERMINAL REMOTE_START_STOP_CAPABLE RESERVABLE RFID_READER
		START_SESSION_CONNECTOR_REQUIRED TOKEN_GROUP_CAPABLE UNLOCK_CAPABLE`)
	parkingRestrictions = []string{"CUSTOMERS", "DISABLED", "EV_ONLY", "MOTORCYCLES", "PLUGGED"}
	parkingTypes        = []string{"ALONG_MOTORWAY", "ON_DRIVEWAY", "ON_STREET", "PARKING_GARAGE", "PARKING_LOT", "UNDERGROUND_GARAGE"}
)

func among(values, known []string) []string {
	var out []string
	for _, v := range values {
		if slices.Contains(known, v) {
			out = append(out, v)
		}
	}
	return out
}

// standardOf is the word for a connector, false when there is none: megawatt charging came with OCPI 2.3. So did J3400, which is the
// plug that 2.2.1 knows as Tesla's.
func standardOf(standard string) (string, bool) {
	switch standard {
	case "MCS":
		return "", false
	case "SAE_J3400":
		return "TESLA_S", true
	}
	return standard, true
}
