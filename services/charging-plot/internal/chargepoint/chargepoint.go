// Package chargepoint is the hardware that charges cars, as the rest of the service sees it: who it is, what it says, what it can be
// told. It knows no protocol. An edge that speaks one (OCPP 1.6 and 2.0.1) calls Central with what a station reports and implements
// Commander for the sockets it holds:
//
//	charge point ── OCPP ──► edge ──► Central    (identity, statuses, transactions, readings: written before they are acknowledged)
//	charge point ◄─ OCPP ─── edge ◄── Commander  (start, stop, reset, unlock, …)
//
// Numbers are SI-like and named: energy in Wh, power in W, current in A, voltage in V, state of charge in percent.
package chargepoint

import (
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// ChargePoint is one registered charge point ("charging station" in OCPP 2.0.1).
type ChargePoint struct {
	ID         uuid.UUID
	Identity   string // what it calls itself in the URL of its socket, unique
	StationID  uuid.UUID
	OperatorID uuid.UUID
	Connectors []Connector
	Boot       *BootInfo // nil until it has booted once
	BootedAt   time.Time
	LastSeenAt time.Time // zero when it has never been seen
	// ConnectedTo is the internal address of the replica that holds its socket, empty when it has none.
	ConnectedTo    string
	ConnectedSince time.Time
	Security       Security
	Protocol       string // subprotocol of the present or the last socket, such as "ocpp1.6"
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Version        int64
}

// Connected tells whether some replica holds a socket of this charge point.
func (c ChargePoint) Connected() bool { return c.ConnectedTo != "" }

// Connector ties a connector number of the charge point (1, 2, …; 0 is the charge point as a whole) to the EVSE it serves.
type Connector struct {
	Number int
	EVSEID uuid.UUID
	PlotID uuid.UUID // the plot that the EVSE serves, zero while there is none
	// Status is what it reported last, empty when it has said nothing yet.
	Status    ConnectorStatus
	ErrorCode string
	StatusAt  time.Time
}

// Selection says which charge points a list shows, in order of id; zero fields do not narrow it.
type Selection struct {
	Operator  uuid.UUID
	Station   uuid.UUID
	Connected *bool
	After     uuid.UUID // only those after this one
	Limit     int
}

// BootInfo is what a charge point says of itself when it boots. Empty strings are values it did not give.
type BootInfo struct {
	Vendor          string `json:"vendor"`
	Model           string `json:"model"`
	SerialNumber    string `json:"serial_number,omitempty"`
	FirmwareVersion string `json:"firmware_version,omitempty"`
	ICCID           string `json:"iccid,omitempty"`
	IMSI            string `json:"imsi,omitempty"`
	MeterType       string `json:"meter_type,omitempty"`
	MeterSerial     string `json:"meter_serial_number,omitempty"`
}

// Faults that an edge and the API meet.
var (
	// ErrRefused answers a wrong password and an unknown identity alike.
	ErrRefused = fault.Define(fault.Unauthenticated, "charge_point_refused", "The charge point's identity or its proof is wrong")
	// ErrNotFound is a charge point that is absent or belongs to another operator.
	ErrNotFound = fault.Define(fault.NotFound, "charge_point_not_found", "There is no such charge point")
	// ErrNoCommand is a command that the charge point was not given, or that is no longer kept.
	ErrNoCommand = fault.Define(fault.NotFound, "command_not_found", "The charge point was given no such command")
	// ErrIdentityTaken is a second registration of one identity.
	ErrIdentityTaken = fault.Define(fault.Conflict, "charge_point_identity_taken", "A charge point with this identity is registered already")
	// ErrConnectorTaken is an EVSE that another charge point serves already, or one named twice.
	ErrConnectorTaken = fault.Define(fault.Conflict, "evse_served_already", "The EVSE is served by a charge point already")
	// ErrBusy is a charge point that cannot be removed while something is open there.
	ErrBusy = fault.Define(fault.Conflict, "charge_point_busy", "Something is still open at the charge point")
	// ErrUnknownEVSE is an EVSE that is not part of the station, or a station that is not known here.
	ErrUnknownEVSE = fault.Define(fault.Unprocessable, "unknown_evse", "The station does not have this EVSE")
	// ErrBadPassword is a chosen password that charge points cannot carry or that is too easily guessed.
	ErrBadPassword = fault.Define(fault.Invalid, "bad_charge_point_password", "The password does not fit a charge point")
	// ErrNotConnected says that no replica holds a socket of the charge point at present.
	ErrNotConnected = fault.Define(fault.Unavailable, "charge_point_offline", "The charge point is not connected")
	// ErrNoAnswer says that the charge point did not answer a command in time; whether it carried it out is not known.
	ErrNoAnswer = fault.Define(fault.Timeout, "charge_point_silent", "The charge point did not answer in time")
	// ErrCommandFailed says that the charge point answered a command with an error of the protocol.
	ErrCommandFailed = fault.Define(fault.Conflict, "charge_point_error", "The charge point answered with an error")
)
