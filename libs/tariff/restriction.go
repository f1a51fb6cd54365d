package tariff

import (
	"fmt"
	"math/big"
	"slices"
	"time"
)

// ReservationKind restricts an element to reservations.
type ReservationKind string

// The values of a reservation restriction.
const (
	ReservationAny     ReservationKind = "RESERVATION"         // the time from the booking to the start or the expiry
	ReservationExpires ReservationKind = "RESERVATION_EXPIRES" // the same time, when the reservation was not used
)

// Restrictions say when an element holds; all that are set must. Clock times and dates are in the station's time zone,
// current in A, power in kW, energy in kWh, durations in seconds since the phase began. Lower bounds are inclusive, upper ones exclusive.
type Restrictions struct {
	StartTime   string          `json:"start_time,omitempty"` // "HH:MM"
	EndTime     string          `json:"end_time,omitempty"`   // "HH:MM"; earlier than StartTime: on the next day
	StartDate   string          `json:"start_date,omitempty"` // "2006-01-02", the first day
	EndDate     string          `json:"end_date,omitempty"`   // "2006-01-02", the first day after
	MinKWh      *Number         `json:"min_kwh,omitempty"`
	MaxKWh      *Number         `json:"max_kwh,omitempty"`
	MinCurrent  *Number         `json:"min_current,omitempty"`
	MaxCurrent  *Number         `json:"max_current,omitempty"`
	MinPower    *Number         `json:"min_power,omitempty"`
	MaxPower    *Number         `json:"max_power,omitempty"`
	MinDuration *int64          `json:"min_duration,omitempty"`
	MaxDuration *int64          `json:"max_duration,omitempty"`
	DayOfWeek   []Weekday       `json:"day_of_week,omitempty"`
	Reservation ReservationKind `json:"reservation,omitempty"`
}

// Weekday is a day's English name in capitals.
type Weekday string

const maxDurationSeconds = 366 * 86400

var weekdays = []Weekday{"SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"} // by time.Weekday

// moment is what restrictions are held against.
type moment struct {
	local    time.Time // in the station's time zone
	phase    Phase
	expired  bool
	duration *big.Rat // seconds since the phase began
	energy   *big.Rat // kWh since the session began
	current  *big.Rat // A
	power    *big.Rat // kW
}

// hold reports whether every restriction that is set holds at the moment.
func (r *Restrictions) hold(m moment) bool {
	if r == nil {
		return m.phase == PhaseSession
	}
	return r.holdPhase(m) && r.holdClock(m.local) &&
		within(m.energy, r.MinKWh, r.MaxKWh) && within(m.current, r.MinCurrent, r.MaxCurrent) && within(m.power, r.MinPower, r.MaxPower) &&
		(r.MinDuration == nil || m.duration.Cmp(new(big.Rat).SetInt64(*r.MinDuration)) >= 0) &&
		(r.MaxDuration == nil || m.duration.Cmp(new(big.Rat).SetInt64(*r.MaxDuration)) < 0)
}

func (r *Restrictions) holdPhase(m moment) bool {
	switch r.Reservation {
	case ReservationAny:
		return m.phase == PhaseReservation
	case ReservationExpires:
		return m.phase == PhaseReservation && m.expired
	default:
		return m.phase == PhaseSession
	}
}

func (r *Restrictions) holdClock(local time.Time) bool {
	if len(r.DayOfWeek) > 0 && !slices.Contains(r.DayOfWeek, weekdays[local.Weekday()]) {
		return false
	}
	date := local.Format(time.DateOnly)
	if (r.StartDate != "" && date < r.StartDate) || (r.EndDate != "" && date >= r.EndDate) {
		return false
	}
	if r.StartTime == "" && r.EndTime == "" {
		return true
	}
	start, end, now := orMidnight(r.StartTime), orMidnight(r.EndTime), local.Format("15:04")
	switch {
	case start == end:
		return true
	case end == "00:00":
		return now >= start
	case start < end:
		return start <= now && now < end
	default: // over midnight
		return now >= start || now < end
	}
}

func orMidnight(clock string) string {
	if clock == "" {
		return "00:00"
	}
	return clock
}

func within(value *big.Rat, lowest, highest *Number) bool {
	return (lowest == nil || value.Cmp(lowest.Rat()) >= 0) && (highest == nil || value.Cmp(highest.Rat()) < 0)
}

// fault names what is wrong with a restriction, or is empty.
func (r *Restrictions) fault() (field, detail string) {
	for name, clock := range map[string]string{"start_time": r.StartTime, "end_time": r.EndTime} {
		if clock == "" {
			continue
		}
		if _, err := time.Parse("15:04", clock); err != nil || len(clock) != len("15:04") {
			return name, "must be a time of day such as 17:30"
		}
	}
	for name, date := range map[string]string{"start_date": r.StartDate, "end_date": r.EndDate} {
		if date == "" {
			continue
		}
		if _, err := time.Parse(time.DateOnly, date); err != nil {
			return name, "must be a date such as 2026-01-31"
		}
	}
	for _, day := range r.DayOfWeek {
		if !slices.Contains(weekdays, day) {
			return "day_of_week", fmt.Sprintf("must be of %v", weekdays)
		}
	}
	for name, seconds := range map[string]*int64{"min_duration": r.MinDuration, "max_duration": r.MaxDuration} {
		if seconds != nil && (*seconds < 0 || *seconds > maxDurationSeconds) {
			return name, "must be 0 to 31,622,400 seconds (366 days)"
		}
	}
	for _, bound := range []struct {
		name            string
		lowest, highest *Number
	}{{"max_kwh", r.MinKWh, r.MaxKWh}, {"max_current", r.MinCurrent, r.MaxCurrent}, {"max_power", r.MinPower, r.MaxPower}} {
		if bound.lowest != nil && bound.highest != nil && bound.highest.Rat().Cmp(bound.lowest.Rat()) <= 0 {
			return bound.name, "must be greater than the lower bound"
		}
	}
	if r.MinDuration != nil && r.MaxDuration != nil && *r.MaxDuration <= *r.MinDuration {
		return "max_duration", "must be greater than min_duration"
	}
	if r.StartDate != "" && r.EndDate != "" && r.EndDate <= r.StartDate {
		return "end_date", "must be later than start_date"
	}
	if r.Reservation != "" && r.Reservation != ReservationAny && r.Reservation != ReservationExpires {
		return "reservation", "must be RESERVATION or RESERVATION_EXPIRES"
	}
	return "", ""
}
