package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/libs/policy"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/suggestion"
)

// Suggestions are what people suggest of stations that are not theirs.
type Suggestions interface {
	Suggestions(ctx context.Context, q suggestion.Query, before uuid.UUID, limit int) ([]suggestion.Suggestion, error)
	WaitingSuggestions(ctx context.Context, q suggestion.Query, after uuid.UUID, limit int) ([]suggestion.Suggestion, int, error)
	Suggestion(ctx context.Context, id uuid.UUID, allow func(*suggestion.Suggestion) error) (suggestion.Suggestion, error)
	CreateSuggestion(ctx context.Context, author uuid.UUID, in suggestion.Input) (made suggestion.Suggestion, isNew bool, err error)
	UpdateSuggestion(ctx context.Context, id uuid.UUID, patch suggestion.Patch, allow func(*suggestion.Suggestion) error) (suggestion.Suggestion, error)
	WithdrawSuggestion(ctx context.Context, id uuid.UUID, allow func(*suggestion.Suggestion) error) error
	DecideSuggestion(ctx context.Context, decider, id uuid.UUID, rule func(*suggestion.Suggestion) (suggestion.Verdict, error)) (suggestion.Suggestion, error)
}

// suggestionLimit is room for some thousand connectors.
const suggestionLimit = 512 << 10

// suggesting is the caller as suggestions know it.
func suggesting(ctx context.Context) (suggestion.Viewer, authn.Principal, error) {
	p, known := authn.FromContext(ctx)
	if !known {
		return suggestion.Viewer{}, p, errNoCaller
	}
	var v suggestion.Viewer
	if p.Kind == authn.User && p.Has(policy.SuggestionsWrite) {
		v.Person = p.Subject
	}
	switch p.Reach(policy.SuggestionsDecide) {
	case policy.All:
		v.All = true
	case policy.Within:
		v.Operator = p.Operator
	case policy.Own, policy.Nobody:
	}
	return v, p, nil
}

// suggester is a caller who makes suggestions.
func suggester(ctx context.Context) (suggestion.Viewer, error) {
	v, _, err := suggesting(ctx)
	if err == nil && v.Person == uuid.Nil {
		err = errPeopleOnly
	}
	return v, err
}

// ListSuggestions lists the caller's own suggestions, or those that are the caller's to decide, the newest first.
func (a *API) ListSuggestions(ctx context.Context, request ListSuggestionsRequestObject) (ListSuggestionsResponseObject, error) {
	viewer, _, err := suggesting(ctx)
	if err != nil {
		return nil, err
	}
	in := request.Params
	q := suggestion.Query{Viewer: viewer, Decidable: in.Decidable != nil && *in.Decidable, StationID: in.StationId}
	switch {
	case q.Decidable && !viewer.All && viewer.Operator == uuid.Nil:
		return nil, errNobodys
	case !q.Decidable && viewer.Person == uuid.Nil:
		return nil, errPeopleOnly
	}
	var states string
	if in.State != nil {
		states = *in.State
		for state := range strings.SplitSeq(states, ",") {
			q.States = append(q.States, suggestion.State(state))
		}
	}
	of := ""
	if in.StationId != nil {
		of = in.StationId.String()
	}
	if in.Kind != nil {
		q.Kind = *in.Kind
	}
	codec := a.suggestions.For(strings.Join([]string{strconv.FormatBool(q.Decidable), states, string(q.Kind), of}, "/"))
	before := uuid.Max
	if in.Cursor != nil {
		if err := codec.Decode(*in.Cursor, &before); err != nil {
			return nil, err
		}
	}
	limit := page.Size(in.Limit)
	found, err := a.Suggestions.Suggestions(ctx, q, before, limit+1)
	if err != nil {
		return nil, err
	}
	out := list[suggestion.Suggestion]{Items: []suggestion.Suggestion{}}
	if len(found) > limit {
		found = found[:limit]
		out.NextCursor = codec.Encode(found[limit-1].ID)
	}
	out.Items = append(out.Items, found...)
	tag, err := contentTag(out)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: out, next: out.NextCursor, etag: tag}, nil
}

// errNobodys is a caller who decides of nothing, since its token has no operator.
var errNobodys = fault.Define(fault.Forbidden, "decides_nothing", "Nothing is yours to decide")

// CreateSuggestion keeps what the caller suggests.
func (a *API) CreateSuggestion(ctx context.Context, request CreateSuggestionRequestObject) (CreateSuggestionResponseObject, error) {
	author, err := suggester(ctx)
	if err != nil {
		return nil, err
	}
	made, isNew, err := a.Suggestions.CreateSuggestion(ctx, author.Person, *request.Body)
	if err != nil {
		return nil, err
	}
	answer, err := showSuggestion(made)
	if answer.location = "/v1/suggestions/" + made.ID.String(); isNew {
		answer.status = http.StatusCreated
	}
	return answer, err
}

// showSuggestion answers a suggestion. Its ETag is the version, and a fingerprint of what it would do now; changing it asks for the version
// alone.
func showSuggestion(s suggestion.Suggestion) (jsonAnswer, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return jsonAnswer{}, fmt.Errorf("suggestion %s: %w", s.ID, err)
	}
	tag := `"` + strconv.FormatInt(s.Version, 10) + "." + strconv.FormatUint(fnv(string(text)), 36) + `"`
	return jsonAnswer{status: http.StatusOK, body: json.RawMessage(text), etag: tag}, nil
}

// lookAtSuggestion gives the faults of a suggestion's body that the document refuses for others.
func lookAtSuggestion(c *fiber.Ctx) error {
	in, readable := readSuggestion(c.Body())
	if !readable {
		return nil
	}
	return suggestion.ErrInvalid.At(append(in.Validate(), suggestionFaults(&in)...)...)
}

// lookAtSuggestionPatch does so for what its author changes.
func lookAtSuggestionPatch(c *fiber.Ctx) error {
	in, readable := readSuggestion(c.Body())
	if !readable {
		return nil
	}
	if in.Comment == "" {
		in.Comment = "-" // it stays, or the document refuses it
	}
	return suggestion.ErrInvalid.At(append(in.ValidateTexts(), suggestionFaults(&in)...)...)
}

// readSuggestion reads what can be read of a body.
func readSuggestion(body []byte) (in suggestion.Input, readable bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return in, false // the document says what is wrong with such a body
	}
	for name, into := range map[string]any{
		"kind": &in.Kind, "station_id": &in.StationID, "station_version": &in.StationVersion, "station": &in.Station, "patch": &in.Patch,
		"comment": &in.Comment, "source_url": &in.SourceURL,
	} {
		if text, given := members[name]; given {
			_ = json.Unmarshal(text, into) // the document says what is wrong with what is not of its type
		}
	}
	return in, true
}

// suggestionFaults are those of the station, or of the patch, that can be told from the body alone.
func suggestionFaults(in *suggestion.Input) []fault.Field {
	var faults []fault.Field
	for member, text := range map[string]json.RawMessage{"/station": in.Station, "/patch": in.Patch} {
		for _, f := range stationFaults(text) {
			f.Pointer = member + f.Pointer
			faults = append(faults, f)
		}
	}
	return faults
}

// GetSuggestion reads one suggestion: its author, and who may decide it.
func (a *API) GetSuggestion(ctx context.Context, request GetSuggestionRequestObject) (GetSuggestionResponseObject, error) {
	viewer, _, err := suggesting(ctx)
	if err != nil {
		return nil, err
	}
	found, err := a.Suggestions.Suggestion(ctx, request.SuggestionId, func(s *suggestion.Suggestion) error { return seen(viewer, s) })
	if err != nil {
		return nil, err
	}
	return showSuggestion(found)
}

// seen returns suggestion.ErrNotFound for whoever may not see the suggestion.
func seen(v suggestion.Viewer, s *suggestion.Suggestion) error {
	if v.Wrote(s) || v.Decides(s) {
		return nil
	}
	return suggestion.ErrNotFound
}

// UpdateSuggestion changes a suggestion of the caller that waits.
func (a *API) UpdateSuggestion(ctx context.Context, request UpdateSuggestionRequestObject) (UpdateSuggestionResponseObject, error) {
	author, err := suggester(ctx)
	if err != nil {
		return nil, err
	}
	var patch suggestion.Patch
	if err := json.Unmarshal(either(request.ApplicationMergePatchPlusJSONBody, request.JSONBody), &patch); err != nil {
		return nil, suggestion.ErrInvalid.Detailf("%s", err).Because(err)
	}
	changed, err := a.Suggestions.UpdateSuggestion(ctx, request.SuggestionId, patch, func(s *suggestion.Suggestion) error {
		return mayChangeSuggestion(author, s, request.Params.IfMatch)
	})
	if err != nil {
		return nil, err
	}
	return showSuggestion(changed)
}

// DeleteSuggestion withdraws a suggestion of the caller that waits.
func (a *API) DeleteSuggestion(ctx context.Context, request DeleteSuggestionRequestObject) (DeleteSuggestionResponseObject, error) {
	author, err := suggester(ctx)
	if err != nil {
		return nil, err
	}
	err = a.Suggestions.WithdrawSuggestion(ctx, request.SuggestionId, func(s *suggestion.Suggestion) error {
		return mayChangeSuggestion(author, s, request.Params.IfMatch)
	})
	if err != nil {
		return nil, err
	}
	return DeleteSuggestion204Response{}, nil
}

// mayChangeSuggestion tells whether the suggestion is the caller's own, and waits as the caller has seen it.
func mayChangeSuggestion(author suggestion.Viewer, s *suggestion.Suggestion, ifMatch *string) error {
	if err := seen(author, s); err != nil {
		return err
	}
	if !author.Wrote(s) {
		return suggestion.ErrForeign
	}
	return waits(s, ifMatch)
}

// waits tells whether the suggestion waits, as the caller has seen it. Who comes too late is told so, and not that it has changed.
func waits(s *suggestion.Suggestion, ifMatch *string) error {
	if ifMatch != nil && s.State != suggestion.Pending {
		return suggestion.Decided(s.State)
	}
	return sameVersion(ifMatch, s.Version, suggestion.ErrStale)
}

// DecideSuggestion accepts a suggestion, which carries it out, or rejects it.
func (a *API) DecideSuggestion(ctx context.Context, request DecideSuggestionRequestObject) (DecideSuggestionResponseObject, error) {
	viewer, p, err := suggesting(ctx)
	if err != nil {
		return nil, err
	}
	in := request.Body
	verdict := suggestion.Verdict{Accept: in.Decision == Accept, As: roleOf(viewer, p)}
	if in.Note != nil {
		verdict.Note = *in.Note
	}
	faults := review.CheckText("/note", verdict.Note, suggestion.MostNote)
	if in.OperatorId != nil {
		_, err := a.Parties.Operator(ctx, *in.OperatorId)
		if errors.Is(err, operator.ErrNotFound) {
			faults = append(faults, fault.Field{Pointer: "/operator_id", Code: "unknown", Detail: "must be an operator that is known"})
		} else if err != nil {
			return nil, err
		}
	}
	decided, err := a.Suggestions.DecideSuggestion(ctx, p.Subject, request.SuggestionId, func(s *suggestion.Suggestion) (suggestion.Verdict, error) {
		if err := seen(viewer, s); err != nil {
			return verdict, err
		}
		if !viewer.Decides(s) {
			return verdict, errNotYours
		}
		if err := waits(s, request.Params.IfMatch); err != nil {
			return verdict, err
		}
		whose, wrong, err := whoseStation(viewer, s, in)
		if err != nil {
			return verdict, err
		}
		if wrong = append(faults, wrong...); len(wrong) > 0 {
			return verdict, suggestion.ErrInvalid.At(wrong...)
		}
		verdict.Operator = whose
		return verdict, nil
	})
	if err != nil {
		return nil, err
	}
	return showSuggestion(decided)
}

// errNotYours is an author who would decide, or an operator who would reject what another may accept.
var errNotYours = fault.Define(fault.Forbidden, "not_yours_to_decide", "The suggestion is not yours to decide")

// roleOf is in which role the caller decides.
func roleOf(v suggestion.Viewer, p authn.Principal) string {
	switch {
	case p.Kind == authn.Service:
		return "service"
	case !v.All:
		return string(policy.Operator)
	case p.Is(string(policy.Admin)):
		return string(policy.Admin)
	default:
		return string(policy.Moderator)
	}
}

// whoseStation gives the operator of a new station that is accepted: the one that is named by the decision or by the suggestion, or the
// decider's own.
func whoseStation(v suggestion.Viewer, s *suggestion.Suggestion, in *SuggestionDecision) (uuid.UUID, []fault.Field, error) {
	at := func(code, detail string) fault.Field {
		return fault.Field{Pointer: "/operator_id", Code: code, Detail: detail}
	}
	switch given := in.OperatorId; {
	case s.Kind != suggestion.New || in.Decision != Accept:
		if given != nil {
			return uuid.Nil, []fault.Field{at("dependency", "must stand only where a new station is accepted")}, nil
		}
		if s.Open() && !v.All {
			return uuid.Nil, nil, errNotYours.Detailf("It may be another operator's: you can accept it as yours, and moderators reject it.")
		}
		return uuid.Nil, nil, nil
	case !v.All && given != nil && *given != v.Operator:
		return uuid.Nil, nil, operator.ErrForeign.At(at("foreign", "must be your own operator"))
	case !v.All:
		return v.Operator, nil, nil
	case given != nil:
		return *given, nil, nil
	case s.OperatorID != nil:
		return *s.OperatorID, nil, nil
	default:
		return uuid.Nil, []fault.Field{at("required", "must name the operator, since the suggestion does not")}, nil
	}
}
