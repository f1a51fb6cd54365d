package station

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Plots counts the plots of a station: the bays that its EVSEs serve, without those that are removed. EVSEs of one bay are one plot, free
// when one of them is available; an EVSE whose plot is not known counts by itself. ByConnector counts a plot under each standard that it
// has, ByPower once, under its greatest power in kW; plots of unknown power are left out there.
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
	var bays []bay
	numbers := make(map[uuid.UUID]int, len(evses)) // of bays, by plot
	for i := range evses {
		e := &evses[i]
		if e.Removed {
			continue
		}
		told, known := statuses[e.ID]
		if known && (plots.AsOf == nil || told.ToldAt.After(*plots.AsOf)) {
			plots.AsOf = &told.ToldAt
		}
		number, seen := numbers[told.PlotID]
		if !seen || !known {
			number = len(bays)
			bays = append(bays, bay{})
		}
		if known {
			numbers[told.PlotID] = number
		}
		bays[number].take(e, told.Status)
	}
	for i := range bays {
		bays[i].add(&plots)
	}
	return plots
}

// bay is what the EVSEs of a plot have together.
type bay struct {
	free      int
	standards []string
	powerW    int
}

func (b *bay) take(e *EVSE, s Status) {
	if s == Available {
		b.free = 1
	}
	b.powerW = max(b.powerW, e.MaxPowerW())
	for _, c := range e.Connectors {
		if !slices.Contains(b.standards, c.Standard) {
			b.standards = append(b.standards, c.Standard)
		}
	}
}

func (b *bay) add(plots *Plots) {
	plots.Total++
	plots.Available += b.free
	for _, standard := range b.standards {
		add(plots.ByConnector, standard, b.free)
	}
	if b.powerW > 0 {
		add(plots.ByPower, strconv.FormatFloat(float64(b.powerW)/wattsPerKW, 'f', -1, 64), b.free)
	}
}

func add(tallies map[string]Tally, of string, free int) {
	t := tallies[of]
	tallies[of] = Tally{t.Total + 1, t.Available + free}
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
