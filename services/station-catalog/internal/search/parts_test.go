package search

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Stations with near numbers are near each other: along a coarse grid the curve goes from each
// cell to a neighbour, through all of them.
func TestHilbertGoesFromNeighbourToNeighbour(t *testing.T) {
	t.Parallel()
	const side = 32
	type cell struct {
		x, y int
		key  uint64
	}
	var cells []cell
	for x := range side {
		for y := range side {
			lat := (float64(y)+.5)/side*180 - 90
			lon := (float64(x)+.5)/side*360 - 180
			cells = append(cells, cell{x, y, hilbert(lat, lon)})
		}
	}
	slices.SortFunc(cells, func(a, b cell) int { return cmp.Compare(a.key, b.key) })
	for i := 1; i < len(cells); i++ {
		a, b := cells[i-1], cells[i]
		if dx, dy := a.x-b.x, a.y-b.y; dx*dx+dy*dy != 1 {
			t.Fatalf("cell %d is %v, cell %d is %v", i-1, a, i, b)
		}
	}
}

func TestBoundsBoundEveryChord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		b := noBounds()
		var inside []Vector
		lat, lon := r.Float64()*180-90, r.Float64()*360-180
		for range 1 + r.IntN(20) {
			at := Unit(max(-90, min(90, lat+r.NormFloat64())), math.Remainder(lon+r.NormFloat64(), 360))
			inside = append(inside, at)
			b.include(0, 0, at)
		}
		from := inside[0]
		if r.IntN(2) == 0 {
			from = Unit(r.Float64()*180-90, r.Float64()*360-180)
		}
		for _, v := range inside {
			if c := Chord2(from, v); c < b.nearest2(from) || c > b.farthest2(from) {
				t.Fatalf("chord %v is not within %v..%v", c, b.nearest2(from), b.farthest2(from))
			}
		}
	})
}

func TestSelectionKeepsTheFirstBehindTheCursor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var all []Cursor
		for i := range rapid.IntRange(0, 300).Draw(t, "offered") {
			all = append(all, Cursor{Key: float64(r.IntN(20)), ID: ID{0: byte(r.IntN(4)), 14: byte(i >> 8), 15: byte(i)}})
		}
		var after *Cursor
		if len(all) > 0 && r.IntN(2) == 0 {
			after = &all[r.IntN(len(all))]
		}
		compare := func(a, b Cursor) int {
			return cmp.Or(cmp.Compare(a.Key, b.Key), bytes.Compare(a.ID[:], b.ID[:]))
		}
		var want []Cursor
		for _, c := range all {
			if after == nil || compare(c, *after) > 0 {
				want = append(want, c)
			}
		}
		slices.SortFunc(want, compare)
		size := rapid.IntRange(1, 40).Draw(t, "size")
		want = want[:min(size, len(want))]

		var s selection
		s.open(size, after)
		s.enter(page{})
		for i, c := range all {
			s.offer(rank(c.Key, &c.ID), i)
		}
		var got []Cursor
		for _, c := range s.close() {
			got = append(got, Cursor{c.key, c.id()})
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, not %v", got, want)
		}
	})
}

func TestDirectoryIsASortedListUnderChanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var model []place
		d := newDirectory(nil)
		for range rapid.IntRange(1, 8).Draw(t, "batches") {
			var changes []listing
			for range r.IntN(1500) {
				if len(model) > 0 && r.IntN(3) == 0 {
					i := r.IntN(len(model))
					changes = append(changes, listing{model[i], true})
					model = slices.Delete(model, i, i+1)
					continue
				}
				p := place{id: ID{0: byte(r.IntN(256)), 1: byte(r.IntN(4))}, key: r.Uint64N(3)}
				changes = append(changes, listing{p, false})
				model = append(model, p)
			}
			d = d.with(changes)
		}
		slices.SortFunc(model, place.compare)
		got := slices.Collect(d.from(ID{}))
		if !slices.Equal(got, model) {
			t.Fatalf("%d places, not %d, or others", len(got), len(model))
		}
		for _, chunk := range d.chunks {
			if len(chunk) == 0 || len(chunk) > chunkCap {
				t.Fatalf("a chunk of %d", len(chunk))
			}
		}
		probe := ID{0: byte(r.IntN(256)), 1: byte(r.IntN(4))}
		var keys []uint64
		for _, p := range model {
			if p.id == probe {
				keys = append(keys, p.key)
			}
		}
		if got := slices.Collect(d.keys(probe)); !slices.Equal(got, keys) {
			t.Fatalf("keys %v, not %v", got, keys)
		}
	})
}

// check tells what of the structure of a snapshot does not hold.
func (s *Snapshot) check(t *rapid.T) {
	count := 0
	var before position
	for i, b := range s.tree.blocks {
		if len(b.pages) == 0 || len(b.pages) > blockCap {
			t.Fatalf("block of %d pages", len(b.pages))
		}
		for _, p := range b.pages {
			n := len(p.ids)
			if n == 0 || n > pageCap || p.all != firstSlots(n) {
				t.Fatalf("page of %d stations", n)
			}
			for slot := range n {
				at := p.position(slot)
				if count > 0 && at.compare(before) <= 0 {
					t.Fatalf("%v is not behind %v", at, before)
				}
				before = at
				count++
				if key, known := s.byID.key(at.id); !known || key != at.key {
					t.Fatalf("%v stands in the directory at %v, %t", at, key, known)
				}
			}
		}
		if s.tree.firsts[i] != b.pages[0].position(0) {
			t.Fatalf("block %d does not begin where its first page does", i)
		}
	}
	if count != s.Len() || len(slices.Collect(s.byID.from(ID{}))) != count {
		t.Fatalf("%d stations, %d counted", count, s.Len())
	}
}

// Many small batches of a few places, so that pages and blocks split, shrink, join and vanish.
func TestTreeKeepsItsShape(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		x := New()
		var held []ID
		for range rapid.IntRange(1, 12).Draw(t, "batches") {
			var b Batch
			if r.IntN(3) > 0 {
				for range r.IntN(800) {
					id := ID{0: byte(r.IntN(256)), 1: byte(r.IntN(256)), 2: byte(r.IntN(256))}
					held = append(held, id)
					b.Upserts = append(b.Upserts, Document{
						ID: id, Latitude: float64(r.IntN(3)), Longitude: float64(r.IntN(3)) + r.Float64()/8, Item: []byte(`{"a":1}`),
					})
				}
			} else {
				r.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
				gone := r.IntN(len(held) + 1)
				b.Deletes, held = held[:gone], held[gone:]
			}
			x.Apply(b)
			x.Snapshot().check(t)
		}
	})
}
