package search

import "math/bits"

// Spread chooses up to size of the stations that match so that no crowd takes the place of others, and counts all of them; see
// Spreader. The ids come in no order that means anything.
func (s *Snapshot) Spread(q *Query, size int) (ids []ID, total int) {
	var sp Spreader
	s.visit(q, func(p page, matches *words) {
		for slot := range matches.each {
			sp.Count(p.keys[slot])
		}
	})
	sp.Settle(size)
	s.visit(q, func(p page, matches *words) {
		for slot := range matches.each {
			if sp.Pick(p.keys[slot]) {
				ids = append(ids, p.ids[slot])
			}
		}
	})
	return ids, sp.total
}

// Spreader chooses among places so that each region of the ground gets its share, however crowded another is. It divides the ground
// into ever smaller cells, as long as those that have a place are not more than wanted, and takes the first place of each; what is
// left to take it takes from the next smaller cells, evenly.
//
// All places pass by twice, in the order of CurveKey and of ids where keys are equal: first Count, then, after Settle, Pick.
type Spreader struct {
	total  int
	passed int // in this pass
	last   uint64
	// parting[n] counts the places of shared n.
	parting [finest]int

	level int // the bits that the cells of the first choice begin with
	extra int // places that begin a cell of the next level, and none of this
	left  int // of them to take
	seen  int // of them so far
}

// finest is the level at which every place is a cell of its own, also beside others of the same key.
const finest = 66

// CurveKey is the place of a position along the curve that stations are sorted by.
func CurveKey(lat, lon float64) uint64 { return hilbert(lat, lon) }

// Count takes note of a place.
func (s *Spreader) Count(key uint64) {
	s.parting[s.shared(key)]++
	s.total++
}

// shared is 0 for the first place of a pass, and else one more than the leading bits in common with the place before: 65 at most. A
// place begins a cell of a level exactly when its shared is not above the level.
func (s *Spreader) shared(key uint64) int {
	before, first := s.last, s.passed == 0
	s.last = key
	s.passed++
	if first {
		return 0
	}
	return 1 + bits.LeadingZeros64(key^before)
}

// Settle ends the counting: size is how many places are wanted, at least 1.
func (s *Spreader) Settle(size int) {
	begun := func(level int) (cells int) {
		for _, places := range s.parting[:min(level+1, finest)] {
			cells += places
		}
		return cells
	}
	// Two bits more divide a cell in four squares.
	for s.level+2 <= finest && begun(s.level+2) <= size {
		s.level += 2
	}
	taken := begun(s.level)
	s.extra = begun(s.level+2) - taken
	s.left = max(0, min(size-taken, s.extra))
	s.passed = 0
}

// Pick tells whether to take a place.
func (s *Spreader) Pick(key uint64) bool {
	switch shared := s.shared(key); {
	case shared <= s.level:
		return true
	case shared > s.level+2:
		return false
	}
	s.seen++
	return s.seen*s.left/s.extra > (s.seen-1)*s.left/s.extra
}
