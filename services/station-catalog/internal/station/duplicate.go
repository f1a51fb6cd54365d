package station

import (
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Nearby is how far apart two stations may stand to be taken for one, in metres.
const Nearby = 100.0

// Alike is a station of a pair that may be one.
type Alike struct {
	ID        uuid.UUID `json:"id"`
	Name      string    `json:"name"`
	Address   string    `json:"address"`
	Latitude  float64   `json:"latitude"`
	Longitude float64   `json:"longitude"`
	Source    string    `json:"source"`
	SourceID  string    `json:"source_id"`
	Operator  Operator  `json:"operator"`
	EVSEs     int       `json:"evses"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Duplicate is a pair of stations that may be one, and why.
type Duplicate struct {
	Stations  [2]Alike `json:"stations"`
	DistanceM float64  `json:"distance_m"`
	Score     float64  `json:"score"`
	Reasons   []string `json:"reasons"`
}

// PairPlace is a place in the list of pairs.
type PairPlace struct {
	A uuid.UUID `json:"a"`
	B uuid.UUID `json:"b"`
}

// What each sign adds to the score, and from which score on a pair is offered: the place alone is never enough, since operators
// file several stations at one place.
const (
	forDistance = 0.4 // at the same place; less the farther apart
	forEVSE     = 0.6
	forOperator = 0.2
	forName     = 0.2
	forAddress  = 0.2
	forSource   = 0.1
	offered     = 0.65
)

// Judge weighs the signs that two nearby stations are one, and tells whether they are to be offered for merging. sharedEVSE says
// that an EVSE of each has the same eMI3 id.
func Judge(a, b Alike, distanceM float64, sharedEVSE bool) (Duplicate, bool) {
	d := Duplicate{Stations: [2]Alike{a, b}, DistanceM: math.Round(distanceM*10) / 10}
	sign := func(holds bool, weight float64, reason string) {
		if holds {
			d.Score += weight
			d.Reasons = append(d.Reasons, reason)
		}
	}
	sign(distanceM <= Nearby, forDistance*(1-distanceM/Nearby/2), "distance")
	sign(sharedEVSE, forEVSE, "evse_id")
	sign(a.Operator.ID == b.Operator.ID, forOperator, "operator")
	sign(a.Name != "" && plain(a.Name) == plain(b.Name), forName, "name")
	sign(a.Address != "" && plain(a.Address) == plain(b.Address), forAddress, "address")
	sign(a.Source != b.Source, forSource, "source")
	d.Score = min(1, math.Round(d.Score*100)/100)
	return d, d.Score >= offered
}

// plain is a text without differences that mean nothing.
func plain(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }
