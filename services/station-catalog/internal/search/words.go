package search

import "math/bits"

// A page holds at most pageCap stations, so that a property of them is one words.
const (
	pageWords = 4
	pageCap   = pageWords * 64
)

// words is a set of slots of a page, one bit a station.
type words [pageWords]uint64

// firstSlots is the set of the slots below n.
func firstSlots(n int) (w words) {
	for i := range w {
		w[i] = 1<<min(64, max(0, n-64*i)) - 1
	}
	return w
}

func (w *words) add(slot int)      { w[slot>>6] |= 1 << (slot & 63) }
func (w *words) has(slot int) bool { return w[slot>>6]>>(slot&63)&1 != 0 }

func (w *words) unite(v *words) {
	for i := range w {
		w[i] |= v[i]
	}
}

func (w *words) intersect(v *words) {
	for i := range w {
		w[i] &= v[i]
	}
}

func (w *words) subtract(v *words) {
	for i := range w {
		w[i] &^= v[i]
	}
}

func (w *words) empty() bool { return w[0]|w[1]|w[2]|w[3] == 0 }

func (w *words) count() int {
	n := 0
	for _, word := range w {
		n += bits.OnesCount64(word)
	}
	return n
}

// each yields the slots in ascending order.
func (w *words) each(yield func(slot int) bool) {
	for i, word := range w {
		for ; word != 0; word &= word - 1 {
			if !yield(64*i + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}
