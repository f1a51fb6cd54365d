package search

import (
	"math"
	"slices"
)

// builder makes pages, one after the other. Stations come to it in the order of their positions,
// from a document or from an older page. It collects in memory of its own and copies a finished
// page into slices of exactly its size.
type builder struct {
	render *renderer // may be nil

	s      stations
	l      live
	plugs  numbering[plug]
	facets numbering[uint32]
	common numbering[string]
	vocab  vocabulary
	table  timetable
	marks  []mark
	counts [][]byte // by slot: what an older page said of its plots, nil where that is not known
	rated  []Rating // by slot
}

// mark says that a slot has a facet, which is a number of builder.facets.
type mark struct {
	facet uint32
	slot  uint8
}

// newBuilder makes pages without renderings when it gets no names.
func newBuilder(n *names) *builder {
	b := &builder{plugs: newNumbering[plug](), facets: newNumbering[uint32](), common: newNumbering[string](), vocab: newVocabulary()}
	if n != nil {
		b.render = newRenderer(n)
	}
	return b
}

// reset throws away what was collected and keeps the memory.
func (b *builder) reset() {
	s := &b.s
	s.bounds = noBounds()
	for i := range s.parts {
		s.parts[i] = noBounds()
	}
	s.keys = s.keys[:0]
	s.ids, s.lats, s.lons = s.ids[:0], s.lats[:0], s.lons[:0]
	s.vectors, s.mercator, s.versions = s.vectors[:0], s.mercator[:0], s.versions[:0]
	for i := range s.columns {
		s.columns[i] = column{values: s.columns[i].values[:0], least: math.Inf(1), top: math.Inf(-1)}
	}
	s.plugOf = s.plugOf[:0]
	s.evses = s.evses[:0]
	s.firstEVSE, s.firstPlug = append(s.firstEVSE[:0], 0), append(s.firstPlug[:0], 0)
	s.items, s.itemEnd, s.commonOf = s.items[:0], s.itemEnd[:0], s.commonOf[:0]
	b.l.statuses, b.l.since, b.l.plots = b.l.statuses[:0], b.l.since[:0], b.l.plots[:0]
	b.plugs.reset()
	b.facets.reset()
	b.common.reset()
	b.vocab.reset()
	b.table.reset()
	b.marks = b.marks[:0]
	b.counts, b.rated = b.counts[:0], b.rated[:0]
}

func (b *builder) addEntry(e *entry) {
	slot := b.addStation(e.position, e.Latitude, e.Longitude, e.vector, e.mercator, e.Version, e.Item, e.Common)
	b.counts, b.rated = append(b.counts, nil), append(b.rated, e.Rating)
	for i := range e.values {
		b.addValue(i, e.values[i])
	}
	for _, facet := range e.facets {
		b.marks = append(b.marks, mark{b.facets.number(facet), slot})
	}
	b.vocab.addText(e.Text, slot)
	b.table.add(e.Hours)
	start := 0
	for i := range e.EVSEs {
		evse := &e.EVSEs[i]
		for _, p := range e.plugs[start:e.ends[i]] {
			b.addPlug(p)
		}
		start = e.ends[i]
		b.addEVSE(evse.ID, evse.Plot, evse.Status, micros(evse.StatusAt))
	}
	b.s.firstEVSE = append(b.s.firstEVSE, small[uint32](len(b.s.evses)))
}

func (b *builder) addFromPage(p page, from int) {
	slot := b.addStation(p.position(from), p.lats[from], p.lons[from], p.vectors[from], p.mercator[from], p.versions[from], p.item(from), p.common(from))
	if p.live.phrases.said != nil {
		b.counts = append(b.counts, p.live.phrases.counts(from))
	} else {
		b.counts = append(b.counts, nil)
	}
	b.rated = append(b.rated, p.live.ratings.of(from))
	for i := range p.columns {
		b.addValue(i, p.columns[i].at(from))
	}
	for i := range p.facets.having {
		if p.facets.having[i].has(from) {
			b.marks = append(b.marks, mark{b.facets.number(p.facets.numbers[i]), slot})
		}
	}
	b.vocab.addFromPage(p.stations, from, slot)
	b.table.add(p.hours.at(from))
	first, end := p.evseRange(from)
	for evse := first; evse < end; evse++ {
		for _, number := range p.plugsOf(evse) {
			b.addPlug(p.plugs.plug(int(number)))
		}
		b.addEVSE(p.evses[evse], p.live.plots[evse], p.live.statuses[evse], p.live.since[evse])
	}
	b.s.firstEVSE = append(b.s.firstEVSE, small[uint32](len(b.s.evses)))
}

func (b *builder) addStation(at position, lat, lon float64, v Vector, m Mercator, version int64, item []byte, common string) uint8 {
	s := &b.s
	slot := len(s.ids)
	s.keys, s.ids = append(s.keys, at.key), append(s.ids, at.id)
	s.lats, s.lons, s.vectors = append(s.lats, lat), append(s.lons, lon), append(s.vectors, v)
	s.mercator, s.versions = append(s.mercator, m), append(s.versions, version)
	s.bounds.include(lat, lon, v)
	s.parts[slot>>6].include(lat, lon, v)
	s.items = append(s.items, item...)
	s.itemEnd = append(s.itemEnd, small[uint32](len(s.items)))
	s.commonOf = append(s.commonOf, small[uint8](b.common.number(common)))
	return small[uint8](slot)
}

func (b *builder) addValue(i int, value float64) {
	c := &b.s.columns[i]
	c.values = append(c.values, value)
	if math.IsNaN(value) {
		c.gaps = true
		return
	}
	c.least, c.top = min(c.least, value), max(c.top, value)
}

// addPlug gives the EVSE that comes next a plug.
func (b *builder) addPlug(p plug) {
	b.s.plugOf = append(b.s.plugOf, small[uint16](b.plugs.number(p)))
}

func (b *builder) addEVSE(id, plot ID, status Status, since int64) {
	b.s.evses = append(b.s.evses, id)
	b.s.firstPlug = append(b.s.firstPlug, small[uint32](len(b.s.plugOf)))
	b.l.statuses, b.l.since, b.l.plots = append(b.l.statuses, status), append(b.l.since, since), append(b.l.plots, plot)
}

// finish gives the page of what was collected.
func (b *builder) finish() page {
	c := &b.s
	for i, moved := 0, b.plugs.sort(); i < len(c.plugOf); i++ {
		c.plugOf[i] = small[uint16](moved[c.plugOf[i]])
	}
	s := &stations{
		all: firstSlots(len(c.ids)), bounds: c.bounds, parts: c.parts,
		keys: exact(c.keys), ids: exact(c.ids), byID: c.slotsByID(),
		lats: exact(c.lats), lons: exact(c.lons), vectors: exact(c.vectors), mercator: exact(c.mercator), versions: exact(c.versions),
		plugs: newPlugTable(b.plugs.keys), facets: b.finishFacets(), texts: b.vocab.finish(), hours: b.table.finish(),
		firstEVSE: exact(c.firstEVSE), evses: exact(c.evses),
		firstPlug: exact(c.firstPlug), plugOf: exact(c.plugOf),
		items: exact(c.items), itemEnd: exact(c.itemEnd), commons: exact(b.common.keys), commonOf: exact(c.commonOf),
	}
	for i := range s.columns {
		s.columns[i] = c.columns[i]
		s.columns[i].values = nil
		if c.columns[i].least <= c.columns[i].top {
			s.columns[i].values = exact(c.columns[i].values)
		}
	}
	l := &live{statuses: exact(b.l.statuses), since: exact(b.l.since), plots: exact(b.l.plots), free: newPlugTable(b.plugs.keys)}
	for slot := range s.ids {
		first, end := s.evseRange(slot)
		for _, number := range s.plugOf[s.firstPlug[first]:s.firstPlug[end]] {
			s.plugs.having(int(number)).add(slot)
		}
		l.markFree(s, slot)
	}
	l.findSound(s)
	l.findBays(s)
	l.ratings = newRatings(b.rated)
	if b.render != nil {
		l.phrases.renderAll(page{s, l}, b.counts, b.render)
	}
	return page{s, l}
}

func (s *stations) slotsByID() []uint8 {
	slots := make([]uint8, len(s.ids))
	for i := range slots {
		slots[i] = uint8(i)
	}
	slices.SortFunc(slots, func(a, b uint8) int { return s.ids[a].Compare(s.ids[b]) })
	return slots
}

func (b *builder) finishFacets() facets {
	moved := b.facets.sort()
	f := facets{numbers: exact(b.facets.keys), having: make([]words, len(moved))}
	for _, m := range b.marks {
		f.having[moved[m.facet]].add(int(m.slot))
	}
	return f
}

// exact copies into memory without room to grow.
func exact[T any](s []T) []T {
	out := make([]T, len(s))
	copy(out, s)
	return out
}
