package search_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// TestMercator promises the places that another form of the same formula gives, that what lies beyond the edge is on it, and that
// nothing lies beyond the last column.
func TestMercator(t *testing.T) {
	t.Parallel()
	w := newWorld(uniform, 11)
	const whole = 1 << 32
	for range 10_000 {
		lat, lon := w.Float64()*170-85, w.Float64()*360-180
		x := (lon + 180) / 360 * whole
		y := (1 - math.Asinh(math.Tan(lat*math.Pi/180))/math.Pi) / 2 * whole
		if got := search.MercatorOf(lat, lon); math.Abs(float64(got.X)-x) > 2 || math.Abs(float64(got.Y)-y) > 2 {
			t.Fatalf("%v, %v is at %+v, want %f, %f", lat, lon, got, x, y)
		}
	}
	for at, want := range map[[2]float64]search.Mercator{
		{90, -180}:    {X: 0, Y: 0},
		{85.06, -180}: {X: 0, Y: 0},
		{-90, 180}:    {X: math.MaxUint32, Y: math.MaxUint32},
		{0, 0}:        {X: 1 << 31, Y: 1 << 31},
	} {
		if got := search.MercatorOf(at[0], at[1]); got != want {
			t.Errorf("%v is at %+v, want %+v", at, got, want)
		}
	}
}

// drawn is what a tile has, in words that can be compared.
func drawn(tile *search.Tile) (spots, cells []string) {
	for i := range tile.Spots() {
		s := &tile.Spots()[i]
		spots = append(spots, fmt.Sprint(s.ID(), s.X, s.Y))
	}
	tile.Cells(func(c *search.TileCell, x, y int, number uint64) {
		only := search.ID{}
		if c.Stations == 1 {
			only = c.Only
		}
		cells = append(cells, fmt.Sprint(number, x, y, c.Stations, c.Plots, c.Available, c.MaxPowerW, only))
	})
	return spots, cells
}

// byHand reckons the same from a list of matches: whatever is within the buffer, also once around the globe.
func (o oracle) byHand(matches []found, zoom int, column, row uint32) (spots, cells []string) {
	const whole = 1 << 32
	side := int64(whole) >> zoom
	unit := side / search.TileExtent
	units := func(x, y int64, fn func(x, y int64)) {
		rounds := []int64{-whole, 0, whole}
		if zoom == 0 {
			rounds = []int64{0}
		}
		for _, round := range rounds {
			ux := int64(math.Floor(float64(x-int64(column)*side+round) / float64(unit)))
			uy := int64(math.Floor(float64(y-int64(row)*side) / float64(unit)))
			within := func(u int64) bool { return u >= -search.TileBuffer && u < search.TileExtent+search.TileBuffer }
			if within(ux) && within(uy) {
				fn(ux, uy)
			}
		}
	}
	type gathered struct {
		n, plots, available int
		power               uint32
		x, y                int64
		one                 search.ID
	}
	all := map[uint64]*gathered{}
	for _, m := range matches {
		d := o[m.id]
		at := search.MercatorOf(d.Latitude, d.Longitude)
		units(int64(at.X), int64(at.Y), func(x, y int64) { spots = append(spots, fmt.Sprint(m.id, x, y)) })
		number := uint64(int64(at.Y)/(side/8)*(8<<zoom) + int64(at.X)/(side/8))
		if all[number] == nil {
			all[number] = &gathered{}
		}
		g := all[number]
		g.n, g.x, g.y, g.one = g.n+1, g.x+int64(at.X), g.y+int64(at.Y), m.id
		for _, bay := range bays(&d) {
			g.plots++
			if slices.ContainsFunc(bay, func(e search.EVSE) bool { return e.Status == search.StatusAvailable }) {
				g.available++
			}
		}
		for _, e := range d.EVSEs {
			for _, c := range e.Connectors {
				g.power = max(g.power, c.PowerW)
			}
		}
	}
	for number, g := range all {
		if g.n > 1 {
			g.one = search.ID{}
		}
		units(g.x/int64(g.n), g.y/int64(g.n), func(x, y int64) {
			cells = append(cells, fmt.Sprint(number, x, y, g.n, g.plots, g.available, g.power, g.one))
		})
	}
	return spots, cells
}

// TestTileGathersWhatMatches promises what a plain scan finds, of tiles everywhere and of each zoom level.
func TestTileGathersWhatMatches(t *testing.T) {
	t.Parallel()
	var tile search.Tile
	shown := 0
	for kind := range worldKinds {
		w := newWorld(kind, 10)
		docs := w.documents(800)
		x, o := load(t, docs), newOracle(docs)
		for range 60 {
			q := w.question(docs)
			q.where, q.Region = where{}, nil
			zoom := w.IntN(search.TileZooms + 1)
			d := pick(w, docs)
			at := search.MercatorOf(d.Latitude, d.Longitude)
			across := uint32(1) << zoom
			column := (uint32(uint64(at.X)<<zoom>>32) + w.Uint32N(3) - 1 + across) % across // a station's, or beside it
			row := min(across-1, uint32(uint64(at.Y)<<zoom>>32)+w.Uint32N(2))
			most := []int{-1, 0, 10, 1000}[w.IntN(4)]
			tile.Begin(zoom, column, row, most)
			box, err := search.NewBox(tile.Box())
			if err != nil {
				t.Fatal(err)
			}
			wantSpots, wantCells := o.byHand(o.search(q), zoom, column, row)
			ask := q.Query
			ask.Region = box
			x.Snapshot().Gather(&ask, &tile)
			spots, cells := drawn(&tile)
			slices.Sort(wantCells)
			slices.Sort(cells)
			if !slices.Equal(cells, wantCells) {
				t.Fatalf("%s, %d/%d/%d: the cells are\n%v, want\n%v", kind, zoom, column, row, cells, wantCells)
			}
			if tile.Few() != (len(wantSpots) <= most) {
				t.Fatalf("%s, %d/%d/%d: %d stations are few: %v", kind, zoom, column, row, len(wantSpots), tile.Few())
			}
			if !tile.Few() {
				continue
			}
			slices.Sort(wantSpots)
			slices.Sort(spots)
			if !slices.Equal(spots, wantSpots) {
				t.Fatalf("%s, %d/%d/%d: the stations are\n%v, want\n%v", kind, zoom, column, row, spots, wantSpots)
			}
			shown += len(spots)
		}
	}
	if shown < 500 {
		t.Errorf("%d stations were shown: the tiles say nothing", shown)
	}
}

// TestTilesPartTheWorld promises that a station is on just one tile of a zoom level, but for what is within a buffer.
func TestTilesPartTheWorld(t *testing.T) {
	t.Parallel()
	var tile search.Tile
	for kind := range worldKinds {
		w := newWorld(kind, 12)
		docs := w.documents(500)
		x := load(t, docs)
		for zoom := range 4 {
			spots, counted := map[search.ID]int{}, 0
			for row := range uint32(1) << zoom {
				for column := range uint32(1) << zoom {
					tile.Begin(zoom, column, row, len(docs))
					box, err := search.NewBox(tile.Box())
					if err != nil {
						t.Fatal(err)
					}
					x.Snapshot().Gather(&search.Query{Region: box}, &tile)
					within := func(u int) bool { return u >= 0 && u < search.TileExtent }
					for i := range tile.Spots() {
						if s := &tile.Spots()[i]; within(s.X) && within(s.Y) {
							spots[s.ID()]++
						}
					}
					tile.Cells(func(c *search.TileCell, x, y int, _ uint64) {
						if within(x) && within(y) {
							counted += c.Stations
						}
					})
				}
			}
			for id, n := range spots {
				if n != 1 {
					t.Errorf("%s: %s is on %d tiles of zoom %d", kind, id, n, zoom)
				}
			}
			if len(spots) != len(docs) || counted != len(docs) {
				t.Errorf("%s: tiles of zoom %d show %d and count %d stations of %d", kind, zoom, len(spots), counted, len(docs))
			}
		}
	}
}
