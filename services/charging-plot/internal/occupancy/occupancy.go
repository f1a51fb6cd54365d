// Package occupancy says how busy a place usually is, hour by hour of the week, and how busy it will be in the next hours.
//
//	typical := occupancy.Compute(tracks, from, to, zone)          // ahead, of each plot's history
//	next := typical.Forecast(now, zone, taken, free)              // when somebody asks
//
// A plot is taken while a car stands on it or a claim holds it (BLOCKED, CHARGING, RESERVED), free while it is AVAILABLE. Whatever else it
// is, or while nobody knows, counts neither way: shares are of the time in which a plot could be used and was seen.
package occupancy

import (
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// State is what a plot is as far as occupancy goes.
type State uint8

// The states.
const (
	Unseen State = iota
	Free
	Taken
)

// StateOf gives the state that a status stands for.
func StateOf(s status.Status) State {
	switch s {
	case status.Available:
		return Free
	case status.Blocked, status.Charging, status.Reserved:
		return Taken
	case status.Inoperative, status.OutOfOrder, status.Planned, status.Removed, status.Unknown:
		return Unseen
	}
	return Unseen
}

// Turn is a moment from which a state holds.
type Turn struct {
	At    time.Time
	State State
}

// Track is a plot's states in order of time. Each holds until the next, the last until now; before the first it was not seen.
type Track []Turn

// NewTrack makes a track of a plot's history, given in order of version. Entries that change nothing but who says so are passed over:
// their times may lie behind that of the next status.
func NewTrack(history []plot.Change) Track {
	var out Track
	for i, change := range history {
		if i > 0 && change.Status == history[i-1].Status {
			continue
		}
		state := StateOf(change.Status)
		if n := len(out); n == 0 || out[n-1].State != state {
			out = append(out, Turn{change.Since, state})
		}
	}
	return out
}
