package search

import (
	"math"
	"strconv"
	"time"
)

// Query asks for stations. Its zero value asks for all of them, by id. Lists are any-of, and an
// empty list is no condition.
type Query struct {
	// Region is where: NewCircle, NewBox, or nil for everywhere.
	Region Region
	// Among keeps to these stations, unless nil. Ids may repeat and may be unknown.
	Among []ID
	// Plug holds on one and the same connector of the station.
	Plug Plug

	Operators []ID
	Countries []string
	Access    []string
	// Tags are groups: of each group a station carries at least one tag.
	Tags [][]string
	// Words are beginnings of words: each of them is one of a word of the station's text.
	Words []string
	// OpenAt asks for stations that are known to be open in that minute, unless it is zero.
	OpenAt time.Time
	// Ranges hold for values of the station; one without the value does not match.
	Ranges []Range

	Order Order
	// At is the minute that Hit.AppendItem tells of whether the station is open; with the zero time it does not.
	At time.Time
	// After continues behind a station of an earlier answer of the same query.
	After *Cursor
	// Limit is the most hits to return; 0 only counts.
	Limit int
}

// Plug is what is asked of a single connector. Its zero value asks nothing, so that stations
// without a connector match too.
type Plug struct {
	Standards []string // any of
	MinPowerW uint32   // an unknown power is 0 W
	MaxPowerW uint32   // 0: no upper end
	Traits    []string // all of
	// Free asks for an EVSE whose status is AVAILABLE.
	Free bool
	// Sound asks for an EVSE whose status is not INOPERATIVE or OUTOFORDER.
	Sound bool
}

// Column is a number that each station may have.
type Column uint8

// The columns.
const (
	ColumnPower   Column = iota // most power of its connectors, W; absent without a connector
	ColumnUpdated               // Document.UpdatedAt, microseconds of Unix time
	ColumnPrice                 // Document.PriceFrom
	ColumnNumber                // Document.Number
	ColumnRating                // Rating.Average; absent without a rating
	ColumnPlots                 // number of plots: EVSEs that serve the same one count once
)

// columns is how many there are that only a new document changes.
const columns = ColumnRating

// Range asks for Min <= value <= Max, see AtLeast and AtMost.
type Range struct {
	Column   Column
	Min, Max float64
}

// AtLeast is the range from least upwards.
func AtLeast(column Column, least float64) Range {
	return Range{Column: column, Min: least, Max: math.Inf(1)}
}

// AtMost is the range up to most.
func AtMost(column Column, most float64) Range {
	return Range{Column: column, Min: math.Inf(-1), Max: most}
}

// Cursor is the place of a hit in its order. It is only good for the query it came from: same
// region, same order. Both fields survive JSON unchanged.
type Cursor struct {
	Key float64 `json:"k"`
	ID  ID      `json:"i"`
}

// AppendJSON appends the cursor as encoding/json would write it, up to the form of the number.
func (c Cursor) AppendJSON(dst []byte) []byte {
	dst = strconv.AppendFloat(append(dst, `{"k":`...), c.Key, 'g', -1, 64)
	return append(c.ID.append(append(dst, `,"i":"`...)), `"}`...)
}
