// Package review holds what drivers say of stations, and the ratings that come of it.
//
// A person has at most one review of a station: a rating, the outcome of a visit, or both, with a comment, the plug and the vehicle. Nobody
// but the author can change it; a moderator can hide it, after which it rates nothing. Ratings are live, as the statuses of plots are: they
// are no part of a station's document, version or history.
package review

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
)

// The faults of reviews.
var (
	ErrNotFound = fault.Define(fault.NotFound, "review_not_found", "There is no such review of this station")
	ErrForeign  = fault.Define(fault.Forbidden, "foreign_review", "The review is somebody else's")
	ErrInvalid  = fault.Define(fault.Invalid, "invalid_review", "The review is not valid")
	errTwice    = fault.Define(fault.Conflict, "already_reviewed", "You have reviewed this station already")
)

// Twice is the fault of a second review of a person and a station; it leads to the first.
func Twice(first uuid.UUID) error {
	return errTwice.Detailf("Your review is %s: change that one.", first).With("review_id", first)
}

// Bounds of what people write, in characters.
const (
	MostComment = 2000
	MostReason  = 500
)

// Input is what an author says.
type Input struct {
	Rating    *int   `json:"rating,omitempty"`  // 1 to 5
	Outcome   string `json:"outcome,omitempty"` // of reference.VisitOutcomes
	Comment   string `json:"comment,omitempty"`
	Connector string `json:"connector,omitempty"` // of reference.ConnectorStandards
	Vehicle   string `json:"vehicle,omitempty"`   // id of a reference vehicle; whoever has them looks it up
}

// Same tells whether both say the same.
func (in *Input) Same(other *Input) bool {
	rated := in.Rating != nil && other.Rating != nil && *in.Rating == *other.Rating || in.Rating == nil && other.Rating == nil
	return rated && in.Outcome == other.Outcome && in.Comment == other.Comment && in.Connector == other.Connector && in.Vehicle == other.Vehicle
}

// Review is what somebody said of a station.
type Review struct {
	ID        uuid.UUID `json:"id"`
	StationID uuid.UUID `json:"station_id"`
	Author    uuid.UUID `json:"-"` // the account; nobody is told
	Input
	Hidden       bool      `json:"hidden,omitempty"`
	HiddenReason string    `json:"hidden_reason,omitempty"`
	Version      int64     `json:"version"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"` // when the author wrote it last
}

// Viewer is who asks for reviews. The zero value is the public.
type Viewer struct {
	Person    uuid.UUID
	Moderator bool
}

// Sees tells whether the review is shown to the viewer.
func (v Viewer) Sees(r *Review) bool {
	return !r.Hidden || v.Moderator || v.Person != uuid.Nil && v.Person == r.Author
}

// Rating is what the ratings of a station come to: their mean, rounded to hundredths half up, and how many there are. Without any it is zero.
type Rating struct {
	Average float64 `json:"average"`
	Count   int64   `json:"count"`
}

// Rated is the rating of a station.
type Rated struct {
	Station uuid.UUID
	Rating
}

// Place is where a reader of the log of ratings has come to; the zero place is the beginning.
type Place struct {
	XID string
	Seq int64
}

// Changes are ratings that were set behind a place.
type Changes struct {
	Ratings []Rated
	Place   Place
	Held    bool // there are more, which can be told only when older transactions have ended
}

// Validate tells what is wrong with what an author says, all of it.
func (in *Input) Validate() []fault.Field {
	var faults []fault.Field
	wrong := func(pointer, code, detail string, args ...any) {
		faults = append(faults, fault.Field{Pointer: pointer, Code: code, Detail: fmt.Sprintf(detail, args...)})
	}
	if in.Rating == nil && in.Outcome == "" {
		wrong("/rating", "required", "is required where no outcome is given")
	}
	if in.Rating != nil && (*in.Rating < 1 || *in.Rating > 5) {
		wrong("/rating", "range", "must be from 1 to 5")
	}
	if in.Outcome != "" && !reference.VisitOutcomes.Has(in.Outcome) {
		wrong("/outcome", "enum", "%q is not one of the values of the reference", in.Outcome)
	}
	if in.Connector != "" && !reference.ConnectorStandards.Has(in.Connector) {
		wrong("/connector", "enum", "%q is not one of the values of the reference", in.Connector)
	}
	return append(faults, CheckText("/comment", in.Comment, MostComment)...)
}

// CheckText tells what is wrong with a text that people write and others read: it is plain, bounded, and of the characters that only
// control, it may have line feeds.
func CheckText(pointer, text string, most int) []fault.Field {
	var faults []fault.Field
	wrong := func(code, detail string) {
		faults = append(faults, fault.Field{Pointer: pointer, Code: code, Detail: detail})
	}
	if n := utf8.RuneCountInString(text); n > most {
		wrong("length", fmt.Sprintf("must be at most %d characters", most))
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, controls) {
		wrong("encoding", "must be text without control characters, but for line feeds")
	}
	if text != "" && strings.TrimSpace(text) == "" {
		wrong("required", "must not be blank")
	}
	return faults
}

// controls tells of characters that are not to be seen but change what is: controls, and those that turn the direction of writing, with
// which a text can be made to look like another.
func controls(r rune) bool {
	return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}
