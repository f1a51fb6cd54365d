// Package find answers searches: from the index in memory when it is in step with the catalogue, and otherwise by SQL, with the
// same stations in the same order either way.
//
// A Replica keeps the index in step: it loads every station once, and then follows the catalogue's change log and the copy of the
// plots' statuses. A Finder decides who answers.
package find

import (
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// Query is what a search asks for. All conditions on a plug hold on one and the same connector. Empty lists ask nothing.
type Query struct {
	// Place is where; nil for everywhere.
	Place *Place

	// What is asked of a connector and its EVSE.
	Standards    []string
	MinPowerW    uint32
	MaxPowerW    uint32 // 0: no upper end
	Capabilities []string
	Reservable   bool
	Available    bool
	NoFaults     bool

	// What is asked of the station.
	Operators    []uuid.UUID
	Countries    []string
	Access       []string
	Facilities   []string
	ParkingTypes []string
	IDs          []uuid.UUID // nil: all
	Words        []string    // beginnings of words, as package words folds them
	OpenAt       time.Time   // zero: at any time
	MinPlots     int
	Free         bool
	MaxPrice     *float64 // of a kilowatt-hour, in Currency
	Currency     string   // for MaxPrice and ByPrice
	MinRating    float64  // least average of the ratings; 0: also none
	UpdatedSince time.Time
	NumberAbove  int64 // 0: any

	Sort Sort
	// Now is the minute for which the items say whether the station is open.
	Now time.Time
	// After continues behind a hit of an earlier page.
	After *search.Cursor
	// Limit is the most hits to return; 0 only counts.
	Limit int
	// Spread asks for a choice that is fair to each region, when there are more matches than Limit.
	Spread bool
}

// Sort is an order of stations; equal ones are sorted by id.
type Sort uint8

// The orders.
const (
	ByPlace   Sort = iota // by distance, or along the route; by id elsewhere
	ByPower               // the most powerful first
	ByPrice               // the cheapest first, those without a price in the currency last
	ByUpdated             // those that changed last first
	ByOldest              // those that changed last last
	ByNumber              // the least number first
	ByHighest             // the greatest number first
	ByRating              // the best rated first, those without a rating last
)

// LeastPowerW is the least power that a connector must have. With an upper end an unknown power does not do.
func (q *Query) LeastPowerW() uint32 {
	if q.MaxPowerW > 0 {
		return max(q.MinPowerW, 1)
	}
	return q.MinPowerW
}

// AsksPlug tells whether something is asked of a connector.
func (q *Query) AsksPlug() bool {
	return len(q.Standards) > 0 || q.MinPowerW > 0 || q.MaxPowerW > 0 || len(q.Capabilities) > 0 || q.Reservable || q.Available || q.NoFaults
}

// memory is the query as the index takes it.
func (q *Query) memory() search.Query {
	m := search.Query{
		Region: q.Place.region(),
		Plug: search.Plug{
			Standards: q.Standards, MinPowerW: q.LeastPowerW(), MaxPowerW: q.MaxPowerW, Free: q.Available, Sound: q.NoFaults,
		},
		Countries: q.Countries, Access: q.Access, Words: q.Words, OpenAt: q.OpenAt, Order: q.order(), At: q.Now, After: q.After, Limit: q.Limit,
	}
	for _, capability := range q.Capabilities {
		m.Plug.Traits = append(m.Plug.Traits, capabilityTrait+capability)
	}
	if q.Reservable {
		m.Plug.Traits = append(m.Plug.Traits, reservableTrait)
	}
	if q.IDs != nil {
		m.Among = ids(q.IDs)
	}
	if len(q.Operators) > 0 {
		m.Operators = ids(q.Operators)
	}
	m.Tags = q.tags()
	m.Ranges = q.ranges()
	return m
}

func (q *Query) order() search.Order {
	switch q.Sort {
	case ByPower:
		return search.Descending(search.ColumnPower)
	case ByPrice:
		return search.Ascending(search.ColumnPrice).Among(freeTag, currencyTag+q.Currency)
	case ByUpdated:
		return search.Descending(search.ColumnUpdated)
	case ByOldest:
		return search.Ascending(search.ColumnUpdated)
	case ByNumber:
		return search.Ascending(search.ColumnNumber)
	case ByHighest:
		return search.Descending(search.ColumnNumber)
	case ByRating:
		return search.Descending(search.ColumnRating)
	case ByPlace:
	}
	return search.ByRank()
}

func (q *Query) tags() [][]string {
	var groups [][]string
	if len(q.Facilities) > 0 {
		groups = append(groups, prefixed(facilityTag, q.Facilities))
	}
	if len(q.ParkingTypes) > 0 {
		groups = append(groups, prefixed(parkingTag, q.ParkingTypes))
	}
	if q.Free {
		groups = append(groups, []string{freeTag})
	}
	if q.MaxPrice != nil {
		groups = append(groups, []string{freeTag, currencyTag + q.Currency})
	}
	return groups
}

func (q *Query) ranges() []search.Range {
	var ranges []search.Range
	if q.MinPlots > 0 {
		ranges = append(ranges, search.AtLeast(search.ColumnPlots, float64(q.MinPlots)))
	}
	if q.MaxPrice != nil {
		ranges = append(ranges, search.AtMost(search.ColumnPrice, *q.MaxPrice))
	}
	if q.MinRating > 0 {
		ranges = append(ranges, search.AtLeast(search.ColumnRating, q.MinRating))
	}
	if !q.UpdatedSince.IsZero() {
		ranges = append(ranges, search.AtLeast(search.ColumnUpdated, float64(q.UpdatedSince.UnixMicro())))
	}
	if q.NumberAbove > 0 {
		ranges = append(ranges, search.AtLeast(search.ColumnNumber, float64(q.NumberAbove+1)))
	}
	return ranges
}

func prefixed(prefix string, values []string) []string {
	out := make([]string, len(values))
	for i, value := range values {
		out[i] = prefix + value
	}
	return out
}

func ids(in []uuid.UUID) []search.ID {
	out := make([]search.ID, len(in))
	for i, id := range in {
		out[i] = search.ID(id)
	}
	return out
}
