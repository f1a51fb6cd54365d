package search

import (
	"cmp"
	"maps"
	"slices"
)

// Stats counts what is in the index.
type Stats struct {
	Stations, Plots, Available int

	Countries  []Tally[string]
	Operators  []Tally[ID]
	Connector  []Tally[string]
	PowerClass []Tally[int] // by the place of the class in PowerClasses, -1 for unknown power
}

// Tally counts the stations that have something, and their plots that have it.
type Tally[K any] struct {
	Of                         K
	Stations, Plots, Available int
}

// PowerClasses are the least powers of each class of plots, W. A plot is of one class, by its strongest connector.
var PowerClasses = []int{0, 7_400, 22_001, 50_000, 150_000, 350_000}

// classOf is the class of a power, -1 when it is not known.
func classOf(powerW uint32) int {
	if powerW == 0 {
		return -1
	}
	class, found := slices.BinarySearch(PowerClasses, int(powerW))
	if !found {
		class--
	}
	return class
}

// Stats counts everything, by looking at each plot.
func (s *Snapshot) Stats() Stats {
	var out Stats
	countries, operators := map[string]*Tally[string]{}, map[ID]*Tally[ID]{}
	connectors, classes := map[uint8]*Tally[string]{}, map[int]*Tally[int]{}
	kinds := make([]string, len(s.names.facets)) // of facets by number, with the kind before the value
	for name, number := range s.names.facets {
		kinds[number] = name
	}
	for i := range s.tree.blocks {
		for _, p := range s.tree.blocks[i].pages {
			out.Stations += len(p.ids)
			plots, available := p.countPlots(&out, s.names, connectors, classes)
			for j, number := range p.facets.numbers {
				name := kinds[number]
				having := &p.facets.having[j]
				switch name[0] {
				case facetCountry:
					counted(countries, name[1:]).add(having, &plots, &available)
				case facetOperator:
					counted(operators, ID([]byte(name[1:]))).add(having, &plots, &available)
				}
			}
		}
	}
	out.Countries, out.Operators = settled(countries, cmp.Compare[string]), settled(operators, ID.Compare)
	out.Connector, out.PowerClass = settled(connectors, cmp.Compare[string]), settled(classes, cmp.Compare[int])
	return out
}

// countPlots counts the plots of a page, by slot and by what they offer.
func (p page) countPlots(out *Stats, n *names, connectors map[uint8]*Tally[string], classes map[int]*Tally[int]) (plots, available [pageCap]int) {
	for slot := range p.ids {
		first, end := p.evseRange(slot)
		var seen [mostStandards]bool
		var seenClass [8]bool
		for bay := first; bay < end; bay++ {
			if !p.live.bays.leads(bay) {
				continue
			}
			free := p.live.available(bay)
			plots[slot]++
			available[slot] += free
			var powerW uint32
			var offered [mostStandards / 64]uint64
			for evse := bay; evse != alone; evse = p.live.bays.after(evse) {
				for _, number := range p.plugsOf(evse) {
					plug := p.plugs.plug(int(number))
					powerW = max(powerW, plug.powerW())
					standard := plug.standard()
					if offered[standard>>6]>>(standard&63)&1 != 0 {
						continue
					}
					offered[standard>>6] |= 1 << (standard & 63)
					t := connectors[standard]
					if t == nil {
						t = &Tally[string]{Of: n.rendered[standard].name}
						connectors[standard] = t
					}
					t.addPlot(&seen[standard], free)
				}
			}
			class := classOf(powerW)
			counted(classes, class).addPlot(&seenClass[class+1], free)
		}
		out.Plots += plots[slot]
		out.Available += available[slot]
	}
	return plots, available
}

func (t *Tally[K]) addPlot(seen *bool, free int) {
	if !*seen {
		*seen = true
		t.Stations++
	}
	t.Plots++
	t.Available += free
}

func (t *Tally[K]) add(stations *words, plots, available *[pageCap]int) {
	for slot := range stations.each {
		t.Stations++
		t.Plots += plots[slot]
		t.Available += available[slot]
	}
}

func counted[K comparable](all map[K]*Tally[K], of K) *Tally[K] {
	t := all[of]
	if t == nil {
		t = &Tally[K]{Of: of}
		all[of] = t
	}
	return t
}

// settled gives tallies in the order of what they count.
func settled[K, M comparable](all map[M]*Tally[K], compare func(a, b K) int) []Tally[K] {
	out := make([]Tally[K], 0, len(all))
	for t := range maps.Values(all) {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Tally[K]) int { return compare(a.Of, b.Of) })
	return out
}
