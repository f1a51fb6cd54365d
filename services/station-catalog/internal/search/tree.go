package search

import "slices"

// tree holds all stations: blocks of pages of stations, in the order of their positions. It is
// immutable; edit and withPages give the next one, which shares all that did not change.
type tree struct {
	blocks []block // none of them empty
	count  int
}

// spot is a station's place in a tree.
type spot struct {
	block, page, slot int
}

func newTree(blocks []block) tree {
	t := tree{blocks: blocks}
	for i := range blocks {
		t.count += blocks[i].count
	}
	return t
}

func (t *tree) page(s spot) page { return t.blocks[s.block].pages[s.page] }

func (t *tree) blockOf(at position) int {
	i, found := slices.BinarySearchFunc(t.blocks, at, func(b block, at position) int { return b.lowest().compare(at) })
	if !found && i > 0 {
		i--
	}
	return i
}

// find gives the spot of a station.
func (t *tree) find(at position) (s spot, found bool) {
	if len(t.blocks) == 0 {
		return s, false
	}
	s.block = t.blockOf(at)
	s.page = t.blocks[s.block].pageOf(at)
	s.slot, found = t.page(s).find(at.id)
	return s, found
}

// pagesAt yields the pages in which stations with that key may be.
func (t *tree) pagesAt(key uint64) func(yield func(spot) bool) {
	return func(yield func(spot) bool) {
		if len(t.blocks) == 0 {
			return
		}
		first := position{key: key}
		s := spot{block: t.blockOf(first)}
		s.page = t.blocks[s.block].pageOf(first)
		for s.block < len(t.blocks) && t.page(s).lowest.key <= key {
			if !yield(s) {
				return
			}
			if s.page++; s.page == len(t.blocks[s.block].pages) {
				s.block, s.page = s.block+1, 0
			}
		}
	}
}

// withPages puts pages in the place of others of the same stations.
func (t *tree) withPages(changed map[spot]page) tree {
	next := tree{blocks: slices.Clone(t.blocks), count: t.count}
	copied := map[int]bool{}
	for at, p := range changed {
		b := &next.blocks[at.block]
		if !copied[at.block] {
			copied[at.block] = true
			b.pages = slices.Clone(b.pages)
		}
		b.pages[at.page] = p
	}
	return next
}

// edit is a change at a position: a station removed, or put there in place of the one before.
type edit struct {
	position
	add *entry // nil removes
}

// with gives the tree after some edits, at most one for each position, in any order.
func (t *tree) with(edits []edit, b *builder) tree {
	slices.SortFunc(edits, func(e, f edit) int { return e.compare(f.position) })
	if len(t.blocks) == 0 {
		return newTree(appendBlocks(nil, b.edited(page{stations: &stations{}}, edits)))
	}
	blocks := make([]block, 0, len(t.blocks)+1)
	for i := range t.blocks {
		here := edits
		if i+1 < len(t.blocks) {
			here = before(edits, t.blocks[i+1].lowest())
		}
		edits = edits[len(here):]
		if len(here) == 0 {
			blocks = append(blocks, t.blocks[i])
			continue
		}
		blocks = appendBlocks(blocks, b.editedPages(t.blocks[i].pages, here))
	}
	return newTree(blocks)
}

// before gives the edits that lie before a position.
func before(edits []edit, at position) []edit {
	end, _ := slices.BinarySearchFunc(edits, at, func(e edit, at position) int { return e.compare(at) })
	return edits[:end]
}

func (b *builder) editedPages(old []page, edits []edit) []page {
	pages := make([]page, 0, len(old)+1)
	for i, p := range old {
		here := edits
		if i+1 < len(old) {
			here = before(edits, old[i+1].lowest)
		}
		edits = edits[len(here):]
		if len(here) == 0 {
			pages = append(pages, p)
			continue
		}
		edited := b.edited(p, here)
		if len(edited) == 1 && len(pages) > 0 && len(pages[len(pages)-1].ids)+len(edited[0].ids) <= pageCap/2 {
			pages[len(pages)-1] = b.joined(pages[len(pages)-1], edited[0])
			continue
		}
		pages = append(pages, edited...)
	}
	return pages
}

// edited gives the pages that come of a page by sorted edits that fall into it.
func (b *builder) edited(p page, edits []edit) []page {
	lowest := p.lowest
	if len(p.ids) == 0 || edits[0].compare(lowest) < 0 {
		lowest = edits[0].position
	}
	sources := make([]source, 0, len(p.ids)+len(edits))
	var gone words
	for _, e := range edits {
		if slot, here := p.find(e.id); here {
			gone.add(slot)
		}
		if e.add != nil {
			sources = append(sources, source{id: e.id, add: e.add})
		}
	}
	for slot, id := range p.ids {
		if !gone.has(slot) {
			sources = append(sources, source{id: id, page: p, slot: slot})
		}
	}
	return b.pages(sources, lowest)
}

// joined makes one page of two neighbours.
func (b *builder) joined(p, q page) page {
	sources := make([]source, 0, len(p.ids)+len(q.ids))
	for _, from := range []page{p, q} {
		for slot, id := range from.ids {
			sources = append(sources, source{id: id, page: from, slot: slot})
		}
	}
	return b.page(sources, p.lowest)
}
