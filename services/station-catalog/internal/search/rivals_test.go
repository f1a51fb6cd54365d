package search_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/tidwall/rtree"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// rival is another way to answer what the nearest matches are and how many there are. It renders
// nothing.
type rival interface {
	nearest(lat, lon, radiusM float64, plug *search.Plug, limit int) (total int)
}

// scan looks at every station.
type scan struct {
	docs    []search.Document
	vectors []search.Vector
	ranking ranking
}

// ranking keeps the nearest few, best first.
type ranking []found

func (r *ranking) offer(f found, limit int) {
	i, _ := slices.BinarySearchFunc(*r, f.key, func(g found, key float64) int {
		if g.key < key {
			return -1
		}
		return 1
	})
	if i == limit {
		return
	}
	*r = slices.Insert(*r, i, f)
	*r = (*r)[:min(len(*r), limit)]
}

func (s *scan) nearest(lat, lon, radiusM float64, plug *search.Plug, limit int) int {
	s.ranking = s.ranking[:0]
	centre, reach, total := search.Unit(lat, lon), search.Reach(radiusM), 0
	for i := range s.docs {
		if chord2 := search.Chord2(centre, s.vectors[i]); chord2 <= reach && hasPlug(plug, &s.docs[i]) {
			total++
			s.ranking.offer(found{s.docs[i].ID, chord2}, limit)
		}
	}
	return total
}

func hasPlug(p *search.Plug, d *search.Document) bool {
	if len(p.Standards) == 0 {
		return true
	}
	for i := range d.EVSEs {
		e := &d.EVSEs[i]
		if p.Free && e.Status != search.StatusAvailable {
			continue
		}
		for j := range e.Connectors {
			if c := &e.Connectors[j]; c.PowerW >= p.MinPowerW && slices.Contains(p.Standards, c.Standard) {
				return true
			}
		}
	}
	return false
}

// libraryTree is an R-tree of positions. It counts what a box around the circle holds, since only
// so the total is known.
type libraryTree struct {
	tree    rtree.RTreeG[int32]
	scan    *scan
	ranking ranking
}

func (l *libraryTree) nearest(lat, lon, radiusM float64, plug *search.Plug, limit int) int {
	l.ranking = l.ranking[:0]
	centre, reach, total := search.Unit(lat, lon), search.Reach(radiusM), 0
	height := radiusM / search.EarthRadiusM * 180 / math.Pi * 1.0001
	width := math.Min(360, height/math.Max(1e-6, math.Cos((math.Abs(lat)+height)*math.Pi/180)))
	for _, turn := range []float64{-360, 0, 360} {
		low := [2]float64{lon - width + turn, lat - height}
		high := [2]float64{lon + width + turn, lat + height}
		l.tree.Search(low, high, func(_, _ [2]float64, i int32) bool {
			d := &l.scan.docs[i]
			if chord2 := search.Chord2(centre, l.scan.vectors[i]); chord2 <= reach && hasPlug(plug, d) {
				total++
				l.ranking.offer(found{d.ID, chord2}, limit)
			}
			return true
		})
	}
	return total
}

// ours is the index asked in the same way.
type ours struct {
	index  *search.Index
	result search.Result
}

func (o *ours) nearest(lat, lon, radiusM float64, plug *search.Plug, limit int) int {
	c, err := search.NewCircle(lat, lon, radiusM)
	if err != nil {
		panic(err)
	}
	o.index.Snapshot().Search(&search.Query{Region: c, Plug: *plug, Order: search.ByRank(), Limit: limit}, &o.result)
	return o.result.Total
}

// BenchmarkRivals asks the index, an R-tree of a library and a plain scan for the nearest stations
// and their number, without rendering. Totals must agree.
func BenchmarkRivals(b *testing.B) {
	for _, size := range sizes {
		var s *scan
		for _, kind := range []struct {
			name    string
			radiusM float64
			plug    search.Plug
		}{
			{"near_10km", 10_000, search.Plug{}},
			{"near_10km_fast_free", 10_000, fastAndFree},
			{"near_100km_fast_free", 100_000, fastAndFree},
		} {
			totals := map[int]int{}
			for _, who := range []string{"index", "rtree", "scan"} {
				b.Run(fmt.Sprintf("%s/%d/%s", kind.name, size, who), func(b *testing.B) {
					x, n := indexOf(b, size)
					if s == nil {
						s = newScan(n)
					}
					answer := newRival(who, x, s)
					places := newWorld(clustered, 9)
					at := make([][2]float64, 500)
					for i := range at {
						at[i][0], at[i][1] = n.place(places.Rand)
					}
					computing(b, func(i int) {
						place := i % len(at)
						total := answer.nearest(at[place][0], at[place][1], kind.radiusM, &kind.plug, 20)
						if known, asked := totals[place]; asked && known != total {
							b.Fatalf("%d matches, not %d", total, known)
						}
						totals[place] = total
					})
				})
			}
		}
	}
}

func newScan(n *network) *scan {
	s := &scan{}
	for i := range n.size {
		d := n.station(i)
		d.Item = nil
		s.docs = append(s.docs, d)
		s.vectors = append(s.vectors, search.Unit(d.Latitude, d.Longitude))
	}
	return s
}

func newRival(who string, x *search.Index, s *scan) rival {
	switch who {
	case "index":
		return &ours{index: x}
	case "rtree":
		l := &libraryTree{scan: s}
		for i := range s.docs {
			at := [2]float64{s.docs[i].Longitude, s.docs[i].Latitude}
			l.tree.Insert(at, at, int32(i))
		}
		return l
	default:
		return s
	}
}
