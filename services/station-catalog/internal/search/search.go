package search

import (
	"cmp"
	"math/bits"
	"slices"
	"sync"
)

// Search answers q into r, which it overwrites. It allocates next to nothing once r and the
// scratch memory have grown to the size of the answers.
func (s *Snapshot) Search(q *Query, r *Result) {
	r.Reset()
	c := scratch.Get().(*calculation)
	c.begin(s, q)
	switch {
	case q.Among != nil:
		c.lookUp(q.Among)
	case c.sorting == nil && q.Region == nil && c.filter.everything():
		c.list()
	default:
		c.sweep()
	}
	c.answer(r)
	c.end()
	scratch.Put(c)
}

var scratch = sync.Pool{New: func() any { return new(calculation) }}

// calculation is the state of answering one query.
type calculation struct {
	snapshot *Snapshot
	query    *Query
	sorting  sorting // nil: by id alone
	filter   filter
	total    int
	selected selection
	waiting  candidates
	ids      []ID
}

func (c *calculation) begin(s *Snapshot, q *Query) {
	c.snapshot, c.query, c.total = s, q, 0
	c.sorting = q.Order.sorting(q.Region)
	c.filter.compile(q, s.names)
	c.selected.open(q.Limit+1, q.After)
}

// end lets go of everything that belongs to a snapshot.
func (c *calculation) end() {
	c.snapshot, c.query, c.sorting, c.filter.ranges = nil, nil, nil, nil
	clear(c.selected.found)
	clear(c.waiting.all)
	c.waiting.all, c.waiting.heap = c.waiting.all[:0], c.waiting.heap[:0]
}

func (c *calculation) answer(r *Result) {
	r.Total = c.total
	if c.query.Limit == 0 {
		return
	}
	found := c.selected.close()
	if len(found) > c.query.Limit {
		found, r.More = found[:c.query.Limit], true
	}
	circle, _ := c.query.Region.(*Circle)
	for i := range found {
		f := &found[i]
		h := Hit{page: f.page, slot: f.slot, key: f.key, chord2: -1}
		if circle != nil {
			h.chord2 = circle.rank(f.page.stations, f.slot)
		}
		r.Hits = append(r.Hits, h)
	}
}

// sweep counts the matches on every page that the region touches, and selects among them. When
// there is a sorting key, pages wait until all are known and are then taken in the order of the
// least key they may have, until no page can have anything better; by id alone, pages are taken
// as they come, since each has its stations in that order.
func (c *calculation) sweep() {
	region := c.query.Region
	for i := range c.snapshot.tree.blocks {
		b := &c.snapshot.tree.blocks[i]
		whole := inside
		if region != nil {
			whole = region.relate(&b.bounds)
		}
		if whole == outside {
			continue
		}
		for j := range b.pages {
			lies := whole
			if lies != inside {
				if lies = region.relate(&b.pageBounds[j]); lies == outside {
					continue
				}
			}
			c.take(b.pages[j], lies)
		}
	}
	c.waiting.drain(&c.selected, c.sorting)
}

func (c *calculation) take(p page, lies relation) {
	matches := c.filter.match(p)
	if lies != inside {
		c.query.Region.narrow(p.stations, &matches)
	}
	found := matches.count()
	if found == 0 {
		return
	}
	c.total += found
	switch {
	case c.query.Limit == 0:
	case c.sorting == nil:
		c.selected.offerByID(p, matches)
	default:
		c.waiting.add(p, matches, c.sorting, &c.selected.after)
	}
}

// offerByID offers the stations of a set by id alone.
func (s *selection) offerByID(p page, matches words) {
	first, found := 0, false
	if s.after.key == 0 {
		var after ID
		s.after.put(&after)
		if first, found = p.find(after); found {
			first++
		}
	}
	passed := firstSlots(first)
	matches.subtract(&passed)
	for i, word := range matches {
		for ; word != 0; word &= word - 1 {
			slot := 64*i + bits.TrailingZeros64(word)
			if !s.offer(rank(0, &p.ids[slot]), p, slot) {
				return
			}
		}
	}
}

// list walks the directory of all stations.
func (c *calculation) list() {
	c.total = c.snapshot.tree.count
	if c.query.Limit == 0 {
		return
	}
	var start ID
	if c.query.After != nil {
		start = c.query.After.ID
	}
	for at := range c.snapshot.byID.from(start) {
		spot, _ := c.snapshot.tree.find(position{at.key, at.id})
		c.selected.offer(rank(0, &at.id), c.snapshot.tree.page(spot), spot.slot)
		if len(c.selected.found) == c.selected.size {
			return
		}
	}
}

// lookUp goes through the stations that the query names.
func (c *calculation) lookUp(among []ID) {
	c.ids = append(c.ids[:0], among...)
	slices.SortFunc(c.ids, ID.Compare)
	for _, id := range slices.Compact(c.ids) {
		at, known := c.snapshot.find(id)
		if !known {
			continue
		}
		p := c.snapshot.tree.page(at)
		matches := c.filter.match(p)
		var one words
		one.add(at.slot)
		matches.intersect(&one)
		if c.query.Region != nil {
			c.query.Region.narrow(p.stations, &matches)
		}
		if matches.empty() {
			continue
		}
		c.total++
		if c.query.Limit == 0 {
			continue
		}
		var key float64
		if c.sorting != nil {
			key = c.sorting.key(p, at.slot)
		}
		c.selected.offer(rank(key, &id), p, at.slot)
	}
}

// candidates are pages with matches, waiting to be looked into in the order of their least keys.
type candidates struct {
	all  []candidate
	heap []ticket
}

type candidate struct {
	page    page
	matches words
}

type ticket struct {
	least float64
	of    int
}

func (c *candidates) add(p page, matches words, by sorting, after *ranked) {
	least, most := by.keys(p)
	if most < after.key {
		return
	}
	c.heap = append(c.heap, ticket{least, len(c.all)})
	c.all = append(c.all, candidate{p, matches})
}

func (c *candidates) drain(s *selection, by sorting) {
	for i := len(c.heap)/2 - 1; i >= 0; i-- {
		c.sink(i)
	}
	for len(c.heap) > 0 && c.heap[0].least <= s.bar.key {
		next := &c.all[c.heap[0].of]
		for i, word := range next.matches {
			for ; word != 0; word &= word - 1 {
				slot := 64*i + bits.TrailingZeros64(word)
				if key := by.key(next.page, slot); key <= s.bar.key {
					s.offer(rank(key, &next.page.ids[slot]), next.page, slot)
				}
			}
		}
		s.trim()
		last := len(c.heap) - 1
		c.heap[0] = c.heap[last]
		c.heap = c.heap[:last]
		c.sink(0)
	}
}

// sink restores the heap below i.
func (c *candidates) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(c.heap) {
			return
		}
		if child+1 < len(c.heap) && c.heap[child+1].least < c.heap[child].least {
			child++
		}
		if cmp.Compare(c.heap[i].least, c.heap[child].least) <= 0 {
			return
		}
		c.heap[i], c.heap[child] = c.heap[child], c.heap[i]
		i = child
	}
}
