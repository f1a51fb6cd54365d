package search

import "math"

// Result is the answer to a query. Passed to Search again it is overwritten, memory reused.
type Result struct {
	// Total counts all matches, those before the cursor included.
	Total int
	Hits  []Hit
	// More tells that matches follow the last hit.
	More bool
}

// Next is the cursor behind the last hit. It is for results with hits.
func (r *Result) Next() Cursor { return r.Hits[len(r.Hits)-1].Cursor() }

// Reset forgets the hits, so that a pooled Result does not keep an old snapshot in memory.
func (r *Result) Reset() {
	clear(r.Hits)
	*r = Result{Hits: r.Hits[:0]}
}

// Hit is a station found, as it was in the snapshot.
type Hit struct {
	page   page
	slot   int
	key    float64
	away   float64 // metres, negative when there is no distance
	along  float64 // metres of the route before it
	routed bool
	minute int64 // of which it is told whether the station is open, or never
}

const never = math.MinInt64

// ID is the station's.
func (h *Hit) ID() ID { return h.page.ids[h.slot] }

// Position is the station's, in degrees.
func (h *Hit) Position() (lat, lon float64) { return h.page.lats[h.slot], h.page.lons[h.slot] }

// Version is the station's.
func (h *Hit) Version() int64 { return h.page.versions[h.slot] }

// Cursor is the hit's place in the order of its query.
func (h *Hit) Cursor() Cursor { return Cursor{Key: h.key, ID: h.ID()} }

// DistanceM is the distance from the centre of the circle asked for, or from the route; false in other regions.
func (h *Hit) DistanceM() (float64, bool) { return h.away, h.away >= 0 }

// AppendItem appends the rendered search item: Document.Item and Common with distance_m added, where there
// is a distance, along_m on a route, open_now when the query says of when, rating, which may be null, and plots; metres have one decimal:
//
//	{"id":"…",…,"distance_m":127.4,"rating":{"average":4.25,"count":12},"plots":{"total":3,"available":1,
//	 "by_connector":{"IEC_62196_T2":{"total":3,"available":1}},
//	 "by_power":{"22":{"total":2,"available":1},"50":{"total":1,"available":0}},
//	 "as_of":"2026-11-23T08:15:00.25Z"}}
//
// by_connector counts the plots that have such a connector, so that one plot may count under
// several; by_power counts each plot once, under the greatest power of its connectors in kW, and
// leaves out those of unknown power. as_of is when the newest status was reported, or null.
func (h *Hit) AppendItem(dst []byte) []byte {
	item := h.page.item(h.slot)
	dst = append(dst, item[:len(item)-1]...)
	if common := h.page.common(h.slot); common != "" {
		dst = append(append(dst, ','), common[1:len(common)-1]...)
	}
	if metres, ok := h.DistanceM(); ok {
		dst = appendMetres(append(dst, `,"distance_m":`...), metres)
	}
	if h.routed {
		dst = appendMetres(append(dst, `,"along_m":`...), h.along)
	}
	if h.minute != never {
		dst = append(append(dst, `,"open_now":`...), h.page.hours.said(h.slot, h.minute)...)
	}
	dst = h.page.live.ratings.appendTo(dst, h.slot)
	plots := &h.page.live.phrases
	dst = append(append(dst, `,"plots":`...), plots.counts(h.slot)...)
	return append(appendAsOf(dst, plots.said[h.slot].newest), '}', '}')
}

// Parts are what AppendItem puts together: JSON objects of what the station has of its own and in common with others, the latter empty
// when there is nothing, and the counts of its plots, which lack the brace that ends them.
func (h *Hit) Parts() (item []byte, common string, plots []byte) {
	return h.page.item(h.slot), h.page.common(h.slot), h.page.live.phrases.counts(h.slot)
}

// Rating is what the ratings of the station come to.
func (h *Hit) Rating() Rating { return h.page.live.ratings.of(h.slot) }

// Open tells whether the station is open at the time of the query; that may not be known.
func (h *Hit) Open() (open, known bool) {
	hours := h.page.hours.at(h.slot)
	return hours.openAt(h.minute), hours != nil
}
