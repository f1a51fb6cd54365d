// Package reservation is a driver's claim on a plot for a span of time.
//
// A claim lives through these states (OCPI bookings):
//
//	PENDING ──► RESERVED ──► FULFILLED   the driver's session began
//	   │           ├───────► NO_SHOW     nobody came in time, or the span ended
//	   │           ├───────► CANCELED    by the driver or the operator
//	   │           └───────► FAILED      the plot broke, was closed, was removed or was still taken
//	   ├─► REJECTED                      the charge point would not keep the plot
//	   └─► FULFILLED, NO_SHOW, CANCELED, FAILED
//
// That two claims on one plot never overlap is a constraint of the database. PENDING, RESERVED and FULFILLED claims hold their span.
//
// A claim is the network's: it holds whether or not the charge point listens. Where the charge point takes reservations itself it is told
// of a claim as soon as that begins (Herald), so that it refuses others while it is alone, and a claim from now on is PENDING until it has
// answered. One that cannot be reached, or takes none, leaves the claim as good as it is without it.
package reservation

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Reservation is one claim. The plot is the driver's in [StartsAt, EndsAt).
type Reservation struct {
	ID         uuid.UUID
	PlotID     uuid.UUID
	StationID  uuid.UUID
	OperatorID uuid.UUID
	DriverID   uuid.UUID
	StartsAt   time.Time
	EndsAt     time.Time
	// NoShowAt is when the claim is given up unless a session has begun.
	NoShowAt   time.Time
	State      State
	StateSince time.Time
	Held       bool   // a charge point has accepted it, and refuses everybody else
	Reason     string // why it ended, one of the Reason constants; empty while it holds
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int64
}

// State is where a claim stands.
type State string

// The states.
const (
	Pending   State = "PENDING"
	Reserved  State = "RESERVED"
	Fulfilled State = "FULFILLED"
	NoShow    State = "NO_SHOW"
	Canceled  State = "CANCELED"
	Rejected  State = "REJECTED"
	Failed    State = "FAILED"
)

// Why a claim ended.
const (
	ReasonDriver    = "canceled_by_driver"
	ReasonOperator  = "canceled_by_operator"
	ReasonErased    = "driver_erased"
	ReasonNobody    = "nobody_came"
	ReasonFault     = "plot_out_of_order"
	ReasonClosed    = "plot_out_of_service"
	ReasonRemoved   = "plot_removed"
	ReasonOccupied  = "plot_still_occupied"
	ReasonFulfilled = "session_started"
)

// moves lists where each state may go.
var moves = map[State][]State{
	Pending:  {Reserved, Rejected, Fulfilled, NoShow, Canceled, Failed},
	Reserved: {Fulfilled, NoShow, Canceled, Failed},
}

// CanBecome tells whether a claim in state s may go to the other one. Ended claims go nowhere.
func (s State) CanBecome(other State) bool { return slices.Contains(moves[s], other) }

// Open tells whether a claim in this state still waits for its driver.
func (s State) Open() bool { return s == Pending || s == Reserved }

// Faults of reservations.
var (
	// ErrNotFound is a reservation that is absent or that the caller may not see.
	ErrNotFound = fault.Define(fault.NotFound, "reservation_not_found", "There is no such reservation")
	// ErrTaken is a claim that overlaps another. It carries next_free_at where that is known.
	ErrTaken = fault.Define(fault.Conflict, "plot_taken", "The plot is taken")
	// ErrNotFree is a claim from now on a plot that is not free now.
	ErrNotFree = fault.Define(fault.Conflict, "plot_not_free", "The plot is not free")
	// ErrNotReservable is a claim on a plot that cannot be reserved.
	ErrNotReservable = fault.Define(fault.Conflict, "plot_not_reservable", "The plot cannot be reserved")
	// ErrTooMany is one claim more than a driver may hold at once.
	ErrTooMany = fault.Define(fault.Conflict, "too_many_reservations", "You hold as many reservations as you may at once")
	// ErrPast is a claim that begins in the past.
	ErrPast = fault.Define(fault.Invalid, "reservation_in_past", "The reservation begins in the past")
	// ErrTooFar is a claim that begins too far in the future.
	ErrTooFar = fault.Define(fault.Invalid, "reservation_too_far", "The reservation begins too far in the future")
	// ErrDuration is a claim that is too short or too long.
	ErrDuration = fault.Define(fault.Invalid, "reservation_duration", "The reservation is too short or too long")
	// ErrEnded is a change of a claim that has ended.
	ErrEnded = fault.Define(fault.Conflict, "reservation_ended", "The reservation has ended")
	// ErrBegun is a change of the beginning of a claim that has begun.
	ErrBegun = fault.Define(fault.Conflict, "reservation_begun", "The reservation has begun already")
)

// Terms are what a network allows.
type Terms struct {
	MinDuration time.Duration
	MaxDuration time.Duration
	MaxAhead    time.Duration // how far in the future a claim may begin
	NoShowAfter time.Duration // how long a plot waits for its driver
	PerDriver   int           // how many open claims a driver may hold at once
	// Guard is how long before a claim begins nobody else may begin a session on its plot.
	Guard time.Duration
}

// Claim is what a driver asks for.
type Claim struct {
	PlotID   uuid.UUID
	DriverID uuid.UUID
	StartsAt time.Time // zero: now
	Duration time.Duration
}

// clockSlack is how far a driver's clock may be behind ours without "now" being called the past.
const clockSlack = 30 * time.Second

// Plan makes the reservation that a claim asks for, or says why the terms do not allow it: ErrPast, ErrTooFar, ErrDuration. The plot's
// own side (is it free, may it be reserved) is the store's to judge.
func (t Terms) Plan(c Claim, now time.Time) (Reservation, error) {
	starts := c.StartsAt
	switch {
	case starts.IsZero():
		starts = now
	case starts.Before(now.Add(-clockSlack)):
		return Reservation{}, ErrPast.At(fault.Field{Pointer: "/starts_at", Code: "past", Detail: "must not lie in the past"})
	case starts.Before(now):
		starts = now
	case starts.After(now.Add(t.MaxAhead)):
		return Reservation{}, ErrTooFar.At(fault.Field{Pointer: "/starts_at", Code: "too_far", Detail: ahead(t.MaxAhead)})
	}
	if c.Duration < t.MinDuration || c.Duration > t.MaxDuration {
		return Reservation{}, ErrDuration.At(fault.Field{Pointer: "/duration_min", Code: "range", Detail: between(t.MinDuration, t.MaxDuration)})
	}
	// Postgres keeps microseconds; what is answered must be what is stored.
	starts = starts.UTC().Truncate(time.Microsecond)
	r := Reservation{
		PlotID: c.PlotID, DriverID: c.DriverID,
		StartsAt: starts, EndsAt: starts.Add(c.Duration),
		State: Reserved, StateSince: now, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	r.NoShowAt = t.noShow(r)
	return r, nil
}

// Move gives the reservation with another span, under the same terms. A zero start keeps the start, and one that has begun keeps it
// anyway: asking for another is ErrBegun.
func (t Terms) Move(r Reservation, starts time.Time, d time.Duration, now time.Time) (Reservation, error) {
	if !r.State.Open() {
		return Reservation{}, ErrEnded.Detailf("The reservation is %s.", r.State)
	}
	if d == 0 {
		d = r.EndsAt.Sub(r.StartsAt)
	}
	begun := !r.StartsAt.After(now)
	if begun && !starts.IsZero() && !starts.Equal(r.StartsAt) {
		return Reservation{}, ErrBegun
	}
	if begun || starts.IsZero() {
		starts = r.StartsAt
	}
	claim := Claim{PlotID: r.PlotID, DriverID: r.DriverID, StartsAt: starts, Duration: d}
	judged := now
	if begun {
		judged = r.StartsAt // its beginning was judged when it was made
	}
	planned, err := t.Plan(claim, judged)
	if err != nil {
		return Reservation{}, err
	}
	if !planned.EndsAt.After(now) {
		return Reservation{}, ErrDuration.At(fault.Field{Pointer: "/duration_min", Code: "range", Detail: "must not end in the past"})
	}
	r.StartsAt, r.EndsAt, r.UpdatedAt = planned.StartsAt, planned.EndsAt, now
	r.NoShowAt = t.noShow(r)
	return r, nil
}

func (t Terms) noShow(r Reservation) time.Time {
	if at := r.StartsAt.Add(t.NoShowAfter); at.Before(r.EndsAt) {
		return at
	}
	return r.EndsAt
}

// Span is a stretch of time [From, Until).
type Span struct {
	From, Until time.Time
}

// NextFree gives the first moment from on which the plot is free for d, given the spans taken, in any order.
func NextFree(taken []Span, from time.Time, d time.Duration) time.Time {
	sorted := slices.SortedFunc(slices.Values(taken), func(a, b Span) int { return a.From.Compare(b.From) })
	for _, s := range sorted {
		if !s.Until.After(from) {
			continue
		}
		if !s.From.Before(from.Add(d)) {
			break
		}
		from = s.Until
	}
	return from
}

// Slot is a stretch of a calendar.
type Slot struct {
	Span

	Taken bool
}

// Calendar cuts a window into stretches that are free and taken, in order and without gaps, given the spans taken, in any order. Taken
// spans that touch are one.
func Calendar(taken []Span, window Span) []Slot {
	sorted := slices.SortedFunc(slices.Values(taken), func(a, b Span) int { return a.From.Compare(b.From) })
	var out []Slot
	add := func(from, until time.Time, taken bool) {
		if !until.After(from) {
			return
		}
		if n := len(out); n > 0 && out[n-1].Taken == taken {
			out[n-1].Until = until
			return
		}
		out = append(out, Slot{Span{from, until}, taken})
	}
	at := window.From
	for _, s := range sorted {
		from, until := later(s.From, at), earlier(s.Until, window.Until)
		if !until.After(from) {
			continue
		}
		add(at, from, false)
		add(from, until, true)
		at = until
	}
	add(at, window.Until, false)
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
