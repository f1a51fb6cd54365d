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

	GetConfiguration    CommandKind = "get_configuration"      // Variables by name; none: all
	ChangeConfiguration CommandKind = "change_configuration"   // Variables with values
	ClearCache          CommandKind = "clear_cache"            //
	GetListVersion      CommandKind = "get_local_list_version" //
	SendLocalList       CommandKind = "send_local_list"        // List
	UpdateFirmware      CommandKind = "update_firmware"        // Transfer
	GetDiagnostics      CommandKind = "get_diagnostics"        // Transfer
	SetProfile          CommandKind = "set_charging_profile"   // Profile
	ClearProfile        CommandKind = "clear_charging_profile" // Clear
	GetProfiles         CommandKind = "get_charging_profiles"  // RequestID
	CompositeSchedule   CommandKind = "get_composite_schedule" // Connector, DurationS, Unit
	DataTransfer        CommandKind = "data_transfer"          // Vendor

	InstallCertificate CommandKind = "install_certificate" // Certificate: Use, PEM
	DeleteCertificate  CommandKind = "delete_certificate"  // Certificate: Hash
	ListCertificates   CommandKind = "list_certificates"   // Certificate: Uses
	CertificateSigned  CommandKind = "certificate_signed"  // Certificate: PEM, Use
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
	// RequestID is the number under which a station reports what comes of the command later.
	RequestID int              `json:"request_id,omitempty"`
	Variables []Variable       `json:"variables,omitempty"`
	List      *LocalList       `json:"local_list,omitempty"`
	Transfer  *Transfer        `json:"transfer,omitempty"`
	Profile   *ChargingProfile `json:"charging_profile,omitempty"`
	Clear     *ProfileFilter   `json:"clear,omitempty"`
	DurationS int              `json:"duration_s,omitempty"`
	Unit      RateUnit         `json:"unit,omitempty"`
	Vendor    *VendorData      `json:"vendor,omitempty"`

	Certificate *CertificateOrder `json:"certificate,omitempty"`
}

// Outcome is the charge point's answer to a command.
type Outcome struct {
	// ID is that of the command's record, zero where it was not recorded.
	ID     uuid.UUID     `json:"id"`
	Status CommandStatus `json:"status"`
	// Reason is the station's explanation, where it gave one.
	Reason string `json:"reason,omitempty"`
	// Transaction is the one that a start found under way already.
	Transaction TransactionID     `json:"transaction,omitempty"`
	Variables   []Variable        `json:"variables,omitempty"`    // get and change configuration
	Unknown     []string          `json:"unknown,omitempty"`      // names that get configuration asked for in vain
	ListVersion *int              `json:"list_version,omitempty"` // get local list version
	File        string            `json:"file,omitempty"`         // get diagnostics: what will be uploaded
	Schedule    *ChargingSchedule `json:"schedule,omitempty"`     // get composite schedule
	Data        string            `json:"data,omitempty"`         // data transfer

	Certificates []InstalledCertificate `json:"certificates,omitempty"` // list certificates
}

// CommandStatus is OCPP's word of answer.
type CommandStatus string

// The words of answer to a command that the rest of the service reads. Others are passed on as they came.
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
	CommandRebootRequired CommandStatus = "RebootRequired" // change configuration: it counts after a reboot
	CommandNotFound       CommandStatus = "NotFound"       // delete and list certificates: there is none
)

// statuses are all the words that either version of OCPP answers a command with.
var statuses = map[CommandStatus]bool{
	CommandAccepted: true, CommandRejected: true, CommandScheduled: true, CommandUnlocked: true, CommandUnlockFailed: true,
	CommandNotSupported: true, CommandNotImplemented: true, CommandFaulted: true, CommandOccupied: true, CommandUnavailable: true,
	CommandRebootRequired: true, "OngoingAuthorizedTransaction": true, "UnknownConnector": true, "Failed": true, "VersionMismatch": true,
	"Unknown": true, "NoProfiles": true, "UnknownMessageId": true, "UnknownVendorId": true, "AcceptedCanceled": true,
	"InvalidCertificate": true, "RevokedCertificate": true, "EmptyResultSet": true, "UnknownComponent": true, "UnknownVariable": true,
	"NotSupportedAttributeType": true, CommandNotFound: true,
}

// Known tells whether a word is one of OCPP's.
func (s CommandStatus) Known() bool { return statuses[s] }
