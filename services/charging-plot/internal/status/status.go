// Package status decides what a plot's status is, from everything that is known of it. It is pure: facts in, verdict out.
//
// Several sources speak of one plot, and they contradict each other: the charge point says that a plug is free while a driver's
// reservation runs, the operator closes a bay in which a car still charges. The first rule of this list that applies decides:
//
//	rank  when                                                         status       source
//	 1    no EVSE that the catalogue has serves the plot any more      REMOVED      catalog
//	 2    every EVSE of the plot reports a fault                       OUTOFORDER   charge_point
//	 3    a session is under way                                       CHARGING     session
//	 4    the operator has taken the plot out of service               INOPERATIVE  operator
//	 5    every EVSE is switched off or faulty                         INOPERATIVE  charge_point
//	 6    a session has been ordered and has not begun                 RESERVED     session
//	 7    an EVSE reports that it charges, in no session of ours       CHARGING     charge_point
//	 8    a reservation runs                                           RESERVED     reservation
//	 9    an EVSE reports a car that does not charge                   BLOCKED      charge_point
//	10    an EVSE reports that it is reserved                          RESERVED     charge_point
//	11    an EVSE reports that it is free                              AVAILABLE    charge_point
//	12    the operator's back end has said so, not too long ago        as it said   push
//	13    a charge point or back end spoke once, then fell silent      UNKNOWN      silence
//	14    nobody has ever said anything                                UNKNOWN      none
//
// Why in this order: what cannot be used is said before who has it (1, 2), except that a bay closed or switched off under a
// charging car stays CHARGING until the car is done (3 before 4 and 5). Our own sessions and reservations outrank what the plug
// reports (6, 8), except that a car that really charges is the truth even within somebody's reservation (7). A charge point that
// is silent says nothing: rules 2, 5, 7, 9, 10 and 11 do not see it, while sessions and reservations stay, because a silent charge
// point goes on charging and a claim holds whether or not it listens. A live charge point is believed before a back end (12).
package status

import "time"

// Status is the OCPI status of a plot.
type Status string

// The statuses of OCPI.
const (
	Available   Status = "AVAILABLE"
	Blocked     Status = "BLOCKED"
	Charging    Status = "CHARGING"
	Inoperative Status = "INOPERATIVE"
	OutOfOrder  Status = "OUTOFORDER"
	Planned     Status = "PLANNED"
	Removed     Status = "REMOVED"
	Reserved    Status = "RESERVED"
	Unknown     Status = "UNKNOWN"
)

// All lists every status.
func All() []Status {
	return []Status{Available, Blocked, Charging, Inoperative, OutOfOrder, Planned, Removed, Reserved, Unknown}
}

// Source says from where a status is known.
type Source string

// The sources of a status.
const (
	FromCatalog     Source = "catalog"
	FromChargePoint Source = "charge_point"
	FromSession     Source = "session"
	FromOperator    Source = "operator"
	FromReservation Source = "reservation"
	FromPush        Source = "push"
	FromSilence     Source = "silence"
	FromNone        Source = "none"
)

// Report is what a charge point says of one EVSE, reduced to what the rules need.
type Report uint8

// The reports. NoReport is an EVSE whose charge point has said nothing or is silent.
const (
	NoReport     Report = iota
	ReportsFree         // Available
	ReportsHeld         // Reserved
	ReportsCar          // Preparing, Finishing, or Occupied: a car that does not charge
	ReportsPower        // Charging, SuspendedEV, SuspendedEVSE: a transaction runs
	ReportsOff          // Unavailable
	ReportsFault        // Faulted
)

// FromOCPP reads a connector status of OCPP 1.6 or 2.0.1; anything else is NoReport.
func FromOCPP(word string) Report {
	switch word {
	case "Available":
		return ReportsFree
	case "Reserved":
		return ReportsHeld
	case "Preparing", "Finishing", "Occupied":
		return ReportsCar
	case "Charging", "SuspendedEV", "SuspendedEVSE":
		return ReportsPower
	case "Unavailable":
		return ReportsOff
	case "Faulted":
		return ReportsFault
	}
	return NoReport
}

// Combine is what an EVSE reports when the charge point as a whole and one of its connectors both speak: a charge point that is
// faulty or off makes its connectors so, whatever they said before.
func Combine(whole, connector Report) Report {
	if whole == ReportsFault || whole == ReportsOff {
		return max(whole, connector)
	}
	return connector
}

// SessionState is how far a session on the plot is.
type SessionState uint8

// The states of a session that matter to the status.
const (
	NoSession SessionState = iota
	SessionPending
	SessionActive
)

// Facts are everything that is known of a plot at a moment.
type Facts struct {
	Removed      bool
	OutOfService bool
	Session      SessionState
	Reserved     bool     // a reservation runs now
	Reports      []Report // one per EVSE of the plot
	Pushed       Status   // what the operator's back end said last, while that may still be believed; else empty
	Spoken       bool     // some charge point or back end has ever spoken of the plot
}

// Verdict is the status of a plot and who says so.
type Verdict struct {
	Status Status
	Source Source
}

// Decide applies the rules above.
func Decide(f Facts) Verdict {
	seen := tally(f.Reports)
	switch {
	case f.Removed:
		return Verdict{Removed, FromCatalog}
	case seen.all(ReportsFault):
		return Verdict{OutOfOrder, FromChargePoint}
	case f.Session == SessionActive:
		return Verdict{Charging, FromSession}
	case f.OutOfService:
		return Verdict{Inoperative, FromOperator}
	case seen.all(ReportsOff, ReportsFault):
		return Verdict{Inoperative, FromChargePoint}
	case f.Session == SessionPending:
		return Verdict{Reserved, FromSession}
	case seen[ReportsPower] > 0:
		return Verdict{Charging, FromChargePoint}
	case f.Reserved:
		return Verdict{Reserved, FromReservation}
	case seen[ReportsCar] > 0:
		return Verdict{Blocked, FromChargePoint}
	case seen[ReportsHeld] > 0:
		return Verdict{Reserved, FromChargePoint}
	case seen[ReportsFree] > 0:
		return Verdict{Available, FromChargePoint}
	case f.Pushed != "":
		return Verdict{f.Pushed, FromPush}
	case f.Spoken:
		return Verdict{Unknown, FromSilence}
	}
	return Verdict{Unknown, FromNone}
}

// tallies counts the reports of each kind.
type tallies [ReportsFault + 1]int

func tally(reports []Report) tallies {
	var t tallies
	for _, r := range reports {
		t[r]++
	}
	return t
}

// all tells whether at least one EVSE reports and each that does reports one of these. An EVSE that says nothing is left out: a
// bay whose one speaking EVSE is faulty is not known to be usable.
func (t tallies) all(of ...Report) bool {
	spoken, among := 0, 0
	for r, n := range t {
		if Report(r) != NoReport {
			spoken += n
		}
	}
	for _, r := range of {
		among += t[r]
	}
	return spoken > 0 && spoken == among
}

// Usable tells whether a claim on the plot can be honoured in this status: it is neither broken, nor closed, nor gone.
func (s Status) Usable() bool {
	switch s {
	case Inoperative, OutOfOrder, Planned, Removed:
		return false
	case Available, Blocked, Charging, Reserved, Unknown:
		return true
	}
	return false
}

// Believed judges a charge point's clock: its time when that is no more than a minute ahead of ours and no more than a week
// behind, else ours, since a clock reset to 1970 or set to next year would make every later message look late or early.
func Believed(at, now time.Time) time.Time {
	if at.IsZero() || at.After(now.Add(time.Minute)) || at.Before(now.AddDate(0, 0, -7)) {
		return now
	}
	if at.After(now) {
		return now
	}
	return at
}
