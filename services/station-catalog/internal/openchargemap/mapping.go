package openchargemap

import (
	"math"
	"slices"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// ByID gives the entry of a table by its id; nil when it has none.
func ByID[T any](table []T, id int, of func(*T) int) *T {
	for i := range table {
		if of(&table[i]) == id {
			return &table[i]
		}
	}
	return nil
}

// PlugOf gives what a connection type is in OCPI's words; false when OCPI has no standard for it.
func PlugOf(connectionType int) (Plug, bool) {
	t := ByID(ConnectionTypes, connectionType, func(t *ConnectionType) int { return t.ID })
	if t == nil || t.Plug.Standard == "" {
		return Plug{}, false
	}
	return t.Plug, true
}

// nearest are standards that are written as another, for want of a type of their own: J3400 is Tesla's plug of the Model S, and Open
// Charge Map does not tell the sizes of three-phase plugs apart.
var nearest = map[string]string{
	"TESLA_S": "SAE_J3400", "IEC_60309_2_three_32": "IEC_60309_2_three_16", "IEC_60309_2_three_64": "IEC_60309_2_three_16",
}

const cable = "CABLE"

// TypeOf gives the connection type of a connector by its standard and format, 0 (unknown) when there is none. A format that no type of the
// standard has counts as the one that it has.
func TypeOf(standard, format string) int {
	if other, known := nearest[standard]; known {
		standard = other
	}
	found := 0
	for i := range ConnectionTypes {
		switch t := &ConnectionTypes[i]; {
		case t.Plug.Standard != standard || t.Foreign:
		case t.Plug.Cable == (format == cable):
			return t.ID
		default:
			found = t.ID
		}
	}
	return found
}

// StandardsOf gives the standards of which connectors are written as one of these connection types. exact says that all connectors of
// those standards are, whatever their format, and that no other connector is.
func StandardsOf(connectionTypes []int) (standards []string, exact bool) {
	exact = !slices.Contains(connectionTypes, 0) // which an EVSE without connectors has, too
	for _, s := range reference.ConnectorStandards {
		socket := slices.Contains(connectionTypes, TypeOf(s.Value, "SOCKET"))
		tethered := slices.Contains(connectionTypes, TypeOf(s.Value, cable))
		if socket || tethered {
			standards = append(standards, s.Value)
		}
		exact = exact && socket == tethered
	}
	return standards, exact
}

// LevelOf gives the level of a power in watts, 0 when it is not known.
func LevelOf(powerW int) int {
	switch {
	case powerW <= 0:
		return 0
	case powerW < secondLevelW:
		return 1
	case powerW < thirdLevelW:
		return 2
	default:
		return 3
	}
}

// Where the levels begin.
const (
	secondLevelW = 2_000
	thirdLevelW  = 40_000
)

// PowerOf gives the powers in watts that the levels span, most being 0 when there is no end. exact says that each power in between is of one of them.
func PowerOf(levels []int) (least, most int, exact bool) {
	has := func(level int) bool { return slices.Contains(levels, level) }
	switch {
	case has(1):
		least = 1
	case has(2):
		least = secondLevelW
	default:
		least = thirdLevelW
	}
	switch {
	case has(3):
	case has(2):
		most = thirdLevelW - 1
	default:
		most = secondLevelW - 1
	}
	return least, most, has(2) || !has(1) || !has(3)
}

// CurrentOf gives the kind of current of an OCPI power type.
func CurrentOf(powerType string) int {
	switch powerType {
	case "DC":
		return Direct
	case "AC_3_PHASE":
		return ThreePhase
	default:
		return SinglePhase
	}
}

// leastBetweenLines is the least voltage that three phases are taken to be told of between lines.
const leastBetweenLines = 300

// The nominal voltages of three phases in most of the world; by the square root of 3 they would be a volt apart.
const nominalToNeutral, nominalBetweenLines = 230, 400

// ToNeutral reads a voltage: Open Charge Map tells that of three phases between lines, OCPI to neutral.
func ToNeutral(volts int, powerType string) int {
	switch {
	case CurrentOf(powerType) != ThreePhase || volts <= leastBetweenLines:
		return volts
	case volts == nominalBetweenLines:
		return nominalToNeutral
	default:
		return int(math.Round(float64(volts) / math.Sqrt(3)))
	}
}

// BetweenLines is the reverse of ToNeutral. One that would be read as it is, is written so.
func BetweenLines(volts int, powerType string) int {
	between := int(math.Round(float64(volts) * math.Sqrt(3)))
	switch {
	case CurrentOf(powerType) != ThreePhase || between <= leastBetweenLines:
		return volts
	case volts == nominalToNeutral:
		return nominalBetweenLines
	default:
		return between
	}
}

// AccessOf reads a usage type.
func AccessOf(usage int) station.Access {
	switch usage {
	case PrivateRestricted, 6:
		return station.Private
	case NoticeRequired, 4, 7:
		return station.Restricted
	default:
		return station.Public
	}
}

// UsageOf writes who may charge at a station.
func UsageOf(st *station.Station) int {
	switch {
	case st.Access == station.Private:
		return PrivateRestricted
	case st.Access == station.Restricted:
		return NoticeRequired
	case st.Payment != nil && st.Payment.AdHoc != nil && *st.Payment.AdHoc:
		return PayAtLocation
	default:
		return Public
	}
}

// checkins are the outcomes of visits by the words of reviews.
var checkins = map[string]int{
	"charged": 10, "not_operational": 20, "not_installed": 22, "equipment_problem": 25, "not_compatible": 30, "card_required": 40, "no_equipment": 50,
	"in_use": 100, "blocked": 110, "closed": 120, "not_found": 130, "confirmed": 140, "decommissioned": 160,
}

// CheckinOf gives the checkin status of a review's outcome; 0, that nobody was there, for none.
func CheckinOf(outcome string) int { return checkins[outcome] }

// IsGone tells whether a status says that something is not there yet, or no more.
func IsGone(status int) bool {
	return status == Planned || status == Removed || status == RemovedAsDuplicate
}

// StatusOf gives the status of a plug by those of the plots that have it: the best of them.
func StatusOf(plots []station.Status) int {
	best := NotOperational
	if len(plots) == 0 {
		return StatusUnknown
	}
	rank := []int{NotOperational, Planned, StatusUnknown, Unavailable, InUse, Available}
	for _, s := range plots {
		if one := statusOf(s); slices.Index(rank, one) > slices.Index(rank, best) {
			best = one
		}
	}
	return best
}

func statusOf(s station.Status) int {
	switch s {
	case station.Available:
		return Available
	case station.Charging, station.Reserved:
		return InUse
	case station.Blocked, station.Inoperative:
		return Unavailable
	case station.OutOfOrder:
		return NotOperational
	case station.Planned:
		return Planned
	case station.Unknown, station.RemovedPlot:
	}
	return StatusUnknown
}

// SiteStatusOf gives the status of a site by those of its plots: whether it works, not whether it is free.
func SiteStatusOf(plots []station.Status) int {
	var working, resting, broken, planned int
	for _, s := range plots {
		switch statusOf(s) {
		case Available, InUse:
			working++
		case Unavailable:
			resting++
		case NotOperational:
			broken++
		case Planned:
			planned++
		}
	}
	switch told := working + resting + broken + planned; {
	case told == 0:
		return StatusUnknown
	case working == told-planned && working > 0:
		return Operational
	case working > 0:
		return PartlyOperational
	case resting > 0:
		return Unavailable
	case broken > 0:
		return NotOperational
	default:
		return Planned
	}
}
