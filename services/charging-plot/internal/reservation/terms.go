package reservation

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// OperatorTerms are what one operator asks of those who reserve, within the network's Terms. A nil field leaves the network's word.
type OperatorTerms struct {
	OperatorID  uuid.UUID
	MinDuration *time.Duration
	MaxDuration *time.Duration
	MaxAhead    *time.Duration
	NoShowAfter *time.Duration
	// CancelUntil and ChangeUntil are how long before the beginning the driver may still cancel or change; none: as long as it waits.
	CancelUntil *time.Duration
	ChangeUntil *time.Duration
	// EarlyStart is how long before the beginning the driver may begin a session, if nobody else holds the time before; none: as long as
	// nobody else may (Terms.Guard).
	EarlyStart *time.Duration
	PerDriver  *int // open claims that a driver may hold at this operator's plots
	Version    int64
	UpdatedAt  time.Time
}

// Change decides what becomes of a reservation under its operator's terms.
type Change func(Reservation, OperatorTerms) (Reservation, error)

// Blocked is a driver whom an operator does not let reserve.
type Blocked struct {
	DriverID  uuid.UUID
	Reason    string
	CreatedAt time.Time
}

// Faults of an operator's terms.
var (
	// ErrBlocked is a claim by a driver whom the operator does not let reserve.
	ErrBlocked = fault.Define(fault.Forbidden, "driver_blocked", "The operator does not let you reserve")
	// ErrForeign is a word on the terms or the drivers of an operator by somebody else.
	ErrForeign = fault.Define(fault.Forbidden, "foreign_operator", "The operator is another than yours")
	// ErrNoOperator is an operator that has no station here and has never said anything.
	ErrNoOperator = fault.Define(fault.NotFound, "operator_not_found", "There is no such operator")
	// ErrTooLate is a change or a cancelation after the time that the operator's terms give for it.
	ErrTooLate = fault.Define(fault.Conflict, "reservation_too_late", "It is too late to change or cancel the reservation")
	// ErrTerms are terms that contradict the network's or themselves.
	ErrTerms = fault.Define(fault.Invalid, "bad_reservation_terms", "The terms go beyond what the network allows")
)

// Within says what in the operator's terms goes beyond the network's, or contradicts itself: ErrTerms naming every member.
func (o OperatorTerms) Within(t Terms) error {
	var faults []fault.Field
	bad := func(member, detail string) {
		faults = append(faults, fault.Field{Pointer: "/" + member, Code: "range", Detail: detail})
	}
	span := func(member string, d *time.Duration, least, most time.Duration) {
		if d != nil && (*d < least || *d > most) {
			bad(member, between(least, most))
		}
	}
	span("min_duration_min", o.MinDuration, t.MinDuration, t.MaxDuration)
	span("max_duration_min", o.MaxDuration, t.MinDuration, t.MaxDuration)
	span("max_ahead_min", o.MaxAhead, 0, t.MaxAhead)
	span("no_show_min", o.NoShowAfter, time.Minute, t.MaxDuration)
	span("cancel_until_min", o.CancelUntil, 0, t.MaxAhead)
	span("change_until_min", o.ChangeUntil, 0, t.MaxAhead)
	span("early_start_min", o.EarlyStart, 0, t.MaxAhead)
	if o.MinDuration != nil && o.MaxDuration != nil && *o.MinDuration > *o.MaxDuration {
		bad("max_duration_min", "must not be less than min_duration_min")
	}
	if o.PerDriver != nil && (*o.PerDriver < 1 || *o.PerDriver > t.PerDriver) {
		bad("per_driver", fmt.Sprintf("must be between 1 and %d", t.PerDriver))
	}
	if faults == nil {
		return nil
	}
	return ErrTerms.At(faults...)
}

// Apply holds a reservation that the network's terms allow to the operator's as well, and gives it their no-show time. It returns
// ErrDuration and ErrTooFar.
func (o OperatorTerms) Apply(r Reservation, now time.Time) (Reservation, error) {
	d := r.EndsAt.Sub(r.StartsAt)
	if o.MinDuration != nil && d < *o.MinDuration || o.MaxDuration != nil && d > *o.MaxDuration {
		return r, ErrDuration.At(fault.Field{Pointer: "/duration_min", Code: "range", Detail: o.durations()})
	}
	if o.MaxAhead != nil && r.StartsAt.After(now.Add(*o.MaxAhead)) {
		return r, ErrTooFar.At(fault.Field{Pointer: "/starts_at", Code: "too_far", Detail: ahead(*o.MaxAhead)})
	}
	if o.NoShowAfter != nil {
		r.NoShowAt = Terms{NoShowAfter: *o.NoShowAfter}.noShow(r)
	}
	return r, nil
}

func (o OperatorTerms) durations() string {
	switch {
	case o.MinDuration == nil:
		return fmt.Sprintf("must be at most %d minutes at this operator's plots", minutes(*o.MaxDuration))
	case o.MaxDuration == nil:
		return fmt.Sprintf("must be at least %d minutes at this operator's plots", minutes(*o.MinDuration))
	}
	return between(*o.MinDuration, *o.MaxDuration) + " at this operator's plots"
}

// MayCancel returns ErrTooLate when the driver may not cancel any more.
func (o OperatorTerms) MayCancel(r Reservation, now time.Time) error {
	return inTime(o.CancelUntil, r, now)
}

// MayChange returns ErrTooLate when the driver may not change the span any more.
func (o OperatorTerms) MayChange(r Reservation, now time.Time) error {
	return inTime(o.ChangeUntil, r, now)
}

func inTime(until *time.Duration, r Reservation, now time.Time) error {
	if until == nil {
		return nil
	}
	if last := r.StartsAt.Add(-*until); now.After(last) {
		return ErrTooLate.Detailf("It was possible until %s.", last.UTC().Format(time.RFC3339))
	}
	return nil
}
