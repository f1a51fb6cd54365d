package station

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Plots counts the plots of a station: the EVSEs that are not removed. ByConnector counts a plot under each standard that it has,
// ByPower once, under its greatest power in kW; plots of unknown power are left out there.
type Plots struct {
	Total       int              `json:"total"`
	Available   int              `json:"available"`
	ByConnector map[string]Tally `json:"by_connector"`
	ByPower     map[string]Tally `json:"by_power"`
	// AsOf is when we learnt the newest of the statuses; nil when none was ever told.
	AsOf *time.Time `json:"as_of"`
}

// Tally is how many there are, and how many of them are free.
type Tally struct {
	Total     int `json:"total"`
	Available int `json:"available"`
}

const wattsPerKW = 1000

// Count counts the plots of EVSEs. One without a status is not free.
func Count(evses []EVSE, statuses map[uuid.UUID]PlotStatus) Plots {
	plots := Plots{ByConnector: map[string]Tally{}, ByPower: map[string]Tally{}}
	for i := range evses {
		e := &evses[i]
		if e.Removed {
			continue
		}
		free := 0
		told, known := statuses[e.ID]
		if told.Status == Available {
			free = 1
		}
		if known && (plots.AsOf == nil || told.ToldAt.After(*plots.AsOf)) {
			plots.AsOf = &told.ToldAt
		}
		plots.Total++
		plots.Available += free
		for j, c := range e.Connectors {
			if !hasStandard(e.Connectors[:j], c.Standard) {
				add(plots.ByConnector, c.Standard, free)
			}
		}
		if watts := e.MaxPowerW(); watts > 0 {
			add(plots.ByPower, strconv.FormatFloat(float64(watts)/wattsPerKW, 'f', -1, 64), free)
		}
	}
	return plots
}

func add(tallies map[string]Tally, of string, free int) {
	t := tallies[of]
	tallies[of] = Tally{t.Total + 1, t.Available + free}
}

func hasStandard(connectors []Connector, standard string) bool {
	for _, c := range connectors {
		if c.Standard == standard {
			return true
		}
	}
	return false
}

// MaxPowerW is the greatest power of the EVSE's connectors, 0 when none is known.
func (e *EVSE) MaxPowerW() int {
	most := 0
	for _, c := range e.Connectors {
		most = max(most, c.PowerW)
	}
	return most
}

// MaxPowerW is the greatest power of a connector of the station, 0 when none is known.
func (s *Station) MaxPowerW() int {
	most := 0
	for i := range s.EVSEs {
		if !s.EVSEs[i].Removed {
			most = max(most, s.EVSEs[i].MaxPowerW())
		}
	}
	return most
}

// Valid tells whether the status is one of OCPI's.
func (s Status) Valid() bool {
	switch s {
	case Available, Blocked, Charging, Inoperative, OutOfOrder, Planned, RemovedPlot, Reserved, Unknown:
		return true
	default:
		return false
	}
}

// Standards gives the connector standards of the station, each once, in order.
func (s *Station) Standards() []string {
	var out []string
	for i := range s.EVSEs {
		if s.EVSEs[i].Removed {
			continue
		}
		for _, c := range s.EVSEs[i].Connectors {
			if !slices.Contains(out, c.Standard) {
				out = append(out, c.Standard)
			}
		}
	}
	slices.Sort(out)
	return out
}
