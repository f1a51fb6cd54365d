package search

import "slices"

// phrases holds the rendered counts of plots of each station of a page. Most stations of a page
// have the same few, so each distinct one is kept once.
//
// text and ends only grow, and only at their end: the next version of a page may share their
// memory with this one, whose readers never look behind their own length.
type phrases struct {
	text []byte
	ends []uint32
	of   []uint16 // by slot
}

func (p *phrases) at(slot int) []byte { return between(p.text, p.ends, int(p.of[slot])) }

// mostPhrases is when phrases that nobody uses any more are thrown out.
const mostPhrases = 2 * pageCap

// rewrite renders the stations of some slots anew.
func (p *phrases) rewrite(of page, slots *words, r *renderer) {
	p.of = slices.Clone(p.of)
	for slot := range slots.each {
		p.of[slot] = p.number(r.counts(of, slot))
	}
	if len(p.ends) > mostPhrases {
		p.renderAll(of, r)
	}
}

// number finds a phrase or adds it.
func (p *phrases) number(phrase []byte) uint16 {
	var start uint32
	for i, end := range p.ends {
		if int(end-start) == len(phrase) && string(p.text[start:end]) == string(phrase) {
			return uint16(i)
		}
		start = end
	}
	p.text = append(p.text, phrase...)
	p.ends = append(p.ends, uint32(len(p.text)))
	return uint16(len(p.ends) - 1)
}

// renderAll starts from nothing.
func (p *phrases) renderAll(of page, r *renderer) {
	clear(r.seen)
	r.text, r.ends = r.text[:0], r.ends[:0]
	p.of = make([]uint16, len(of.ids))
	for slot := range p.of {
		phrase := r.counts(of, slot)
		number, seen := r.seen[string(phrase)]
		if !seen {
			number = uint16(len(r.ends))
			r.text = append(r.text, phrase...)
			r.ends = append(r.ends, uint32(len(r.text)))
			r.seen[string(phrase)] = number
		}
		p.of[slot] = number
	}
	p.text, p.ends = exact(r.text), exact(r.ends)
}
