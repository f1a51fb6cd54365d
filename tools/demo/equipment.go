package demo

import (
	"fmt"
	"math/rand/v2"
)

// outlet is what one EVSE of a kind offers.
type outlet struct {
	connectors []Connector
	class      tariffClass
}

// region is what plugs a part of the world uses.
type region int

const (
	europe region = iota
	america
	japan
	korea
)

func regionOf(country string) region {
	switch country {
	case "US", "CA":
		return america
	case "JP":
		return japan
	case "KR":
		return korea
	default:
		return europe // and Oceania, India, South America, Africa: Type 2 and CCS2
	}
}

// slow is an AC outlet of a power in watts.
func slow(r *rand.Rand, of region, power int) outlet {
	c := Connector{ID: "1", Standard: "IEC_62196_T2", Format: "SOCKET", PowerType: "AC_3_PHASE", MaxVoltage: 230, MaxElectricPower: power}
	if of != europe {
		c.Standard, c.Format, c.PowerType, c.MaxVoltage = "IEC_62196_T1", "CABLE", "AC_1_PHASE", 240
		c.MaxElectricPower = min(power, 11500)
		c.MaxAmperage = c.MaxElectricPower / 240
		return outlet{connectors: []Connector{c}, class: classSlow}
	}
	if r.IntN(4) == 0 {
		c.Format = "CABLE"
	}
	c.MaxAmperage = (power + 3*230 - 1) / (3 * 230)
	return outlet{connectors: []Connector{c}, class: classSlow}
}

// fast is a DC outlet of a power in watts, in Europe up to 50 kW often with a second plug.
func fast(r *rand.Rand, of region, power int) outlet {
	class := classFast
	if power >= 150_000 {
		class = classHighPower
	}
	dc := func(id, standard string, watts int) Connector {
		volts := 500
		if watts >= 150_000 {
			volts = 920
		}
		return Connector{
			ID: id, Standard: standard, Format: "CABLE", PowerType: "DC",
			MaxVoltage: volts, MaxAmperage: max(100, watts/volts), MaxElectricPower: watts,
		}
	}
	var plugs []Connector
	switch of {
	case japan:
		plugs = append(plugs, dc("1", "CHADEMO", min(power, 90_000)))
	case america:
		plugs = append(plugs, dc("1", "IEC_62196_T1_COMBO", power))
		if r.IntN(3) > 0 {
			plugs = append(plugs, dc("2", "SAE_J3400", power))
		}
	case korea:
		plugs = append(plugs, dc("1", "IEC_62196_T1_COMBO", power))
	case europe:
		plugs = append(plugs, dc("1", "IEC_62196_T2_COMBO", power))
		if power <= 60_000 {
			plugs = append(plugs, dc("2", "CHADEMO", 50_000))
		}
		if power <= 60_000 && r.IntN(2) == 0 {
			plugs = append(plugs, Connector{
				ID: "3", Standard: "IEC_62196_T2", Format: "CABLE", PowerType: "AC_3_PHASE",
				MaxVoltage: 230, MaxAmperage: 63, MaxElectricPower: 43_000,
			})
		}
	}
	return outlet{connectors: plugs, class: class}
}

// site is a kind of place where stations stand.
type site struct {
	kind        string // %s in a name
	weight      int
	parking     string
	facilities  []string
	hours       hours
	restriction string
	outlets     func(r *rand.Rand, of region) []outlet
	far         float64 // how far from the centre, in units of the city's spread
}

type hours int

const (
	always hours = iota
	daily        // every day, from early to late
	shop         // not on Sundays
	office       // not at weekends
)

func several(r *rand.Rand, least, most int, one func() outlet) []outlet {
	out := []outlet{one()}
	for range least - 1 + r.IntN(most-least+1) {
		out = append(out, one())
	}
	return out
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

var sites = []site{
	{
		kind: "Street", weight: 34, parking: "ON_STREET", hours: always, far: 1, restriction: "PLUGGED",
		outlets: func(r *rand.Rand, of region) []outlet {
			return several(r, 2, 4, func() outlet { return slow(r, of, pick(r, 11_000, 11_000, 22_000)) })
		},
	},
	{
		kind: "Car park", weight: 18, parking: "PARKING_GARAGE", hours: daily, far: 0.6, restriction: "EV_ONLY",
		facilities: []string{"PARKING_LOT"},
		outlets: func(r *rand.Rand, of region) []outlet {
			return several(r, 4, 12, func() outlet { return slow(r, of, pick(r, 11_000, 22_000)) })
		},
	},
	{
		kind: "Supermarket", weight: 16, parking: "PARKING_LOT", hours: shop, far: 1.1, restriction: "CUSTOMERS",
		facilities: []string{"SUPERMARKET", "PARKING_LOT"},
		outlets: func(r *rand.Rand, of region) []outlet {
			return append(
				several(r, 2, 4, func() outlet { return slow(r, of, 22_000) }),
				several(r, 1, 3, func() outlet { return fast(r, of, pick(r, 50_000, 50_000, 75_000)) })...)
		},
	},
	{
		kind: "Fast charging hub", weight: 13, parking: "PARKING_LOT", hours: always, far: 1.4, restriction: "EV_ONLY",
		facilities: []string{"CAFE", "WIFI"},
		outlets: func(r *rand.Rand, of region) []outlet {
			power := pick(r, 150_000, 180_000, 300_000)
			return several(r, 4, 12, func() outlet { return fast(r, of, power) })
		},
	},
	{
		kind: "Motorway services", weight: 9, parking: "ALONG_MOTORWAY", hours: always, far: 2.4,
		facilities: []string{"RESTAURANT", "FUEL_STATION", "WIFI"},
		outlets: func(r *rand.Rand, of region) []outlet {
			power := pick(r, 300_000, 350_000, 400_000)
			return append(
				several(r, 4, 10, func() outlet { return fast(r, of, power) }),
				several(r, 1, 2, func() outlet { return fast(r, of, 50_000) })...)
		},
	},
	{
		kind: "Hotel", weight: 6, parking: "UNDERGROUND_GARAGE", hours: always, far: 0.8, restriction: "CUSTOMERS",
		facilities: []string{"HOTEL", "RESTAURANT", "WIFI"},
		outlets: func(r *rand.Rand, of region) []outlet {
			return several(r, 2, 6, func() outlet { return slow(r, of, 11_000) })
		},
	},
	{
		kind: "Railway station", weight: 4, parking: "PARKING_LOT", hours: always, far: 0.5, restriction: "EV_ONLY",
		facilities: []string{"TRAIN_STATION", "BUS_STOP"},
		outlets: func(r *rand.Rand, of region) []outlet {
			return append(
				several(r, 4, 8, func() outlet { return slow(r, of, 22_000) }),
				several(r, 1, 2, func() outlet { return fast(r, of, 50_000) })...)
		},
	},
}

// openingTimes draws the hours of a site.
func openingTimes(r *rand.Rand, h hours) OpeningTimes {
	week := func(last int, begin, end string) OpeningTimes {
		var out OpeningTimes
		for day := 1; day <= last; day++ {
			out.RegularHours = append(out.RegularHours, RegularHours{Weekday: day, PeriodBegin: begin, PeriodEnd: end})
		}
		return out
	}
	at := func(hour int) string { return fmt.Sprintf("%02d:00", hour) }
	switch h {
	case daily:
		if r.IntN(3) > 0 {
			return week(7, at(5+r.IntN(3)), "24:00")
		}
	case shop:
		out := week(6, at(7+r.IntN(2)), at(20+r.IntN(3)))
		if r.IntN(2) == 0 {
			out.RegularHours = append(out.RegularHours, RegularHours{Weekday: 7, PeriodBegin: "10:00", PeriodEnd: "18:00"})
		}
		return out
	case office:
		return week(5, at(7), at(19))
	case always:
	}
	return OpeningTimes{TwentyFourSeven: true}
}
