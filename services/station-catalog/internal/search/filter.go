package search

import (
	"cmp"
	"math"
	"math/bits"
)

// filter is what a query asks of stations wherever they are, with its names turned into the
// numbers that pages hold.
type filter struct {
	nothing bool // some condition holds for no station
	groups  [][]uint32
	ranges  []Range
	words   []string
	minute  int64 // open in this one
	hours   bool  // it is asked for
	plug    plugFilter
}

// plugFilter is what is asked of a connector.
type plugFilter struct {
	asked     bool
	only      bool // free or sound is all that is asked
	free      bool
	sound     bool
	standards [mostStandards / 64]uint64
	traits    uint32
	min, max  uint32
}

// compile reuses the memory of f.
func (f *filter) compile(q *Query, n *names) {
	f.nothing, f.groups, f.ranges, f.words = false, f.groups[:0], q.Ranges, q.Words
	f.hours, f.minute = !q.OpenAt.IsZero(), minuteOf(q.OpenAt)
	if len(q.Operators) > 0 {
		f.open()
		for i := range q.Operators {
			f.allow(n, facetOperator, string(q.Operators[i][:]))
		}
	}
	f.texts(n, facetCountry, q.Countries)
	f.texts(n, facetAccess, q.Access)
	for _, tags := range q.Tags {
		f.texts(n, facetTag, tags)
	}
	for _, g := range f.groups {
		f.nothing = f.nothing || len(g) == 0
	}
	f.compilePlug(&q.Plug, n)
}

func (f *filter) texts(n *names, kind byte, values []string) {
	if len(values) == 0 {
		return
	}
	f.open()
	for _, value := range values {
		f.allow(n, kind, value)
	}
}

// open begins one more group of facets, in the memory of an earlier query where there is some.
func (f *filter) open() {
	i := len(f.groups)
	if i == cap(f.groups) {
		f.groups = append(f.groups, nil)
	}
	f.groups = f.groups[:i+1]
	f.groups[i] = f.groups[i][:0]
}

// allow adds a facet to the open group, if any station ever had it.
func (f *filter) allow(n *names, kind byte, value string) {
	if number, known := n.facet(kind, value); known {
		group := &f.groups[len(f.groups)-1]
		*group = append(*group, number)
	}
}

func (f *filter) compilePlug(q *Plug, n *names) {
	p := &f.plug
	*p = plugFilter{free: q.Free, sound: q.Sound, min: q.MinPowerW, max: cmp.Or(q.MaxPowerW, math.MaxUint32)}
	details := len(q.Standards) > 0 || len(q.Traits) > 0 || p.min > 0 || p.max < math.MaxUint32
	p.asked, p.only = details || p.free || p.sound, !details
	if len(q.Standards) == 0 {
		for i := range p.standards {
			p.standards[i] = math.MaxUint64
		}
	}
	for _, name := range q.Standards {
		if number, known := n.standards[name]; known {
			p.standards[number>>6] |= 1 << (number & 63)
		}
	}
	if p.standards == ([len(p.standards)]uint64{}) {
		f.nothing = true
	}
	for _, name := range q.Traits {
		number, known := n.traits[name]
		if !known {
			f.nothing = true
		}
		p.traits |= 1 << number
	}
}

// everything tells that each station passes.
func (f *filter) everything() bool {
	return !f.nothing && len(f.groups) == 0 && len(f.ranges) == 0 && len(f.words) == 0 && !f.hours && !f.plug.asked
}

// match gives in w the stations of a page that pass.
func (f *filter) match(p page, w *words) {
	switch {
	case f.nothing:
		*w = words{}
		return
	case !f.plug.asked:
		*w = p.all
	case f.plug.free && f.plug.only:
		*w = p.live.anyFree
	case f.plug.free:
		*w = f.plug.match(&p.live.free)
	case f.plug.sound && p.live.sound != nil && f.plug.only:
		*w = p.live.anySound
	case f.plug.sound && p.live.sound != nil:
		*w = f.plug.match(p.live.sound)
	default:
		*w = f.plug.match(&p.plugs)
	}
	for _, group := range f.groups {
		if w.empty() {
			return
		}
		having := p.facets.anyOf(group)
		w.intersect(&having)
	}
	for _, word := range f.words {
		if w.empty() {
			return
		}
		having := p.texts.beginning(word)
		w.intersect(&having)
	}
	if f.hours {
		open := p.hours.openAt(f.minute)
		w.intersect(&open)
	}
	for i := range f.ranges {
		f.ranges[i].narrow(p, w)
	}
}

func (f *plugFilter) match(t *plugTable) (w words) {
	for i, packed := range t.data[:t.n] {
		p := plug(packed)
		if p.powerW() >= f.min && p.powerW() <= f.max && p.traits()&f.traits == f.traits &&
			f.standards[p.standard()>>6]>>(p.standard()&63)&1 != 0 {
			w.unite(t.having(i))
		}
	}
	return w
}

// narrow leaves the stations of w whose value is within the range.
func (r *Range) narrow(p page, w *words) {
	c := p.column(r.Column)
	if c.values == nil || c.least > r.Max || c.top < r.Min {
		*w = words{}
		return
	}
	if c.least >= r.Min && c.top <= r.Max && !c.gaps {
		return
	}
	for part, word := range w {
		for ; word != 0; word &= word - 1 {
			bit := bits.TrailingZeros64(word)
			if v := c.values[64*part+bit]; !(v >= r.Min && v <= r.Max) {
				w[part] &^= 1 << bit
			}
		}
	}
}
