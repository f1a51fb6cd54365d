package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
)

// list is a page as it is sent.
type list[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// ListOperators lists operators by id.
func (a *API) ListOperators(ctx context.Context, request ListOperatorsRequestObject) (ListOperatorsResponseObject, error) {
	var after uuid.UUID
	if request.Params.Cursor != nil {
		if err := a.operators.Decode(*request.Params.Cursor, &after); err != nil {
			return nil, err
		}
	}
	limit := page.Size(request.Params.Limit)
	found, err := a.Parties.Operators(ctx, after, limit+1)
	if err != nil {
		return nil, err
	}
	out := list[operator.Operator]{Items: []operator.Operator{}}
	if len(found) > limit {
		found = found[:limit]
		out.NextCursor = a.operators.Encode(found[limit-1].ID)
	}
	out.Items = append(out.Items, found...)
	tag, err := contentTag(out.Items)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: out, next: out.NextCursor, etag: tag}, nil
}

// contentTag is the ETag of something that has no version of its own.
func contentTag(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("fingerprint of the answer: %w", err)
	}
	return `"` + strconv.FormatUint(fnv(string(text)), 36) + `"`, nil
}

// GetOperator reads one operator.
func (a *API) GetOperator(ctx context.Context, request GetOperatorRequestObject) (GetOperatorResponseObject, error) {
	o, err := a.Parties.Operator(ctx, request.OperatorId)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: o, etag: versionTag(o.Version)}, nil
}

// GetReference gives the enumerations, the vehicles among them.
func (a *API) GetReference(context.Context, GetReferenceRequestObject) (GetReferenceResponseObject, error) {
	all := reference.All()
	cars := reference.Enumeration{}
	for _, v := range a.Vehicles.Find("") {
		cars = append(cars, reference.Value{Value: v.ID, Title: v.Title()})
	}
	all["vehicle"] = cars
	tag, err := contentTag(all)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: all, etag: tag}, nil
}
