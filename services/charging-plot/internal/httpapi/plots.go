package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// Plots keeps plots.
type Plots interface {
	GetPlot(ctx context.Context, id uuid.UUID) (plot.Plot, error)
	ListPlots(ctx context.Context, filter plot.Filter, after uuid.UUID, limit int) ([]plot.Plot, error)
	PatchPlot(ctx context.Context, id uuid.UUID, patch plot.Patch, allow func(plot.Plot) error) (plot.Plot, error)
	SetEVSEs(ctx context.Context, id uuid.UUID, evses []uuid.UUID, allow func(plot.Plot) error) (plot.Plot, error)
	PushPlot(ctx context.Context, id uuid.UUID, push plot.Push, allow func(plot.Plot) error) (plot.Plot, error)
	PushPlots(ctx context.Context, rows []plot.PushRow, allow func(operator uuid.UUID) bool) error
	PlotHistory(
		ctx context.Context, id uuid.UUID, from, to time.Time, before plot.HistoryPosition, limit int,
	) ([]plot.Change, plot.HistoryPosition, error)
	PlotsOfStations(ctx context.Context, stations []uuid.UUID, limit int) ([]plot.Plot, error)
	GetPlots(ctx context.Context, ids []uuid.UUID) ([]plot.Plot, error)
}

// ListPlots implements StrictServerInterface.
func (a *API) ListPlots(ctx context.Context, request ListPlotsRequestObject) (ListPlotsResponseObject, error) {
	after, err := decodeID(a.plotCursors, request.Params.Cursor)
	if err != nil {
		return nil, err
	}
	filter := plot.Filter{Station: orZero(request.Params.StationId), Connector: list(request.Params.Connector)}
	for _, s := range list(request.Params.Status) {
		filter.Statuses = append(filter.Statuses, status.Status(s))
	}
	limit := page.Size(request.Params.Limit)
	plots, err := a.Plots.ListPlots(ctx, filter, after, limit+1)
	if err != nil {
		return nil, err
	}
	plots, more := pageOf(plots, limit)
	out := PlotPage{Items: make([]Plot, len(plots))}
	for i, p := range plots {
		out.Items[i] = ToAPIPlot(p, a.Now())
	}
	if more {
		out.NextCursor = a.plotCursors.Encode(idCursor{plots[len(plots)-1].ID})
	}
	return out, nil
}

// GetPlot implements StrictServerInterface.
func (a *API) GetPlot(ctx context.Context, request GetPlotRequestObject) (GetPlotResponseObject, error) {
	p, err := a.Plots.GetPlot(ctx, request.PlotId)
	if err != nil {
		return nil, err
	}
	return GetPlot200JSONResponse{Body: ToAPIPlot(p, a.Now()), Headers: GetPlot200ResponseHeaders{ETag: etag(p.Version)}}, nil
}

// mayRun says why a caller may not act for the operator of a plot.
func mayRun(c access.Caller, p plot.Plot) error {
	if !c.Operates(p.OperatorID) {
		return plot.ErrForeign
	}
	return nil
}

// UpdatePlot implements StrictServerInterface.
func (a *API) UpdatePlot(ctx context.Context, request UpdatePlotRequestObject) (UpdatePlotResponseObject, error) {
	body := request.JSONBody
	if body == nil {
		body = request.ApplicationMergePatchPlusJSONBody
	}
	if body == nil {
		return nil, errNoPatch
	}
	patch := plot.Patch{OutOfService: body.OutOfService}
	if body.Label.IsNull() {
		patch.ClearLabel = true
	} else if label, err := body.Label.Get(); err == nil {
		patch.Label = &label
	}
	if body.Reservable.IsNull() {
		patch.ClearReservable = true
	} else if reservable, err := body.Reservable.Get(); err == nil {
		patch.Reservable = &reservable
	}
	if body.Parking.IsNull() {
		patch.ClearParking = true
	} else if parking, err := body.Parking.Get(); err == nil {
		// Members that were not sent are left out, and those that are to be forgotten are null.
		if patch.Parking, err = json.Marshal(parking); err != nil {
			return nil, err
		}
	}
	who := caller(ctx)
	p, err := a.Plots.PatchPlot(ctx, request.PlotId, patch, func(p plot.Plot) error {
		if err := mayRun(who, p); err != nil {
			return err
		}
		return httpserver.CheckIfMatch(request.Params.IfMatch, *etag(p.Version))
	})
	if err != nil {
		return nil, err
	}
	return UpdatePlot200JSONResponse{Body: ToAPIPlot(p, a.Now()), Headers: UpdatePlot200ResponseHeaders{ETag: etag(p.Version)}}, nil
}

// PutPlotEVSEs implements StrictServerInterface.
func (a *API) PutPlotEVSEs(ctx context.Context, request PutPlotEVSEsRequestObject) (PutPlotEVSEsResponseObject, error) {
	who := caller(ctx)
	p, err := a.Plots.SetEVSEs(ctx, request.PlotId, request.Body.EvseIds, func(p plot.Plot) error {
		if err := mayRun(who, p); err != nil {
			return err
		}
		return httpserver.CheckIfMatch(request.Params.IfMatch, *etag(p.Version))
	})
	if err != nil {
		return nil, err
	}
	return PutPlotEVSEs200JSONResponse{Body: ToAPIPlot(p, a.Now()), Headers: PutPlotEVSEs200ResponseHeaders{ETag: etag(p.Version)}}, nil
}

// PushPlotStatus implements StrictServerInterface.
func (a *API) PushPlotStatus(ctx context.Context, request PushPlotStatusRequestObject) (PushPlotStatusResponseObject, error) {
	push := plot.Push{Status: status.Status(request.Body.Status)}
	if at := request.Body.At; at != nil {
		now := a.Now()
		if at.After(now.Add(time.Minute)) {
			return nil, plot.ErrTooNew.At(fault.Field{Pointer: "/at", Code: "future", Detail: "must not lie in the future"})
		}
		push.At = *at
		if at.After(now) { // a clock that is a little ahead
			push.At = now
		}
	}
	who := caller(ctx)
	p, err := a.Plots.PushPlot(ctx, request.PlotId, push, func(p plot.Plot) error { return mayRun(who, p) })
	if err != nil {
		return nil, err
	}
	return PushPlotStatus200JSONResponse{Body: ToAPIPlot(p, a.Now()), Headers: PushPlotStatus200ResponseHeaders{ETag: etag(p.Version)}}, nil
}

// historyCursor is the cursor of a plot's history.
type historyCursor struct {
	Plot    uuid.UUID `json:"plot"`
	Since   time.Time `json:"since"`
	Version int64     `json:"version"`
}

// ListPlotHistory implements StrictServerInterface.
func (a *API) ListPlotHistory(ctx context.Context, request ListPlotHistoryRequestObject) (ListPlotHistoryResponseObject, error) {
	var before plot.HistoryPosition
	if cursor := orZero(request.Params.Cursor); cursor != "" {
		var at historyCursor
		if err := a.historyCursors.Decode(cursor, &at); err != nil {
			return nil, err
		}
		if at.Plot != request.PlotId {
			return nil, page.ErrBadCursor
		}
		before = plot.HistoryPosition{Since: at.Since, Version: at.Version}
	}
	if _, err := a.Plots.GetPlot(ctx, request.PlotId); err != nil {
		return nil, err
	}
	limit := page.Size(request.Params.Limit)
	changes, _, err := a.Plots.PlotHistory(ctx, request.PlotId, orZero(request.Params.From), orZero(request.Params.To), before, limit+1)
	if err != nil {
		return nil, err
	}
	changes, more := pageOf(changes, limit)
	out := PlotHistoryPage{Items: make([]PlotHistoryEntry, len(changes))}
	for i, c := range changes {
		out.Items[i] = PlotHistoryEntry{Status: PlotStatus(c.Status), Source: StatusSource(c.Source), Since: c.Since}
	}
	if more {
		last := changes[len(changes)-1]
		out.NextCursor = a.historyCursors.Encode(historyCursor{request.PlotId, last.Since, last.Version})
	}
	return out, nil
}

// plotChanges answers a page of the feed.
type plotChanges struct{ page feed.Page[Plot] }

func (r plotChanges) VisitListPlotChangesResponse(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(r.page)
}

// ListPlotChanges implements StrictServerInterface.
func (a *API) ListPlotChanges(ctx context.Context, request ListPlotChangesRequestObject) (ListPlotChangesResponseObject, error) {
	wait := time.Duration(orZero(request.Params.Wait)) * time.Second
	changes, err := a.Changes.After(ctx, orZero(request.Params.After), page.Size(request.Params.Limit), wait)
	if err != nil {
		return nil, err
	}
	if changes.Items == nil {
		changes.Items = []feed.Event[Plot]{}
	}
	return plotChanges{changes}, nil
}

var errNoPatch = errors.New("httpapi: a PATCH without a body passed the document's checks")
