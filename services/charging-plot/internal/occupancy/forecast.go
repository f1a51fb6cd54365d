package occupancy

import "time"

// Ahead is how many hours are forecast.
const Ahead = 12

// Typical is what is computed ahead of some plots: of one, or of all of a station.
type Typical struct {
	From  time.Time      `json:"from"` // the span of time it is made of: full hours, since the first that was seen
	To    time.Time      `json:"to"`
	Week  Week           `json:"week"`
	Lasts [Ahead]float64 `json:"lasts"` // how much of what is unusual now is left after 1, 2, … hours, 0 to 1
	Score [Ahead]Score   `json:"score"`
}

// Score is how good forecasts of some hours ahead were in the last quarter of the time, by a model made of what came before: the Brier
// score, which is the mean of the squared difference between the probability and what came, 0 or 1, over all plots in the middle of all
// hours. Smaller is better.
type Score struct {
	Brier     float64 `json:"brier"`
	SameAsNow float64 `json:"same_as_now"` // of the forecast that nothing changes
	Samples   int     `json:"samples"`     // 0: too little was seen
}

// Compute makes it of plots' tracks between two moments.
func Compute(tracks []Track, from, to time.Time, zone *time.Location) Typical {
	h := hoursOf(from, to, zone)
	plots := make([]hourly, len(tracks))
	first := len(h.cells)
	for i, t := range tracks {
		plots[i] = h.read(t)
		for k := range first {
			if plots[i].seen[k] > 0 {
				first = k
				break
			}
		}
	}
	last := len(h.cells)
	out := Typical{From: h.starts[first].UTC(), To: h.starts[last].UTC()}
	if first == last {
		return out
	}
	out.Week = *h.sum(plots, first, last)
	out.Lasts = h.fit(plots, out.Week.usual(), first, last)
	if cut := first + (last-first)*3/4; cut-first >= Cells {
		usual := h.sum(plots, first, cut).usual()
		out.Score = h.score(plots, usual, h.fit(plots, usual, first, cut), cut, last)
	}
	return out
}

// value is a state as a number.
func (s State) value() float64 {
	if s == Taken {
		return 1
	}
	return 0
}

// pairs visits all moments of [from, to) of which the state is known, and so is the one some hours later.
func (h hours) pairs(plots []hourly, ahead, from, to int, visit func(now, then float64, cell, later int)) {
	for i := from; i+ahead < to; i++ {
		for p := range plots {
			if now, then := plots[p].state[i], plots[p].state[i+ahead]; now != Unseen && then != Unseen {
				visit(now.value(), then.value(), h.cells[i], h.cells[i+ahead])
			}
		}
	}
}

// fit finds by least squares how much of the difference from the usual is left after each number of hours.
func (h hours) fit(plots []hourly, usual [Cells]float64, from, to int) (out [Ahead]float64) {
	for ahead := 1; ahead <= Ahead; ahead++ {
		both, alone := 0.0, 0.0
		h.pairs(plots, ahead, from, to, func(now, then float64, cell, later int) {
			both += (now - usual[cell]) * (then - usual[later])
			alone += (now - usual[cell]) * (now - usual[cell])
		})
		if alone > 0 {
			out[ahead-1] = min(max(both/alone, 0), 1)
		}
	}
	return out
}

// expect is the forecast: the usual, and what is left of how far from it things are now.
func expect(usual *[Cells]float64, lasts, now float64, cell, later int) float64 {
	return min(max(usual[later]+lasts*(now-usual[cell]), 0), 1)
}

func (h hours) score(plots []hourly, usual [Cells]float64, lasts [Ahead]float64, from, to int) (out [Ahead]Score) {
	for ahead := 1; ahead <= Ahead; ahead++ {
		s := &out[ahead-1]
		h.pairs(plots, ahead, from, to, func(now, then float64, cell, later int) {
			off := expect(&usual, lasts[ahead-1], now, cell, later) - then
			s.Brier += off * off
			s.SameAsNow += (now - then) * (now - then)
			s.Samples++
		})
		if s.Samples > 0 {
			s.Brier /= float64(s.Samples)
			s.SameAsNow /= float64(s.Samples)
		}
	}
	return out
}

// Expected is what is to be expected of the hour that begins at a moment.
type Expected struct {
	At    time.Time
	Share float64 // of the plots that are taken, 0 to 1; the probability that one is
}

// Forecast says what is to be expected of the next full hours, by the clocks of a zone, when so many plots are taken and free now; plots
// of which neither is known do not count. It is empty as long as nothing has been seen.
func (t *Typical) Forecast(now time.Time, zone *time.Location, taken, free int) []Expected {
	if !t.From.Before(t.To) {
		return nil
	}
	usual, cell := t.Week.usual(), CellOf(now, zone)
	share := usual[cell] // nothing is known of now: nothing is unusual
	if taken+free > 0 {
		share = float64(taken) / float64(taken+free)
	}
	out := make([]Expected, Ahead)
	at := now
	for i := range out {
		at = nextHour(at, zone)
		out[i] = Expected{at.UTC(), expect(&usual, t.Lasts[i], share, cell, CellOf(at, zone))}
	}
	return out
}
