package session

import (
	"math/big"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
)

// Limits are what a driver wants a charge to end at, whichever comes first; zero values limit nothing.
type Limits struct {
	EnergyWh   int64
	Duration   time.Duration
	Cost       tariff.Number // in the tariff's currency, taxes included where their rate is known
	SoCPercent float64
}

// Any tells whether there is a limit at all.
func (l Limits) Any() bool { return l != Limits{} }

// Limit names one of the limits.
type Limit string

// The limits.
const (
	LimitEnergy Limit = "energy"
	LimitTime   Limit = "time"
	LimitCost   Limit = "cost"
	LimitSoC    Limit = "soc"
)

// ErrNoPrice is a limit of cost where no tariff says what a charge costs.
var ErrNoPrice = fault.Define(fault.Unprocessable, "no_tariff", "No tariff says what a charge costs here")

// ErrEnded is a change of a session that has ended.
var ErrEnded = fault.Define(fault.Conflict, "session_ended", "The session has ended")

// Cost is what a session costs, so far or in all. An amount is empty where the tariff does not say the rate of the taxes.
type Cost struct {
	Currency     string    `json:"currency"`
	TotalExclTax string    `json:"before_taxes,omitempty"`
	TotalInclTax string    `json:"after_taxes,omitempty"`
	At           time.Time `json:"at"`
}

// Exceeds tells whether the cost has reached an amount.
func (c Cost) Exceeds(limit tariff.Number) bool {
	total := c.TotalInclTax
	if total == "" {
		total = c.TotalExclTax
	}
	amount, ok := new(big.Rat).SetString(total)
	return ok && limit != "" && amount.Cmp(limit.Rat()) >= 0
}
