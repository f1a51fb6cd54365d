package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/report"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/suggestion"
)

// waiting is something that waits for the caller to decide it. Kind says which of the members after Since it has. Ids are UUIDv7, so that
// the oldest of all kinds come first by id.
type waiting struct {
	Kind       string                 `json:"kind"`
	Since      time.Time              `json:"since"`
	Suggestion *suggestion.Suggestion `json:"suggestion,omitempty"`
	Report     *report.Task           `json:"report,omitempty"`

	id uuid.UUID
}

// queue is what of a kind waits for the caller, of stations of one operator or of all, after an id, and how many wait in all; errNobodys
// for a caller who decides nothing of the kind.
type queue struct {
	kind string
	read func(ctx context.Context, of *uuid.UUID, after uuid.UUID, limit int) ([]waiting, int, error)
}

// queues are the kinds.
func (a *API) queues() []queue {
	return []queue{{"suggestion", a.waitingSuggestions}, {"report", a.waitingReports}}
}

// ListModeration lists what waits for the caller to decide, the oldest first, and how much of each kind.
func (a *API) ListModeration(ctx context.Context, request ListModerationRequestObject) (ListModerationResponseObject, error) {
	of := request.Params.OperatorId
	codec := a.moderation
	if of != nil {
		codec = codec.For(of.String())
	}
	var after uuid.UUID
	if request.Params.Cursor != nil {
		if err := codec.Decode(*request.Params.Cursor, &after); err != nil {
			return nil, err
		}
	}
	limit := page.Size(request.Params.Limit)
	out := struct {
		list[waiting]
		Counts map[string]int `json:"counts"`
	}{list[waiting]{Items: []waiting{}}, map[string]int{}}
	for _, q := range a.queues() {
		found, count, err := q.read(ctx, of, after, limit+1)
		if errors.Is(err, errNobodys) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out.Items, out.Counts[q.kind] = append(out.Items, found...), count
	}
	if len(out.Counts) == 0 {
		return nil, errNobodys
	}
	slices.SortFunc(out.Items, func(a, b waiting) int { return bytes.Compare(a.id[:], b.id[:]) })
	if len(out.Items) > limit {
		out.Items = out.Items[:limit]
		out.NextCursor = codec.Encode(out.Items[limit-1].id)
	}
	tag, err := contentTag(out)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: out, next: out.NextCursor, etag: tag}, nil
}

func (a *API) waitingSuggestions(ctx context.Context, of *uuid.UUID, after uuid.UUID, limit int) ([]waiting, int, error) {
	viewer, _, err := suggesting(ctx)
	switch {
	case err != nil:
		return nil, 0, err
	case !viewer.All && viewer.Operator == uuid.Nil:
		return nil, 0, errNobodys
	case !viewer.All && of != nil && *of != viewer.Operator:
		return nil, 0, operator.ErrForeign.At(fault.Field{Parameter: "operator_id", Code: "foreign", Detail: "must be your own operator"})
	}
	found, count, err := a.Suggestions.WaitingSuggestions(ctx, suggestion.Query{Viewer: viewer, OperatorID: of}, after, limit)
	out := make([]waiting, len(found))
	for i := range found {
		out[i] = waiting{Kind: "suggestion", Since: found[i].CreatedAt, Suggestion: &found[i], id: found[i].ID}
	}
	return out, count, err
}

func (a *API) waitingReports(ctx context.Context, of *uuid.UUID, after uuid.UUID, limit int) ([]waiting, int, error) {
	viewer, err := handlerOf(ctx)
	switch {
	case errors.Is(err, errNoOperator):
		return nil, 0, errNobodys
	case err != nil:
		return nil, 0, err
	}
	filter := report.Filter{States: []report.State{report.Open}}
	if of != nil {
		filter.Operator = *of
	}
	count, err := a.Reports.CountOpen(ctx, viewer, filter.Operator)
	if err != nil {
		return nil, 0, err
	}
	found, err := a.Reports.Tasks(ctx, viewer, filter, report.Turn{ID: after}, limit)
	out := make([]waiting, len(found))
	for i, r := range found {
		out[i] = waiting{Kind: "report", Since: r.CreatedAt, Report: &report.Task{Report: r, At: r.Station}, id: r.ID}
	}
	return out, count, err
}
