package occupancy

import (
	"strconv"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// Count is how many plots there are, how many of them are free, and how many are taken. The rest cannot be used, or nobody knows.
type Count struct{ Total, Free, Taken int }

func (c Count) add(s State) Count {
	c.Total++
	switch s {
	case Free:
		c.Free++
	case Taken:
		c.Taken++
	case Unseen:
	}
	return c
}

// Counts are plots by what they offer: ByConnector under each standard that a plot has, ByPower under its greatest power in kW, such as
// "22" or "7.4"; plots of unknown power are left out there.
type Counts struct {
	Count
	ByConnector, ByPower map[string]Count
}

// CountPlots counts the plots that have not been removed.
func CountPlots(plots []plot.Plot) Counts {
	out := Counts{ByConnector: map[string]Count{}, ByPower: map[string]Count{}}
	for _, p := range plots {
		if p.Status == status.Removed {
			continue
		}
		state, watts, seen := StateOf(p.Status), 0, map[string]bool{}
		out.Count = out.add(state)
		for _, e := range p.EVSEs {
			for _, c := range e.Connectors {
				watts = max(watts, c.MaxPowerW)
				if !seen[c.Standard] {
					seen[c.Standard] = true
					out.ByConnector[c.Standard] = out.ByConnector[c.Standard].add(state)
				}
			}
		}
		if watts > 0 {
			kw := strconv.FormatFloat(float64(watts)/1000, 'f', -1, 64)
			out.ByPower[kw] = out.ByPower[kw].add(state)
		}
	}
	return out
}
