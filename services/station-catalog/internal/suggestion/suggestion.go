// Package suggestion holds what people suggest of stations that are not theirs: a new one, a change, a removal.
//
// A suggestion waits (Pending) until its author withdraws it, or somebody decides it: the operator whose station it is about, a moderator
// or an administrator. Accepting it carries it out as the request of the decider would be. A change is made from what the members that it
// touches said then; when they say something else by now it is not carried out. Nobody is told who wrote it, or who decided.
package suggestion

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// The faults of suggestions.
var (
	ErrNotFound = fault.Define(fault.NotFound, "suggestion_not_found", "There is no such suggestion")
	ErrForeign  = fault.Define(fault.Forbidden, "foreign_suggestion", "The suggestion is somebody else's")
	ErrInvalid  = fault.Define(fault.Invalid, "invalid_suggestion", "The suggestion is not valid")
	ErrStale    = fault.Define(fault.PreconditionFailed, "suggestion_changed", "The suggestion has changed since it was read")
	ErrTooMany  = fault.Define(fault.Conflict, "too_many_suggestions", "You have too many suggestions that wait").
			Detailf("At most %d of a person wait at a time: withdraw one, or wait until some are decided.", MostPending)
	ErrUnfit    = fault.Define(fault.Conflict, "suggestion_unfit", "The suggestion can no longer be carried out")
	errOutdated = fault.Define(fault.Conflict, "suggestion_outdated", "The station has changed since the suggestion was made")
	errDecided  = fault.Define(fault.Conflict, "suggestion_not_pending", "The suggestion no longer waits for a decision")
	errTwice    = fault.Define(fault.Conflict, "already_suggested", "You have suggested the same already")
)

// Outdated is the fault of a change that is made from another version of the station than the one it has.
func Outdated(version int64) error {
	return errOutdated.Detailf("The station has version %d: read it again.", version).With("station_version", version).
		At(fault.Field{Pointer: "/station_version", Code: "outdated", Detail: fmt.Sprintf("must be the station's version, which is %d", version)})
}

// Conflicting is the fault of a change whose members say something else by now than when it was made.
func Conflicting(since []history.Change) error {
	return errOutdated.Detailf("What it would change was changed since; changes names what, from what it was made from to what is there.").With("changes", since)
}

// Decided is the fault of whoever comes too late: the suggestion is in this state.
func Decided(state State) error {
	return errDecided.Detailf("It is %s.", state).With("state", state)
}

// Twice is the fault of a suggestion that is changed into what another of the same author asks for already; it leads there.
func Twice(first uuid.UUID) error {
	return errTwice.Detailf("Your suggestion %s asks for it.", first).With("suggestion_id", first)
}

// Kind is what is suggested.
type Kind string

// The kinds.
const (
	New     Kind = "new"
	Change  Kind = "change"
	Removal Kind = "removal"
)

// State is what became of a suggestion.
type State string

// The states. Only Pending is ever left.
const (
	Pending   State = "PENDING"
	Accepted  State = "ACCEPTED"
	Rejected  State = "REJECTED"
	Withdrawn State = "WITHDRAWN"
)

// Bounds: characters of what people write, and suggestions of a person that wait at a time.
const (
	MostComment = 2000
	MostNote    = 500
	mostURL     = 500
	MostPending = 20
)

// Input is what an author suggests. Station and Patch are as they were sent.
type Input struct {
	Kind           Kind            `json:"kind"`
	StationID      *uuid.UUID      `json:"station_id,omitempty"`
	StationVersion *int64          `json:"station_version,omitempty"` // of the station that a change was made from
	Station        json.RawMessage `json:"station,omitempty"`         // station.Input
	Patch          json.RawMessage `json:"patch,omitempty"`           // a JSON Merge Patch of it
	Comment        string          `json:"comment"`
	SourceURL      string          `json:"source_url,omitempty"`
}

// Suggestion is what somebody suggested. What follows Source is told when it is read alone: Station or Patch, and of a pending one what it
// would change of the station as it is now, what of that was changed since it was made, and which stations stand where a new one is to be.
type Suggestion struct {
	ID     uuid.UUID `json:"id"`
	Author uuid.UUID `json:"-"` // the account; nobody is told
	State  State     `json:"state"`
	// OperatorID is whose station it is about, or is to be; nil where a new one's is not said.
	OperatorID *uuid.UUID `json:"operator_id,omitempty"`
	Name       string     `json:"name"` // of the station
	Input
	Said      json.RawMessage  `json:"-"` // what the members that Patch touches said: see station.Said
	Decision  *Decision        `json:"decision,omitempty"`
	Changes   []history.Change `json:"changes,omitempty"`
	Conflicts []history.Change `json:"conflicts,omitempty"`
	Nearby    []Near           `json:"nearby,omitempty"`
	Version   int64            `json:"version"`
	CreatedAt time.Time        `json:"created_at"`
	UpdatedAt time.Time        `json:"updated_at"`
}

// Decision is what was decided.
type Decision struct {
	By   string    `json:"by"` // a role, never a person
	At   time.Time `json:"at"`
	Note string    `json:"note,omitempty"`
}

// Near is a station that stands where a new one is to be, and how sure it is that it is the same.
type Near struct {
	station.Alike
	DistanceM float64  `json:"distance_m"`
	Score     float64  `json:"score"`
	Reasons   []string `json:"reasons"`
}

// Open tells whether nobody has said whose the new station is to be: whoever runs it may accept it as its own.
func (s *Suggestion) Open() bool {
	return s.Kind == New && s.State == Pending && s.OperatorID == nil
}

// Viewer is who asks for suggestions. The zero value sees none.
type Viewer struct {
	Person   uuid.UUID // who wrote suggestions; zero for who writes none
	Operator uuid.UUID // of whose stations the viewer decides; zero: of none
	All      bool      // the viewer decides of all
}

// Decides tells whether the suggestion is the viewer's to decide.
func (v Viewer) Decides(s *Suggestion) bool {
	return v.All || v.Operator != uuid.Nil && (s.Open() || s.OperatorID != nil && *s.OperatorID == v.Operator)
}

// Wrote tells whether the viewer is its author.
func (v Viewer) Wrote(s *Suggestion) bool { return v.Person != uuid.Nil && v.Person == s.Author }

// Query is which suggestions are asked for: the viewer's own, or those that are the viewer's to decide.
type Query struct {
	Viewer
	Decidable  bool
	States     []State    // none: all
	Kind       Kind       // empty: all
	StationID  *uuid.UUID // nil: all
	OperatorID *uuid.UUID // whose stations; nil: all
}

// Verdict is what somebody decides.
type Verdict struct {
	Accept   bool
	Note     string
	As       string    // a role
	Operator uuid.UUID // whose a new station is to be
}

// Patch is what an author changes of a suggestion. Station and Patch take the place of what was there as wholes; what is nil stays.
type Patch struct {
	StationVersion *int64          `json:"station_version"`
	Station        json.RawMessage `json:"station"`
	Patch          json.RawMessage `json:"patch"`
	Comment        *string         `json:"comment"`
	SourceURL      json.RawMessage `json:"source_url"` // null takes it away
}

// Apply gives the suggestion with the changes, and whether they change more than what is written beside it.
func (p *Patch) Apply(in Input) (out Input, substance bool, err error) {
	out = in
	if p.StationVersion != nil {
		out.StationVersion, substance = p.StationVersion, true
	}
	if p.Station != nil {
		out.Station, substance = p.Station, true
	}
	if p.Patch != nil {
		out.Patch, substance = p.Patch, true
	}
	if p.Comment != nil {
		out.Comment = *p.Comment
	}
	if p.SourceURL != nil {
		out.SourceURL = ""
		if err := json.Unmarshal(p.SourceURL, &out.SourceURL); err != nil {
			return in, false, fmt.Errorf("source of a suggestion: %w", err)
		}
	}
	return out, substance, nil
}

// Same tells whether both say the same, word by word.
func (in *Input) Same(other *Input) bool {
	versions := in.StationVersion == nil && other.StationVersion == nil ||
		in.StationVersion != nil && other.StationVersion != nil && *in.StationVersion == *other.StationVersion
	return versions && in.Comment == other.Comment && in.SourceURL == other.SourceURL &&
		bytes.Equal(in.Station, other.Station) && bytes.Equal(in.Patch, other.Patch)
}

// Validate tells what is wrong with a suggestion, all that can be told without knowing the station.
func (in *Input) Validate() []fault.Field {
	var faults []fault.Field
	member := func(pointer string, there, wanted bool) {
		switch {
		case wanted && !there:
			faults = append(faults, fault.Field{Pointer: pointer, Code: "required", Detail: fmt.Sprintf("is required where kind is %s", in.Kind)})
		case there && !wanted:
			faults = append(faults, fault.Field{Pointer: pointer, Code: "dependency", Detail: fmt.Sprintf("must not be there where kind is %s", in.Kind)})
		}
	}
	switch in.Kind {
	case New, Change, Removal:
		member("/station", in.Station != nil, in.Kind == New)
		member("/station_id", in.StationID != nil, in.Kind != New)
		member("/station_version", in.StationVersion != nil, in.Kind == Change)
		member("/patch", in.Patch != nil, in.Kind == Change)
	default:
		faults = append(faults, fault.Field{Pointer: "/kind", Code: "enum", Detail: "must be new, change or removal"})
	}
	return append(faults, in.ValidateTexts()...)
}

// ValidateTexts tells what is wrong with what is written beside a suggestion.
func (in *Input) ValidateTexts() []fault.Field {
	faults := review.CheckText("/comment", in.Comment, MostComment)
	if in.Comment == "" {
		faults = append(faults, fault.Field{Pointer: "/comment", Code: "required", Detail: "must not be empty"})
	}
	if in.SourceURL != "" && !link(in.SourceURL) {
		faults = append(faults, fault.Field{
			Pointer: "/source_url", Code: "format", Detail: fmt.Sprintf("must be a link such as https://example.com/page, at most %d characters, without a login", mostURL),
		})
	}
	return faults
}

// link tells whether a text is a link that others may follow: what it leads to is what it shows.
func link(text string) bool {
	if len(text) > mostURL || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil
}

// Fingerprint is of what would come of it, whatever is written beside it and in whichever order its members stand.
func (in *Input) Fingerprint() ([]byte, error) {
	plain := struct {
		Kind    Kind
		ID      *uuid.UUID
		Content any
	}{Kind: in.Kind, ID: in.StationID}
	if content := in.Content(); content != nil {
		decoder := json.NewDecoder(bytes.NewReader(content))
		decoder.UseNumber()
		if err := decoder.Decode(&plain.Content); err != nil {
			return nil, fmt.Errorf("fingerprint of a suggestion: %w", err)
		}
	}
	text, err := json.Marshal(plain) // members of a map come in order
	if err != nil {
		return nil, fmt.Errorf("fingerprint of a suggestion: %w", err)
	}
	sum := sha256.Sum256(text)
	return sum[:], nil
}

// Content is the station or the patch; nil of a removal.
func (in *Input) Content() json.RawMessage {
	if in.Kind == New {
		return in.Station
	}
	return in.Patch
}
