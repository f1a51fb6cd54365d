package search

import (
	"math"
	"sync/atomic"
	"time"
)

// Hours tell when stations are open. Stations with the same hours share one of these, so that what was found out for one minute is
// found out for all of them.
type Hours struct {
	key  string
	open func(time.Time) bool
	memo atomic.Int64 // the minute asked for last, doubled; one more when it was open
}

// NewHours takes a function that tells whether it is open at a time, which is always a whole minute. Hours of equal keys are taken
// for the same.
func NewHours(key string, open func(time.Time) bool) *Hours {
	h := &Hours{key: key, open: open}
	h.memo.Store(math.MinInt64) // no minute
	return h
}

// Open tells whether it is open at a time, without remembering it.
func (h *Hours) Open(at time.Time) bool { return h.open(at.UTC()) }

// openAt tells whether it is open in a minute of Unix time. Nil is never known to be open.
func (h *Hours) openAt(minute int64) bool {
	if h == nil {
		return false
	}
	if memo := h.memo.Load(); memo>>1 == minute {
		return memo&1 != 0
	}
	memo := minute << 1
	if h.open(time.Unix(minute*60, 0).UTC()) {
		memo++
	}
	h.memo.Store(memo)
	return memo&1 != 0
}

// minuteOf is the minute of Unix time that a time lies in.
func minuteOf(t time.Time) int64 { return t.Truncate(time.Minute).Unix() / 60 }

// openings tells who of a page has which hours.
type openings struct {
	hours  []*Hours
	having []words
	of     []uint16 // by slot: which hours, counted from 1; 0 when they are not known
}

// openAt is the set of the stations that are open in a minute.
func (o *openings) openAt(minute int64) (w words) {
	for i, h := range o.hours {
		if h.openAt(minute) {
			w.unite(&o.having[i])
		}
	}
	return w
}

// at gives the hours of a slot, nil when they are not known.
func (o *openings) at(slot int) *Hours {
	if o.of == nil || o.of[slot] == 0 {
		return nil
	}
	return o.hours[o.of[slot]-1]
}

// said tells whether a station is open in a minute, as JSON.
func (o *openings) said(slot int, minute int64) string {
	switch h := o.at(slot); {
	case h == nil:
		return "null"
	case h.openAt(minute):
		return "true"
	default:
		return "false"
	}
}

// timetable collects the hours of a page that is being made.
type timetable struct {
	hours []*Hours
	of    []uint16
}

func (t *timetable) reset() { t.hours, t.of = t.hours[:0], t.of[:0] }

func (t *timetable) add(h *Hours) {
	if h == nil {
		t.of = append(t.of, 0)
		return
	}
	for i, known := range t.hours {
		if known == h {
			t.of = append(t.of, small[uint16](i+1))
			return
		}
	}
	t.hours = append(t.hours, h)
	t.of = append(t.of, small[uint16](len(t.hours)))
}

func (t *timetable) finish() openings {
	if len(t.hours) == 0 {
		return openings{}
	}
	o := openings{hours: exact(t.hours), having: make([]words, len(t.hours)), of: exact(t.of)}
	for slot, number := range o.of {
		if number > 0 {
			o.having[number-1].add(slot)
		}
	}
	return o
}
