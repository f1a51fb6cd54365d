package search

import "slices"

// source is a station that a page is to be made of: a new entry, or a slot of an older page.
type source struct {
	id   ID
	add  *entry
	page page
	slot int
}

func (s *source) position() position {
	if s.add != nil {
		return s.add.position
	}
	return s.page.position(s.slot)
}

// page makes a page of at most pageCap sources.
func (b *builder) page(sources []source, lowest position) page {
	slices.SortFunc(sources, func(s, t source) int { return s.id.Compare(t.id) })
	b.reset()
	for i := range sources {
		if s := &sources[i]; s.add != nil {
			b.addEntry(s.add)
		} else {
			b.addFromPage(s.page, s.slot)
		}
	}
	return b.finish(lowest)
}

// pages makes as many pages as the sources need. No source may lie before lowest.
func (b *builder) pages(sources []source, lowest position) []page {
	if len(sources) == 0 {
		return nil
	}
	if len(sources) <= pageCap {
		return []page{b.page(sources, lowest)}
	}
	type placed struct {
		position
		source
	}
	order := make([]placed, len(sources))
	for i := range sources {
		order[i] = placed{sources[i].position(), sources[i]}
	}
	slices.SortFunc(order, func(p, q placed) int { return p.compare(q.position) })

	var pages []page
	count := (len(order) + pageFill - 1) / pageFill
	for i := range count {
		first, end := i*len(order)/count, (i+1)*len(order)/count
		part := make([]source, 0, end-first)
		for _, p := range order[first:end] {
			part = append(part, p.source)
		}
		if i > 0 {
			lowest = order[first].position
		}
		pages = append(pages, b.page(part, lowest))
	}
	return pages
}

// pageFill is how many stations a new page gets, which leaves room for later ones.
const pageFill = pageCap * 3 / 4
