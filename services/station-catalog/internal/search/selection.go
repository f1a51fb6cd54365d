package search

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
)

// selection keeps the first so many of the stations offered to it, in the order of (key, id),
// behind a cursor. It lets twice as many gather before it throws the worse half away, which costs
// a constant time for each, however many are offered.
type selection struct {
	size  int
	after ranked
	bar   ranked // what is not before it cannot get in any more
	found []choice
}

// ranked is what stations are compared by.
type ranked struct {
	key      float64
	high, id uint64 // halves of the id, as numbers
}

func rank(key float64, id *ID) ranked {
	return ranked{key, binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])}
}

func (r *ranked) before(o *ranked) bool {
	if r.key != o.key {
		return r.key < o.key
	}
	if r.high != o.high {
		return r.high < o.high
	}
	return r.id < o.id
}

func (r *ranked) compare(o *ranked) int {
	return cmp.Or(cmp.Compare(r.key, o.key), cmp.Compare(r.high, o.high), cmp.Compare(r.id, o.id))
}

type choice struct {
	ranked
	page page
	slot int
}

func (s *selection) open(size int, after *Cursor) {
	s.size, s.found = size, s.found[:0]
	s.bar = ranked{math.Inf(1), math.MaxUint64, math.MaxUint64}
	s.after = ranked{key: math.Inf(-1)}
	if after != nil {
		s.after = rank(after.Key, &after.ID)
	}
}

// offer is false when the station is not before the bar.
func (s *selection) offer(r ranked, p page, slot int) bool {
	if !r.before(&s.bar) {
		return false
	}
	if s.after.before(&r) {
		s.found = append(s.found, choice{r, p, slot})
		if len(s.found) >= 2*s.size {
			s.trim()
		}
	}
	return true
}

// trim keeps the first size and sets the bar at their last.
func (s *selection) trim() {
	if len(s.found) < s.size {
		return
	}
	nth(s.found, s.size-1)
	clear(s.found[s.size:])
	s.found = s.found[:s.size]
	s.bar = s.found[s.size-1].ranked
}

// close gives what was selected, in order.
func (s *selection) close() []choice {
	s.trim()
	slices.SortFunc(s.found, func(a, b choice) int { return a.compare(&b.ranked) })
	return s.found
}

// nth moves the n-th in order to its place and all before it to the left (Hoare's selection).
func nth(c []choice, n int) {
	for low, high := 0, len(c)-1; low < high; {
		pivot := c[low+(high-low)/2].ranked
		i, j := low, high
		for i <= j {
			for c[i].before(&pivot) {
				i++
			}
			for pivot.before(&c[j].ranked) {
				j--
			}
			if i <= j {
				c[i], c[j] = c[j], c[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case n <= j:
			high = j
		case n >= i:
			low = i
		default:
			return
		}
	}
}

// put writes the id back as bytes.
func (r *ranked) put(id *ID) {
	binary.BigEndian.PutUint64(id[:8], r.high)
	binary.BigEndian.PutUint64(id[8:], r.id)
}
