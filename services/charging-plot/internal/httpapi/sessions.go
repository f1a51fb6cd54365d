package httpapi

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// Sessions keeps sessions.
type Sessions interface {
	GetSession(ctx context.Context, id uuid.UUID) (session.Session, error)
	ListSessions(ctx context.Context, sel access.Selection) ([]session.Session, error)
	ListReadings(ctx context.Context, id uuid.UUID, after time.Time, limit int) ([]session.Reading, error)
	CurveReadings(ctx context.Context, id uuid.UUID) ([]session.Reading, error)
	GetCDR(ctx context.Context, session uuid.UUID) (session.CDR, error)
}

// Desk starts and stops sessions.
type Desk interface {
	Order(ctx context.Context, order session.Order) (session.Session, error)
	Stop(ctx context.Context, id uuid.UUID) (session.Session, error)
}

// CreateSession implements StrictServerInterface.
func (a *API) CreateSession(ctx context.Context, request CreateSessionRequestObject) (CreateSessionResponseObject, error) {
	s, err := a.Desk.Order(ctx, session.Order{
		PlotID: request.Body.PlotId, DriverID: caller(ctx).ID, ReservationID: orZero(request.Body.ReservationId),
	})
	if err != nil {
		return nil, err
	}
	location := "/v1/sessions/" + s.ID.String()
	return CreateSession202JSONResponse{Body: ToAPISession(s), Headers: CreateSession202ResponseHeaders{Location: &location}}, nil
}

// visible gives a session that the caller may see, session.ErrNotFound otherwise.
func (a *API) visible(ctx context.Context, id uuid.UUID) (session.Session, error) {
	s, err := a.Sessions.GetSession(ctx, id)
	if err == nil && !caller(ctx).Sees(s.DriverID, s.OperatorID) {
		err = session.ErrNotFound
	}
	return s, err
}

// GetSession implements StrictServerInterface.
func (a *API) GetSession(ctx context.Context, request GetSessionRequestObject) (GetSessionResponseObject, error) {
	s, err := a.visible(ctx, request.SessionId)
	if err != nil {
		return nil, err
	}
	return GetSession200JSONResponse{Body: ToAPISession(s), Headers: GetSession200ResponseHeaders{ETag: etag(s.Version)}}, nil
}

// ListSessions implements StrictServerInterface.
func (a *API) ListSessions(ctx context.Context, request ListSessionsRequestObject) (ListSessionsResponseObject, error) {
	p := request.Params
	sel, err := a.selection(ctx, p.StationId, p.PlotId, p.State, a.sessionCursors, p.Cursor, p.Limit)
	if err != nil {
		return nil, err
	}
	found, err := a.Sessions.ListSessions(ctx, sel)
	if err != nil {
		return nil, err
	}
	found, more := pageOf(found, sel.Limit-1)
	out := SessionPage{Items: make([]Session, len(found))}
	for i, s := range found {
		out.Items[i] = ToAPISession(s)
	}
	if more {
		out.NextCursor = a.sessionCursors.Encode(idCursor{found[len(found)-1].ID})
	}
	return out, nil
}

// StopSession implements StrictServerInterface.
func (a *API) StopSession(ctx context.Context, request StopSessionRequestObject) (StopSessionResponseObject, error) {
	if _, err := a.visible(ctx, request.SessionId); err != nil {
		return nil, err
	}
	s, err := a.Desk.Stop(ctx, request.SessionId)
	if err != nil {
		return nil, err
	}
	return StopSession202JSONResponse(ToAPISession(s)), nil
}

// meterCursor is the cursor of a session's readings.
type meterCursor struct {
	Session uuid.UUID `json:"session"`
	At      time.Time `json:"at"`
}

// ListMeterValues implements StrictServerInterface.
func (a *API) ListMeterValues(ctx context.Context, request ListMeterValuesRequestObject) (ListMeterValuesResponseObject, error) {
	var at meterCursor
	if cursor := orZero(request.Params.Cursor); cursor != "" {
		if err := a.meterCursors.Decode(cursor, &at); err != nil {
			return nil, err
		}
		if at.Session != request.SessionId {
			return nil, page.ErrBadCursor
		}
	}
	if _, err := a.visible(ctx, request.SessionId); err != nil {
		return nil, err
	}
	limit := page.Size(request.Params.Limit)
	readings, err := a.Sessions.ListReadings(ctx, request.SessionId, at.At, limit+1)
	if err != nil {
		return nil, err
	}
	readings, more := pageOf(readings, limit)
	out := MeterValuePage{Items: make([]MeterValue, len(readings))}
	for i, r := range readings {
		out.Items[i] = ToAPIMeterValue(r)
	}
	if more {
		out.NextCursor = a.meterCursors.Encode(meterCursor{request.SessionId, readings[len(readings)-1].At})
	}
	return out, nil
}

// GetReceipt implements StrictServerInterface.
func (a *API) GetReceipt(ctx context.Context, request GetReceiptRequestObject) (GetReceiptResponseObject, error) {
	s, err := a.visible(ctx, request.SessionId)
	if err != nil {
		return nil, err
	}
	if s.State.Open() {
		return nil, session.ErrUnfinished
	}
	cdr, err := a.Sessions.GetCDR(ctx, request.SessionId)
	if err != nil {
		return nil, err
	}
	tag := `"` + cdr.ID.String() + `"` // it never changes
	return GetReceipt200JSONResponse{Body: ToAPIReceipt(cdr), Headers: GetReceipt200ResponseHeaders{ETag: &tag}}, nil
}
