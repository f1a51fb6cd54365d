package occupancy

import (
	"math"
	"time"
)

// Cells is how many hours a week has. Cell 0 is Monday from midnight to one o'clock, by the clocks on the spot.
const Cells = 7 * 24

// CellOf gives the cell that a moment lies in, by the clocks of a zone.
func CellOf(t time.Time, zone *time.Location) int {
	t = t.In(zone)
	return (int(t.Weekday())+6)%7*24 + t.Hour()
}

// nextHour gives the moment when the clocks of a zone show the next full hour.
func nextHour(t time.Time, zone *time.Location) time.Time {
	local := t.In(zone)
	past := time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	return t.Add(time.Hour - past)
}

// Week is the typical week of some plots.
type Week struct {
	TakenS [Cells]int `json:"taken_s"` // seconds in which plots were taken, all together
	SeenS  [Cells]int `json:"seen_s"`  // seconds in which they were seen free or taken
	Hours  [Cells]int `json:"hours"`   // how many hours of this kind something was seen in: the weeks behind the cell
}

// Share gives the share of time, 0 to 1, in which plots were taken in an hour of the week; NaN when none was seen.
func (w *Week) Share(cell int) float64 { return float64(w.TakenS[cell]) / float64(w.SeenS[cell]) }

// Mean gives the share of the whole week, NaN when nothing was seen.
func (w *Week) Mean() float64 {
	taken, seen := 0, 0
	for i := range Cells {
		taken, seen = taken+w.TakenS[i], seen+w.SeenS[i]
	}
	return float64(taken) / float64(seen)
}

// doubt is how many seconds at the mean of the week are added to each cell, so that one hour that was seen does not make a habit.
const doubt = 2 * 3600

// usual gives a cell's share as it is believed: the less was seen, the nearer to the mean.
func (w *Week) usual() (out [Cells]float64) {
	mean := w.Mean()
	for i := range out {
		out[i] = (float64(w.TakenS[i]) + doubt*mean) / (float64(w.SeenS[i]) + doubt)
	}
	return out
}

// hours are full hours of a zone, one after the other.
type hours struct {
	starts []time.Time // one more than cells
	cells  []int
}

// hoursOf cuts a span of time at the full hours of a zone; the first and the last hour are within it.
func hoursOf(from, to time.Time, zone *time.Location) hours {
	h := hours{starts: []time.Time{nextHour(from, zone)}}
	for {
		at := h.starts[len(h.starts)-1]
		end := nextHour(at, zone)
		if end.After(to) {
			return h
		}
		h.cells, h.starts = append(h.cells, CellOf(at, zone)), append(h.starts, end)
	}
}

// hourly is a plot's track by the hour.
type hourly struct {
	taken, seen []uint16 // seconds
	state       []State  // in the middle of the hour
}

func (h hours) read(t Track) hourly {
	n := len(h.cells)
	out := hourly{make([]uint16, n), make([]uint16, n), make([]State, n)}
	state, next := Unseen, 0
	for i := range n {
		at, end := h.starts[i], h.starts[i+1]
		for ; next < len(t) && !t[next].At.After(at); next++ {
			state = t[next].State
		}
		middle := at.Add(end.Sub(at) / 2)
		out.state[i] = state
		var spans [Taken + 1]time.Duration
		for ; next < len(t) && t[next].At.Before(end); next++ {
			spans[state] += t[next].At.Sub(at)
			at, state = t[next].At, t[next].State
			if !at.After(middle) {
				out.state[i] = state
			}
		}
		spans[state] += end.Sub(at)
		out.taken[i] = uint16(math.Round(spans[Taken].Seconds()))
		out.seen[i] = uint16(math.Round((spans[Taken] + spans[Free]).Seconds()))
	}
	return out
}

// sum makes the week of the hours [from, to) of plots.
func (h hours) sum(plots []hourly, from, to int) *Week {
	w := new(Week)
	for i := from; i < to; i++ {
		cell, seen := h.cells[i], 0
		for p := range plots {
			w.TakenS[cell] += int(plots[p].taken[i])
			seen += int(plots[p].seen[i])
		}
		w.SeenS[cell] += seen
		if seen > 0 {
			w.Hours[cell]++
		}
	}
	return w
}
