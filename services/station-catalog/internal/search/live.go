package search

import (
	"slices"
	"time"
)

// live is the half of a page that statuses and ratings change. It is immutable once published.
type live struct {
	free    plugTable // the plugs of the page, and who has them at an EVSE that is available
	anyFree words     // who has any of them
	// sound is the same of the EVSEs that have no fault; nil when no EVSE of the page has one.
	sound    *plugTable
	anySound words
	phrases  phrases

	statuses []Status // by EVSE
	since    []int64  // by EVSE, microseconds of Unix time; 0 when never reported
	plots    []ID     // by EVSE, the plot that it serves; the zero ID when not known
	bays     bays
	count    column // of the bays of each station
	ratings  ratings
}

// micros is the time as live keeps it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(since int64) time.Time {
	if since == 0 {
		return time.Time{}
	}
	return time.UnixMicro(since)
}

// newest is when the newest status of a slot was reported.
func (l *live) newest(s *stations, slot int) int64 {
	first, end := s.evseRange(slot)
	var newest int64
	for _, since := range l.since[first:end] {
		newest = max(newest, since)
	}
	return newest
}

// markFree enters the free plugs of a slot that has none entered.
func (l *live) markFree(s *stations, slot int) {
	first, end := s.evseRange(slot)
	for evse := first; evse < end; evse++ {
		if l.statuses[evse] != StatusAvailable {
			continue
		}
		for _, number := range s.plugsOf(evse) {
			l.free.having(int(number)).add(slot)
			l.anyFree.add(slot)
		}
	}
}

// findSound enters the plugs of EVSEs without a fault. Faults are few, so that most pages need no table of their own.
func (l *live) findSound(s *stations) {
	l.sound, l.anySound = nil, words{}
	if !slices.ContainsFunc(l.statuses, Status.faulty) {
		return
	}
	table := plugTable{n: s.plugs.n, data: make([]uint64, len(s.plugs.data))}
	copy(table.data, s.plugs.data[:s.plugs.n])
	for slot := range s.ids {
		first, end := s.evseRange(slot)
		for evse := first; evse < end; evse++ {
			if l.statuses[evse].faulty() {
				continue
			}
			for _, number := range s.plugsOf(evse) {
				table.having(int(number)).add(slot)
				l.anySound.add(slot)
			}
		}
	}
	l.sound = &table
}

// draft is a copy of the live half of a page under change.
type draft struct {
	*stations
	live      live
	touched   words
	regrouped bool // some EVSE serves another plot than before
}

func newDraft(p page) *draft {
	d := &draft{stations: p.stations, live: *p.live}
	d.live.statuses = slices.Clone(p.live.statuses)
	d.live.since = slices.Clone(p.live.since)
	d.live.free.data = slices.Clone(p.live.free.data)
	return d
}

// set is false when the status is older than the one held.
func (d *draft) set(evse int, change *StatusChange) bool {
	since := micros(change.At)
	if since < d.live.since[evse] {
		return false
	}
	d.live.statuses[evse], d.live.since[evse] = change.Status, since
	if d.live.plots[evse] != change.Plot {
		if !d.regrouped {
			d.live.plots, d.regrouped = slices.Clone(d.live.plots), true
		}
		d.live.plots[evse] = change.Plot
	}
	d.touched.add(d.slotOf(evse))
	return true
}

// finish brings what follows from the statuses in line with them.
func (d *draft) finish(r *renderer) page {
	for i := range d.live.free.n {
		d.live.free.having(i).subtract(&d.touched)
	}
	d.live.anyFree.subtract(&d.touched)
	for slot := range d.touched.each {
		d.live.markFree(d.stations, slot)
	}
	p := page{d.stations, &d.live}
	d.live.findSound(d.stations)
	if d.regrouped {
		d.live.findBays(d.stations)
	}
	d.live.phrases.rewrite(p, &d.touched, r)
	return p
}
