package httpapi

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// batchBody is the largest body of a batch: 10,000 rows with room to spare.
const batchBody = 4 << 20

// AllowBodies raises the limit of bodies for the routes that take many rows.
func AllowBodies(server *httpserver.Server) {
	server.AllowBody("POST", "/v1/plots/status", batchBody, false)
}

// rejected is a row that is not stored.
func rejected(index int, member string, field fault.Field) StatusBatchRejection {
	return StatusBatchRejection{Index: index, Pointer: itemPointer(index, member), Code: field.Code, Detail: field.Detail}
}

// fromAPIPush reads one row of a batch and names all that is wrong with it.
func fromAPIPush(index int, row map[string]any, now time.Time) (out plot.PushRow, faults []StatusBatchRejection) {
	bad := func(member, code, detail string) {
		faults = append(faults, rejected(index, member, fault.Field{Code: code, Detail: detail}))
	}
	for member := range row {
		if !slices.Contains([]string{"plot_id", "status", "at"}, member) {
			bad(member, "unknown", "is not known")
		}
	}
	id, _ := row["plot_id"].(string)
	var err error
	switch out.PlotID, err = uuid.Parse(id); {
	case row["plot_id"] == nil:
		bad("plot_id", "required", "is wanted")
	case err != nil || len(id) != 36:
		bad("plot_id", "format", "must be a UUID")
	}
	word, _ := row["status"].(string)
	out.Status = status.Status(word)
	switch {
	case row["status"] == nil:
		bad("status", "required", "is wanted")
	case out.Status == status.Removed || !slices.Contains(status.All(), out.Status):
		bad("status", "enum", "must be an OCPI status other than REMOVED")
	}
	out.At = now
	if given, there := row["at"]; there {
		text, _ := given.(string)
		at, err := time.Parse(time.RFC3339, text)
		switch {
		case err != nil:
			bad("at", "format", "must be an RFC 3339 time")
		case at.After(now.Add(time.Minute)):
			bad("at", "future", "must not lie in the future")
		case at.Before(now): // else a clock that is a little ahead
			out.At = at.UTC().Truncate(time.Microsecond)
		}
	}
	return out, faults
}

// PushPlotStatuses implements StrictServerInterface.
func (a *API) PushPlotStatuses(ctx context.Context, request PushPlotStatusesRequestObject) (PushPlotStatusesResponseObject, error) {
	now := a.Now().UTC().Truncate(time.Microsecond)
	out := StatusBatchResult{Rejected: []StatusBatchRejection{}}
	var rows []plot.PushRow
	var places []int
	for i, item := range request.Body.Items {
		row, faults := fromAPIPush(i, item, now)
		if len(faults) > 0 {
			out.Rejected = append(out.Rejected, faults...)
			continue
		}
		rows, places = append(rows, row), append(places, i)
	}
	who := caller(ctx)
	if err := a.Plots.PushPlots(ctx, rows, who.Operates); err != nil {
		return nil, err
	}
	for i, r := range rows {
		switch {
		case r.Fault != nil:
			f := fault.Of(r.Fault)
			out.Rejected = append(out.Rejected, rejected(places[i], "plot_id", fault.Field{Code: f.Code(), Detail: f.Title()}))
		case r.Outdated:
			out.Outdated++
		default:
			out.Accepted++
		}
	}
	slices.SortStableFunc(out.Rejected, func(a, b StatusBatchRejection) int { return a.Index - b.Index })
	return PushPlotStatuses200JSONResponse(out), nil
}

// itemPointer is the JSON pointer to a member of a row.
func itemPointer(index int, member string) string {
	return "/items/" + strconv.Itoa(index) + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(member)
}
