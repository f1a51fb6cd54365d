package search

import (
	"container/heap"
	"runtime"
	"slices"
	"sync"
)

// merge makes the tree of all runs, a share of the curve on each core. It lets go of the runs'
// pages as it goes, so that the memory of both is not needed at once.
func merge(runs []run, n *names) tree {
	var (
		sharing sync.WaitGroup
		shares  = divide(runs, runtime.GOMAXPROCS(0))
		merged  = make([][]page, len(shares))
	)
	for i := range shares {
		sharing.Go(func() { merged[i] = shares[i].merge(newBuilder(n)) })
	}
	sharing.Wait()
	return newTree(appendBlocks(nil, slices.Concat(merged...)))
}

// share is a range of the curve, with the part of each run that may lie in it. The first and last
// page of a part may reach into the neighbouring shares.
type share struct {
	from, to *position // to is outside; nil is open
	parts    []run
}

// divide cuts the curve into shares of about the same number of stations.
func divide(runs []run, count int) []share {
	var starts []position
	for _, r := range runs {
		for _, p := range r {
			starts = append(starts, p.position(0))
		}
	}
	slices.SortFunc(starts, position.compare)
	count = max(1, min(count, len(starts)))
	shares := make([]share, count)
	for i := 1; i < count; i++ {
		border := starts[i*len(starts)/count]
		shares[i-1].to, shares[i].from = &border, &border
	}
	for i := range shares {
		for _, r := range runs {
			shares[i].parts = append(shares[i].parts, r.between(shares[i].from, shares[i].to))
		}
	}
	return shares
}

// between gives the pages that may hold positions from..to.
func (r run) between(from, to *position) run {
	first, end := 0, len(r)
	compare := func(p page, at position) int { return p.position(0).compare(at) }
	if from != nil {
		first, _ = slices.BinarySearchFunc(r, *from, compare)
		first = max(0, first-1)
	}
	if to != nil {
		end, _ = slices.BinarySearchFunc(r, *to, compare)
	}
	return r[first:max(first, end)]
}

func (s *share) merge(b *builder) []page {
	var open readers
	for _, part := range s.parts {
		r := &reader{part: part, share: s, slot: -1}
		if r.advance() {
			open = append(open, r)
		}
	}
	heap.Init(&open)
	var (
		pages   []page
		sources []source
	)
	for len(open) > 0 {
		r := open[0]
		sources = append(sources, r.now())
		if r.advance() {
			heap.Fix(&open, 0)
		} else {
			heap.Pop(&open)
		}
		if len(sources) == pageFill || len(open) == 0 {
			pages = append(pages, b.page(sources))
			sources = sources[:0]
		}
	}
	return pages
}

// reader goes through a share's part of a run.
type reader struct {
	part  run
	share *share
	page  int // in part
	slot  int
}

func (r *reader) now() source {
	p := r.part[r.page]
	return source{position: p.position(r.slot), page: p, slot: r.slot}
}

func (r *reader) at() position { return r.part[r.page].position(r.slot) }

// advance goes to the next station within the share; false at the end.
func (r *reader) advance() bool {
	for r.page < len(r.part) {
		if r.slot++; r.slot < len(r.part[r.page].ids) {
			at := r.part[r.page].position(r.slot)
			if r.share.from != nil && at.compare(*r.share.from) < 0 {
				continue
			}
			return r.share.to == nil || at.compare(*r.share.to) < 0
		}
		if r.page > 0 && r.page < len(r.part)-1 {
			r.part[r.page] = page{}
		}
		r.page, r.slot = r.page+1, -1
	}
	return false
}

// readers is a heap, the reader at the lowest position on top.
type readers []*reader

func (h readers) Len() int           { return len(h) }
func (h readers) Less(i, j int) bool { return h[i].at().compare(h[j].at()) < 0 }
func (h readers) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *readers) Push(x any)        { *h = append(*h, x.(*reader)) }

func (h *readers) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	*h = (*h)[:last]
	return r
}
