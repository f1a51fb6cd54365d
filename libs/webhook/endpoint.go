package webhook

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Endpoint is an address that somebody wants told.
type Endpoint struct {
	ID          uuid.UUID
	OwnerID     uuid.UUID // who made it
	OperatorID  uuid.UUID // for whom, when it belongs to more than its owner; zero for nobody
	URL         string
	Description string
	Types       []string        // of messages it wants; none: every type
	Filter      json.RawMessage // what else narrows it, in the service's own words; an object
	Disabled    Disabled
	// FailingSince is when the first of the failures since the last success was; zero when the last delivery went well.
	FailingSince time.Time
	DeliveredAt  time.Time // the last success
	// RotatedUntil is how long messages are signed by the previous secret too; zero when there is none.
	RotatedUntil time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
	Version      int64
}

// Disabled says why an endpoint is sent nothing, or that it is.
type Disabled string

// The reasons.
const (
	Enabled Disabled = ""
	ByOwner Disabled = "owner"
	Failing Disabled = "failing" // for too long
	Gone    Disabled = "gone"    // it answered 410
)

// Act is what somebody does to an endpoint.
type Act string

// The acts.
const (
	Created Act = "created"
	Changed Act = "changed"
	Rotated Act = "rotated" // its secret
	Removed Act = "removed"
)

// Wants tells whether an endpoint is to hear of messages of this type.
func (e Endpoint) Wants(kind string) bool {
	if e.Disabled != Enabled {
		return false
	}
	for _, t := range e.Types {
		if t == kind {
			return true
		}
	}
	return len(e.Types) == 0
}

// Scope says whose endpoints a caller may see: their own, those of the operator they act for, or all. The zero scope
// sees none.
type Scope struct {
	OwnerID    uuid.UUID
	OperatorID uuid.UUID
	All        bool
}

// The faults of endpoints and deliveries.
var (
	ErrNotFound         = fault.Define(fault.NotFound, "webhook_not_found", "There is no such webhook")
	ErrDeliveryNotFound = fault.Define(fault.NotFound, "webhook_delivery_not_found", "There is no such delivery")
	ErrExists           = fault.Define(fault.Conflict, "webhook_exists", "You have a webhook of this URL already")
	ErrTooMany          = fault.Define(fault.Conflict, "too_many_webhooks", "You have as many webhooks as one may have")
	ErrUnderWay         = fault.Define(fault.Conflict, "webhook_delivery_under_way", "The delivery has not ended")
	ErrDisabled         = fault.Define(fault.Conflict, "webhook_disabled", "The webhook is disabled")
)

// State is how far a delivery is.
type State string

// The states. A delivery that is PENDING is on its way or waits for its next try.
const (
	Pending   State = "PENDING"
	Delivered State = "DELIVERED"
	Failed    State = "FAILED"
)

// Message is something that happened, for one endpoint.
type Message struct {
	EndpointID uuid.UUID
	Type       string
	Key        string // messages of one endpoint and key arrive in the order in which they were enqueued
	At         time.Time
	Data       json.RawMessage
}

// Delivery is a message on its way to its endpoint, or there. Its id is the message's webhook-id, the same in every try.
type Delivery struct {
	ID         uuid.UUID
	EndpointID uuid.UUID
	Type       string
	Key        string
	Body       []byte
	State      State
	Attempts   int
	DueAt      time.Time // of the next try, while it is PENDING
	CreatedAt  time.Time
	FinishedAt time.Time // zero while it is PENDING
}

// Attempt is one try of a delivery.
type Attempt struct {
	Number   int
	At       time.Time
	Duration time.Duration
	Status   int    // the answer's; 0 when there was none
	Reason   string // "" for success; "status", or one of publichttp.Reason's words
}
