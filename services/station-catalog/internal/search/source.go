package search

// source is a station that a page is to be made of: a new entry, or a slot of an older page.
type source struct {
	position
	add  *entry
	page page
	slot int
}

// pageFill is how many stations a new page gets, which leaves room for later ones.
const pageFill = pageCap * 3 / 4

// page makes a page of at most pageCap sources in the order of positions.
func (b *builder) page(sources []source) page {
	b.reset()
	for i := range sources {
		if s := &sources[i]; s.add != nil {
			b.addEntry(s.add)
		} else {
			b.addFromPage(s.page, s.slot)
		}
	}
	return b.finish()
}

// pages makes as many pages as the sources need, which are in the order of positions.
func (b *builder) pages(sources []source) []page {
	if len(sources) == 0 {
		return nil
	}
	count := 1
	if len(sources) > pageCap {
		count = (len(sources) + pageFill - 1) / pageFill
	}
	pages := make([]page, count)
	for i := range pages {
		pages[i] = b.page(sources[i*len(sources)/count : (i+1)*len(sources)/count])
	}
	return pages
}
