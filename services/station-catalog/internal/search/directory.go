package search

import (
	"cmp"
	"slices"
)

// place says where on the curve an id is to be found.
type place struct {
	id  ID
	key uint64
}

func (p place) compare(q place) int {
	if c := p.id.Compare(q.id); c != 0 {
		return c
	}
	return cmp.Compare(p.key, q.key)
}

// directory finds stations by an id: their own, or that of one of their EVSEs. It is a sorted list
// in chunks, so that a change copies one chunk and the list of chunks. An id may stand in it more
// than once: two stations may claim one EVSE for a while.
type directory struct {
	chunks [][]place // none of them empty
}

const (
	chunkCap  = 512
	chunkFill = chunkCap * 3 / 4
)

// newDirectory takes sorted places, and copies them.
func newDirectory(places []place) directory {
	return directory{chunks: appendChunks(make([][]place, 0, len(places)/chunkFill+1), places, chunkFill)}
}

// appendChunks never parts equal places, so that with finds all of them in one chunk.
func appendChunks(chunks [][]place, places []place, size int) [][]place {
	for count := (len(places) + size - 1) / size; len(places) > 0; count-- {
		end := len(places) / max(1, count)
		for end < len(places) && places[end] == places[end-1] {
			end++
		}
		chunks = append(chunks, exact(places[:end]))
		places = places[end:]
	}
	return chunks
}

// from yields the places with ids at or behind an id, in order.
func (d directory) from(id ID) func(yield func(place) bool) {
	return func(yield func(place) bool) {
		start := place{id: id}
		chunk, found := slices.BinarySearchFunc(d.chunks, start, func(c []place, p place) int { return c[0].compare(p) })
		if !found && chunk > 0 {
			chunk--
		}
		for ; chunk < len(d.chunks); chunk++ {
			first, _ := slices.BinarySearchFunc(d.chunks[chunk], start, place.compare)
			for _, p := range d.chunks[chunk][first:] {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// keys yields where an id is.
func (d directory) keys(id ID) func(yield func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for p := range d.from(id) {
			if p.id != id || !yield(p.key) {
				return
			}
		}
	}
}

// key is for ids that stand in the directory at most once. A search by ids spends most of its time here, and so this compares
// ids as two numbers and has no iterator.
func (d directory) key(id ID) (uint64, bool) {
	high, low := id.halves()
	first, end := 0, len(d.chunks) // the first chunk that begins behind the id
	for first < end {
		mid := int(uint(first+end) >> 1)
		if h, l := d.chunks[mid][0].id.halves(); h < high || h == high && l <= low {
			first = mid + 1
		} else {
			end = mid
		}
	}
	if first == 0 {
		return 0, false
	}
	chunk := d.chunks[first-1]
	first, end = 0, len(chunk)
	for first < end {
		mid := int(uint(first+end) >> 1)
		if h, l := chunk[mid].id.halves(); h < high || h == high && l < low {
			first = mid + 1
		} else {
			end = mid
		}
	}
	if first == len(chunk) || chunk[first].id != id {
		return 0, false
	}
	return chunk[first].key, true
}

// listing is a change of a directory: one more or one fewer of a place.
type listing struct {
	place
	remove bool
}

// with gives the directory after some changes, in any order. What is removed must be there or be
// added at the same time.
func (d directory) with(changes []listing) directory {
	if len(changes) == 0 {
		return d
	}
	slices.SortFunc(changes, func(a, b listing) int { return a.compare(b.place) })
	if len(d.chunks) == 0 {
		return newDirectory(apply(nil, changes))
	}
	chunks := make([][]place, 0, len(d.chunks)+1)
	for i, chunk := range d.chunks {
		here := changes
		if i+1 < len(d.chunks) {
			next := d.chunks[i+1][0]
			end, _ := slices.BinarySearchFunc(changes, next, func(c listing, p place) int { return c.compare(p) })
			here = changes[:end]
		}
		changes = changes[len(here):]
		if len(here) == 0 {
			chunks = append(chunks, chunk)
			continue
		}
		chunk = apply(chunk, here)
		if len(chunk) > chunkCap {
			chunks = appendChunks(chunks, chunk, chunkFill)
		} else if len(chunk) > 0 {
			chunks = append(chunks, chunk)
		}
	}
	return directory{chunks: chunks}
}

// apply merges sorted changes into sorted places.
func apply(places []place, changes []listing) []place {
	out := make([]place, 0, len(places)+len(changes))
	for len(changes) > 0 {
		at := changes[0].place
		before, _ := slices.BinarySearchFunc(places, at, place.compare)
		out = append(out, places[:before]...)
		places = places[before:]
		count := 0
		for ; len(places) > 0 && places[0] == at; places = places[1:] {
			count++
		}
		for ; len(changes) > 0 && changes[0].place == at; changes = changes[1:] {
			if changes[0].remove {
				count--
			} else {
				count++
			}
		}
		for range count {
			out = append(out, at)
		}
	}
	return append(out, places...)
}
