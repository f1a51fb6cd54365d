package search_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

var sizes = []int{10_000, 100_000, 1_000_000}

var (
	networksMu sync.Mutex
	networks   = map[int]*search.Index{}
)

// indexOf is a loaded index, the last one made: two of a million would crowd each other.
func indexOf(b *testing.B, size int) (*search.Index, *network) {
	b.Helper()
	networksMu.Lock()
	defer networksMu.Unlock()
	n := newNetwork(size)
	if networks[size] == nil {
		clear(networks)
		runtime.GC()
		x := search.New()
		if err := x.Load(n.documents(), search.AsOf{}); err != nil {
			b.Fatal(err)
		}
		networks[size] = x
		runtime.GC()
	}
	return networks[size], n
}

type asking struct {
	name string
	ask  func(n *network, r *rand.Rand) search.Query
}

func near(n *network, r *rand.Rand, radiusM float64, limit int) search.Query {
	lat, lon := n.place(r)
	c, err := search.NewCircle(lat, lon, radiusM)
	if err != nil {
		panic(err)
	}
	return search.Query{Region: c, Order: search.ByRank(), Limit: limit}
}

var fastAndFree = search.Plug{Standards: []string{"IEC_62196_T2_COMBO"}, MinPowerW: 50000, Free: true}

var askings = []asking{
	{"near_10km", func(n *network, r *rand.Rand) search.Query { return near(n, r, 10_000, 20) }},
	{"near_10km_50", func(n *network, r *rand.Rand) search.Query { return near(n, r, 10_000, 50) }},
	{"near_10km_fast_free", func(n *network, r *rand.Rand) search.Query {
		q := near(n, r, 10_000, 20)
		q.Plug = fastAndFree
		return q
	}},
	{"near_500km_everything_asked", func(n *network, r *rand.Rand) search.Query {
		q := near(n, r, 500_000, 50)
		q.Plug = fastAndFree
		q.Plug.Traits = []string{"format:CABLE"}
		q.Plug.MaxPowerW = 200_000
		q.Access, q.Countries = accesses[1:3], countries[1:4]
		q.Tags = [][]string{tags[:2]}
		q.Operators = []search.ID{idOf('o', 0), idOf('o', 1), idOf('o', 2)}
		q.Ranges = []search.Range{search.AtLeast(search.ColumnUpdated, float64(epoch.UnixMicro()))}
		return q
	}},
	{"bbox_1_degree", func(n *network, r *rand.Rand) search.Query {
		lat, lon := n.place(r)
		box, err := search.NewBox(max(-180, lon-.5), max(-90, lat-.5), min(180, lon+.5), min(90, lat+.5))
		if err != nil {
			panic(err)
		}
		return search.Query{Region: box, Limit: 50, Plug: fastAndFree}
	}},
	{"world_fast_free", func(_ *network, _ *rand.Rand) search.Query {
		return search.Query{Plug: fastAndFree, Limit: 50}
	}},
	{"world_by_power", func(_ *network, _ *rand.Rand) search.Query {
		return search.Query{Order: search.Descending(search.ColumnPower), Limit: 50}
	}},
	{"list", func(n *network, r *rand.Rand) search.Query {
		after := search.Cursor{ID: idOf('s', r.IntN(n.size))}
		return search.Query{Limit: 50, After: &after}
	}},
	{"among_20", func(n *network, r *rand.Rand) search.Query {
		q := search.Query{Limit: 20}
		for range 20 {
			q.Among = append(q.Among, idOf('s', r.IntN(n.size)))
		}
		return q
	}},
}

// BenchmarkSearch answers each kind of question, rendering included, at each size.
func BenchmarkSearch(b *testing.B) {
	for _, size := range sizes {
		for _, kind := range askings {
			b.Run(fmt.Sprintf("%s/%d", kind.name, size), func(b *testing.B) {
				x, n := indexOf(b, size)
				random := rand.New(rand.NewPCG(1, 1))
				queries := make([]search.Query, 2000)
				for i := range queries {
					queries[i] = kind.ask(n, random)
				}
				var (
					result    search.Result
					buffer    []byte
					durations []time.Duration
					matched   int
				)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					start := time.Now()
					x.Snapshot().Search(&queries[i%len(queries)], &result)
					buffer = buffer[:0]
					for j := range result.Hits {
						buffer = result.Hits[j].AppendItem(buffer)
					}
					durations = append(durations, time.Since(start))
					matched += result.Total
				}
				slices.Sort(durations)
				quantile := func(share float64) float64 {
					return float64(durations[int(share*float64(len(durations)-1))].Nanoseconds()) / 1000
				}
				b.ReportMetric(quantile(.5), "p50-µs")
				b.ReportMetric(quantile(.99), "p99-µs")
				b.ReportMetric(float64(matched)/float64(b.N), "matches/op")
			})
		}
	}
}
