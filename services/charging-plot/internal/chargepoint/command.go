package chargepoint

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Commander tells a charge point to do something and waits for its answer. An edge implements it for the sockets that its own
// process holds; the forwarding one finds the replica that does and asks there. Its errors are ErrNotConnected, ErrNoAnswer when
// ctx ended first, and ErrCommandFailed; a charge point that says no is no error but an Outcome.
type Commander interface {
	Send(ctx context.Context, id uuid.UUID, command Command) (Outcome, error)
}

// CommandKind names a command. Edges answer a kind that their protocol lacks with the outcome NotSupported.
type CommandKind string

// The commands.
const (
	RemoteStart        CommandKind = "remote_start"        // Connector, IDTag
	RemoteStop         CommandKind = "remote_stop"         // Transaction
	Reset              CommandKind = "reset"               // Hard
	UnlockConnector    CommandKind = "unlock"              // Connector
	ChangeAvailability CommandKind = "change_availability" // Connector (0: all), Operative
	TriggerMessage     CommandKind = "trigger_message"     // Message, Connector (0: not said)
	ReserveNow         CommandKind = "reserve_now"         // ReservationID, Connector (0: any), IDTag, ExpiresAt
	CancelReservation  CommandKind = "cancel_reservation"  // ReservationID
)

// Command is one command, with the fields that its kind names. It travels as JSON from the replica that was asked to the one that
// holds the socket.
type Command struct {
	Kind        CommandKind   `json:"kind"`
	Connector   int           `json:"connector,omitempty"`
	IDTag       string        `json:"id_tag,omitempty"`
	Transaction TransactionID `json:"transaction,omitempty"`
	Hard        bool          `json:"hard,omitempty"`
	Operative   bool          `json:"operative,omitempty"`
	// Message is the one to trigger: BootNotification, Heartbeat, StatusNotification, MeterValues, …
	Message string `json:"message,omitempty"`
	// ReservationID is a number of the sender's own; a second reservation under the same number takes the place of the first.
	ReservationID int       `json:"reservation_id,omitempty"`
	ExpiresAt     time.Time `json:"expires_at,omitzero"`
}

// Outcome is the charge point's answer to a command.
type Outcome struct {
	Status CommandStatus `json:"status"`
}

// CommandStatus is OCPP's word of answer.
type CommandStatus string

// The words of answer to a command.
const (
	CommandAccepted       CommandStatus = "Accepted"
	CommandRejected       CommandStatus = "Rejected"
	CommandScheduled      CommandStatus = "Scheduled"      // availability changes when the transaction ends
	CommandUnlocked       CommandStatus = "Unlocked"       // unlock
	CommandUnlockFailed   CommandStatus = "UnlockFailed"   // unlock
	CommandNotSupported   CommandStatus = "NotSupported"   // unlock, or a kind that the protocol lacks
	CommandNotImplemented CommandStatus = "NotImplemented" // trigger
	CommandFaulted        CommandStatus = "Faulted"        // reserve: the connector is out of order
	CommandOccupied       CommandStatus = "Occupied"       // reserve: a car stands there, or another reservation holds it
	CommandUnavailable    CommandStatus = "Unavailable"    // reserve: the connector is out of service
)
