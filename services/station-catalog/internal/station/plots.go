package station

import (
	"time"

	"github.com/google/uuid"
)

// Plots counts the plots of a station. A plot with several connectors counts under each of their standards, and under its
// greatest power.
type Plots struct {
	Total       int              `json:"total"`
	Available   int              `json:"available"`
	ByConnector map[string]Tally `json:"by_connector"`
	ByPower     map[string]Tally `json:"by_power"`
	// AsOf is up to when the statuses are known; nil when none was ever heard.
	AsOf *time.Time `json:"as_of"`
}

// Tally is how many there are, and how many of them are free.
type Tally struct {
	Total     int `json:"total"`
	Available int `json:"available"`
}

// PowerClass names the class of a power in watts, 0 being unknown. The lower bound belongs to the class.
func PowerClass(watts int) string {
	switch {
	case watts <= 0:
		return "unknown"
	case watts < 7_000:
		return "under_7"
	case watts < 22_000:
		return "7_to_22"
	case watts < 50_000:
		return "22_to_50"
	case watts < 150_000:
		return "50_to_150"
	default:
		return "150_and_more"
	}
}

// PowerClasses are the classes of PowerClass, weakest first.
func PowerClasses() []string {
	return []string{"unknown", "under_7", "7_to_22", "22_to_50", "50_to_150", "150_and_more"}
}

// Count counts the plots of EVSEs that are not removed. An EVSE without a status counts as not free.
func Count(evses []EVSE, statuses map[uuid.UUID]PlotStatus) Plots {
	plots := Plots{ByConnector: map[string]Tally{}, ByPower: map[string]Tally{}}
	for i := range evses {
		e := &evses[i]
		if e.Removed {
			continue
		}
		free := 0
		if statuses[e.ID].Status == Available {
			free = 1
		}
		plots.Total++
		plots.Available += free
		for j, c := range e.Connectors {
			if hasStandard(e.Connectors[:j], c.Standard) {
				continue
			}
			t := plots.ByConnector[c.Standard]
			plots.ByConnector[c.Standard] = Tally{t.Total + 1, t.Available + free}
		}
		class := PowerClass(e.MaxPowerW())
		t := plots.ByPower[class]
		plots.ByPower[class] = Tally{t.Total + 1, t.Available + free}
	}
	return plots
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
