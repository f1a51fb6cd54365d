package postgres_test

import (
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/tiles"
)

// BenchmarkTile draws the fullest tiles of the real register from memory, beside clusters of the same box. No tile of any zoom level may be larger than 64 KiB, and none have fewer stations than there are.
func BenchmarkTile(b *testing.B) {
	text := register(b, "fr_irve_static_2024-07-03.jsonl.gz")
	if text == "" {
		b.Fatal("the register is not beside the repository")
	}
	w := newWorld(b)
	w.must(importer.IRVE, text)
	replica := find.NewReplica(w, w.source(), slog.New(slog.DiscardHandler))
	b.Cleanup(running(b.Context(), b, replica))
	finder := find.NewFinder(replica, broken{})
	q := find.Query{Now: time.Now()}
	draw := func(zoom int, x, y uint32) []byte {
		tile := tiles.Get()
		defer tiles.Put(tile)
		tile.Begin(zoom, x, y)
		if err := finder.Tile(b.Context(), &q, &tile.Tile); err != nil {
			b.Fatal(err)
		}
		body, err := tile.Marshal()
		if err != nil {
			b.Fatal(err)
		}
		return body
	}
	places := map[search.Mercator]int{}
	for _, s := range w.all() {
		places[search.MercatorOf(s.Latitude, s.Longitude)]++
	}
	for _, zoom := range []int{0, 6, 9, 11, 12, 14, tiles.MaxZoom} {
		// Tiles by how many stations they have.
		all := map[search.Mercator]int{}
		for at, n := range places {
			all[search.Mercator{X: uint32(uint64(at.X) << zoom >> 32), Y: uint32(uint64(at.Y) << zoom >> 32)}] += n
		}
		largest, squeezed, full := 0, 0, search.Mercator{}
		for at, n := range all {
			tile := draw(zoom, at.X, at.Y)
			largest = max(largest, len(tile))
			squeezed = max(squeezed, len(fasthttp.AppendGzipBytesLevel(nil, tile, fasthttp.CompressBestSpeed)))
			if n > all[full] {
				full = at
			}
		}
		if largest > tiles.MostBytes {
			b.Errorf("a tile of zoom %d has %d bytes", zoom, largest)
		}
		name := fmt.Sprintf("zoom_%d", zoom)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			computing(b, func() { draw(zoom, full.X, full.Y) })
			b.ReportMetric(float64(all[full]), "stations")
			b.ReportMetric(float64(largest), "largest-B")
			b.ReportMetric(float64(squeezed), "largest-gzip-B")
		})
		b.Run(name+"_clusters", func(b *testing.B) {
			var tile search.Tile
			tile.Begin(zoom, full.X, full.Y, -1)
			west, south, east, north := tile.Box()
			place, err := find.Within(find.Box{West: west, South: south, East: east, North: north})
			if err != nil {
				b.Fatal(err)
			}
			ask := q
			ask.Place = place
			b.ReportAllocs()
			computing(b, func() {
				clusters := search.NewClusters(zoom + 1) // the same cells
				if _, err := finder.Cluster(b.Context(), &ask, clusters); err != nil {
					b.Fatal(err)
				}
				clusters.All()
			})
		})
	}
}

// computing reports the time that the processor spends, which others on the machine change less than they do the time that passes.
func computing(b *testing.B, fn func()) {
	b.Helper()
	spent := func() time.Duration {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			b.Fatal(err)
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	before := spent()
	for b.Loop() {
		fn()
	}
	b.ReportMetric(float64((spent()-before).Nanoseconds())/1000/float64(b.N), "cpu-us/op")
}
