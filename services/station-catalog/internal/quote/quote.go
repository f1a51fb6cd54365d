// Package quote says what a charge would cost, and how long it would take, before it happens. It prices with the engine that bills
// the charge afterwards (libs/tariff); what it guesses is the power.
//
//	quotes, err := quote.Station(&st, quote.Ask{EnergyKWh: big.NewRat(30, 1), Start: time.Now()})
package quote

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Ask is the charge in mind: either EnergyKWh, or a Vehicle from one state of charge to another, in percent.
type Ask struct {
	EnergyKWh *big.Rat // nil: what the vehicle takes
	Vehicle   *vehicle.Vehicle
	From, To  float64
	Start     time.Time
}

// Energy is what is charged, in kWh.
func (a *Ask) Energy() *big.Rat {
	if a.EnergyKWh != nil {
		return a.EnergyKWh
	}
	return kwh(a.Vehicle.UsableKWh * (a.To - a.From) / 100)
}

// kwh keeps a watt-hour exact.
func kwh(v float64) *big.Rat { return big.NewRat(int64(math.Round(v*1000)), 1000) }

// Quote is the price of a charge at some connectors of a station that are alike.
type Quote struct {
	Standard  string
	PowerType string
	PowerKW   float64 // at the beginning
	EVSEs     []uuid.UUID
	TariffID  string
	Duration  time.Duration
	Bill      tariff.Bill
}

// Cost is the total after taxes, or before them when their rate is not known.
func (q *Quote) Cost() *big.Rat {
	if q.Bill.AfterTaxes != nil {
		return q.Bill.AfterTaxes
	}
	return q.Bill.BeforeTaxes
}

// alike is what connectors have in common that one quote holds for.
type alike struct {
	standard, powerType, tariff string
	watts, volts, amps          int
}

// longest is how long a charge may take: whoever would need weeks does not ask for the price.
const longest = 7 * 24 * time.Hour

// Station gives the quotes of a station, the cheapest first and of one currency beside each other. Connectors of unknown power or
// of too little, without a tariff that holds at the start, and those that the vehicle does not take have none.
func Station(st *station.Station, ask Ask) ([]Quote, error) {
	zone, err := station.Zone(st.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	tariffs := make(map[string]*tariff.Tariff, len(st.Tariffs))
	for i := range st.Tariffs {
		if st.Tariffs[i].ValidAt(ask.Start) {
			tariffs[st.Tariffs[i].ID] = &st.Tariffs[i]
		}
	}
	at := map[alike]int{}
	var quotes []Quote
	for i := range st.EVSEs {
		e := &st.EVSEs[i]
		for j := range e.Connectors {
			c := &e.Connectors[j]
			if e.Removed || c.PowerW <= 0 || !ask.takes(c) {
				continue
			}
			for _, id := range c.TariffIDs {
				t, holds := tariffs[id]
				if !holds {
					continue
				}
				kind := alike{c.Standard, c.PowerType, id, c.PowerW, c.Voltage, c.Amperage}
				known, made := at[kind]
				if !made {
					segments := ask.segments(c)
					if segments[len(segments)-1].End.Sub(ask.Start) > longest {
						continue
					}
					q, err := price(t, c, zone, segments)
					if err != nil {
						return nil, fmt.Errorf("tariff %s: %w", id, err)
					}
					known, at[kind] = len(quotes), len(quotes)
					quotes = append(quotes, q)
				}
				if q := &quotes[known]; !slices.Contains(q.EVSEs, e.ID) {
					q.EVSEs = append(q.EVSEs, e.ID)
				}
			}
		}
	}
	slices.SortStableFunc(quotes, func(a, b Quote) int {
		if a.Bill.Currency != b.Bill.Currency {
			if a.Bill.Currency < b.Bill.Currency {
				return -1
			}
			return 1
		}
		return a.Cost().Cmp(b.Cost())
	})
	return quotes, nil
}

func price(t *tariff.Tariff, c *station.Connector, zone *time.Location, segments []tariff.Segment) (Quote, error) {
	bill, err := t.Price(tariff.Usage{Location: zone, Segments: segments})
	if err != nil {
		return Quote{}, err
	}
	power, _ := segments[0].PowerKW.Float64()
	return Quote{
		Standard: c.Standard, PowerType: c.PowerType, PowerKW: power, TariffID: t.ID, Bill: bill,
		Duration: segments[len(segments)-1].End.Sub(segments[0].Start),
	}, nil
}

// takes tells whether the vehicle draws anything from the connector.
func (a *Ask) takes(c *station.Connector) bool {
	return a.Vehicle == nil || a.Vehicle.Takes(c.Standard) && a.most(c) > 0
}

// most is the highest power of the charge, in kW.
func (a *Ask) most(c *station.Connector) float64 {
	kw := float64(c.PowerW) / 1000
	switch {
	case a.Vehicle == nil:
		return kw
	case c.PowerType == direct:
		return min(kw, a.Vehicle.MaxDCKW())
	default:
		return min(kw, a.Vehicle.MaxACKW)
	}
}

const (
	direct = "DC"
	// step is how much of a curve is taken to be even, in percent.
	step = 2
	// slowest is what a car draws where its curve ends in nothing, in kW.
	slowest = 0.1
)

// at is the power of a direct current in the step from a state of charge, and where the step ends.
func (a *Ask) at(most, from float64) (kw, to float64) {
	to = min(a.To, from+step)
	return max(slowest, min(most, a.Vehicle.At((from+to)/2))), to
}

// segments is how the charge goes: at the power that connector and car have in common, and, where the states of charge are known, as far
// as the car's curve lets it of a direct current.
func (a *Ask) segments(c *station.Connector) []tariff.Segment {
	most := a.most(c)
	if a.EnergyKWh != nil || c.PowerType != direct {
		return []tariff.Segment{segment(a.Start, a.Energy(), most, c)}
	}
	var out []tariff.Segment
	start, left := a.Start, new(big.Rat).Set(a.Energy())
	for from := a.From; from < a.To; {
		kw, to := a.at(most, from)
		for to < a.To {
			next, end := a.at(most, to)
			if next != kw {
				break
			}
			to = end
		}
		energy := kwh(a.Vehicle.UsableKWh * (to - from) / 100)
		if to >= a.To || energy.Cmp(left) > 0 {
			energy, to = left, a.To // the parts together are the whole, to the watt-hour
		}
		s := segment(start, new(big.Rat).Set(energy), kw, c)
		out = append(out, s)
		start, from = s.End, to
		left.Sub(left, energy)
	}
	return out
}

func segment(start time.Time, energy *big.Rat, powerKW float64, c *station.Connector) tariff.Segment {
	power := decimal(powerKW)
	seconds := new(big.Rat).Mul(new(big.Rat).Quo(energy, power), big.NewRat(3600, 1))
	took, _ := seconds.Float64()
	s := tariff.Segment{
		Start: start, End: start.Add(time.Duration(math.Ceil(took)) * time.Second), Charging: true, EnergyKWh: energy, PowerKW: power,
	}
	if c.Voltage > 0 {
		phases := 1.0
		if c.PowerType == "AC_3_PHASE" {
			phases = 3
		}
		s.CurrentA = decimal(math.Round(powerKW*1e6/float64(c.Voltage)/phases) / 1000)
	}
	return s
}

// decimal is the number as it is written in decimals, to a thousandth.
func decimal(v float64) *big.Rat {
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(v, 'f', 3, 64))
	return r
}
