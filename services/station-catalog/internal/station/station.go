// Package station holds what the catalogue knows of a charging station, in the words and the shape of OCPI: a station is a
// Location with its EVSEs, their connectors, and the tariffs that the connectors refer to.
//
// Station is the document: the same JSON is read from an import, kept in step by the change feed, streamed by the export and
// answered by the API. Validate says what is wrong with one, Hash whether two say the same, Summarise what a search shows of it.
package station

import (
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
)

// The faults of stations.
var (
	ErrNotFound = fault.Define(fault.NotFound, "station_not_found", "There is no such station")
	ErrRemoved  = fault.Define(fault.Gone, "station_removed", "The station was removed")
	ErrInvalid  = fault.Define(fault.Invalid, "invalid_station", "The station is not valid")
	ErrStale    = fault.Define(fault.PreconditionFailed, "station_changed", "The station has changed since it was read")
	ErrTaken    = fault.Define(fault.Conflict, "source_id_taken", "The operator has another station of this source id")
	ErrEVSEUsed = fault.Define(fault.Conflict, "evse_uid_taken", "The operator has another EVSE of this uid")
	ErrSame     = fault.Define(fault.Invalid, "same_station", "A station is not a duplicate of itself")
	ErrForeign  = fault.Define(fault.Forbidden, "foreign_operator", "The station belongs to another operator")
)

// mergedInto is the member of ErrRemoved that leads to the survivor of a merge.
const mergedInto = "merged_into"

// MergedInto is ErrRemoved of a station that was merged into another.
func MergedInto(survivor uuid.UUID) error {
	return ErrRemoved.Detailf("It was merged into station %s.", survivor).With(mergedInto, survivor)
}

// Survivor gives the station that the one of a fault was merged into; false when it was not.
func Survivor(err error) (uuid.UUID, bool) {
	if !errors.Is(err, ErrRemoved) {
		return uuid.Nil, false
	}
	id, ok := fault.Of(err).Extensions()[mergedInto].(uuid.UUID)
	return id, ok
}

// Operator is what a station says of the company that runs it.
type Operator struct {
	ID          uuid.UUID `json:"id"`
	Number      int64     `json:"-"` // see Station
	Name        string    `json:"name"`
	CountryCode string    `json:"country_code"` // ISO 3166-1 alpha-2
	PartyID     string    `json:"party_id"`     // three characters, OCPI
}

// Station is a site where cars charge (OCPI Location). A station is known by its source and the source's id for it; ID is ours.
type Station struct {
	ID uuid.UUID `json:"id"`
	// Number is what Open Charge Map's clients know the station by: given once by the database, 0 before. It is no part of the document.
	Number      int64         `json:"-"`
	Operator    Operator      `json:"operator"`
	Source      string        `json:"source"`
	SourceID    string        `json:"source_id"`
	Name        string        `json:"name"`
	Address     string        `json:"address"`
	City        string        `json:"city"`
	PostalCode  string        `json:"postal_code"`
	State       string        `json:"state,omitempty"`
	Country     string        `json:"country"` // ISO 3166-1 alpha-2
	Latitude    float64       `json:"latitude"`
	Longitude   float64       `json:"longitude"`
	TimeZone    string        `json:"time_zone"` // IANA
	Access      Access        `json:"access"`
	ParkingType string        `json:"parking_type,omitempty"`
	Facilities  []string      `json:"facilities,omitempty"`
	Opening     *OpeningTimes `json:"opening_times,omitempty"`
	OpeningText string        `json:"opening_hours_text,omitempty"`
	Payment     *Payment      `json:"payment,omitempty"`
	Version     int64         `json:"version"`
	UpdatedAt   time.Time     `json:"updated_at"`
	EVSEs       []EVSE        `json:"evses"`
	// Tariffs are the tariffs that the connectors refer to, each once, by id.
	Tariffs []tariff.Tariff `json:"tariffs"`
	// Plots is what is free now, and StatusesAsOf up to when the statuses are known; only an answer to a reader has them.
	Plots        *Plots     `json:"plots,omitempty"`
	StatusesAsOf *time.Time `json:"statuses_as_of,omitempty"`
	// Rating is what its reviews come to, where one of them rates it; only an answer to a reader has it.
	Rating *review.Rating `json:"rating,omitempty"`
	// OpenReports counts the reports of faults that are not settled, by kind; only an answer to a reader has it.
	OpenReports map[string]int64 `json:"open_reports,omitempty"`
	// Photos are its newest ones; only an answer to a reader has them.
	Photos []photo.Shown `json:"photos,omitempty"`
}

// Access says who may charge.
type Access string

// The kinds of access.
const (
	Public     Access = "public"
	Restricted Access = "restricted"
	Private    Access = "private"
)

// OpeningTimes are OCPI Hours. Regular hours are in the station's time zone.
type OpeningTimes struct {
	TwentyFourSeven bool           `json:"twentyfourseven"`
	Regular         []RegularHours `json:"regular_hours,omitempty"`
	Openings        []Period       `json:"exceptional_openings,omitempty"`
	Closings        []Period       `json:"exceptional_closings,omitempty"`
}

// RegularHours is a span of a weekday, 1 (Monday) to 7. Begin and End are "HH:MM"; End is later, "24:00" at the latest.
type RegularHours struct {
	Weekday int    `json:"weekday"`
	Begin   string `json:"period_begin"`
	End     string `json:"period_end"`
}

// Period is a span of time.
type Period struct {
	Begin time.Time `json:"period_begin"`
	End   time.Time `json:"period_end"`
}

// Payment is how one pays; what is not known is nil.
type Payment struct {
	Free  *bool  `json:"free,omitempty"`
	AdHoc *bool  `json:"ad_hoc,omitempty"`
	Card  *bool  `json:"card,omitempty"`
	Other *bool  `json:"other,omitempty"`
	Text  string `json:"text,omitempty"`
}

// EVSE charges one car at a time. It is known by the UID within the station's source, and keeps its ID when it moves to another
// station of the same source.
type EVSE struct {
	ID                  uuid.UUID   `json:"id"`
	UID                 string      `json:"uid"`
	EVSEID              string      `json:"evse_id,omitempty"` // eMI3, upper case without separators or with stars
	PhysicalReference   string      `json:"physical_reference,omitempty"`
	FloorLevel          string      `json:"floor_level,omitempty"`
	Capabilities        []string    `json:"capabilities,omitempty"`
	ParkingRestrictions []string    `json:"parking_restrictions,omitempty"`
	Reservable          bool        `json:"reservable"`
	Removed             bool        `json:"removed,omitempty"`
	PriceText           string      `json:"price_text,omitempty"`
	Connectors          []Connector `json:"connectors"`

	// What the plot that the EVSE serves says of itself; only an answer to a reader has it.
	PlotID      *uuid.UUID `json:"plot_id,omitempty"`
	Status      Status     `json:"status,omitempty"`
	StatusSince *time.Time `json:"status_since,omitempty"`
}

// Connector is one plug or socket. Volts (line to neutral for three phases), amperes and watts are 0 when they are not known.
type Connector struct {
	ID        string   `json:"id"`
	Standard  string   `json:"standard"`
	Format    string   `json:"format"`
	PowerType string   `json:"power_type"`
	Voltage   int      `json:"max_voltage,omitempty"`
	Amperage  int      `json:"max_amperage,omitempty"`
	PowerW    int      `json:"max_electric_power,omitempty"`
	TariffIDs []string `json:"tariff_ids,omitempty"`
}

// Status is the OCPI status of the plot that an EVSE serves.
type Status string

// The statuses.
const (
	Available   Status = "AVAILABLE"
	Blocked     Status = "BLOCKED"
	Charging    Status = "CHARGING"
	Inoperative Status = "INOPERATIVE"
	OutOfOrder  Status = "OUTOFORDER"
	Planned     Status = "PLANNED"
	RemovedPlot Status = "REMOVED"
	Reserved    Status = "RESERVED"
	Unknown     Status = "UNKNOWN"
)

// PlotStatus is what charging-plot last said of the plot that serves an EVSE.
type PlotStatus struct {
	EVSEID     uuid.UUID
	PlotID     uuid.UUID
	Status     Status
	Since      time.Time
	Reservable bool
	ToldAt     time.Time // when we learnt of it; later for each change of an EVSE
}

// Apply puts the statuses of the plots, by EVSE id, into the station. asOf is when the statuses were last known to be true, zero
// when nothing was ever heard.
func (s *Station) Apply(statuses map[uuid.UUID]PlotStatus, asOf time.Time) {
	for i := range s.EVSEs {
		e := &s.EVSEs[i]
		if e.Removed {
			e.Status = RemovedPlot
			continue
		}
		e.Status = Unknown
		if p, ok := statuses[e.ID]; ok {
			e.PlotID, e.Status, e.StatusSince = &p.PlotID, p.Status, &p.Since
		}
	}
	plots := Count(s.EVSEs, statuses)
	s.Plots = &plots
	if !asOf.IsZero() {
		s.StatusesAsOf = &asOf
	}
}

// OwnSource is the name of the source of the stations that an operator writes through the API.
func OwnSource(countryCode, partyID string) string {
	return "operator-" + strings.ToLower(countryCode+partyID)
}
