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

// Charge is units to be taken from the budget of a key, or given back to it.
type Charge struct {
	Key   Key
	Rule  Rule
	Units int
}

// Depth is how long a full bucket takes to empty.
func (r Rule) Depth() time.Duration { return time.Duration(r.Burst) * r.Every }

// All returns the charge that fills or empties the whole bucket.
func (c Charge) All() Charge {
	c.Units = c.Rule.Burst
	return c
}

// Size is how much longer the bucket takes to empty with the charge.
func (c Charge) Size() time.Duration { return time.Duration(c.Units) * c.Rule.Every }

// For returns the charge of one unit for what the parts name together.
func (r Rule) For(parts ...[]byte) Charge {
	h := sha256.New()
	h.Write([]byte(r.Name))
	for _, part := range parts {
		sum := sha256.Sum256(part) // so that no two lists of parts run together to the same
		h.Write(sum[:])
	}
	return Charge{Key: Key(h.Sum(nil)), Rule: r, Units: 1}
}
