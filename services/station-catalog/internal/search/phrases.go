package search

import "slices"

// phrases holds the rendered counts of plots of each station of a page. Most stations of a page
// have the same few, so each distinct one is kept once.
//
// text and ends only grow, and only at their end: the next version of a page may share their
// memory with this one, whose readers never look behind their own length.
type phrases struct {
	said []phrase // by slot
	text []byte
	ends []uint32 // of the distinct ones
}

// phrase is what there is to say about the plots of a station.
type phrase struct {
	newest     int64 // when its newest status was reported, as in live.since
	start, end uint32
}

func (p *phrases) counts(slot int) []byte {
	said := &p.said[slot]
	return p.text[said.start:said.end]
}

// mostPhrases is when phrases that nobody uses any more are thrown out.
const mostPhrases = 2 * pageCap

// rewrite renders the stations of some slots anew.
func (p *phrases) rewrite(of page, slots *words, r *renderer) {
	if len(p.ends) > mostPhrases {
		p.renderAll(of, make([][]byte, len(p.said)), r)
		return
	}
	p.said = slices.Clone(p.said)
	for slot := range slots.each {
		start, end := p.add(r.counts(of, slot))
		p.said[slot] = phrase{of.live.newest(of.stations, slot), start, end}
	}
}

// add finds a phrase or adds it.
func (p *phrases) add(counts []byte) (start, end uint32) {
	for _, end = range p.ends {
		if string(p.text[start:end]) == string(counts) {
			return start, end
		}
		start = end
	}
	p.text = append(p.text, counts...)
	end = small[uint32](len(p.text))
	p.ends = append(p.ends, end)
	return start, end
}

// renderAll starts from nothing but the counts that are known already.
func (p *phrases) renderAll(of page, known [][]byte, r *renderer) {
	clear(r.seen)
	r.text, r.ends = r.text[:0], r.ends[:0]
	p.said = make([]phrase, len(of.ids))
	for slot, counts := range known {
		if counts == nil {
			counts = r.counts(of, slot)
		}
		said, seen := r.seen[string(counts)]
		if !seen {
			said.start = small[uint32](len(r.text))
			r.text = append(r.text, counts...)
			said.end = small[uint32](len(r.text))
			r.ends = append(r.ends, said.end)
			r.seen[string(counts)] = said
		}
		said.newest = of.live.newest(of.stations, slot)
		p.said[slot] = said
	}
	p.text, p.ends = exact(r.text), exact(r.ends)
}
