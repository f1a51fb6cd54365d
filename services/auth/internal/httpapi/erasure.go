package httpapi

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/page"
)

// DeleteMe has the caller's account erased after a while.
func (a *api) DeleteMe(ctx context.Context, _ DeleteMeRequestObject) (DeleteMeResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	when, err := a.Erasure.Schedule(ctx, holder, from(ctx))
	if err != nil {
		return nil, err
	}
	return DeleteMe202JSONResponse{EraseAt: when.UTC()}, nil
}

// CancelErasure keeps it.
func (a *api) CancelErasure(ctx context.Context, _ CancelErasureRequestObject) (CancelErasureResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Erasure.Cancel(ctx, holder, from(ctx)); err != nil {
		return nil, err
	}
	return CancelErasure204Response{}, nil
}

// exportName is what a browser calls the file.
var exportName = `attachment; filename="account.json"`

// ExportMe returns everything that is held about the caller.
func (a *api) ExportMe(ctx context.Context, _ ExportMeRequestObject) (ExportMeResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	data, err := a.Erasure.Export(ctx, holder, from(ctx))
	if err != nil {
		return nil, err
	}
	return ExportMe200JSONResponse{
		Body:    Export{ExportedAt: time.Now().UTC(), Data: data},
		Headers: ExportMe200ResponseHeaders{CacheControl: &noStore, ContentDisposition: &exportName},
	}, nil
}

// erasures answers a page of the feed.
type erasures struct{ page feed.Page[struct{}] }

// VisitListErasuresResponse writes the page as it is.
func (r erasures) VisitListErasuresResponse(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, noStore)
	return c.JSON(r.page)
}

// ListErasures tells services whom to forget.
func (a *api) ListErasures(ctx context.Context, r ListErasuresRequestObject) (ListErasuresResponseObject, error) {
	var after string
	if r.Params.After != nil {
		after = *r.Params.After
	}
	var wait time.Duration
	if r.Params.Wait != nil {
		wait = time.Duration(*r.Params.Wait) * time.Second
	}
	told, err := a.Erasures.After(ctx, after, page.Size(r.Params.Limit), wait)
	return erasures{told}, err
}
