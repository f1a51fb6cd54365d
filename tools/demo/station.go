package demo

import "time"

// Station is a station document of the catalogue's own format (a line of /v1/exports/stations.ndjson), as far as this set
// fills it.
type Station struct {
	Operator     Operator     `json:"operator"`
	Source       string       `json:"source"`
	SourceID     string       `json:"source_id"`
	Name         string       `json:"name"`
	Address      string       `json:"address"`
	City         string       `json:"city"`
	PostalCode   string       `json:"postal_code"`
	Country      string       `json:"country"`
	Latitude     float64      `json:"latitude"`
	Longitude    float64      `json:"longitude"`
	TimeZone     string       `json:"time_zone"`
	Access       string       `json:"access"`
	ParkingType  string       `json:"parking_type"`
	Facilities   []string     `json:"facilities,omitempty"`
	OpeningTimes OpeningTimes `json:"opening_times"`
	Payment      Payment      `json:"payment"`
	Evses        []Evse       `json:"evses"`
	Tariffs      []Tariff     `json:"tariffs"`

	connected bool
}

// OpeningTimes is OCPI's Hours.
type OpeningTimes struct {
	TwentyFourSeven bool           `json:"twentyfourseven"`
	RegularHours    []RegularHours `json:"regular_hours,omitempty"`
}

// RegularHours is one period of one weekday; 1 is Monday.
type RegularHours struct {
	Weekday     int    `json:"weekday"`
	PeriodBegin string `json:"period_begin"`
	PeriodEnd   string `json:"period_end"`
}

// Payment says how one pays.
type Payment struct {
	Free  bool `json:"free"`
	AdHoc bool `json:"ad_hoc"`
	Card  bool `json:"card"`
}

// Evse is one outlet unit.
type Evse struct {
	UID                 string      `json:"uid"`
	EvseID              string      `json:"evse_id"`
	PhysicalReference   string      `json:"physical_reference"`
	Capabilities        []string    `json:"capabilities"`
	ParkingRestrictions []string    `json:"parking_restrictions,omitempty"`
	Reservable          bool        `json:"reservable"`
	Connectors          []Connector `json:"connectors"`
}

// Connector is one plug or socket. Power is in watts.
type Connector struct {
	ID               string   `json:"id"`
	Standard         string   `json:"standard"`
	Format           string   `json:"format"`
	PowerType        string   `json:"power_type"`
	MaxVoltage       int      `json:"max_voltage"`
	MaxAmperage      int      `json:"max_amperage"`
	MaxElectricPower int      `json:"max_electric_power"`
	TariffIDs        []string `json:"tariff_ids,omitempty"`
}

// Updated is when every station and tariff of the set was last changed: the set is the same on every run.
var Updated = time.Date(2026, time.October, 1, 6, 0, 0, 0, time.UTC)

// Connected says whether the station's charge points are simulated.
func (s Station) Connected() bool { return s.connected }
