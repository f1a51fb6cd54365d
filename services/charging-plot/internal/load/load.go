// Package load adds up what the cars at a station draw, over time.
//
//	l := load.Sum(sessions, from, to, load.Resolution(to.Sub(from)))
//
// It goes by readings that were summed up by the minute or the quarter of an hour. Power is what the meter said; where it said none, what
// the growth of its register comes to.
package load

import (
	"math"
	"time"
)

const (
	// MaxSpan is the longest time that a load is given for.
	MaxSpan = 31 * 24 * time.Hour
	// Quarter is the coarser of the two widths that readings are summed up to.
	Quarter = 15 * time.Minute
	// maxGap is how long the last word of a meter about its power is believed.
	maxGap = time.Hour
)

// Resolution gives the width of the steps that a span of time is cut into: a minute, five, or a quarter of an hour, so that there are
// 576 of them in two days and never more than 2,976.
func Resolution(span time.Duration) time.Duration {
	switch {
	case span <= 6*time.Hour:
		return time.Minute
	case span <= 48*time.Hour:
		return 5 * time.Minute
	}
	return Quarter
}

// Session is a charge with its readings.
type Session struct {
	Start, End   time.Time // End is zero while it runs
	MeterStartWh float64   // NaN when it is not known, as the next
	MeterStopWh  float64
	Readings     []Reading // in order of time; none of a session that ended elsewhere
}

// Reading is what a meter said in a minute or a quarter of an hour. What it did not say is NaN.
type Reading struct {
	At         time.Time // the beginning
	PowerW     float64   // the mean
	RegisterWh float64   // the last
	RegisterAt time.Time
}

// Load is the power of all sessions together, in steps of equal width that begin at From.
type Load struct {
	From, To time.Time
	Step     time.Duration
	Points   []Point
}

// Point is one step.
type Point struct {
	At       time.Time
	PowerKW  float64 // the mean
	Sessions int     // that ran in it
}

// Sum adds up sessions between two moments, both moved out to full steps.
func Sum(sessions []Session, from, to time.Time, step time.Duration) Load {
	from = from.UTC().Truncate(step)
	n := int((to.Sub(from) + step - 1) / step)
	l := Load{From: from, To: from.Add(time.Duration(n) * step), Step: step, Points: make([]Point, n)}
	for i := range l.Points {
		l.Points[i].At = from.Add(time.Duration(i) * step)
	}
	for _, s := range sessions {
		end := s.End
		if end.IsZero() {
			end = to
		}
		l.each(s.Start, end, func(p *Point, _ float64) { p.Sessions++ })
		s.stretches(min(step, Quarter), func(a, b time.Time, watts float64) {
			l.each(a, b, func(p *Point, share float64) { p.PowerKW += watts / 1000 * share })
		})
	}
	return l
}

// each visits the steps that [a, b) touches, with the share of the step that it covers.
func (l *Load) each(a, b time.Time, visit func(p *Point, share float64)) {
	if a.Before(l.From) {
		a = l.From
	}
	if b.After(l.To) {
		b = l.To
	}
	for i := int(a.Sub(l.From) / l.Step); a.Before(b); i++ {
		end := l.Points[i].At.Add(l.Step)
		if end.After(b) {
			end = b
		}
		visit(&l.Points[i], float64(end.Sub(a))/float64(l.Step))
		a = end
	}
}

// stretches visits the spans of time in which the session's power is known, in order and without overlap.
func (s Session) stretches(width time.Duration, visit func(a, b time.Time, watts float64)) {
	register, registerAt, silent := s.MeterStartWh, s.Start, true
	covered := s.Start
	add := func(a, b time.Time, watts float64) {
		if a.Before(covered) {
			a = covered
		}
		if !s.End.IsZero() && b.After(s.End) {
			b = s.End
		}
		if a.Before(b) {
			visit(a, b, watts)
			covered = b
		}
	}
	for i, r := range s.Readings {
		if !math.IsNaN(r.PowerW) {
			add(r.At, s.until(i, width), max(0, r.PowerW))
			silent = false
		}
		if math.IsNaN(r.RegisterWh) {
			continue
		}
		if gap := r.RegisterAt.Sub(registerAt); math.IsNaN(r.PowerW) && gap > 0 && r.RegisterWh >= register {
			add(registerAt, r.RegisterAt, (r.RegisterWh-register)/gap.Hours())
		}
		register, registerAt = r.RegisterWh, r.RegisterAt
	}
	if gap := s.End.Sub(registerAt); silent && gap > 0 && s.MeterStopWh >= register {
		add(registerAt, s.End, (s.MeterStopWh-register)/gap.Hours())
	}
}

// until says how long a reading's power is believed: up to the next reading, or to the end of the session; the last of one that runs for
// the width of its own step.
func (s Session) until(i int, width time.Duration) time.Time {
	next, at := s.End, s.Readings[i].At
	switch {
	case i+1 < len(s.Readings):
		next = s.Readings[i+1].At
	case next.IsZero():
		next = at.Add(width)
	}
	if last := at.Add(maxGap); next.After(last) {
		return last
	}
	return next
}

// EnergyKWh is what the load comes to.
func (l Load) EnergyKWh() float64 {
	sum := 0.0
	for _, p := range l.Points {
		sum += p.PowerKW * l.Step.Hours()
	}
	return sum
}

// Peak gives the step with the highest power, the first of them; false when nothing was drawn.
func (l Load) Peak() (Point, bool) {
	var peak Point
	for _, p := range l.Points {
		if p.PowerKW > peak.PowerKW {
			peak = p
		}
	}
	return peak, peak.PowerKW > 0
}
