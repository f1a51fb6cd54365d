package search

import (
	"cmp"
	"slices"
)

// numbering gives the distinct keys of a page numbers, while they arrive in any order.
type numbering[K cmp.Ordered] struct {
	keys []K
	of   map[K]uint32
}

func newNumbering[K cmp.Ordered]() numbering[K] { return numbering[K]{of: map[K]uint32{}} }

func (n *numbering[K]) reset() {
	n.keys = n.keys[:0]
	clear(n.of)
}

func (n *numbering[K]) number(key K) uint32 {
	number, known := n.of[key]
	if !known {
		number = small[uint32](len(n.keys))
		n.keys = append(n.keys, key)
		n.of[key] = number
	}
	return number
}

// sort numbers the keys anew in ascending order, and tells the new number of each old one.
func (n *numbering[K]) sort() []uint32 {
	slices.Sort(n.keys)
	moved := make([]uint32, len(n.keys))
	for i, key := range n.keys {
		moved[n.of[key]] = uint32(i)
	}
	return moved
}
