package search

import "slices"

// block is a run of pages along the curve. A change of statuses shares its shape and copies only
// the list of pages.
type block struct {
	*shape
	pages []page
}

// shape is what of a block no status changes.
type shape struct {
	bounds     bounds   // of all pages
	pageBounds []bounds // together, so that a search passes over pages without touching them
	pageCounts []int
	count      int
}

const (
	blockCap  = 64 // pages
	blockFill = blockCap * 3 / 4
)

func newBlock(pages []page) block {
	b := block{pages: exact(pages), shape: &shape{
		bounds:     noBounds(),
		pageBounds: make([]bounds, len(pages)),
		pageCounts: make([]int, len(pages)),
	}}
	for i, p := range pages {
		b.bounds.unite(&p.bounds)
		b.pageBounds[i], b.pageCounts[i] = p.bounds, len(p.ids)
		b.count += len(p.ids)
	}
	return b
}

func (b *block) lowest() position { return b.pages[0].lowest }

// pageOf is the page whose range a position falls in.
func (b *block) pageOf(at position) int {
	i, found := slices.BinarySearchFunc(b.pages, at, func(p page, at position) int { return p.lowest.compare(at) })
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
