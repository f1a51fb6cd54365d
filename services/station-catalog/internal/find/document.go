package find

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
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
	Version    int64            `json:"version"`
	UpdatedAt  time.Time        `json:"updated_at"`
}

const wattsPerKW = 1000

// Document is what the index is to know of a station. Removed EVSEs are left out.
func Document(st *station.Station, statuses map[uuid.UUID]station.PlotStatus) (search.Document, error) {
	it := item{
		ID: st.ID, Name: st.Name, Latitude: st.Latitude, Longitude: st.Longitude, Address: st.Address, City: st.City,
		PostalCode: st.PostalCode, Country: st.Country, Access: st.Access, Operator: st.Operator, Version: st.Version, UpdatedAt: st.UpdatedAt,
	}
	if watts := st.MaxPowerW(); watts > 0 {
		kw := float64(watts) / wattsPerKW
		it.MaxPowerKW = &kw
	}
	text, err := json.Marshal(it)
	if err != nil {
		return search.Document{}, fmt.Errorf("search item of station %s: %w", st.ID, err)
	}
	d := search.Document{
		ID: search.ID(st.ID), Latitude: st.Latitude, Longitude: st.Longitude, Version: st.Version, UpdatedAt: st.UpdatedAt,
		Operator: search.ID(st.Operator.ID), Country: st.Country, Access: string(st.Access), Item: text,
	}
	for i := range st.EVSEs {
		e := &st.EVSEs[i]
		if e.Removed {
			continue
		}
		unit := search.EVSE{ID: search.ID(e.ID)}
		if p, ok := statuses[e.ID]; ok {
			unit.Status, unit.StatusAt = status(p.Status), p.ToldAt
		}
		for _, c := range e.Connectors {
			unit.Connectors = append(unit.Connectors, search.Connector{Standard: c.Standard, PowerW: uint32(max(0, c.PowerW))}) //nolint:gosec // the database bounds it
		}
		d.EVSEs = append(d.EVSEs, unit)
	}
	return d, nil
}

func status(s station.Status) search.Status {
	known, _ := search.ParseStatus(string(s)) // an unknown one is StatusUnknown
	return known
}
