// Package session is one car's stay on a plot: ordered, begun, read from time to time, ended, priced.
//
//	PENDING ──► ACTIVE ──► COMPLETED    priced into a CDR, which never changes
//	   │           └─────► INVALID      energy that nobody ordered: kept, not billed
//	   └─────────────────► INVALID      the charge point refused, did not answer, or the car never came
package session

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// Session is one stay. Pointers are nil, and times zero, while what they say is not known.
type Session struct {
	ID            uuid.UUID
	PlotID        uuid.UUID
	StationID     uuid.UUID
	OperatorID    uuid.UUID
	EVSEID        uuid.UUID
	DriverID      uuid.UUID // zero when a token that names no driver, or a tag that nobody knows, began it
	ReservationID uuid.UUID // zero for none
	ChargePointID uuid.UUID
	Connector     int
	IDTag         string
	TokenID       uuid.UUID       // the token that began it at the charge point, zero when it was ordered
	Token         *token.Snapshot // as it was then; also of a charge that a partner ordered for one of its contracts
	Reference     string          // the partner's own name for its order
	Transaction   chargepoint.TransactionID

	State           State
	StateSince      time.Time
	Reason          string // why it ended: OCPP's word for a stop, one of the Reason constants otherwise
	RequestedAt     time.Time
	StartedAt       time.Time
	StopRequestedAt time.Time
	EndedAt         time.Time
	MeterStartWh    *int64
	MeterStopWh     *int64

	// What the meter said last, while the session runs and after.
	EnergyWh   *float64 // taken in since the start
	PowerW     *float64
	SoCPercent *float64
	ReadAt     time.Time

	Vehicle      string    // id of a reference vehicle, empty when it is not known
	Limits       Limits    // what the driver wants it to end at
	LimitReached Limit     // the limit that it has reached, empty while it has not
	Cost         *Cost     // so far, nil while it is not known
	IdleSince    time.Time // since when the car has not been charging, zero while it charges

	Tariff    json.RawMessage // the tariff in force when it was ordered, nil when there is none
	TimeZone  string
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64
}

// Known tells whether somebody is known who answers for the session: its driver, or whoever issued the token that began it.
func (s Session) Known() bool { return s.DriverID != uuid.Nil || s.TokenID != uuid.Nil }

// How a charge was authorised, in OCPI's words: ordered from afar, or by a token that was known at the charge point.
const (
	ByCommand   = "COMMAND"
	ByWhitelist = "WHITELIST"
)

// AuthMethod is how the charge was authorised.
func (s Session) AuthMethod() string {
	if s.TokenID == uuid.Nil {
		return ByCommand
	}
	return ByWhitelist
}

// Window is the span in which the session's readings lie: as clocks are believed within a week, a week around it.
func (s Session) Window() (from, until time.Time) {
	from, until = s.RequestedAt, s.EndedAt
	if !s.StartedAt.IsZero() && s.StartedAt.Before(from) {
		from = s.StartedAt
	}
	if until.IsZero() {
		until = from.AddDate(10, 0, 0)
	}
	return from.AddDate(0, 0, -8), until.AddDate(0, 0, 8)
}

// State is where a session stands, in OCPI's words.
type State string

// The states.
const (
	Pending   State = "PENDING"
	Active    State = "ACTIVE"
	Completed State = "COMPLETED"
	Invalid   State = "INVALID"
)

// Open tells whether a session in this state holds its plot.
func (s State) Open() bool { return s == Pending || s == Active }

// Why a session ended, where the charge point did not say it.
const (
	ReasonRejected   = "start_rejected"       // the charge point refused the start
	ReasonOffline    = "charge_point_offline" // no replica could reach the charge point
	ReasonTimeout    = "start_timeout"        // nothing began in time
	ReasonCanceled   = "canceled_by_driver"   // before it began
	ReasonSuperseded = "superseded"           // the charge point began another on the plot without ending this one
	ReasonRemoved    = "plot_removed"
	ReasonNoShow     = "no_show" // of a record without a session
	ReasonImported   = "imported"
	ReasonLimit      = "limit_" // and which: energy, time, cost, soc
)

// Order is what a driver asks for.
type Order struct {
	PlotID        uuid.UUID
	DriverID      uuid.UUID
	ReservationID uuid.UUID // zero: the driver's own reservation that runs on the plot, if there is one
	Vehicle       string
	Limits        Limits
	// Token is the partner's contract that the charge is for, nil for a driver of ours; Reference is the partner's name for the order.
	Token     *token.Snapshot
	Reference string
}

// Faults of sessions.
var (
	// ErrNotFound is a session that is absent or that the caller may not see.
	ErrNotFound = fault.Define(fault.NotFound, "session_not_found", "There is no such session")
	// ErrOccupied is a second session on a plot.
	ErrOccupied = fault.Define(fault.Conflict, "plot_occupied", "Another session holds the plot")
	// ErrReserved is a session on a plot that is somebody else's now or soon.
	ErrReserved = fault.Define(fault.Conflict, "plot_reserved", "The plot is reserved for somebody else")
	// ErrUnusable is a session on a plot that is broken, closed or removed.
	ErrUnusable = fault.Define(fault.Conflict, "plot_unusable", "The plot cannot be used")
	// ErrNoChargePoint is a session on a plot that no charge point of ours serves.
	ErrNoChargePoint = fault.Define(fault.Conflict, "plot_not_connected", "No charge point serves the plot")
	// ErrWrongReservation is a reservation that is not the driver's, not of the plot, or not running.
	ErrWrongReservation = fault.Define(fault.Conflict, "reservation_not_usable", "The reservation cannot be used for this session")
	// ErrTooEarly is a reservation that may not be used yet.
	ErrTooEarly = fault.Define(fault.Conflict, "reservation_too_early", "It is too early for the reservation")
	// ErrUnfinished is a receipt asked for before the session has ended.
	ErrUnfinished = fault.Define(fault.Conflict, "session_unfinished", "The session has not ended yet")
	// ErrUnbilled is a receipt of a session that is not billed.
	ErrUnbilled = fault.Define(fault.NotFound, "session_not_billed", "The session ended without a bill")
	// ErrCredited is a bill that was taken back already.
	ErrCredited = fault.Define(fault.Conflict, "bill_credited", "The bill was taken back already")
	// ErrNoTariff is a bill by a tariff that the station does not have.
	ErrNoTariff = fault.Define(fault.Invalid, "unknown_tariff", "The station has no such tariff")
	// ErrStopRefused is a stop that the charge point refused.
	ErrStopRefused = fault.Define(fault.Conflict, "stop_rejected", "The charge point refused to stop")
)
