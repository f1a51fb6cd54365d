package signingkey

import "time"

// Schedule is how long keys stay in their states.
type Schedule struct {
	// PublishAhead is how long a key is pending before it signs: longer than any verifier keeps a key set.
	PublishAhead time.Duration
	// RotateEvery is how long a key signs.
	RotateEvery time.Duration
	// KeepAfter is how long a key is published after its last signature: longer than any token lives.
	KeepAfter time.Duration
}

// DefaultSchedule is a new key each month, published a day ahead and a day after.
var DefaultSchedule = Schedule{PublishAhead: 24 * time.Hour, RotateEvery: 30 * 24 * time.Hour, KeepAfter: 24 * time.Hour}

// Step is one change that is due.
type Step struct {
	// Do is Create, Activate, Retire or Wipe.
	Do Action
	// Key is the key to change; "" for Create.
	Key string
	// State is that of the key to create.
	State State
}

// Action is what a Step does.
type Action string

// The actions.
const (
	Create   Action = "create"
	Activate Action = "activate"
	Retire   Action = "retire"
	Wipe     Action = "wipe"
)

// Plan returns the steps that are due at a time, in the order in which they must be taken. After them one key is active and
// one is pending. The active key is only retired when a key can take its place that has been published long enough; with no
// active key at all (the first start, or after a revocation) the pending one takes its place at once, since a verifier that
// does not know it yet asks for the key set again.
func Plan(keys []Key, schedule Schedule, now time.Time) []Step {
	var steps []Step
	var active, pending *Key
	for i := range keys {
		switch keys[i].State {
		case Active:
			active = &keys[i]
		case Pending:
			pending = &keys[i]
		case Retiring:
			if now.Sub(keys[i].RetiredAt) >= schedule.KeepAfter {
				steps = append(steps, Step{Do: Wipe, Key: keys[i].ID})
			}
		case Gone:
		}
	}
	due := active != nil && now.Sub(active.ActivatedAt) >= schedule.RotateEvery
	ripe := pending != nil && now.Sub(pending.CreatedAt) >= schedule.PublishAhead
	switch {
	case active == nil && pending == nil:
		steps = append(steps, Step{Do: Create, State: Active})
	case active == nil:
		steps = append(steps, Step{Do: Activate, Key: pending.ID})
		pending = nil
	case due && ripe:
		steps = append(steps, rotation(active.ID, pending.ID)...)
		pending = nil
	}
	if pending == nil {
		steps = append(steps, Step{Do: Create, State: Pending})
	}
	return steps
}

func rotation(active, pending string) []Step {
	return []Step{{Do: Retire, Key: active}, {Do: Activate, Key: pending}}
}
