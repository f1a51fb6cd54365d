package search

import (
	"math"
	"slices"
)

// entry is a document on its way into a page: its names are numbers already.
type entry struct {
	Document
	position
	vector   Vector
	mercator Mercator
	facets   []uint32
	plugs    []plug // of all EVSEs, one after the other, distinct within each
	ends     []int  // of each EVSE, the end of its plugs
	values   [columns]float64
}

// newEntry gives the fault of a document that the index cannot take.
func newEntry(d Document, l *learner) (*entry, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	e := &entry{
		Document: d,
		position: position{key: hilbert(d.Latitude, d.Longitude), id: d.ID},
		vector:   Unit(d.Latitude, d.Longitude),
		mercator: MercatorOf(d.Latitude, d.Longitude),
	}
	if err := e.readPlugs(l); err != nil {
		return nil, err
	}
	e.Hours = l.same(e.Hours)
	e.readFacets(l)
	e.readValues()
	return e, nil
}

func (e *entry) readPlugs(l *learner) error {
	e.ends = make([]int, 0, len(e.EVSEs))
	for i := range e.EVSEs {
		evse := &e.EVSEs[i]
		common, err := traitBits(0, evse.Traits, l)
		if err != nil {
			return err
		}
		first := len(e.plugs)
		for _, c := range evse.Connectors {
			standard, err := l.standard(c.Standard)
			if err != nil {
				return err
			}
			traits, err := traitBits(common, c.Traits, l)
			if err != nil {
				return err
			}
			p := newPlug(standard, c.PowerW, traits)
			if !slices.Contains(e.plugs[first:], p) {
				e.plugs = append(e.plugs, p)
			}
		}
		e.ends = append(e.ends, len(e.plugs))
	}
	if len(e.plugs) > mostPlugs {
		distinct := map[plug]struct{}{}
		for _, p := range e.plugs {
			distinct[p] = struct{}{}
		}
		if len(distinct) > mostPlugs {
			return ErrNames
		}
	}
	return nil
}

func traitBits(bits uint32, traits []string, l *learner) (uint32, error) {
	for _, name := range traits {
		bit, err := l.trait(name)
		if err != nil {
			return 0, err
		}
		bits |= bit
	}
	return bits, nil
}

func (e *entry) readFacets(l *learner) {
	if e.Operator != (ID{}) {
		e.facets = append(e.facets, l.facet(facetOperator, string(e.Operator[:])))
	}
	if e.Country != "" {
		e.facets = append(e.facets, l.facet(facetCountry, e.Country))
	}
	if e.Access != "" {
		e.facets = append(e.facets, l.facet(facetAccess, e.Access))
	}
	for _, tag := range e.Tags {
		e.facets = append(e.facets, l.facet(facetTag, tag))
	}
}

func (e *entry) readValues() {
	for i := range e.values {
		e.values[i] = math.NaN()
	}
	e.values[ColumnUpdated] = float64(e.UpdatedAt.UnixMicro())
	if e.Number != 0 {
		e.values[ColumnNumber] = float64(e.Number)
	}
	if e.PriceFrom != nil {
		e.values[ColumnPrice] = *e.PriceFrom
	}
	for i, p := range e.plugs {
		if i == 0 || float64(p.powerW()) > e.values[ColumnPower] {
			e.values[ColumnPower] = float64(p.powerW())
		}
	}
}
