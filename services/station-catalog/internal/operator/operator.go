// Package operator holds the companies that run stations: OCPI parties, and the tenants that data belongs to.
package operator

import (
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// The faults of operators.
var (
	ErrNotFound = fault.Define(fault.NotFound, "operator_not_found", "There is no such operator")
	ErrNoCode   = fault.Define(fault.Conflict, "no_operator_code", "All codes for operators that are known by name are taken")
)

// Operator is known by country code and party id.
type Operator struct {
	ID          uuid.UUID `json:"id"`
	Name        string    `json:"name"`
	CountryCode string    `json:"country_code"` // ISO 3166-1 alpha-2
	PartyID     string    `json:"party_id"`     // three capital letters or digits, OCPI
	Website     string    `json:"website,omitempty"`
	Phone       string    `json:"phone,omitempty"`
	Email       string    `json:"email,omitempty"`
	Version     int64     `json:"version"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// Code is the operator's eMI3 prefix with a star, such as "FR*PD1". It is the name of an operator whose name nobody told.
func (o *Operator) Code() string { return o.CountryCode + "*" + o.PartyID }
