package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// reviewerOf is operatorOf, but that moderators act for all operators too.
func reviewerOf(ctx context.Context) (*uuid.UUID, authn.Principal, error) {
	if p, ok := authn.FromContext(ctx); ok && p.Is("moderator") {
		return nil, p, nil
	}
	return operatorOf(ctx)
}

// listDuplicates answers a page of pairs that may be one.
func (a *API) listDuplicates(c *fiber.Ctx) error {
	ctx := c.UserContext()
	own, _, err := reviewerOf(ctx)
	if err != nil {
		return err
	}
	limit := page.DefaultLimit
	if text := c.Query("limit"); text != "" {
		limit, _ = strconv.Atoi(text) // it has been checked
	}
	var after station.PairPlace
	if cursor := c.Query("cursor"); cursor != "" {
		if err := a.pairs.Decode(cursor, &after); err != nil {
			return err
		}
	}
	found, next, err := a.Records.Duplicates(ctx, own, after, limit)
	if err != nil {
		return err
	}
	out := list[station.Duplicate]{Items: append([]station.Duplicate{}, found...)}
	if next != nil {
		out.NextCursor = a.pairs.Encode(*next)
	}
	return jsonAnswer{status: http.StatusOK, body: out, next: out.NextCursor}.visit(c)
}

// MergeStation makes one of two stations.
func (a *API) MergeStation(ctx context.Context, request MergeStationRequestObject) (MergeStationResponseObject, error) {
	own, p, err := reviewerOf(ctx)
	if err != nil {
		return nil, err
	}
	merged, err := a.Records.Merge(ctx, author(p), request.StationId, request.Body.DuplicateId, func(survivor, duplicate station.Station) error {
		if own != nil && (*own != survivor.Operator.ID || *own != duplicate.Operator.ID) {
			return station.ErrForeign
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a.show(ctx, merged, http.StatusOK)
}
