package transfer

import "hash/maphash"

// uids remembers 64 bits of each uid of a file: in a file of a million EVSEs one chance in forty million that one is taken for another.
// They lie in many small tables, so that one that grows is not noticed beside the others.
type uids struct {
	seed   maphash.Seed
	tables [1 << tableBits]hashes
}

const tableBits = 8

func newUIDs() *uids { return &uids{seed: maphash.MakeSeed()} }

// add is false when the uid was there before.
func (u *uids) add(uid string) bool {
	hash := maphash.String(u.seed, uid)
	return u.tables[hash>>(64-tableBits)].add(max(hash, 1))
}

// hashes is an open-addressed table, at most three quarters full: eight bytes for each of its places, of which there is a power of two.
type hashes struct {
	places []uint64 // 0 is free
	count  int
}

// fewestPlaces is the size of the first table.
const fewestPlaces = 16

// add is false when the hash, which is not 0, was there before.
func (h *hashes) add(hash uint64) bool {
	if h.count >= len(h.places)/4*3 {
		h.grow()
	}
	place := h.place(hash)
	if h.places[place] == hash {
		return false
	}
	h.places[place] = hash
	h.count++
	return true
}

// place is where a hash is, or is to go.
func (h *hashes) place(hash uint64) uint64 {
	last := uint64(len(h.places) - 1) //nolint:gosec // there are some
	place := hash & last
	for h.places[place] != 0 && h.places[place] != hash {
		place = (place + 1) & last
	}
	return place
}

func (h *hashes) grow() {
	old := h.places
	h.places = make([]uint64, max(fewestPlaces, 2*len(old)))
	for _, hash := range old {
		if hash != 0 {
			h.places[h.place(hash)] = hash
		}
	}
}
