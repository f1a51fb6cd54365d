package search

import (
	"slices"
	"strconv"
	"strings"
)

// renderer renders the counts of plots. A writer has one and reuses its memory.
type renderer struct {
	names *names

	out        []byte
	byStandard []tally
	byPower    []tally

	// What phrases are collected in.
	seen map[string]phrase
	text []byte
	ends []uint32
}

func newRenderer(n *names) *renderer { return &renderer{names: n, seen: map[string]phrase{}} }

// tally counts the plots that have something in common: a standard's number, or a power.
type tally struct {
	of        uint32
	lastBay   int
	total     int
	available int
}

// counts renders the plots of a station, all but the time, without a closing brace:
//
//	{"total":3,"available":1,
//	 "by_connector":{"IEC_62196_T2":{"total":3,"available":1}},
//	 "by_power":{"22":{"total":2,"available":1},"50":{"total":1,"available":0}}
//
// EVSEs of one bay are one plot, which is free when one of them is available. by_connector counts the
// plots that have such a connector, so that one plot may count under several; by_power counts each
// plot once, under the greatest power of its connectors in kW, and leaves out those of unknown power.
// The memory is good until the next call.
func (r *renderer) counts(p page, slot int) []byte {
	r.byStandard, r.byPower = r.byStandard[:0], r.byPower[:0]
	first, end := p.evseRange(slot)
	total, free := 0, 0
	for bay := first; bay < end; bay++ {
		if !p.live.bays.leads(bay) {
			continue
		}
		available := p.live.available(bay)
		total++
		free += available
		var powerW uint32
		for evse := bay; evse != alone; evse = p.live.bays.after(evse) {
			for _, number := range p.plugsOf(evse) {
				known := p.plugs.plug(int(number))
				powerW = max(powerW, known.powerW())
				r.byStandard = count(r.byStandard, uint32(known.standard()), bay, available)
			}
		}
		if powerW > 0 {
			r.byPower = count(r.byPower, powerW, bay, available)
		}
	}
	slices.SortFunc(r.byStandard, func(a, b tally) int {
		return strings.Compare(r.names.rendered[a.of].name, r.names.rendered[b.of].name)
	})
	slices.SortFunc(r.byPower, func(a, b tally) int { return int(int64(a.of) - int64(b.of)) })

	r.out = appendCounts(append(r.out[:0], '{'), total, free)
	r.out = append(r.out, `,"by_connector":{`...)
	for i, t := range r.byStandard {
		r.out = append(appendComma(r.out, i), r.names.rendered[t.of].key...)
		r.out = append(appendCounts(append(r.out, ':', '{'), t.total, t.available), '}')
	}
	r.out = append(r.out, `},"by_power":{`...)
	for i, t := range r.byPower {
		r.out = appendKW(append(appendComma(r.out, i), '"'), t.of)
		r.out = append(appendCounts(append(r.out, `":{`...), t.total, t.available), '}')
	}
	r.out = append(r.out, '}')
	return r.out
}

func count(tallies []tally, of uint32, bay, available int) []tally {
	i := slices.IndexFunc(tallies, func(t tally) bool { return t.of == of })
	if i < 0 {
		i = len(tallies)
		tallies = append(tallies, tally{of: of, lastBay: -1})
	}
	if t := &tallies[i]; t.lastBay != bay {
		t.lastBay = bay
		t.total++
		t.available += available
	}
	return tallies
}

func appendComma(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return dst
}

func appendCounts(dst []byte, total, available int) []byte {
	dst = strconv.AppendInt(append(dst, `"total":`...), int64(total), 10)
	return strconv.AppendInt(append(dst, `,"available":`...), int64(available), 10)
}

// appendKW writes watts as kilowatts, with as many decimals as there are.
func appendKW(dst []byte, w uint32) []byte {
	return strconv.AppendFloat(dst, float64(w)/1000, 'f', -1, 64)
}

// appendAsOf writes when something was reported, null when it never was.
func appendAsOf(dst []byte, since int64) []byte {
	dst = append(dst, `,"as_of":`...)
	if since == 0 {
		return append(dst, "null"...)
	}
	return append(appendInstant(append(dst, '"'), since), '"')
}

// appendMetres writes a distance rounded to a decimetre.
func appendMetres(dst []byte, metres float64) []byte {
	decimetres := int64(metres*10 + 0.5)
	dst = strconv.AppendInt(dst, decimetres/10, 10)
	return append(dst, '.', byte('0'+decimetres%10))
}
