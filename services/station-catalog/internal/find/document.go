package find

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/openinghours"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/words"
)

// item is the part of a search item that stays the same until the station changes.
type item struct {
	ID         uuid.UUID        `json:"id"`
	Name       string           `json:"name"`
	Latitude   float64          `json:"latitude"`
	Longitude  float64          `json:"longitude"`
	Address    string           `json:"address"`
	City       string           `json:"city"`
	PostalCode string           `json:"postal_code"`
	Country    string           `json:"country"`
	Access     station.Access   `json:"access"`
	Operator   station.Operator `json:"operator"`
	MaxPowerKW *float64         `json:"max_power_kw"`
	PriceFrom  *price           `json:"price_from"`
	Free       bool             `json:"free_charging"`
	Version    int64            `json:"version"`
	UpdatedAt  time.Time        `json:"updated_at"`
}

// price is of a kilowatt-hour.
type price struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
}

const wattsPerKW = 1000

// The tags that stations are found by.
const (
	facilityTag = "facility:"
	parkingTag  = "parking:"
	currencyTag = "currency:" // of the price
	freeTag     = "free"
	// The traits of connectors.
	capabilityTrait = "capability:"
	reservableTrait = "reservable"
)

// Told gives what was last told of the plot that an EVSE serves, and when we learnt of it; nothing but zeros when nothing was.
type Told func(evse uuid.UUID) search.StatusChange

// ToldOf is what these statuses tell.
func ToldOf(statuses map[uuid.UUID]station.PlotStatus) Told {
	return func(evse uuid.UUID) search.StatusChange {
		p, known := statuses[evse]
		if !known {
			return search.StatusChange{}
		}
		return change(&p)
	}
}

func change(p *station.PlotStatus) search.StatusChange {
	return search.StatusChange{EVSE: search.ID(p.EVSEID), Plot: search.ID(p.PlotID), Status: status(p.Status), At: p.ToldAt}
}

// Document is what the index is to know of a station. Removed EVSEs are left out.
func Document(st *station.Station, told Told) (search.Document, error) {
	it := item{
		ID: st.ID, Name: st.Name, Latitude: st.Latitude, Longitude: st.Longitude, Address: st.Address, City: st.City,
		PostalCode: st.PostalCode, Country: st.Country, Access: st.Access, Operator: st.Operator, Version: st.Version, UpdatedAt: st.UpdatedAt,
	}
	if watts := st.MaxPowerW(); watts > 0 {
		kw := float64(watts) / wattsPerKW
		it.MaxPowerKW = &kw
	}
	from, priced := st.PriceFrom()
	if priced {
		it.PriceFrom = &price{from.Currency, Decimal(from.PerKWh)}
	}
	it.Free = st.Free()
	text, err := json.Marshal(it)
	if err != nil {
		return search.Document{}, fmt.Errorf("search item of station %s: %w", st.ID, err)
	}
	d := search.Document{
		ID: search.ID(st.ID), Latitude: st.Latitude, Longitude: st.Longitude, Version: st.Version, UpdatedAt: st.UpdatedAt,
		Operator: search.ID(st.Operator.ID), Country: st.Country, Access: string(st.Access), Item: text,
		Text: words.Of(st.Name + " " + st.Address + " " + st.City + " " + st.PostalCode + " " + st.Operator.Name),
		Tags: tags(st),
	}
	if hours := openinghours.NewSchedule(st.Opening, st.TimeZone); hours != nil {
		d.Hours = search.NewHours(hours.Key(), hours.Open)
	}
	switch {
	case it.Free:
		d.PriceFrom = new(float64)
	case priced:
		amount, _ := from.PerKWh.Float64()
		d.PriceFrom = &amount
		d.Tags = append(d.Tags, currencyTag+from.Currency)
	}
	for i := range st.EVSEs {
		e := &st.EVSEs[i]
		if e.Removed {
			continue
		}
		last := told(e.ID)
		unit := search.EVSE{ID: search.ID(e.ID), Plot: last.Plot, Status: last.Status, StatusAt: last.At}
		for _, capability := range e.Capabilities {
			if !reference.Capabilities.Has(capability) {
				continue // nobody can ask for it, and the index tells few traits apart
			}
			unit.Traits = append(unit.Traits, capabilityTrait+capability)
		}
		if e.Reservable {
			unit.Traits = append(unit.Traits, reservableTrait)
		}
		for _, c := range e.Connectors {
			unit.Connectors = append(unit.Connectors, search.Connector{Standard: c.Standard, PowerW: uint32(max(0, c.PowerW))}) //nolint:gosec // the database bounds it
		}
		d.EVSEs = append(d.EVSEs, unit)
	}
	return d, nil
}

func tags(st *station.Station) []string {
	tags := make([]string, 0, len(st.Facilities)+3)
	for _, facility := range st.Facilities {
		tags = append(tags, facilityTag+facility)
	}
	if st.ParkingType != "" {
		tags = append(tags, parkingTag+st.ParkingType)
	}
	if st.Free() {
		tags = append(tags, freeTag)
	}
	return tags
}

// Decimal writes a price per kilowatt-hour: four digits after the point, the last two only when they say something.
func Decimal(amount *big.Rat) string {
	text := amount.FloatString(4)
	for range 2 {
		text = strings.TrimSuffix(text, "0")
	}
	return text
}

func status(s station.Status) search.Status {
	known, _ := search.ParseStatus(string(s)) // an unknown one is StatusUnknown
	return known
}
