// Package catalog is what this service knows of station-catalog: the stations, EVSEs and tariffs that its plots are made from, in the
// shape of the station feed.
package catalog

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
)

// Station is a station as its feed tells it, as far as it matters here.
type Station struct {
	ID         uuid.UUID         `json:"id"`
	Operator   Operator          `json:"operator"`
	Name       string            `json:"name"`
	Address    string            `json:"address"`
	City       string            `json:"city"`
	PostalCode string            `json:"postal_code"`
	State      string            `json:"state"`
	Country    string            `json:"country"`
	Latitude   float64           `json:"latitude"`
	Longitude  float64           `json:"longitude"`
	TimeZone   string            `json:"time_zone"`
	Version    int64             `json:"version"`
	UpdatedAt  time.Time         `json:"updated_at"`
	EVSEs      []EVSE            `json:"evses"`
	Tariffs    []json.RawMessage `json:"tariffs"`
}

// Operator is the company that runs the station.
type Operator struct {
	ID          uuid.UUID `json:"id"`
	Name        string    `json:"name"`
	CountryCode string    `json:"country_code"`
	PartyID     string    `json:"party_id"`
}

// EVSE is one outlet unit of a station.
type EVSE struct {
	ID                uuid.UUID   `json:"id"`
	UID               string      `json:"uid"`
	EVSEID            string      `json:"evse_id"`
	PhysicalReference string      `json:"physical_reference"`
	Reservable        bool        `json:"reservable"`
	Removed           bool        `json:"removed"`
	Connectors        []Connector `json:"connectors"`
}

// Connector is one plug or socket of an EVSE.
type Connector struct {
	ID               string   `json:"id"`
	Standard         string   `json:"standard"`
	Format           string   `json:"format"`
	PowerType        string   `json:"power_type"`
	MaxVoltage       int      `json:"max_voltage"`
	MaxAmperage      int      `json:"max_amperage"`
	MaxElectricPower float64  `json:"max_electric_power"` // W, 0 when it is not known
	TariffIDs        []string `json:"tariff_ids"`
}

// Change is one entry of the station feed.
type Change struct {
	ID      uuid.UUID
	Removed bool
	Station Station // empty when Removed
}

// Batch is a run of changes with the cursor to keep with them.
type Batch struct {
	Changes  []Change
	Cursor   string
	Reset    bool // a replay from the beginning starts here
	CaughtUp bool // nothing more for now: what a replay did not bring is gone
}

// FullAddress is street, postal code and city in one line, with what there is of them.
func (s Station) FullAddress() string {
	town := strings.TrimSpace(s.PostalCode + " " + s.City)
	parts := slices.DeleteFunc([]string{strings.TrimSpace(s.Address), town, s.Country}, func(p string) bool { return p == "" })
	return strings.Join(parts, ", ")
}

// PickTariff gives the tariff that a session begun at the time on an EVSE with these connectors is priced by: the first that a
// connector names and that is in force, one for drivers without a profile of their own (OCPI type REGULAR or AD_HOC_PAYMENT, or none).
// It returns nil when there is none.
func PickTariff(connectors []Connector, tariffs []json.RawMessage, at time.Time) json.RawMessage {
	byID := make(map[string]json.RawMessage, len(tariffs))
	for _, raw := range tariffs {
		var t tariff.Tariff
		if json.Unmarshal(raw, &t) != nil {
			continue // one that cannot be read prices nothing
		}
		if (t.Type == "" || t.Type == "REGULAR" || t.Type == "AD_HOC_PAYMENT") && t.ValidAt(at) {
			byID[t.ID] = raw
		}
	}
	for _, c := range connectors {
		for _, id := range c.TariffIDs {
			if raw, found := byID[id]; found {
				return raw
			}
		}
	}
	return nil
}

// ErrNotFound is a station that the catalogue does not have, or has no more.
var ErrNotFound = fault.Define(fault.NotFound, "station_not_found", "There is no such station")

// Place is whose a station is, and by which clocks it lives.
type Place struct {
	OperatorID uuid.UUID
	Zone       *time.Location
}
