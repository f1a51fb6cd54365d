package search

import "slices"

// tree holds all stations: blocks of pages of stations, in the order of their positions. It is
// immutable; with and withPages give the next one, which shares all that did not change.
type tree struct {
	blocks  []block    // none of them empty
	firsts  []position // of each block
	bounded []bounds
	count   int
}

// spot is a station's place in a tree.
type spot struct {
	block, page, slot int
}

func newTree(blocks []block) tree {
	t := tree{blocks: blocks, firsts: make([]position, len(blocks)), bounded: make([]bounds, len(blocks))}
	for i := range blocks {
		t.count += blocks[i].count
		t.firsts[i], t.bounded[i] = blocks[i].firsts[0], blocks[i].bounds
	}
	return t
}

func (t *tree) page(s spot) page { return t.blocks[s.block].pages[s.page] }

// pageOf is the only page on which a position can be, in a tree that is not empty.
func (t *tree) pageOf(at position) spot {
	i, found := slices.BinarySearchFunc(t.firsts, at, position.compare)
	if !found && i > 0 {
		i--
	}
	return spot{block: i, page: t.blocks[i].pageOf(at)}
}

// find gives the spot of a station.
func (t *tree) find(at position) (s spot, found bool) {
	if len(t.blocks) == 0 {
		return s, false
	}
	s = t.pageOf(at)
	s.slot, found = t.page(s).find(at)
	return s, found
}

// pagesAt yields the pages on which stations with that key may be.
func (t *tree) pagesAt(key uint64) func(yield func(spot) bool) {
	return func(yield func(spot) bool) {
		if len(t.blocks) == 0 {
			return
		}
		s := t.pageOf(position{key: key})
		for s.block < len(t.blocks) && t.blocks[s.block].firsts[s.page].key <= key {
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
	next := *t
	next.blocks = slices.Clone(t.blocks)
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
			here = before(edits, t.firsts[i+1])
		}
		edits = edits[len(here):]
		if len(here) == 0 {
			blocks = append(blocks, t.blocks[i])
			continue
		}
		blocks = appendBlocks(blocks, b.editedPages(&t.blocks[i], here))
	}
	return newTree(blocks)
}

// before gives the edits that lie before a position.
func before(edits []edit, at position) []edit {
	end, _ := slices.BinarySearchFunc(edits, at, func(e edit, at position) int { return e.compare(at) })
	return edits[:end]
}

// editedPages gives the pages of a block after edits. Of neighbours that have become small it
// makes one.
func (b *builder) editedPages(old *block, edits []edit) []page {
	pages := make([]page, 0, len(old.pages)+1)
	for i, p := range old.pages {
		here := edits
		if i+1 < len(old.pages) {
			here = before(edits, old.firsts[i+1])
		}
		edits = edits[len(here):]
		if len(here) == 0 {
			pages = append(pages, p)
			continue
		}
		edited := b.edited(p, here)
		if last := len(pages) - 1; len(edited) == 1 && last >= 0 && len(pages[last].ids)+len(edited[0].ids) <= pageCap/2 {
			pages[last] = b.page(appendSources(appendSources(nil, pages[last]), edited[0]))
			continue
		}
		pages = append(pages, edited...)
	}
	return pages
}

func appendSources(sources []source, p page) []source {
	for slot := range p.ids {
		sources = append(sources, source{position: p.position(slot), page: p, slot: slot})
	}
	return sources
}

// edited gives the pages that come of a page by sorted edits that fall into it.
func (b *builder) edited(p page, edits []edit) []page {
	sources := make([]source, 0, len(p.ids)+len(edits))
	old := appendSources(nil, p)
	for _, e := range edits {
		slot, here := p.find(e.position)
		kept := slot - (len(p.ids) - len(old))
		sources = append(sources, old[:kept]...)
		if old = old[kept:]; here {
			old = old[1:]
		}
		if e.add != nil {
			sources = append(sources, source{position: e.position, add: e.add})
		}
	}
	return b.pages(append(sources, old...))
}
