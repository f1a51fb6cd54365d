package httpapi

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
)

// ToAPITerms writes an operator's terms as the API says them.
func ToAPITerms(t reservation.OperatorTerms) ReservationTerms {
	inMinutes := func(d *time.Duration) nullable.Nullable[int] {
		if d == nil {
			return nullable.NewNullNullable[int]()
		}
		return nullable.NewNullableWithValue(int(*d / time.Minute))
	}
	out := ReservationTerms{
		OperatorId: t.OperatorID, MinDurationMin: inMinutes(t.MinDuration), MaxDurationMin: inMinutes(t.MaxDuration), MaxAheadMin: inMinutes(t.MaxAhead),
		NoShowMin: inMinutes(t.NoShowAfter), CancelUntilMin: inMinutes(t.CancelUntil), ChangeUntilMin: inMinutes(t.ChangeUntil),
		EarlyStartMin: inMinutes(t.EarlyStart), PerDriver: nullable.NewNullNullable[int](), Version: t.Version,
	}
	if t.PerDriver != nil {
		out.PerDriver.Set(*t.PerDriver)
	}
	return out
}

// FromAPITerms reads an operator's terms.
func FromAPITerms(operator uuid.UUID, in ReservationTermsInput) reservation.OperatorTerms {
	given := func(n nullable.Nullable[int]) *int {
		if value, err := n.Get(); err == nil {
			return &value
		}
		return nil // null, or left out
	}
	minutes := func(n nullable.Nullable[int]) *time.Duration {
		if value := given(n); value != nil {
			d := time.Duration(*value) * time.Minute
			return &d
		}
		return nil
	}
	return reservation.OperatorTerms{
		OperatorID: operator, MinDuration: minutes(in.MinDurationMin), MaxDuration: minutes(in.MaxDurationMin), MaxAhead: minutes(in.MaxAheadMin),
		NoShowAfter: minutes(in.NoShowMin), CancelUntil: minutes(in.CancelUntilMin), ChangeUntil: minutes(in.ChangeUntilMin), PerDriver: given(in.PerDriver),
		EarlyStart: minutes(in.EarlyStartMin),
	}
}

// mayActFor says why a caller may not act for an operator.
func (a *API) mayActFor(ctx context.Context, operator uuid.UUID) error {
	if !caller(ctx).Operates(operator) {
		return reservation.ErrForeign
	}
	return a.known(ctx, operator)
}

// known returns reservation.ErrNoOperator unless the operator is known here. Its own people know it before its first station.
func (a *API) known(ctx context.Context, operator uuid.UUID) error {
	if own := caller(ctx).Operator; own == operator && own != uuid.Nil {
		return nil
	}
	known, err := a.Reservations.KnowsOperator(ctx, operator)
	if err == nil && !known {
		err = reservation.ErrNoOperator
	}
	return err
}

// GetReservationTerms implements StrictServerInterface.
func (a *API) GetReservationTerms(ctx context.Context, request GetReservationTermsRequestObject) (GetReservationTermsResponseObject, error) {
	if err := a.known(ctx, request.OperatorId); err != nil {
		return nil, err
	}
	t, err := a.Reservations.GetTerms(ctx, request.OperatorId)
	if err != nil {
		return nil, err
	}
	return GetReservationTerms200JSONResponse{Body: ToAPITerms(t), Headers: GetReservationTerms200ResponseHeaders{ETag: etag(t.Version)}}, nil
}

// PutReservationTerms implements StrictServerInterface.
func (a *API) PutReservationTerms(ctx context.Context, request PutReservationTermsRequestObject) (PutReservationTermsResponseObject, error) {
	if err := a.mayActFor(ctx, request.OperatorId); err != nil {
		return nil, err
	}
	wanted := FromAPITerms(request.OperatorId, *request.Body)
	if err := wanted.Within(a.Terms); err != nil {
		return nil, err
	}
	t, err := a.Reservations.PutTerms(ctx, wanted, func(before reservation.OperatorTerms) error {
		return httpserver.CheckIfMatch(request.Params.IfMatch, *etag(before.Version))
	})
	if err != nil {
		return nil, err
	}
	return PutReservationTerms200JSONResponse{Body: ToAPITerms(t), Headers: PutReservationTerms200ResponseHeaders{ETag: etag(t.Version)}}, nil
}

// ListBlockedDrivers implements StrictServerInterface.
func (a *API) ListBlockedDrivers(ctx context.Context, request ListBlockedDriversRequestObject) (ListBlockedDriversResponseObject, error) {
	if err := a.mayActFor(ctx, request.OperatorId); err != nil {
		return nil, err
	}
	after, err := decodeID(a.blockedCursors, request.Params.Cursor)
	if err != nil {
		return nil, err
	}
	limit := page.Size(request.Params.Limit)
	found, err := a.Reservations.ListBlocked(ctx, request.OperatorId, after, limit+1)
	if err != nil {
		return nil, err
	}
	found, more := pageOf(found, limit)
	out := BlockedDriverPage{Items: make([]BlockedDriver, len(found))}
	for i, b := range found {
		out.Items[i] = BlockedDriver{DriverId: b.DriverID, Reason: b.Reason, CreatedAt: b.CreatedAt}
	}
	if more {
		out.NextCursor = a.blockedCursors.Encode(idCursor{found[len(found)-1].DriverID})
	}
	return out, nil
}

// BlockDriver implements StrictServerInterface.
func (a *API) BlockDriver(ctx context.Context, request BlockDriverRequestObject) (BlockDriverResponseObject, error) {
	if err := a.mayActFor(ctx, request.OperatorId); err != nil {
		return nil, err
	}
	return BlockDriver204Response{}, a.Reservations.BlockDriver(ctx, request.OperatorId, request.DriverId, request.Body.Reason)
}

// UnblockDriver implements StrictServerInterface.
func (a *API) UnblockDriver(ctx context.Context, request UnblockDriverRequestObject) (UnblockDriverResponseObject, error) {
	if err := a.mayActFor(ctx, request.OperatorId); err != nil {
		return nil, err
	}
	return UnblockDriver204Response{}, a.Reservations.UnblockDriver(ctx, request.OperatorId, request.DriverId)
}
