package tariff

import (
	"errors"
	"math/big"
	"time"
)

// Phase tells the time before the session, from the booking on, and the session itself apart.
type Phase string

// The two phases that are priced.
const (
	PhaseReservation Phase = "RESERVATION"
	PhaseSession     Phase = "SESSION"
)

// Usage is what there is to pay for. Either part may be missing: a session without a reservation, a reservation that expired.
type Usage struct {
	Location    *time.Location // the station's time zone, for clock times and days; nil is UTC
	Reservation *Reservation
	Segments    []Segment // in order of time, without overlaps
}

// Reservation is the time a plot was held for the driver.
type Reservation struct {
	From, Until time.Time
	Expired     bool // nobody came
}

// Segment is a stretch of the session in which the car charged or did not.
type Segment struct {
	Start, End time.Time
	Charging   bool
	EnergyKWh  *big.Rat // taken in evenly from Start to End; nil is none
	CurrentA   *big.Rat // for restrictions on current; nil is taken for 0
	PowerKW    *big.Rat // for restrictions on power; nil is energy by time
}

var (
	errSegmentOrder    = errors.New("tariff: a segment ends before it starts or starts before the one before it ended")
	errSegmentEnergy   = errors.New("tariff: a segment has a negative energy")
	errReservationSpan = errors.New("tariff: a reservation ends before it begins")
)

func (u Usage) validate() error {
	if u.Reservation != nil && u.Reservation.Until.Before(u.Reservation.From) {
		return errReservationSpan
	}
	var last time.Time
	for _, s := range u.Segments {
		if s.End.Before(s.Start) || s.Start.Before(last) {
			return errSegmentOrder
		}
		if s.EnergyKWh != nil && s.EnergyKWh.Sign() < 0 {
			return errSegmentEnergy
		}
		last = s.End
	}
	return nil
}

func (u Usage) location() *time.Location {
	if u.Location == nil {
		return time.UTC
	}
	return u.Location
}

// piece is a part of a segment in which no restriction begins or ends to hold.
type piece struct {
	moment
	charging bool
	hours    *big.Rat
	kWh      *big.Rat
}

// pieces cuts the usage at every boundary that the tariff's restrictions know.
func (t Tariff) pieces(u Usage) []piece {
	var out []piece
	if r := u.Reservation; r != nil {
		c := cutter{tariff: t, location: u.location(), phase: PhaseReservation, expired: r.Expired, began: r.From, energy: new(big.Rat)}
		out = c.cut(out, Segment{Start: r.From, End: r.Until})
	}
	if len(u.Segments) > 0 {
		c := cutter{tariff: t, location: u.location(), phase: PhaseSession, began: u.Segments[0].Start, energy: new(big.Rat)}
		for _, s := range u.Segments {
			out = c.cut(out, s)
		}
	}
	return out
}
