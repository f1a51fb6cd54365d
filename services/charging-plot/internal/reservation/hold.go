package reservation

import (
	"time"

	"github.com/google/uuid"
)

// Hold is what a charge point is told of a claim: to keep a connector for whoever shows the tag, or to let go of it.
type Hold struct {
	ReservationID uuid.UUID
	PlotID        uuid.UUID
	ChargePointID uuid.UUID
	Number        int // the reservation's id in OCPP; told again under the same one, it takes the place of what was told before
	Connector     int
	IDTag         string
	ExpiresAt     time.Time
	Release       bool // let go
}

// Answer is what came of telling a charge point.
type Answer uint8

// The answers.
const (
	Kept      Answer = iota // it keeps the connector, or has let go of it
	Refused                 // it cannot keep the connector
	Incapable               // it knows no reservations
	Unreached               // it is not known whether it has heard
)

// Why a charge point refused, or broke its word.
const (
	ReasonChargePointOccupied    = "charge_point_occupied"
	ReasonChargePointFaulted     = "charge_point_faulted"
	ReasonChargePointUnavailable = "charge_point_unavailable"
	ReasonChargePointRejected    = "charge_point_rejected"
	ReasonChargePointRemoved     = "charge_point_removed" // it said later that it no longer holds the claim
)

// Survey asks a charge point whether it takes reservations.
type Survey struct {
	ChargePointID uuid.UUID
	Protocol      string // such as "ocpp1.6"
}
