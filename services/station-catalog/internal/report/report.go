// Package report holds the faults that people report of stations.
//
// A report says what is wrong with a station or with one of its EVSEs, and when it was seen. Whoever runs the station, or a moderator,
// acknowledges it, and resolves or dismisses it with a note to the reporter, who may withdraw it before that or say that it is solved.
// Everybody is told what is reported and not yet settled, how long, and by how many people, but neither their words nor who they are; nor
// is whoever handles it told who it was. Reports are live, as ratings are: they are no part of a station's document, version or history.
package report

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
)

// The faults of reports.
var (
	ErrNotFound     = fault.Define(fault.NotFound, "report_not_found", "There is no such report of this station")
	ErrForeign      = fault.Define(fault.Forbidden, "foreign_report", "The report is somebody else's")
	ErrInvalid      = fault.Define(fault.Invalid, "invalid_report", "The report is not valid")
	ErrTooMany      = fault.Define(fault.Conflict, "too_many_reports", "You have too many reports that are not settled yet")
	ErrSettled      = fault.Define(fault.Conflict, "report_settled", "The report is settled already")
	ErrAcknowledged = fault.Define(fault.Conflict, "report_acknowledged", "The report is acknowledged already")
	errTwice        = fault.Define(fault.Conflict, "already_reported", "You have reported this already")
)

// Twice is the fault of reporting again what is not settled yet; it leads to the first report.
func Twice(first uuid.UUID) error {
	return errTwice.Detailf("Your report is %s, and is not settled yet.", first).With("report_id", first)
}

// Bounds of what people report.
const (
	MostComment = 2000 // characters
	MostNote    = 500  // characters
	MostOpen    = 20   // reports of a person that are not settled
	// Oldest is how long ago something may have been seen.
	Oldest = 30 * 24 * time.Hour
	// ahead is how far the clocks of reporters may be ahead of ours.
	ahead = time.Minute
)

// Other is the kind of fault that the comment alone describes.
const Other = "other"

// State is what became of a report.
type State string

// The states. The last three are the end of it.
const (
	Open         State = "open"
	Acknowledged State = "acknowledged"
	Resolved     State = "resolved"
	Dismissed    State = "dismissed"
	Withdrawn    State = "withdrawn"
)

// Settled tells whether nothing more is to be done.
func (s State) Settled() bool { return s != Open && s != Acknowledged }

// Input is what a reporter says.
type Input struct {
	Kind        string     `json:"kind"` // of reference.ReportKinds
	EVSEID      *uuid.UUID `json:"evse_id,omitempty"`
	ConnectorID string     `json:"connector_id,omitempty"`
	Comment     string     `json:"comment,omitempty"`
	SeenAt      *time.Time `json:"seen_at,omitempty"` // now when nil
}

// Validate tells what is wrong with what a reporter says, all of it that can be told without the station.
func (in *Input) Validate(now time.Time) []fault.Field {
	var faults []fault.Field
	wrong := func(pointer, code, detail string, args ...any) {
		faults = append(faults, fault.Field{Pointer: pointer, Code: code, Detail: fmt.Sprintf(detail, args...)})
	}
	if !reference.ReportKinds.Has(in.Kind) {
		wrong("/kind", "enum", "%q is not one of the values of the reference", in.Kind)
	}
	if in.Kind == Other && in.Comment == "" {
		wrong("/comment", "required", "is required where the kind is other")
	}
	if in.ConnectorID != "" && in.EVSEID == nil {
		wrong("/connector_id", "dependency", "must stand beside the evse_id of its EVSE")
	}
	if in.SeenAt != nil {
		switch {
		case in.SeenAt.After(now.Add(ahead)):
			wrong("/seen_at", "range", "must not be in the future")
		case in.SeenAt.Before(now.Add(-Oldest)):
			wrong("/seen_at", "range", "must be at most 30 days ago")
		}
	}
	return append(faults, review.CheckText("/comment", in.Comment, MostComment)...)
}

// Seen is when it was seen: at the latest now, whatever the reporter's clock says.
func (in *Input) Seen(now time.Time) time.Time {
	if in.SeenAt == nil || in.SeenAt.After(now) {
		return now
	}
	return *in.SeenAt
}

// Report is a fault that somebody reported.
type Report struct {
	ID          uuid.UUID  `json:"id"`
	StationID   uuid.UUID  `json:"station_id"`
	EVSEID      *uuid.UUID `json:"evse_id,omitempty"`
	ConnectorID string     `json:"connector_id,omitempty"`
	Kind        string     `json:"kind"`
	Comment     string     `json:"comment,omitempty"`
	SeenAt      time.Time  `json:"seen_at"`
	State       State      `json:"state"`
	Note        string     `json:"note,omitempty"` // what whoever handled it tells the reporter
	StateSince  time.Time  `json:"state_since"`
	Version     int64      `json:"version"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`

	Reporter uuid.UUID `json:"-"` // the account; nobody is told, and of who was erased it is uuid.Nil
	Station  Station   `json:"-"`
}

// Station is what is known of the station beside a report of it.
type Station struct {
	ID       uuid.UUID `json:"id"`
	Name     string    `json:"name"`
	Operator uuid.UUID `json:"operator_id"`
	Removed  bool      `json:"removed,omitempty"`
}

// Task is a report among others that wait to be handled.
type Task struct {
	Report
	At Station `json:"station"`
}

// Told is what everybody is told of reports of a station that say the same and are not settled.
type Told struct {
	EVSEID     *uuid.UUID `json:"evse_id,omitempty"` // nil: the whole station
	Kind       string     `json:"kind"`
	State      State      `json:"state"` // acknowledged when one of them is
	Since      time.Time  `json:"since"` // when it was seen first
	LastSeenAt time.Time  `json:"last_seen_at"`
	People     int64      `json:"people"`
}

// Place is where a page of what everybody is told ends; the zero place is before the first.
type Place struct {
	EVSE uuid.UUID `json:"e"`
	Kind string    `json:"k"`
}

// Place is that of what is told.
func (t *Told) Place() Place {
	p := Place{Kind: t.Kind}
	if t.EVSEID != nil {
		p.EVSE = *t.EVSEID
	}
	return p
}

// Viewer is who asks for reports. The zero value is the public.
type Viewer struct {
	Person   uuid.UUID
	Operator uuid.UUID // handles reports of this operator's stations
	Handler  bool      // handles all
}

// Handles tells whether the viewer handles reports of stations of the operator.
func (v Viewer) Handles(operator uuid.UUID) bool {
	return v.Handler || v.Operator != uuid.Nil && v.Operator == operator
}

// Sees tells whether the report is shown to the viewer.
func (v Viewer) Sees(r *Report) bool { return v.Wrote(r) || v.Handles(r.Station.Operator) }

// Wrote tells whether the viewer is the reporter.
func (v Viewer) Wrote(r *Report) bool { return v.Person != uuid.Nil && v.Person == r.Reporter }

// Handling is what whoever handles a report makes of it.
type Handling struct {
	State State  `json:"state"` // Acknowledged, Resolved or Dismissed
	Note  string `json:"note,omitempty"`
}

// Handle gives what the report is to be given when it is handled so: nothing when it is so already. It returns ErrSettled.
func (r *Report) Handle(to Handling) (*Handling, error) {
	switch {
	case r.State == to.State && r.Note == to.Note:
		return nil, nil //nolint:nilnil // there is nothing to change
	case r.State.Settled():
		return nil, ErrSettled.Detailf("It was %s on %s.", r.State, r.StateSince.Format(time.DateOnly))
	}
	return &to, nil
}

// Settle is Handle for the reporter, to whom Withdrawn and Resolved are open. It returns ErrAcknowledged for what can no longer be withdrawn.
func (r *Report) Settle(to State) (*Handling, error) {
	if r.State == Acknowledged && to == Withdrawn {
		return nil, ErrAcknowledged.Detailf("It can be said to be resolved.")
	}
	return r.Handle(Handling{State: to, Note: r.Note})
}

// Filter is which reports are asked for to be handled; what is empty does not narrow it.
type Filter struct {
	States   []State // those that are not settled when empty
	Kinds    []string
	Station  uuid.UUID
	Operator uuid.UUID
	Since    time.Time
}

// Turn is where a page of tasks ends; the zero turn is before the first.
type Turn struct {
	Stage int       `json:"s"` // 0 open, 1 acknowledged, 2 settled
	ID    uuid.UUID `json:"i"`
}

// Turn is that of the report.
func (r *Report) Turn() Turn {
	t := Turn{ID: r.ID}
	switch r.State {
	case Open:
	case Acknowledged:
		t.Stage = 1
	case Resolved, Dismissed, Withdrawn:
		t.Stage = 2
	}
	return t
}
