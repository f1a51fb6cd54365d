package find

import (
	"bytes"
	"math/big"
	"strings"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/openinghours"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/words"
)

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

// documents makes what the index is to know of stations. It keeps what many of them have in common.
type documents struct {
	told   Told
	rated  Rated
	words  map[string]string // of operators' names
	hours  map[hoursOf]*search.Hours
	traits map[string]string // of capabilities
	common map[string]string // what items have in common: the index holds all of it anyway
	text   []byte            // of an item
}

// hoursOf are opening times, which stations may share, in a time zone.
type hoursOf struct {
	opening *station.OpeningTimes
	zone    string
}

func newDocuments(told Told, rated Rated) *documents {
	return &documents{
		told: told, rated: rated, words: map[string]string{}, hours: map[hoursOf]*search.Hours{}, traits: map[string]string{}, common: map[string]string{},
	}
}

// of gives the document of a station. Removed EVSEs are left out.
func (m *documents) of(st *station.Station) search.Document {
	d := search.Document{
		ID: search.ID(st.ID), Latitude: st.Latitude, Longitude: st.Longitude, Version: st.Version, UpdatedAt: st.UpdatedAt, Number: st.Number,
		Operator: search.ID(st.Operator.ID), Country: st.Country, Access: string(st.Access),
		Text:  words.Of(st.Name+" "+st.Address+" "+st.City+" "+st.PostalCode) + kept(m.words, st.Operator.Name, words.Of),
		Hours: m.hoursOf(st), Tags: tags(st), Rating: m.rated(st.ID),
	}
	from, priced := st.PriceFrom()
	switch {
	case st.Free():
		d.PriceFrom = new(float64)
	case priced:
		amount, _ := from.PerKWh.Float64()
		d.PriceFrom = &amount
		d.Tags = append(d.Tags, currencyTag+from.Currency)
	}
	m.text = appendOwn(m.text[:0], st)
	d.Item = bytes.Clone(m.text)
	m.text = appendCommon(m.text[:0], st, from, priced)
	common, known := m.common[string(m.text)]
	if !known {
		common = string(m.text)
		m.common[common] = common
	}
	d.Common = common
	d.EVSEs = make([]search.EVSE, 0, len(st.EVSEs))
	for i := range st.EVSEs {
		if e := &st.EVSEs[i]; !e.Removed {
			d.EVSEs = append(d.EVSEs, m.evse(e))
		}
	}
	return d
}

func (m *documents) evse(e *station.EVSE) search.EVSE {
	last := m.told(e.ID)
	unit := search.EVSE{
		ID: search.ID(e.ID), Plot: last.Plot, Status: last.Status, StatusAt: last.At,
		Connectors: make([]search.Connector, len(e.Connectors)),
	}
	for _, capability := range e.Capabilities {
		if !reference.Capabilities.Has(capability) {
			continue // nobody can ask for it, and the index tells few traits apart
		}
		unit.Traits = append(unit.Traits, kept(m.traits, capability, func(c string) string { return capabilityTrait + c }))
	}
	if e.Reservable {
		unit.Traits = append(unit.Traits, reservableTrait)
	}
	for i, c := range e.Connectors {
		unit.Connectors[i] = search.Connector{Standard: c.Standard, PowerW: uint32(max(0, c.PowerW))} //nolint:gosec // the database bounds it
	}
	return unit
}

func (m *documents) hoursOf(st *station.Station) *search.Hours {
	if st.Opening == nil {
		return nil
	}
	return kept(m.hours, hoursOf{st.Opening, st.TimeZone}, func(of hoursOf) *search.Hours {
		schedule := openinghours.NewSchedule(of.opening, of.zone)
		if schedule == nil {
			return nil
		}
		return search.NewHours(schedule.Key(), schedule.Open)
	})
}

// mostAlike is how much documents keep of a kind: when there is more, most stations have something of their own.
const mostAlike = 10_000

// kept makes a value once for each key.
func kept[K comparable, V any](values map[K]V, key K, of func(K) V) V {
	v, known := values[key]
	if !known {
		if len(values) == mostAlike {
			clear(values)
		}
		v = of(key)
		values[key] = v
	}
	return v
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
