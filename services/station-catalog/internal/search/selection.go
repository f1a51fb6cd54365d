package search

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
)

// selection keeps the first so many of the stations offered to it, in the order of (key, id),
// behind a cursor. A small one is kept in order. A large one lets twice as many gather before it
// throws the worse half away, which costs a constant time for each, however many are offered.
type selection struct {
	size  int
	after ranked
	bar   ranked // what is not before it cannot get in any more
	found []choice
	pages []page
}

// ranked is what stations are compared by.
type ranked struct {
	key       float64
	high, low uint64 // halves of the id, as numbers
}

func rank(key float64, id *ID) ranked {
	return ranked{key, binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])}
}

func (r *ranked) id() (id ID) {
	binary.BigEndian.PutUint64(id[:8], r.high)
	binary.BigEndian.PutUint64(id[8:], r.low)
	return id
}

func (r *ranked) before(o *ranked) bool {
	if r.key != o.key {
		return r.key < o.key
	}
	if r.high != o.high {
		return r.high < o.high
	}
	return r.low < o.low
}

// choice is a station that may get into the answer.
type choice struct {
	ranked
	page int32 // in selection.pages
	slot int32
}

func (c choice) compare(d choice) int {
	switch {
	case c.key < d.key:
		return -1
	case c.key > d.key:
		return 1
	case c.high != d.high:
		return cmp.Compare(c.high, d.high)
	default:
		return cmp.Compare(c.low, d.low)
	}
}

func (s *selection) open(size int, after *Cursor) {
	s.size = size
	s.bar = ranked{math.Inf(1), math.MaxUint64, math.MaxUint64}
	s.after = ranked{key: math.Inf(-1)}
	if after != nil {
		s.after = rank(after.Key, &after.ID)
	}
}

// end keeps no page in memory.
func (s *selection) end() {
	clear(s.pages)
	s.pages, s.found = s.pages[:0], s.found[:0]
}

// enter makes a page the one whose slots are offered.
func (s *selection) enter(p page) { s.pages = append(s.pages, p) }

// offer is false when the station is not before the bar.
func (s *selection) offer(r ranked, slot int) bool {
	if !r.before(&s.bar) {
		return false
	}
	if s.after.before(&r) {
		c := choice{r, small[int32](len(s.pages) - 1), small[int32](slot)}
		if s.size <= mostSorted {
			s.insert(c)
			return true
		}
		s.found = append(s.found, c)
		if len(s.found) >= 2*s.size {
			s.trim()
		}
	}
	return true
}

// mostSorted is the largest selection that is kept in order as it grows. A usual page is: moving a few choices is quicker than
// gathering twice as many, and the bar is always where it must be.
const mostSorted = 32

// insert puts a choice before those that it is before, and lets the last one fall out.
func (s *selection) insert(c choice) {
	if len(s.found) < s.size {
		s.found = append(s.found, c)
	}
	i := len(s.found) - 1
	for ; i > 0 && c.before(&s.found[i-1].ranked); i-- {
		s.found[i] = s.found[i-1]
	}
	s.found[i] = c
	if len(s.found) == s.size {
		s.bar = s.found[s.size-1].ranked
	}
}

// trim keeps the first size and sets the bar at their last.
func (s *selection) trim() {
	if len(s.found) < s.size || s.size <= mostSorted {
		return
	}
	nth(s.found, s.size-1)
	s.found = s.found[:s.size]
	s.bar = s.found[s.size-1].ranked
}

// close gives what was selected, in order.
func (s *selection) close() []choice {
	if s.size > mostSorted {
		s.trim()
		slices.SortFunc(s.found, choice.compare)
	}
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
