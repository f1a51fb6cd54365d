package chargepoint

import "time"

// ChargingProfile limits what a charge point, or one of its connectors, may give over time. The words are those of OCPP 2.0.1; the edge
// of 1.6 translates the few that differ.
type ChargingProfile struct {
	ID          int              `json:"id"`
	Connector   int              `json:"connector"` // 0: the charge point as a whole
	StackLevel  int              `json:"stack_level"`
	Purpose     ProfilePurpose   `json:"purpose"`
	Kind        string           `json:"kind"`                 // Absolute, Recurring, Relative
	Recurrency  string           `json:"recurrency,omitempty"` // Daily, Weekly: of a recurring one
	ValidFrom   time.Time        `json:"valid_from,omitzero"`
	ValidTo     time.Time        `json:"valid_to,omitzero"`
	Transaction TransactionID    `json:"transaction,omitempty"` // of a TxProfile
	Schedule    ChargingSchedule `json:"schedule"`
}

// ProfilePurpose is what a profile is for.
type ProfilePurpose string

// The purposes of a profile.
const (
	StationMaxProfile ProfilePurpose = "ChargingStationMaxProfile" // ChargePointMaxProfile in 1.6
	TxDefaultProfile  ProfilePurpose = "TxDefaultProfile"
	TxProfile         ProfilePurpose = "TxProfile"
	ExternalProfile   ProfilePurpose = "ChargingStationExternalConstraints" // reported by stations alone
)

// RateUnit is what limits are given in.
type RateUnit string

// The units of a limit.
const (
	Watts   RateUnit = "W"
	Amperes RateUnit = "A"
)

// ChargingSchedule is limits over time.
type ChargingSchedule struct {
	StartsAt  time.Time        `json:"starts_at,omitzero"`
	DurationS *int             `json:"duration_s,omitempty"`
	Unit      RateUnit         `json:"unit"`
	MinRate   *float64         `json:"min_rate,omitempty"`
	Periods   []SchedulePeriod `json:"periods"`
}

// SchedulePeriod is a limit from some second of the schedule on.
type SchedulePeriod struct {
	StartS int     `json:"start_s"`
	Limit  float64 `json:"limit"`
	Phases *int    `json:"phases,omitempty"`
}

// ProfileFilter says which profiles are meant; nil fields and an empty purpose do not narrow it.
type ProfileFilter struct {
	ID         *int           `json:"id,omitempty"`
	Connector  *int           `json:"connector,omitempty"`
	StackLevel *int           `json:"stack_level,omitempty"`
	Purpose    ProfilePurpose `json:"purpose,omitempty"`
}

// Matches tells whether the filter means a profile.
func (f ProfileFilter) Matches(p ChargingProfile) bool {
	if f.ID != nil { // a number says it all
		return *f.ID == p.ID
	}
	return (f.Connector == nil || *f.Connector == p.Connector) && (f.StackLevel == nil || *f.StackLevel == p.StackLevel) &&
		(f.Purpose == "" || f.Purpose == p.Purpose)
}
