// Package throttle holds guesses and mails to budgets that all replicas share and that do not depend on Redis.
//
// The budgets are leaky buckets, counted by GCRA: a bucket of Burst units that loses one every Every. What is counted is a
// Key, in which the names of people and networks are hashed.
package throttle

import (
	"crypto/sha256"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// ErrLimited is returned when a budget is used up. It tells when to try again and not which budget it was: that would say
// whether an account exists.
var ErrLimited = fault.Define(fault.Limited, "too_many_attempts", "Too many attempts").
	Detailf("Wait before you try again.")

// Rule is a budget.
type Rule struct {
	Name  string
	Burst int
	Every time.Duration
}

// Key is what a budget is counted for.
type Key [sha256.Size]byte

// Charge is one unit to be taken from the budget of a key.
type Charge struct {
	Key  Key
	Rule Rule
}

// For returns the charge of what the parts name together.
func (r Rule) For(parts ...[]byte) Charge {
	h := sha256.New()
	h.Write([]byte(r.Name))
	for _, part := range parts {
		sum := sha256.Sum256(part) // so that no two lists of parts run together to the same
		h.Write(sum[:])
	}
	return Charge{Key: Key(h.Sum(nil)), Rule: r}
}
