package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/libs/policy"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/report"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Reports are the faults that people report of stations.
type Reports interface {
	CreateReport(ctx context.Context, reporter, stationID uuid.UUID, in report.Input, now time.Time) (report.Report, error)
	Report(ctx context.Context, viewer report.Viewer, stationID, id uuid.UUID) (report.Report, error)
	HandleReport(ctx context.Context, viewer report.Viewer, by *uuid.UUID, stationID, id uuid.UUID, change func(report.Report) (*report.Handling, error)) (report.Report, error)
	ToldReports(ctx context.Context, stationID uuid.UUID, after report.Place, limit int) ([]report.Told, error)
	CountOpen(ctx context.Context, viewer report.Viewer, operator uuid.UUID) (int, error)
	Tasks(ctx context.Context, viewer report.Viewer, filter report.Filter, after report.Turn, limit int) ([]report.Report, error)
}

// watcherOf is the caller as reports know it.
func watcherOf(ctx context.Context) (report.Viewer, error) {
	p, known := authn.FromContext(ctx)
	if !known {
		return report.Viewer{}, errNoCaller
	}
	v := report.Viewer{Person: p.Subject}
	switch p.Reach(policy.ReportsHandle) {
	case policy.All:
		v.Handler = true
	case policy.Within:
		v.Operator = p.Operator
	case policy.Own, policy.Nobody: // nobody settles a fault for having reported it
	}
	return v, nil
}

// handlerOf is a caller who handles reports.
func handlerOf(ctx context.Context) (report.Viewer, error) {
	v, err := watcherOf(ctx)
	if err == nil && !v.Handler && v.Operator == uuid.Nil {
		return v, errNoOperator
	}
	return v, err
}

// reporterOf is a caller who reports faults.
func reporterOf(ctx context.Context) (report.Viewer, error) {
	if _, err := person(ctx); err != nil {
		return report.Viewer{}, err
	}
	return watcherOf(ctx)
}

// ListStationReports tells everybody what is reported of a station.
func (a *API) ListStationReports(ctx context.Context, request ListStationReportsRequestObject) (ListStationReportsResponseObject, error) {
	codec := a.reports.For(request.StationId.String())
	var after report.Place
	if request.Params.Cursor != nil {
		if err := codec.Decode(*request.Params.Cursor, &after); err != nil {
			return nil, err
		}
	}
	limit := page.Size(request.Params.Limit)
	found, err := a.Reports.ToldReports(ctx, request.StationId, after, limit+1)
	if survivor, merged := station.Survivor(err); merged {
		at := reportsPath(survivor)
		return ListStationReports301Response{ListStationReports301ResponseHeaders{Location: &at}}, nil
	}
	if err != nil {
		return nil, err
	}
	return paged(found, limit, func(last *report.Told) string { return codec.Encode(last.Place()) })
}

// paged answers a page of what was found, one more than fits when there is a next page, with an ETag of what it says.
func paged[T any](found []T, limit int, cursor func(last *T) string) (jsonAnswer, error) {
	out := list[T]{Items: []T{}}
	if len(found) > limit {
		found = found[:limit]
		out.NextCursor = cursor(&found[limit-1])
	}
	out.Items = append(out.Items, found...)
	tag, err := contentTag(out)
	if err != nil {
		return jsonAnswer{}, err
	}
	return jsonAnswer{status: http.StatusOK, body: out, next: out.NextCursor, etag: tag}, nil
}

// CreateReport stores the caller's report of a fault.
func (a *API) CreateReport(ctx context.Context, request CreateReportRequestObject) (CreateReportResponseObject, error) {
	reporter, err := reporterOf(ctx)
	if err != nil {
		return nil, err
	}
	made, err := a.Reports.CreateReport(ctx, reporter.Person, request.StationId, *request.Body, a.Now())
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusCreated, body: made, etag: versionTag(made.Version), location: reportPath(made.StationID, made.ID)}, nil
}

// lookAtReport gives the faults of a report's body that the document refuses for others.
func (a *API) lookAtReport(c *fiber.Ctx) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(c.Body(), &members) != nil {
		return nil //nolint:nilerr // the document says what is wrong with such a body
	}
	var in report.Input
	for name, member := range map[string]any{
		"kind": &in.Kind, "evse_id": &in.EVSEID, "connector_id": &in.ConnectorID, "comment": &in.Comment, "seen_at": &in.SeenAt,
	} {
		_ = json.Unmarshal(members[name], member) // the document says what is wrong with what cannot be read
	}
	if _, given := members["evse_id"]; given && in.EVSEID == nil {
		in.EVSEID = new(uuid.UUID) // it is wrong, but there
	}
	if !reference.ReportKinds.Has(in.Kind) {
		in.Kind = reference.ReportKinds[0].Value
	}
	if faults := in.Validate(a.Now()); len(faults) > 0 {
		return report.ErrInvalid.At(faults...)
	}
	return nil
}

// GetReport reads a report.
func (a *API) GetReport(ctx context.Context, request GetReportRequestObject) (GetReportResponseObject, error) {
	viewer, err := watcherOf(ctx)
	if err != nil {
		return nil, err
	}
	r, err := a.Reports.Report(ctx, viewer, request.StationId, request.ReportId)
	if survivor, merged := station.Survivor(err); merged {
		at := reportPath(survivor, request.ReportId)
		return GetReport301Response{GetReport301ResponseHeaders{Location: &at}}, nil
	}
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: r, etag: versionTag(r.Version)}, nil
}

// UpdateReport settles the caller's own report.
func (a *API) UpdateReport(ctx context.Context, request UpdateReportRequestObject) (UpdateReportResponseObject, error) {
	reporter, err := reporterOf(ctx)
	if err != nil {
		return nil, err
	}
	patch := request.ApplicationMergePatchPlusJSONBody
	if patch == nil {
		patch = request.JSONBody
	}
	to := report.State(patch.State)
	changed, err := a.Reports.HandleReport(ctx, reporter, nil, request.StationId, request.ReportId, func(r report.Report) (*report.Handling, error) {
		if !reporter.Wrote(&r) {
			return nil, report.ErrForeign
		}
		if err := httpserver.CheckIfMatch(request.Params.IfMatch, versionTag(r.Version)); err != nil {
			return nil, err
		}
		return r.Settle(to)
	})
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: changed, etag: versionTag(changed.Version)}, nil
}

// HandleReport acknowledges, resolves or dismisses a report.
func (a *API) HandleReport(ctx context.Context, request HandleReportRequestObject) (HandleReportResponseObject, error) {
	handler, err := handlerOf(ctx)
	if err != nil {
		return nil, err
	}
	to := *request.Body
	if faults := review.CheckText("/note", to.Note, report.MostNote); len(faults) > 0 {
		return nil, report.ErrInvalid.At(faults...)
	}
	changed, err := a.Reports.HandleReport(ctx, handler, &handler.Person, request.StationId, request.ReportId, func(r report.Report) (*report.Handling, error) {
		if !handler.Handles(r.Station.Operator) { // it is the caller's own, of another operator's station
			return nil, report.ErrNotFound
		}
		if err := httpserver.CheckIfMatch(request.Params.IfMatch, versionTag(r.Version)); err != nil {
			return nil, err
		}
		return r.Handle(to)
	})
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: changed, etag: versionTag(changed.Version)}, nil
}

// lookAtHandling gives the faults of a note that the document refuses for others.
func lookAtHandling(c *fiber.Ctx) error {
	var to struct{ Note json.RawMessage }
	var note string
	if json.Unmarshal(c.Body(), &to) != nil || json.Unmarshal(to.Note, &note) != nil {
		return nil //nolint:nilerr // the document says what is wrong with what cannot be read
	}
	if faults := review.CheckText("/note", note, report.MostNote); len(faults) > 0 {
		return report.ErrInvalid.At(faults...)
	}
	return nil
}

// ListReports lists the reports that the caller handles.
func (a *API) ListReports(ctx context.Context, request ListReportsRequestObject) (ListReportsResponseObject, error) {
	viewer, err := handlerOf(ctx)
	if err != nil {
		return nil, err
	}
	in := request.Params
	filter := report.Filter{Kinds: commaJoined[string](in.Kind), States: commaJoined[report.State](in.State)}
	if in.StationId != nil {
		filter.Station = *in.StationId
	}
	if in.Operator != nil {
		filter.Operator = *in.Operator
	}
	if in.Since != nil {
		filter.Since = in.Since.UTC()
	}
	codec := a.reports.For(fmt.Sprintf("%+v", filter))
	var after report.Turn
	if in.Cursor != nil {
		if err := codec.Decode(*in.Cursor, &after); err != nil {
			return nil, err
		}
	}
	limit := page.Size(in.Limit)
	found, err := a.Reports.Tasks(ctx, viewer, filter, after, limit+1)
	if err != nil {
		return nil, err
	}
	tasks := make([]report.Task, len(found))
	for i, r := range found {
		tasks[i] = report.Task{Report: r, At: r.Station}
	}
	return paged(tasks, limit, func(last *report.Task) string { return codec.Encode(last.Turn()) })
}

// commaJoined gives the values of a parameter that is repeated or comma-joined.
func commaJoined[T ~string](values *[]string) []T {
	if values == nil {
		return nil
	}
	var all []T
	for _, value := range *values {
		for one := range strings.SplitSeq(value, ",") {
			all = append(all, T(one))
		}
	}
	return all
}

func reportsPath(stationID uuid.UUID) string { return stationPath(stationID) + "/reports" }

func reportPath(stationID, id uuid.UUID) string { return reportsPath(stationID) + "/" + id.String() }
