package httpapi

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// Sessions keeps sessions.
type Sessions interface {
	GetSession(ctx context.Context, id uuid.UUID) (session.Session, error)
	ListSessions(ctx context.Context, sel access.Selection) ([]session.Session, error)
	Tune(ctx context.Context, id uuid.UUID, change func(session.Session) (session.Session, error)) (session.Session, error)
	ListReadings(ctx context.Context, of session.Session, after time.Time, limit int) ([]session.Reading, error)
	PushReadings(ctx context.Context, pushed []session.Pushed, may func(operator uuid.UUID) bool) error
	CurveReadings(ctx context.Context, of session.Session, points int) (readings []session.Reading, total int, err error)
	GetCDR(ctx context.Context, session uuid.UUID) (session.CDR, error)
	CreditBill(ctx context.Context, session uuid.UUID, remark, tariffID string) (session.CDR, error)
	GetNoShowCDR(ctx context.Context, reservation uuid.UUID) (session.CDR, error)
}

// Desk starts and stops sessions.
type Desk interface {
	Order(ctx context.Context, order session.Order) (session.Session, error)
	Stop(ctx context.Context, id uuid.UUID) (session.Session, error)
}

// CreateSession implements StrictServerInterface.
func (a *API) CreateSession(ctx context.Context, request CreateSessionRequestObject) (CreateSessionResponseObject, error) {
	order := session.Order{
		PlotID: request.Body.PlotId, DriverID: caller(ctx).ID, ReservationID: orZero(request.Body.ReservationId),
		Vehicle: orZero(request.Body.Vehicle),
	}
	if limits := request.Body.Limits; limits != nil {
		order.Limits = patchLimits(session.Limits{}, *limits)
	}
	if err := a.checkVehicle(order.Vehicle); err != nil {
		return nil, err
	}
	s, err := a.Desk.Order(ctx, order)
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

// UpdateSession implements StrictServerInterface.
func (a *API) UpdateSession(ctx context.Context, request UpdateSessionRequestObject) (UpdateSessionResponseObject, error) {
	body := request.JSONBody
	if body == nil {
		body = request.ApplicationMergePatchPlusJSONBody
	}
	if body == nil {
		return nil, errNoPatch
	}
	who := caller(ctx)
	if id, err := body.Vehicle.Get(); err == nil {
		if err := a.checkVehicle(id); err != nil {
			return nil, err
		}
	}
	s, err := a.Sessions.Tune(ctx, request.SessionId, func(s session.Session) (session.Session, error) {
		switch {
		case s.DriverID != who.ID:
			return s, session.ErrNotFound
		case !s.State.Open():
			return s, session.ErrEnded.Detailf("The session is %s.", s.State)
		}
		if body.Limits != nil {
			s.Limits = patchLimits(s.Limits, *body.Limits)
		}
		if s.Limits.Cost != "" && len(s.Tariff) == 0 {
			return s, session.ErrNoPrice.At(
				fault.Field{Pointer: "/limits/cost", Code: "no_tariff", Detail: "must be left out where nothing says what a charge costs"})
		}
		if body.Vehicle.IsSpecified() {
			s.Vehicle, _ = body.Vehicle.Get() // null is none
		}
		return s, httpserver.CheckIfMatch(request.Params.IfMatch, *etag(s.Version))
	})
	if err != nil {
		return nil, err
	}
	return UpdateSession200JSONResponse{Body: ToAPISession(s), Headers: UpdateSession200ResponseHeaders{ETag: etag(s.Version)}}, nil
}

// patchLimits gives the limits as a patch makes them.
func patchLimits(l session.Limits, patch SessionLimits) session.Limits {
	if patch.EnergyKwh.IsSpecified() {
		kwh, _ := patch.EnergyKwh.Get() // null is none, and so below
		l.EnergyWh = int64(math.Round(kwh * 1000))
	}
	if patch.DurationMin.IsSpecified() {
		minutes, _ := patch.DurationMin.Get()
		l.Duration = time.Duration(minutes) * time.Minute
	}
	if patch.Cost.IsSpecified() {
		cost, _ := patch.Cost.Get()
		l.Cost = tariff.Number(cost)
	}
	if patch.SocPercent.IsSpecified() {
		l.SoCPercent, _ = patch.SocPercent.Get()
	}
	return l
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
	of, err := a.visible(ctx, request.SessionId)
	if err != nil {
		return nil, err
	}
	limit := page.Size(request.Params.Limit)
	readings, err := a.Sessions.ListReadings(ctx, of, at.At, limit+1)
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

// PushMeterValues implements StrictServerInterface.
func (a *API) PushMeterValues(ctx context.Context, request PushMeterValuesRequestObject) (PushMeterValuesResponseObject, error) {
	pushed := make([]session.Pushed, len(request.Body.Items))
	for i, item := range request.Body.Items {
		pushed[i] = session.Pushed{SessionID: item.SessionId, Reading: session.Reading{
			At: item.At.UTC(), RegisterWh: scaled(item.RegisterKwh, 1000), PowerW: scaled(item.PowerKw, 1000), CurrentA: scaled(item.CurrentA, 1),
			VoltageV: scaled(item.VoltageV, 1), SoCPercent: scaled(item.SocPercent, 1), Other: orZero(item.Other),
		}}
	}
	if err := a.Sessions.PushReadings(ctx, pushed, caller(ctx).Operates); err != nil {
		return nil, err
	}
	return PushMeterValues204Response{}, nil
}

// scaled reads an optional number; what was not said is NaN.
func scaled(v *float64, scale float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v * scale
}
