package search

// visit calls fn with every page that the region touches and the stations on it that match; never with none. Pages come along the
// curve. It answers for order, cursor and limit nothing.
func (s *Snapshot) visit(q *Query, fn func(p page, matches *words)) {
	c := scratch.Get().(*calculation)
	defer scratch.Put(c)
	c.begin(s, q)
	defer c.end()
	if q.Among != nil {
		c.visitAmong(fn)
		return
	}
	for i := range s.tree.blocks {
		whole := inside
		if q.Region != nil {
			whole = q.Region.relate(&s.tree.bounded[i])
		}
		if whole == outside {
			continue
		}
		b := &s.tree.blocks[i]
		c.meet(b, whole)
		c.fetch(b)
		for _, m := range c.met {
			c.filter.match(b.pages[m.page], &c.matches)
			if m.lies == partly {
				narrow(q.Region, b.pages[m.page].stations, &c.matches)
			}
			if !c.matches.empty() {
				fn(b.pages[m.page], &c.matches)
			}
		}
	}
}

// visitAmong is visit for the stations that the query names.
func (c *calculation) visitAmong(fn func(p page, matches *words)) {
	named := map[spot]*words{}
	for _, id := range c.query.Among {
		if at, known := c.snapshot.find(id); known {
			slot := at.slot
			at.slot = 0
			if named[at] == nil {
				named[at] = &words{}
			}
			named[at].add(slot)
		}
	}
	for i := range c.snapshot.tree.blocks {
		for j, p := range c.snapshot.tree.blocks[i].pages {
			slots := named[spot{block: i, page: j}]
			if slots == nil {
				continue
			}
			c.filter.match(p, &c.matches)
			c.matches.intersect(slots)
			if c.query.Region != nil {
				narrow(c.query.Region, p.stations, &c.matches)
			}
			if !c.matches.empty() {
				fn(p, &c.matches)
			}
		}
	}
}
