package search

import (
	"math"
	"slices"
	"sync"
)

// Search answers q into r, which it overwrites. It allocates nothing once r and the scratch memory
// have grown to the size of the answers.
func (s *Snapshot) Search(q *Query, r *Result) {
	r.Reset()
	c := scratch.Get().(*calculation)
	c.begin(s, q)
	switch {
	case q.Among != nil:
		c.lookUp()
	case c.everything && c.sorting == nil && q.Region == nil:
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

	filter     filter
	everything bool // each station passes the filter
	sortings   sortings
	sorting    sorting // nil: by id alone

	total    int
	selected selection
	waiting  candidates
	met      []meeting // pages of the block in hand
	matches  words     // of the page in hand
	ids      []ID
	read     uint64 // means nothing; without it the compiler would drop what fetch does
}

func (c *calculation) begin(s *Snapshot, q *Query) {
	c.snapshot, c.query, c.total = s, q, 0
	c.filter.compile(q, s.names)
	c.everything = c.filter.everything()
	c.sorting = c.sortings.of(q.Order, q.Region, s.names)
	c.selected.open(q.Limit+1, q.After)
}

// end lets go of everything that belongs to the snapshot and the query.
func (c *calculation) end() {
	c.snapshot, c.query, c.filter.ranges, c.filter.words = nil, nil, nil, nil
	c.sorting, c.sortings.rank = nil, rankSorting{}
	c.selected.end()
	c.waiting.reset()
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
	minute := int64(never)
	if !c.query.At.IsZero() {
		minute = minuteOf(c.query.At)
	}
	for i := range found {
		f := &found[i]
		h := Hit{page: c.selected.pages[f.page], slot: int(f.slot), key: f.key, away: -1, minute: minute}
		switch region := c.query.Region.(type) {
		case *Circle:
			h.away = Metres(Chord2(region.centre, h.page.vectors[h.slot]))
		case *Corridor:
			h.away, h.along = region.place(h.page.vectors[h.slot])
			h.routed = true
		}
		r.Hits = append(r.Hits, h)
	}
	c.fetchItems(r.Hits)
}

// fetchItems reads a little of what rendering will copy, for the reason given at fetch.
func (c *calculation) fetchItems(hits []Hit) {
	const line = 64 // bytes that memory delivers together
	var sum int64
	for i := range hits {
		h := &hits[i]
		sum += h.page.live.phrases.said[h.slot].newest + int64(h.page.itemEnd[h.slot])
	}
	for i := range hits {
		h := &hits[i]
		for item := h.page.item(h.slot); len(item) > 0; item = item[min(len(item), 4*line):] {
			sum += int64(item[0])
		}
		sum += int64(h.page.live.phrases.counts(h.slot)[0])
	}
	c.read += uint64(sum)
}

// sweep counts the matches on every page that the region touches, and selects among them. When
// there is a sorting key, pages wait until all are known; by id alone they are taken as they come.
func (c *calculation) sweep() {
	t := &c.snapshot.tree
	for i := range t.blocks {
		whole := inside
		if c.query.Region != nil {
			whole = c.query.Region.relate(&t.bounded[i])
		}
		if whole == outside {
			continue
		}
		b := &t.blocks[i]
		c.meet(b, whole)
		c.fetch(b)
		for _, m := range c.met {
			c.take(b, m)
		}
	}
	if c.sorting != nil {
		c.waiting.drain(&c.selected, c.sorting)
	}
}

// meeting is a page of a block that the region touches.
type meeting struct {
	page int
	lies relation
}

func (c *calculation) meet(b *block, whole relation) {
	c.met = c.met[:0]
	for i := range b.bounded {
		lies := whole
		if lies == partly {
			lies = c.query.Region.relate(&b.bounded[i])
		}
		if lies != outside {
			c.met = append(c.met, meeting{i, lies})
		}
	}
}

// fetch reads a little of what take will read of each page. None of these reads waits for another,
// so that memory answers many at once; while a page is filtered, each step waits for the one
// before. It takes a fifth off a search of the whole world, and changes no answer.
func (c *calculation) fetch(b *block) {
	for _, m := range c.met {
		p := b.pages[m.page]
		if m.lies == partly {
			c.read += math.Float64bits(p.parts[0].low.X + p.parts[pageWords-1].low.X + p.vectors[0].X + p.vectors[len(p.vectors)/2].X)
		}
		if t := &p.live.free; c.filter.plug.asked && t.n > 0 {
			c.read += t.data[0] + t.data[t.n]
		}
		if f := &p.facets; len(c.filter.groups) > 0 && len(f.numbers) > 0 {
			c.read += uint64(f.numbers[0]) + f.having[0][0]
		}
	}
}

// take counts the matches of a page, and lets them wait or offers them.
func (c *calculation) take(b *block, m meeting) {
	p, found := b.pages[m.page], b.counts[m.page]
	if c.everything && m.lies == inside {
		c.matches = firstSlots(found)
	} else {
		c.filter.match(p, &c.matches)
		if m.lies == partly {
			narrow(c.query.Region, p.stations, &c.matches)
		}
		found = c.matches.count()
	}
	c.total += found
	switch {
	case found == 0 || c.query.Limit == 0:
	case c.sorting != nil:
		c.waiting.add(p, &b.bounded[m.page], &c.matches, c.sorting, &c.selected.after)
	case !c.selected.pastBar(&b.leastIDs[m.page]):
		c.selected.offerByID(p, &c.matches)
	}
}

// pastBar tells that nothing from an id on can get in, by id alone.
func (s *selection) pastBar(id *ID) bool {
	r := rank(0, id)
	return !r.before(&s.bar)
}

// offerByID offers the stations of a set, in the order of their ids and from the cursor on, until
// they are past the bar.
func (s *selection) offerByID(p page, matches *words) {
	first := 0
	if s.after.key == 0 {
		first = p.behind(s.after.id())
	}
	s.enter(p)
	for _, slot := range p.byID[first:] {
		if matches.has(int(slot)) && !s.offer(rank(0, &p.ids[slot]), int(slot)) {
			return
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
		c.selected.enter(c.snapshot.tree.page(spot))
		c.selected.offer(rank(0, &at.id), spot.slot)
		if len(c.selected.found) == c.selected.size {
			return
		}
	}
}

// lookUp goes through the stations that the query names.
func (c *calculation) lookUp() {
	c.ids = append(c.ids[:0], c.query.Among...)
	slices.SortFunc(c.ids, ID.Compare)
	for _, id := range slices.Compact(c.ids) {
		at, known := c.snapshot.find(id)
		if !known {
			continue
		}
		p := c.snapshot.tree.page(at)
		part, bit := at.slot>>6, at.slot&63
		c.filter.match(p, &c.matches)
		word := c.matches[part] & (1 << bit)
		if word != 0 && c.query.Region != nil {
			word = c.query.Region.keep(p.stations, part, word)
		}
		if word == 0 {
			continue
		}
		c.total++
		if c.query.Limit > 0 {
			var key float64
			if c.sorting != nil {
				c.sorting.keys(p, part, word, &c.waiting.keys)
				key = c.waiting.keys[bit]
			}
			c.selected.enter(p)
			c.selected.offer(rank(key, &id), at.slot)
		}
	}
}
