package importer

import (
	"math"
	"strconv"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// plugs are the sockets and cables of an EVSE of the register.
type plugs struct {
	Domestic, Type2, CCS, CHAdeMO, Other bool
	Cable                                bool // the Type 2 cable is attached
}

// What mains and plugs allow at most.
const (
	voltsAC       = 230
	phases        = 3
	domesticAmps  = 16
	singlePhaseW  = 8_000                  // more wants three phases
	type2W        = 44_000                 // 63 A, and some round up
	type2SocketW  = phases * voltsAC * 32  // beside a stronger direct current
	domesticW     = voltsAC * domesticAmps //
	chademoW      = chademoVolts * 125     // CHAdeMO 1, beside a stronger CCS
	chademoVolts  = 500                    //
	ccsLowVolts   = 500                    //
	ccsHighVolts  = 1000                   //
	ccsLowVoltage = ccsLowVolts * 125      // stronger ones use the higher voltage
)

// plausible drops a power that none of the plugs can have.
func (r *pointReader) plausible(p *point) {
	k := p.Plugs
	switch {
	case !k.Domestic && !k.Type2 && !k.CCS && !k.CHAdeMO && k.Other:
		r.find(transfer.Adjusted, "no_plug", "the only plug is of a kind that the scheme does not name; the EVSE has no connector")
	case !k.Domestic && !k.Type2 && !k.CCS && !k.CHAdeMO:
		r.find(transfer.Adjusted, "no_plug", "the row names no plug; the EVSE has no connector")
	case k.Type2 && !k.CCS && !k.CHAdeMO && p.PowerW > type2W:
		r.find(transfer.Adjusted, "power_implausible", "a Type 2 plug alone cannot give %g kW; the power was left out", float64(p.PowerW)/wattsPerKW)
		p.PowerW = 0
	}
}

// connectors makes OCPI connectors of the plugs. The register says one power for the whole EVSE: it is that of its strongest plug.
// A weaker one beside it gets what its kind allows, so that nobody is promised more than there is.
func (p *point) connectors() []station.Connector {
	var all []station.Connector
	add := func(c station.Connector) {
		c.ID = strconv.Itoa(len(all) + 1)
		all = append(all, c)
	}
	direct := p.Plugs.CCS || p.Plugs.CHAdeMO
	if p.Plugs.CCS {
		add(dc("IEC_62196_T2_COMBO", p.PowerW, ccsVolts(p.PowerW)))
	}
	if p.Plugs.CHAdeMO {
		watts := p.PowerW
		if p.Plugs.CCS {
			watts = atMost(watts, chademoW)
		}
		add(dc("CHADEMO", watts, chademoVolts))
	}
	if p.Plugs.Type2 {
		watts := p.PowerW
		if direct {
			watts = atMost(watts, type2SocketW)
		}
		format := "SOCKET"
		if p.Plugs.Cable {
			format = "CABLE"
		}
		add(ac("IEC_62196_T2", format, watts))
	}
	if p.Plugs.Domestic {
		add(ac("DOMESTIC_E", "SOCKET", atMost(p.PowerW, domesticW)))
	}
	return all
}

// atMost bounds a known power; an unknown one stays unknown.
func atMost(watts, most int) int { return min(watts, most) }

func ac(standard, format string, watts int) station.Connector {
	c := station.Connector{Standard: standard, Format: format, PowerType: "AC_1_PHASE", PowerW: watts}
	if watts == 0 {
		return c
	}
	c.Voltage = voltsAC
	lines := 1
	if watts > singlePhaseW {
		c.PowerType, lines = "AC_3_PHASE", phases
	}
	c.Amperage = amps(watts, voltsAC*lines)
	return c
}

func dc(standard string, watts, volts int) station.Connector {
	c := station.Connector{Standard: standard, Format: "CABLE", PowerType: "DC", PowerW: watts}
	if watts > 0 {
		c.Voltage, c.Amperage = volts, amps(watts, volts)
	}
	return c
}

func ccsVolts(watts int) int {
	if watts > ccsLowVoltage {
		return ccsHighVolts
	}
	return ccsLowVolts
}

// amps rounds to the nearest ampere: 22 kW of three phases are 32 A.
func amps(watts, volts int) int { return max(1, int(math.Round(float64(watts)/float64(volts)))) }
