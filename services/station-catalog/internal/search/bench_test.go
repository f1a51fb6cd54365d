package search_test

import (
	"fmt"
	"math"
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
	// About as many matches at every size: the radius shrinks as stations grow denser.
	{"near_same_matches", func(n *network, r *rand.Rand) search.Query {
		return near(n, r, 20_000*math.Sqrt(10_000/float64(n.size)), 20)
	}},
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

// timed collects how long operations took and reports quantiles.
type timed []time.Duration

func (t timed) report(b *testing.B, unit string) {
	slices.Sort(t)
	quantile := func(share float64) float64 {
		return float64(t[int(share*float64(len(t)-1))].Nanoseconds()) / 1000
	}
	b.ReportMetric(quantile(.5), "p50-"+unit)
	b.ReportMetric(quantile(.99), "p99-"+unit)
}

// computing collects the time that fn computes, call by call, until the benchmark has enough.
func computing(b *testing.B, fn func(i int)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	times := make(timed, 0, 1<<20)
	for i := 0; b.Loop(); i++ {
		start := cpuTime()
		fn(i)
		times = append(times, cpuTime()-start)
	}
	times.report(b, "cpu-µs")
}

// BenchmarkSearch answers each kind of question at each size, rendering included.
func BenchmarkSearch(b *testing.B) {
	for _, size := range sizes {
		for _, kind := range askings {
			b.Run(fmt.Sprintf("%s/%d", kind.name, size), func(b *testing.B) {
				x, n := indexOf(b, size)
				queries := questions(n, kind)
				var (
					result  search.Result
					buffer  []byte
					matched int
				)
				b.ReportAllocs()
				computing(b, func(i int) {
					x.Snapshot().Search(&queries[i%len(queries)], &result)
					buffer = buffer[:0]
					for j := range result.Hits {
						buffer = result.Hits[j].AppendItem(buffer)
					}
					matched += result.Total
				})
				b.ReportMetric(float64(matched)/float64(b.N), "matches/op")
			})
		}
	}
}

func questions(n *network, kind asking) []search.Query {
	random := rand.New(rand.NewPCG(1, 1))
	queries := make([]search.Query, 2000)
	for i := range queries {
		queries[i] = kind.ask(n, random)
	}
	return queries
}

// BenchmarkLoad reads documents that are made as they are read, which takes its share of the time
// (BenchmarkGenerator), and reports what the index then holds, next to the bytes of all rendered
// items.
func BenchmarkLoad(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			networksMu.Lock()
			defer networksMu.Unlock()
			clear(networks)
			n := newNetwork(size)
			before := heap()
			var x *search.Index
			for b.Loop() {
				x = search.New()
				if err := x.Load(n.documents(), search.AsOf{}); err != nil {
					b.Fatal(err)
				}
			}
			held := heap() - before
			rendered := 0
			var (
				result search.Result
				buffer []byte
			)
			q := search.Query{Limit: 500}
			for more := true; more; more = result.More {
				x.Snapshot().Search(&q, &result)
				for i := range result.Hits {
					buffer = result.Hits[i].AppendItem(buffer[:0])
					rendered += len(buffer)
				}
				next := result.Next()
				q.After = &next
			}
			b.ReportMetric(float64(held)/1e6, "MB-held")
			b.ReportMetric(float64(rendered)/1e6, "MB-rendered")
			b.ReportMetric(float64(held)/float64(rendered), "held/rendered")
			runtime.KeepAlive(x)
		})
	}
}

// BenchmarkGenerator makes 10,000 documents and throws them away.
func BenchmarkGenerator(b *testing.B) {
	n := newNetwork(10_000)
	for b.Loop() {
		for i := range n.size {
			n.station(i)
		}
	}
}

// heap is the memory in use after everything unused has been freed.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkStatuses applies changes of statuses, so many a batch, and reports how long a batch
// takes.
func BenchmarkStatuses(b *testing.B) {
	for _, size := range sizes {
		for _, batch := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("%d/batch_%d", size, batch), func(b *testing.B) {
				x, n := indexOf(b, size)
				r := rand.New(rand.NewPCG(5, 5))
				at := time.Now()
				b.ReportAllocs()
				computing(b, func(int) {
					changes := make([]search.StatusChange, batch)
					for i := range changes {
						at = at.Add(time.Microsecond)
						station := r.IntN(n.size)
						changes[i] = search.StatusChange{
							EVSE: evseID(station, r.IntN(evsesOf(station))), Status: search.Status(1 + 2*r.IntN(2)), At: at,
						}
					}
					if done := x.Apply(search.Batch{Statuses: changes}); done.Statuses != batch {
						b.Fatalf("%d of %d applied", done.Statuses, batch)
					}
				})
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "µs/change")
			})
		}
	}
}

// BenchmarkUpserts changes whole documents, as an import does: scattered ones, a thousand a batch.
func BenchmarkUpserts(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			x, n := indexOf(b, size)
			r := rand.New(rand.NewPCG(6, 6))
			const batch = 1000
			version := int64(1)
			for b.Loop() {
				b.StopTimer()
				version++
				docs := make([]search.Document, batch)
				for i := range docs {
					docs[i] = n.station(r.IntN(n.size))
					docs[i].Version = version
				}
				b.StartTimer()
				x.Apply(search.Batch{Upserts: docs})
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "µs/station")
		})
	}
}
