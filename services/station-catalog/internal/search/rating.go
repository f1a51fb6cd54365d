package search

import (
	"math"
	"strconv"
)

// Rating is what the ratings of a station come to. Its zero value is that of a station without any.
type Rating struct {
	Average float64 // what is shown, asked for and sorted by
	Count   uint32
}

// RatingChange is what the ratings of a station come to from now on.
type RatingChange struct {
	Station ID
	Rating
}

// ratings are those of the stations of a page. Where there are none, as on most pages, they take no memory.
type ratings struct {
	average column
	counts  []uint32 // by slot; nil when no station has a rating
}

// newRatings makes ratings of those of each slot.
func newRatings(of []Rating) ratings {
	r := ratings{average: column{least: math.Inf(1), top: math.Inf(-1)}}
	for slot, one := range of {
		if one.Count == 0 {
			r.average.gaps = true
			continue
		}
		if r.counts == nil {
			r.counts, r.average.values = make([]uint32, len(of)), make([]float64, len(of))
			for i := range r.average.values {
				r.average.values[i] = math.NaN()
			}
		}
		r.counts[slot], r.average.values[slot] = one.Count, one.Average
		r.average.least, r.average.top = min(r.average.least, one.Average), max(r.average.top, one.Average)
	}
	return r
}

func (r *ratings) of(slot int) Rating {
	if r.counts == nil || r.counts[slot] == 0 {
		return Rating{}
	}
	return Rating{r.average.values[slot], r.counts[slot]}
}

// all gives the ratings of a page of so many stations.
func (r *ratings) all(stations int) []Rating {
	all := make([]Rating, stations)
	for slot := range all {
		all[slot] = r.of(slot)
	}
	return all
}

// appendTo writes the rating of a slot as a member of an item, with the comma before it.
func (r *ratings) appendTo(dst []byte, slot int) []byte {
	if r.counts == nil || r.counts[slot] == 0 {
		return append(dst, `,"rating":null`...)
	}
	dst = strconv.AppendFloat(append(dst, `,"rating":{"average":`...), r.average.values[slot], 'f', -1, 64)
	return append(strconv.AppendUint(append(dst, `,"count":`...), uint64(r.counts[slot]), 10), '}')
}

// changeRatings puts ratings into the pages of their stations. A station that is not there is passed over.
func (w *writer) changeRatings(changes []RatingChange) {
	drafts := map[spot][]Rating{}
	for _, change := range changes {
		at, known := w.next.find(change.Station)
		if !known {
			continue
		}
		w.done.Ratings++
		slot := at.slot
		at.slot = 0
		if drafts[at] == nil {
			p := w.next.tree.page(at)
			drafts[at] = p.live.ratings.all(len(p.ids))
		}
		drafts[at][slot] = change.Rating
	}
	if len(drafts) == 0 {
		return
	}
	changed := make(map[spot]page, len(drafts))
	for at, of := range drafts {
		p := w.next.tree.page(at)
		l := *p.live
		l.ratings = newRatings(of)
		changed[at] = page{p.stations, &l}
	}
	w.next.tree = w.next.tree.withPages(changed)
}

// Rating gives the rating of a station; false when the station is not there.
func (s *Snapshot) Rating(id ID) (Rating, bool) {
	at, known := s.find(id)
	if !known {
		return Rating{}, false
	}
	return s.tree.page(at).live.ratings.of(at.slot), true
}
