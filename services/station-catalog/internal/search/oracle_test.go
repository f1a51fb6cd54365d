package search_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// oracle is the plain way: it looks at every document for every query.
type oracle map[search.ID]search.Document

func newOracle(docs []search.Document) oracle {
	o := oracle{}
	for _, d := range docs {
		o[d.ID] = d
	}
	return o
}

func (o oracle) apply(b search.Batch) {
	before := maps.Clone(o)
	for _, d := range b.Upserts {
		held, known := o[d.ID]
		if known && d.Version < held.Version {
			continue
		}
		if old, there := before[d.ID]; there {
			d.Rating = old.Rating
		}
		d.EVSEs = slices.Clone(d.EVSEs)
		for i := range d.EVSEs {
			for _, e := range held.EVSEs {
				if e.ID == d.EVSEs[i].ID && e.StatusAt.After(d.EVSEs[i].StatusAt) {
					d.EVSEs[i].Plot, d.EVSEs[i].Status, d.EVSEs[i].StatusAt = e.Plot, e.Status, e.StatusAt
				}
			}
		}
		o[d.ID] = d
	}
	for _, id := range b.Deletes {
		delete(o, id)
	}
	for _, change := range b.Ratings {
		if d, known := o[change.Station]; known {
			d.Rating = change.Rating
			o[change.Station] = d
		}
	}
	if len(b.Statuses) == 0 {
		return
	}
	told := map[search.ID][]search.StatusChange{}
	for _, change := range b.Statuses {
		told[change.EVSE] = append(told[change.EVSE], change)
	}
	for id, d := range o {
		changed := false
		for i := range d.EVSEs {
			for _, change := range told[d.EVSEs[i].ID] {
				if change.At.Before(d.EVSEs[i].StatusAt) {
					continue
				}
				if !changed {
					d.EVSEs, changed = slices.Clone(d.EVSEs), true
				}
				d.EVSEs[i].Plot, d.EVSEs[i].Status, d.EVSEs[i].StatusAt = change.Plot, change.Status, change.At
			}
		}
		if changed {
			o[id] = d
		}
	}
}

// where is a region as the oracle understands it.
type where struct {
	region search.Region
	near   *[3]float64 // latitude, longitude, radius in metres
	box    *[4]float64 // west, south, east, north
	route  *search.Corridor
}

func (w where) contains(d *search.Document) bool {
	switch {
	case w.near != nil:
		return w.chord2(d) <= search.Reach(w.near[2])
	case w.box != nil:
		west, south, east, north := w.box[0], w.box[1], w.box[2], w.box[3]
		if d.Latitude < south || d.Latitude > north {
			return false
		}
		// The longitudes -180 and 180 are tried under both names.
		for _, lon := range []float64{d.Longitude, d.Longitude - 360, d.Longitude + 360} {
			if lon < -180 || lon > 180 {
				continue
			}
			if west <= east && lon >= west && lon <= east || west > east && (lon >= west || lon <= east) {
				return true
			}
		}
		return false
	case w.region != nil:
		return w.region.Contains(d.Latitude, d.Longitude)
	default:
		return true
	}
}

func (w where) chord2(d *search.Document) float64 {
	return search.Chord2(search.Unit(w.near[0], w.near[1]), search.Unit(d.Latitude, d.Longitude))
}

type found struct {
	id  search.ID
	key float64
}

// sorted is how the oracle is told of an order.
type sorted struct {
	order      search.Order
	column     int // negative: none
	rank       bool
	descending bool
	among      []string // not nil: values of others than those with one of these tags do not count
}

func (s sorted) key(w where, d *search.Document) float64 {
	if s.rank && w.near != nil {
		return w.chord2(d)
	}
	if s.rank && w.route != nil {
		_, along := w.route.Place(d.Latitude, d.Longitude)
		return along
	}
	if s.column < 0 {
		return 0
	}
	if s.among != nil && !slices.ContainsFunc(s.among, func(tag string) bool { return slices.Contains(d.Tags, tag) }) {
		return math.MaxFloat64
	}
	v := value(d, search.Column(s.column))
	switch {
	case math.IsNaN(v):
		return math.MaxFloat64
	case s.descending:
		return -v
	default:
		return v
	}
}

func value(d *search.Document, c search.Column) float64 {
	switch c {
	case search.ColumnPower:
		return mostPower(d)
	case search.ColumnUpdated:
		return float64(d.UpdatedAt.UnixMicro())
	case search.ColumnPlots:
		return float64(len(bays(d)))
	case search.ColumnPrice:
		return optional(d.PriceFrom)
	case search.ColumnNumber:
		if d.Number == 0 {
			return math.NaN()
		}
		return float64(d.Number)
	default:
		if d.Rating.Count == 0 {
			return math.NaN()
		}
		return d.Rating.Average
	}
}

// bays gathers the EVSEs of a station by the plot that they serve.
func bays(d *search.Document) [][]search.EVSE {
	var all [][]search.EVSE
	numbers := map[search.ID]int{}
	for _, e := range d.EVSEs {
		number, known := numbers[e.Plot]
		if !known || e.Plot == (search.ID{}) {
			number, all = len(all), append(all, nil)
			numbers[e.Plot] = number
		}
		all[number] = append(all[number], e)
	}
	return all
}

func mostPower(d *search.Document) float64 {
	most := math.NaN()
	for _, e := range d.EVSEs {
		for _, c := range e.Connectors {
			if math.IsNaN(most) || float64(c.PowerW) > most {
				most = float64(c.PowerW)
			}
		}
	}
	return most
}

func optional(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// question is a query together with what the oracle needs to know about it.
type question struct {
	search.Query
	where  where
	sorted sorted
}

// search gives all matches in order, as if there were neither cursor nor limit.
func (o oracle) search(q *question) []found {
	var all []found
	for id, d := range o {
		if matches(&q.Query, &d) && q.where.contains(&d) { // the place is the dearest
			all = append(all, found{id, q.sorted.key(q.where, &d)})
		}
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.key, b.key), bytes.Compare(a.id[:], b.id[:]))
	})
	return all
}

func matches(q *search.Query, d *search.Document) bool {
	if q.Among != nil && !slices.Contains(q.Among, d.ID) ||
		len(q.Operators) > 0 && !slices.Contains(q.Operators, d.Operator) ||
		len(q.Countries) > 0 && !slices.Contains(q.Countries, d.Country) ||
		len(q.Access) > 0 && !slices.Contains(q.Access, d.Access) {
		return false
	}
	for _, group := range q.Tags {
		if !slices.ContainsFunc(group, func(tag string) bool { return slices.Contains(d.Tags, tag) }) {
			return false
		}
	}
	for _, word := range q.Words {
		if !strings.Contains(" "+d.Text, " "+word) {
			return false
		}
	}
	if !q.OpenAt.IsZero() && !open(d, q.OpenAt) {
		return false
	}
	for _, r := range q.Ranges {
		if v := value(d, r.Column); !(v >= r.Min && v <= r.Max) {
			return false
		}
	}
	p := q.Plug
	if len(p.Standards) == 0 && len(p.Traits) == 0 && p.MinPowerW == 0 && p.MaxPowerW == 0 && !p.Free && !p.Sound {
		return true
	}
	for _, e := range d.EVSEs {
		if p.Free && e.Status != search.StatusAvailable {
			continue
		}
		if p.Sound && (e.Status == search.StatusInoperative || e.Status == search.StatusOutOfOrder) {
			continue
		}
		for _, c := range e.Connectors {
			if fits(&p, append(slices.Clone(e.Traits), c.Traits...), c) {
				return true
			}
		}
	}
	return false
}

func fits(p *search.Plug, traits []string, c search.Connector) bool {
	for _, wanted := range p.Traits {
		if !slices.Contains(traits, wanted) {
			return false
		}
	}
	return (len(p.Standards) == 0 || slices.Contains(p.Standards, c.Standard)) &&
		c.PowerW >= p.MinPowerW && (p.MaxPowerW == 0 || c.PowerW <= p.MaxPowerW)
}

// item renders a search item through encoding/json.
func (o oracle) item(q *question, id search.ID) map[string]any {
	d := o[id]
	item := map[string]any{}
	for _, part := range []string{string(d.Item), d.Common} {
		if part == "" {
			continue
		}
		if err := json.Unmarshal([]byte(part), &item); err != nil {
			panic(err)
		}
	}
	if q.where.near != nil {
		item["distance_m"] = math.Floor(search.Metres(q.where.chord2(&d))*10+0.5) / 10
	}
	if q.where.route != nil {
		away, along := q.where.route.Place(d.Latitude, d.Longitude)
		item["distance_m"], item["along_m"] = math.Floor(away*10+0.5)/10, math.Floor(along*10+0.5)/10
	}
	if !q.At.IsZero() {
		item["open_now"] = nil
		if d.Hours != nil {
			item["open_now"] = open(&d, q.At)
		}
	}
	type counts = map[string]any
	plots := counts{"total": float64(len(bays(&d))), "available": 0.0, "as_of": nil}
	byConnector, byPower := counts{}, counts{}
	add := func(to counts, key string, free float64) {
		c, ok := to[key].(counts)
		if !ok {
			c = counts{"total": 0.0, "available": 0.0}
			to[key] = c
		}
		c["total"] = c["total"].(float64) + 1
		c["available"] = c["available"].(float64) + free
	}
	var newest time.Time
	for _, bay := range bays(&d) {
		free := 0.0
		var most uint32
		seen := map[string]bool{}
		for _, e := range bay {
			if e.Status == search.StatusAvailable {
				free = 1
			}
			if e.StatusAt.After(newest) {
				newest = e.StatusAt
			}
			for _, c := range e.Connectors {
				most = max(most, c.PowerW)
				seen[c.Standard] = true
			}
		}
		plots["available"] = plots["available"].(float64) + free
		for standard := range seen {
			add(byConnector, standard, free)
		}
		if most > 0 {
			add(byPower, strconv.FormatFloat(float64(most)/1000, 'f', -1, 64), free)
		}
	}
	item["rating"] = nil
	if d.Rating.Count > 0 {
		item["rating"] = counts{"average": d.Rating.Average, "count": float64(d.Rating.Count)}
	}
	plots["by_connector"], plots["by_power"] = byConnector, byPower
	if !newest.IsZero() {
		plots["as_of"] = newest.UTC().Format(time.RFC3339Nano)
	}
	item["plots"] = plots
	return item
}

// differs tells how the index's answer to a question is not the oracle's: the total, and the hits
// from a place on, with the renderings of the first of them.
func (o oracle) differs(s *search.Snapshot, q *question, from int, r *search.Result) error {
	want := o.search(q)
	ask := q.Query
	if from = min(from, len(want)); from > 0 {
		last := want[from-1]
		ask.After = &search.Cursor{Key: last.key, ID: last.id}
	}
	total := len(want)
	want = want[from:]
	more := len(want) > ask.Limit && ask.Limit > 0
	want = want[:min(len(want), ask.Limit)]

	s.Search(&ask, r)
	if r.Total != total {
		return fmt.Errorf("total %d, not %d", r.Total, total)
	}
	if len(r.Hits) != len(want) || r.More != more {
		return fmt.Errorf("%d hits, more %t, not %d, %t", len(r.Hits), r.More, len(want), more)
	}
	for i := range want {
		h := &r.Hits[i]
		if h.ID() != want[i].id || h.Cursor() != (search.Cursor{Key: want[i].key, ID: want[i].id}) {
			return fmt.Errorf("hit %d is %v, not %v", i, h.Cursor(), want[i])
		}
		if i >= 10 {
			continue // the renderings of the first say enough
		}
		var item map[string]any
		text := h.AppendItem(nil)
		if err := json.Unmarshal(text, &item); err != nil {
			return fmt.Errorf("item %s: %w", text, err)
		}
		if diff := gocmp.Diff(o.item(q, h.ID()), item); diff != "" {
			return fmt.Errorf("item %d (-want +got):\n%s", i, diff)
		}
	}
	return nil
}

func (o oracle) ids() []search.ID {
	return slices.SortedFunc(maps.Keys(o), search.ID.Compare)
}

// open asks the hours of a document by hand.
func open(d *search.Document, at time.Time) bool {
	return d.Hours != nil && d.Hours.Open(at.Truncate(time.Minute))
}
