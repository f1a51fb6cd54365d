package httpapi

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
)

// Reservations keeps reservations.
type Reservations interface {
	CreateReservation(ctx context.Context, r reservation.Reservation) (reservation.Reservation, error)
	GetReservation(ctx context.Context, id uuid.UUID) (reservation.Reservation, error)
	ListReservations(ctx context.Context, sel access.Selection) ([]reservation.Reservation, error)
	TakenSpans(ctx context.Context, plot uuid.UUID, from, to time.Time) ([]reservation.Span, error)
	ChangeReservation(ctx context.Context, id uuid.UUID, change reservation.Change) (reservation.Reservation, error)
	KnowsOperator(ctx context.Context, operator uuid.UUID) (bool, error)
	GetTerms(ctx context.Context, operator uuid.UUID) (reservation.OperatorTerms, error)
	PutTerms(
		ctx context.Context, t reservation.OperatorTerms, check func(reservation.OperatorTerms) error,
	) (reservation.OperatorTerms, error)
	BlockDriver(ctx context.Context, operator, driver uuid.UUID, reason string) error
	UnblockDriver(ctx context.Context, operator, driver uuid.UUID) error
	ListBlocked(ctx context.Context, operator, after uuid.UUID, limit int) ([]reservation.Blocked, error)
}

// Herald tells charge points of reservations. Wake says that there is something to tell.
type Herald interface{ Wake() }

// CreateReservation implements StrictServerInterface.
func (a *API) CreateReservation(ctx context.Context, request CreateReservationRequestObject) (CreateReservationResponseObject, error) {
	claim := reservation.Claim{
		PlotID: request.Body.PlotId, DriverID: caller(ctx).ID, StartsAt: orZero(request.Body.StartsAt),
		Duration: time.Duration(request.Body.DurationMin) * time.Minute,
	}
	planned, err := a.Terms.Plan(claim, a.Now())
	if err != nil {
		return nil, err
	}
	r, err := a.Reservations.CreateReservation(ctx, planned)
	if err != nil {
		return nil, err
	}
	a.Herald.Wake()
	location := "/v1/reservations/" + r.ID.String()
	return CreateReservation201JSONResponse{
		Body: ToAPIReservation(r), Headers: CreateReservation201ResponseHeaders{ETag: etag(r.Version), Location: &location},
	}, nil
}

// GetReservation implements StrictServerInterface.
func (a *API) GetReservation(ctx context.Context, request GetReservationRequestObject) (GetReservationResponseObject, error) {
	r, err := a.Reservations.GetReservation(ctx, request.ReservationId)
	if err != nil {
		return nil, err
	}
	if !caller(ctx).Sees(r.DriverID, r.OperatorID) {
		return nil, reservation.ErrNotFound
	}
	return GetReservation200JSONResponse{Body: ToAPIReservation(r), Headers: GetReservation200ResponseHeaders{ETag: etag(r.Version)}}, nil
}

// selection reads the parameters that lists of reservations and of sessions share.
func (a *API) selection(
	ctx context.Context, station, bay *uuid.UUID, states *string, codec *page.Codec, cursor *string, limit *int,
) (access.Selection, error) {
	sel := access.Selection{Station: orZero(station), Plot: orZero(bay), States: list(states), Limit: page.Size(limit) + 1}
	var err error
	if sel.Before, err = decodeID(codec, cursor); err != nil {
		return sel, err
	}
	who := caller(ctx)
	sel.Driver = who.ID
	switch {
	case bay != nil:
		p, err := a.Plots.GetPlot(ctx, *bay)
		if err != nil && !errors.Is(err, plot.ErrNotFound) {
			return sel, err
		}
		sel.Driver = mayListFor(who, err == nil, p.OperatorID)
	case station != nil:
		operator, known, err := a.Stations.OperatorOf(ctx, *station)
		if err != nil {
			return sel, err
		}
		sel.Driver = mayListFor(who, known, operator)
	}
	return sel, nil
}

// ListReservations implements StrictServerInterface.
func (a *API) ListReservations(ctx context.Context, request ListReservationsRequestObject) (ListReservationsResponseObject, error) {
	p := request.Params
	sel, err := a.selection(ctx, p.StationId, p.PlotId, p.State, a.reservationCursors, p.Cursor, p.Limit)
	if err != nil {
		return nil, err
	}
	found, err := a.Reservations.ListReservations(ctx, sel)
	if err != nil {
		return nil, err
	}
	found, more := pageOf(found, sel.Limit-1)
	out := ReservationPage{Items: make([]Reservation, len(found))}
	for i, r := range found {
		out.Items[i] = ToAPIReservation(r)
	}
	if more {
		out.NextCursor = a.reservationCursors.Encode(idCursor{found[len(found)-1].ID})
	}
	return out, nil
}

// UpdateReservation implements StrictServerInterface.
func (a *API) UpdateReservation(ctx context.Context, request UpdateReservationRequestObject) (UpdateReservationResponseObject, error) {
	body := request.JSONBody
	if body == nil {
		body = request.ApplicationMergePatchPlusJSONBody
	}
	if body == nil {
		return nil, errNoPatch
	}
	who := caller(ctx)
	r, err := a.Reservations.ChangeReservation(ctx, request.ReservationId, func(r reservation.Reservation, own reservation.OperatorTerms) (reservation.Reservation, error) {
		if r.DriverID != who.ID {
			return r, reservation.ErrNotFound
		}
		if err := httpserver.CheckIfMatch(request.Params.IfMatch, *etag(r.Version)); err != nil {
			return r, err
		}
		now := a.Now()
		moved, err := a.Terms.Move(r, orZero(body.StartsAt), time.Duration(orZero(body.DurationMin))*time.Minute, now)
		if err != nil {
			return r, err
		}
		if err := own.MayChange(r, now); err != nil {
			return r, err
		}
		return own.Apply(moved, now)
	})
	if err != nil {
		return nil, err
	}
	a.Herald.Wake()
	return UpdateReservation200JSONResponse{
		Body: ToAPIReservation(r), Headers: UpdateReservation200ResponseHeaders{ETag: etag(r.Version)},
	}, nil
}

// CancelReservation implements StrictServerInterface.
func (a *API) CancelReservation(ctx context.Context, request CancelReservationRequestObject) (CancelReservationResponseObject, error) {
	who := caller(ctx)
	r, err := a.Reservations.ChangeReservation(ctx, request.ReservationId, func(r reservation.Reservation, own reservation.OperatorTerms) (reservation.Reservation, error) {
		switch {
		case !who.Sees(r.DriverID, r.OperatorID):
			return r, reservation.ErrNotFound
		case r.State == reservation.Canceled:
			return r, nil
		case !r.State.CanBecome(reservation.Canceled):
			return r, reservation.ErrEnded.Detailf("The reservation is %s.", r.State)
		}
		if request.Params.IfMatch != nil {
			if err := httpserver.CheckIfMatch(request.Params.IfMatch, *etag(r.Version)); err != nil {
				return r, err
			}
		}
		now, reason := a.Now(), reservation.ReasonDriver
		if r.DriverID != who.ID {
			reason = reservation.ReasonOperator
		} else if err := own.MayCancel(r, now); err != nil {
			return r, err
		}
		r.State, r.StateSince, r.Reason = reservation.Canceled, now, reason
		return r, nil
	})
	if err != nil {
		return nil, err
	}
	a.Herald.Wake()
	return CancelReservation200JSONResponse{
		Body: ToAPIReservation(r), Headers: CancelReservation200ResponseHeaders{ETag: etag(r.Version)},
	}, nil
}
