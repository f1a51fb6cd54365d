package search

import "math"

// bays links the EVSEs of a page that serve the same plot: one car stands there, however many cables it may choose from. It is nil
// where each EVSE has a plot of its own, which is so on most pages.
type bays []neighbours

// neighbours are the EVSEs before and after one at its bay, alone where there is none.
type neighbours struct{ before, after int32 }

const alone = -1

// leads tells whether an EVSE is the first of its bay.
func (b bays) leads(evse int) bool { return b == nil || b[evse].before == alone }

// after gives the next EVSE of the same bay, alone behind the last.
func (b bays) after(evse int) int {
	if b == nil {
		return alone
	}
	return int(b[evse].after)
}

// count counts the bays among the EVSEs of a station.
func (b bays) count(first, end int) int {
	if b == nil {
		return end - first
	}
	n := 0
	for evse := first; evse < end; evse++ {
		if b.leads(evse) {
			n++
		}
	}
	return n
}

// available is 1 when an EVSE of the bay that one leads is available, else 0.
func (l *live) available(bay int) int {
	for evse := bay; evse != alone; evse = l.bays.after(evse) {
		if l.statuses[evse] == StatusAvailable {
			return 1
		}
	}
	return 0
}

// findBays finds the bays of each station, and counts them. An EVSE whose plot is not known has one of its own.
func (l *live) findBays(s *stations) {
	l.bays = nil
	for slot := range s.ids {
		first, end := s.evseRange(slot)
		for evse := first + 1; evse < end; evse++ {
			for before := evse - 1; before >= first; before-- {
				if l.plots[evse] == (ID{}) || l.plots[evse] != l.plots[before] {
					continue
				}
				if l.bays == nil {
					l.bays = allAlone(len(s.evses))
				}
				l.bays[evse].before, l.bays[before].after = small[int32](before), small[int32](evse)
				break
			}
		}
	}
	l.count = column{values: make([]float64, len(s.ids)), least: math.Inf(1), top: math.Inf(-1)}
	for slot := range s.ids {
		l.count.values[slot] = float64(l.bays.count(s.evseRange(slot)))
		l.count.least, l.count.top = min(l.count.least, l.count.values[slot]), max(l.count.top, l.count.values[slot])
	}
}

func allAlone(evses int) bays {
	b := make(bays, evses)
	for i := range b {
		b[i] = neighbours{alone, alone}
	}
	return b
}
