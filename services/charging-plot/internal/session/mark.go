package session

import (
	"math"
	"time"
)

// Mark says what is wrong with a reading, as a set.
type Mark uint8

// The marks.
const (
	MarkGap       Mark = 1 << iota // nothing was read for long before it
	MarkReset                      // the register began anew: a meter was replaced or lost its count
	MarkUnit                       // a value was given in another unit than it said, a thousand times off
	MarkBackwards                  // the register ran backwards, for this reading alone
	MarkJump                       // the register gained more than any outlet can give
)

// Names lists the marks in words.
func (m Mark) Names() []string {
	out := []string{}
	for mark, name := range []string{"gap", "reset", "unit", "backwards", "jump"} {
		if m&(1<<mark) != 0 {
			out = append(out, name)
		}
	}
	return out
}

const (
	// gapAfter is how long a meter may say nothing before that is a gap, where it has not been slower all along.
	gapAfter = 10 * time.Minute
	// mostW is more than any outlet gives to a car.
	mostW = 1_500_000
	// MostWh is more than a car can take in one session. A register that gains less than that too fast is believed: a clock may have stood
	// still. What gained more, or fell, was reset or jumped, and is for Judge to put right.
	MostWh = 2_000_000
	// slackWh is what registers of coarse meters and rounding may differ by.
	slackWh = 1000
)

// Judge marks readings, in order of time, and puts right what can be: the register then runs on from its value at the start without
// falling or leaping, a value in a wrong unit is in the right one, and one that cannot be right is not known (NaN). register is its value at the
// start, NaN when that is not known. The readings given are not changed.
func Judge(start time.Time, register float64, readings []Reading) []Reading {
	out := make([]Reading, len(readings))
	copy(out, readings)
	j := judge{at: start, good: register, before: start}
	for i := range out {
		j.gap(&out[i], i)
		j.register(&out[i], readings[i+1:])
	}
	return out
}

type judge struct {
	good   float64   // the register, put right
	at     time.Time // when it was read
	offset float64   // what resets have taken from it
	before time.Time // the reading before
	usual  time.Duration
}

func (j *judge) gap(r *Reading, i int) {
	pause := r.At.Sub(j.before)
	if j.usual > 0 && pause > gapAfter && pause > 5*j.usual {
		r.Marks |= MarkGap
	} else if i > 0 {
		j.usual = max(j.usual, pause)
	}
	j.before = r.At
}

// plausible tells whether the register can have come to a value by a time.
func (j *judge) plausible(v float64, at time.Time) bool {
	most := j.good + mostW*max(0, at.Sub(j.at).Hours()) + slackWh
	return v >= j.good-1 && v <= most
}

func (j *judge) register(r *Reading, rest []Reading) {
	if math.IsNaN(r.RegisterWh) {
		return
	}
	if math.IsNaN(j.good) {
		j.good, j.at = r.RegisterWh, r.At
		return
	}
	v := r.RegisterWh + j.offset
	switch {
	case j.plausible(v, r.At):
	case r.RegisterWh > 0 && j.plausible(r.RegisterWh*1000+j.offset, r.At):
		v, r.Marks = r.RegisterWh*1000+j.offset, r.Marks|MarkUnit
	case r.RegisterWh > 0 && j.plausible(r.RegisterWh/1000+j.offset, r.At):
		v, r.Marks = r.RegisterWh/1000+j.offset, r.Marks|MarkUnit
	case j.recovers(rest): // alone among its neighbours
		r.Marks |= MarkBackwards
		if v > j.good {
			r.Marks ^= MarkBackwards | MarkJump
		}
		r.RegisterWh = math.NaN()
		return
	case v < j.good:
		j.offset, v, r.Marks = j.good-r.RegisterWh, j.good, r.Marks|MarkReset
	case v-j.good > MostWh:
		j.offset, v, r.Marks = j.good-r.RegisterWh, j.good, r.Marks|MarkJump
	default:
		r.Marks |= MarkJump
	}
	v = max(v, j.good)
	j.power(r, v)
	r.RegisterWh, j.good, j.at = v, v, r.At
}

// recovers tells whether the next register is where it would be without this one.
func (j *judge) recovers(rest []Reading) bool {
	for _, next := range rest {
		if !math.IsNaN(next.RegisterWh) {
			return j.plausible(next.RegisterWh+j.offset, next.At)
		}
	}
	return false
}

// power puts right a power that the register says is a thousand times off.
func (j *judge) power(r *Reading, v float64) {
	hours := r.At.Sub(j.at).Hours()
	if math.IsNaN(r.PowerW) || r.PowerW <= 0 || hours <= 0 || v-j.good < 10 {
		return
	}
	mean := (v - j.good) / hours
	for _, scale := range []float64{1000, 0.001} {
		if math.Abs(r.PowerW*scale-mean) < 0.3*mean {
			r.PowerW, r.Marks = r.PowerW*scale, r.Marks|MarkUnit
		}
	}
}
