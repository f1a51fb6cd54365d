package search

import "slices"

// block is a run of pages along the curve. A change of statuses shares its shape and copies only
// the list of pages.
type block struct {
	*shape
	pages []page
}

// shape is what of a block no status changes: what a search needs to know of pages to pass over
// them, together, so that it need not touch them.
type shape struct {
	bounds bounds // of all pages
	count  int    // stations on all pages

	firsts   []position // of each page, its first station's
	bounded  []bounds
	counts   []int
	leastIDs []ID
}

const (
	blockCap  = 64 // pages
	blockFill = blockCap * 3 / 4
)

func newBlock(pages []page) block {
	s := &shape{
		bounds:   noBounds(),
		firsts:   make([]position, len(pages)),
		bounded:  make([]bounds, len(pages)),
		counts:   make([]int, len(pages)),
		leastIDs: make([]ID, len(pages)),
	}
	for i, p := range pages {
		s.bounds.unite(&p.bounds)
		s.count += len(p.ids)
		s.firsts[i], s.bounded[i], s.counts[i] = p.position(0), p.bounds, len(p.ids)
		s.leastIDs[i] = p.ids[p.byID[0]]
	}
	return block{shape: s, pages: exact(pages)}
}

// pageOf is the only page on which a position of this block can be.
func (s *shape) pageOf(at position) int {
	i, found := slices.BinarySearchFunc(s.firsts, at, position.compare)
	if !found && i > 0 {
		i--
	}
	return i
}

// appendBlocks divides pages among blocks.
func appendBlocks(blocks []block, pages []page) []block {
	if len(pages) == 0 {
		return blocks
	}
	count := 1
	if len(pages) > blockCap {
		count = (len(pages) + blockFill - 1) / blockFill
	}
	for i := range count {
		blocks = append(blocks, newBlock(pages[i*len(pages)/count:(i+1)*len(pages)/count]))
	}
	return blocks
}
