package chargepoint

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Central is what an edge calls when a charge point talks. Each method returns after what it was told is committed, so that its
// nil error is the edge's leave to acknowledge. An error means that nothing was kept: the edge answers with its protocol's
// internal error, and the charge point says it again. Repeats of a message change nothing and give the first answer.
//
// Times are the charge point's own clock where it gave one, else zero; Central judges whether that clock can be believed.
type Central interface {
	Link
	Reports
	Upkeep
	Certificates
}

// Link is the part of Central about the socket and the machine at its other end.
type Link interface {
	// Authenticate returns the charge point with this identity when the proof is its own and enough for it, else ErrRefused.
	Authenticate(ctx context.Context, identity string, proof Proof) (ChargePoint, error)
	// Connected notes that this process holds the charge point's socket. A later connection takes the place of an earlier one.
	Connected(ctx context.Context, id uuid.UUID, conn Connection) error
	// Disconnected notes the end of a connection. The end of a connection that another has replaced changes nothing.
	Disconnected(ctx context.Context, id uuid.UUID, conn Connection) error
	// Booted keeps the boot data and says how often the charge point shall send a heartbeat.
	Booted(ctx context.Context, id uuid.UUID, boot BootInfo) (Registration, error)
	// Heartbeat returns the time to tell the charge point. It and every other message count as a sign of life.
	Heartbeat(ctx context.Context, id uuid.UUID) (time.Time, error)
}

// Reports is the part of Central about what happens at the plugs.
type Reports interface {
	// StatusChanged keeps a connector's status; one that is older than the status known is ignored.
	StatusChanged(ctx context.Context, id uuid.UUID, report StatusReport) error
	// Authorize says whether the tag may charge here now.
	Authorize(ctx context.Context, id uuid.UUID, idTag string) (Authorization, error)
	// StartTransaction opens the session that the tag was made for. A tag that is not known gets a transaction too, with an
	// authorization other than Accepted, because the energy may flow all the same.
	StartTransaction(ctx context.Context, id uuid.UUID, start TransactionStart) (TransactionStarted, error)
	// MeterValues keeps readings. With an empty transaction they belong to the session open on the connector, if there is one.
	MeterValues(ctx context.Context, id uuid.UUID, connector int, transaction TransactionID, samples []Sample) error
	// StopTransaction closes the session with its register's last word. A transaction that is not known is logged and accepted,
	// else the charge point would repeat it for ever.
	StopTransaction(ctx context.Context, id uuid.UUID, stop TransactionStop) error
	// TransactionEvent is how stations that name their transactions themselves (2.0.1) tell of their beginning, course and end. It
	// answers for the tag that the event shows, "" when it shows none. Events may come late, twice and out of order.
	TransactionEvent(ctx context.Context, id uuid.UUID, event TransactionEvent) (Authorization, error)
	// ReservationEnded notes that a reservation of this number expired or was removed at the charge point.
	ReservationEnded(ctx context.Context, id uuid.UUID, number int, why string) error
}

// Upkeep is the part of Central about the machine's settings and work on it.
type Upkeep interface {
	// Configured keeps the values of settings that the charge point reported.
	Configured(ctx context.Context, id uuid.UUID, variables []Variable) error
	// ProfilesReported keeps the charging profiles that the charge point says it has.
	ProfilesReported(ctx context.Context, id uuid.UUID, profiles []ChargingProfile) error
	// Progressed notes how far the charge point is with a command that takes its time.
	Progressed(ctx context.Context, id uuid.UUID, progress Progress) error
}

// Connection is one socket of a charge point.
type Connection struct {
	ID       uuid.UUID // made by the edge, so that the end of an old socket is told from the end of the new one
	Protocol string    // subprotocol, such as "ocpp1.6"
	Remote   string    // peer's address, for logs
}

// Registration answers a boot.
type Registration struct {
	Now               time.Time
	HeartbeatInterval time.Duration
}

// StatusReport is what a charge point says of a connector, or of itself when Connector is 0.
type StatusReport struct {
	Connector int
	// Outlet tells the plugs of one EVSE apart where a charge point does (2.0.1), 0 where it does not.
	Outlet    int
	Status    ConnectorStatus
	ErrorCode string // OCPP's, "NoError" or empty when nothing is wrong
	Info      string
	At        time.Time
}

// ConnectorStatus is a connector's state in OCPP's words: the nine of 1.6, and Occupied of 2.0.1.
type ConnectorStatus string

// The states of a connector.
const (
	Available     ConnectorStatus = "Available"
	Preparing     ConnectorStatus = "Preparing"
	Charging      ConnectorStatus = "Charging"
	SuspendedEVSE ConnectorStatus = "SuspendedEVSE"
	SuspendedEV   ConnectorStatus = "SuspendedEV"
	Finishing     ConnectorStatus = "Finishing"
	Reserved      ConnectorStatus = "Reserved"
	Unavailable   ConnectorStatus = "Unavailable"
	Faulted       ConnectorStatus = "Faulted"
	Occupied      ConnectorStatus = "Occupied"
)

// Authorization is the answer about a tag, in OCPP's words.
type Authorization string

// The answers about a tag.
const (
	Accepted     Authorization = "Accepted"
	Blocked      Authorization = "Blocked"
	Expired      Authorization = "Expired"
	Invalid      Authorization = "Invalid"
	ConcurrentTx Authorization = "ConcurrentTx"
)

// TransactionID names a transaction of one charge point. In OCPP 1.6 it is a positive decimal number that Central allots, small
// enough for 31 bits; in 2.0.1 it is what the station chose.
type TransactionID string

// TransactionStart is what a charge point says when a transaction begins.
type TransactionStart struct {
	// Transaction is set by stations that name their transactions themselves (2.0.1), else empty.
	Transaction TransactionID
	Connector   int
	IDTag       string
	MeterWh     int64 // the energy register as it stood
	NoMeter     bool  // the register is not known; the first reading of it stands in
	At          time.Time
	// ReservationID is the number of the OCPP reservation that the charge point says it ends, 0 for none.
	ReservationID int
}

// TransactionStarted answers TransactionStart.
type TransactionStarted struct {
	Transaction   TransactionID
	Authorization Authorization
}

// TransactionStop is what a charge point says when a transaction ends.
type TransactionStop struct {
	Transaction TransactionID
	IDTag       string
	MeterWh     int64
	NoMeter     bool // the register is not known; the last reading of it stands in
	At          time.Time
	Reason      string // OCPP's word: Local, Remote, EVDisconnected, PowerLoss, …; empty means Local
	Samples     []Sample
}
