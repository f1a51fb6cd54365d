// Package contribution gathers what a person has said in the catalogue, whatever it is.
//
// It is the catalogue's part of what somebody may ask for under Article 15 of the GDPR: each contribution has all that is held of it. A kind
// that is to be listed too wants a line in Kinds, a member of Contribution, and a source in the store.
package contribution

import (
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/report"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
)

// The kinds of contributions, of reference.ContributionKinds.
const (
	Review = "review"
	Report = "report"
	Photo  = "photo"
)

// The states of contributions that have none of their own.
const (
	Shown  = "shown"
	Hidden = "hidden"
)

// Station is the station that something was said of.
type Station struct {
	ID      uuid.UUID `json:"id"`
	Name    string    `json:"name"`
	Removed bool      `json:"removed,omitempty"`
}

// Contribution is something that a person has said, whole, in the member of its kind.
type Contribution struct {
	Kind      string         `json:"kind"`
	ID        uuid.UUID      `json:"id"`
	Station   Station        `json:"station"`
	State     string         `json:"state"` // of a review Shown or Hidden, of a report and a photo its own
	Link      string         `json:"link"`  // where it is read and changed
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`
	Review    *review.Review `json:"review,omitempty"`
	Report    *report.Report `json:"report,omitempty"`
	Photo     *photo.Photo   `json:"photo,omitempty"`
}
