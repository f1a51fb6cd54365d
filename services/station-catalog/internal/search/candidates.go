package search

import "math/bits"

// candidates are pages with matches, which wait to be looked into in the order of the least key
// that they may have. When a page's turn comes its parts wait in their turn, so that in the end
// little more is looked at than what is selected.
type candidates struct {
	all  []candidate
	heap []ticket
	keys [64]float64
}

type candidate struct {
	page    page
	matches words
}

type ticket struct {
	least float64
	of    int32 // in all
	part  int32 // of the page; wholePage for all of it
}

const wholePage = -1

func (c *candidates) reset() {
	clear(c.all)
	c.all, c.heap = c.all[:0], c.heap[:0]
}

// add lets a page wait, unless all of it lies before the cursor.
func (c *candidates) add(p page, b *bounds, matches *words, by sorting, after *ranked) {
	least, most := by.span(p, b)
	if most < after.key {
		return
	}
	c.heap = append(c.heap, ticket{least, small[int32](len(c.all)), wholePage})
	c.all = append(c.all, candidate{p, *matches})
}

// drain offers stations until none that waits can get into the selection any more.
func (c *candidates) drain(s *selection, by sorting) {
	for i := len(c.heap)/2 - 1; i >= 0; i-- {
		c.sink(i)
	}
	for len(c.heap) > 0 && c.heap[0].least <= s.bar.key {
		next := c.heap[0]
		from := &c.all[next.of]
		if next.part != wholePage {
			c.pop()
			c.offer(from, int(next.part), s, by)
			continue
		}
		c.pop()
		for part, word := range from.matches {
			if word == 0 {
				continue
			}
			least, most := by.span(from.page, &from.page.parts[part])
			if least <= s.bar.key && most >= s.after.key {
				c.push(ticket{least, next.of, int32(part)})
			}
		}
	}
}

func (c *candidates) offer(from *candidate, part int, s *selection, by sorting) {
	word := from.matches[part]
	by.keys(from.page, part, word, &c.keys)
	s.enter(from.page)
	for ; word != 0; word &= word - 1 {
		bit := bits.TrailingZeros64(word)
		if key := c.keys[bit]; key <= s.bar.key {
			slot := 64*part + bit
			s.offer(rank(key, &from.page.ids[slot]), slot)
		}
	}
	s.trim()
}

func (c *candidates) push(t ticket) {
	c.heap = append(c.heap, t)
	for i := len(c.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if c.heap[parent].least <= c.heap[i].least {
			return
		}
		c.heap[parent], c.heap[i] = c.heap[i], c.heap[parent]
		i = parent
	}
}

func (c *candidates) pop() {
	last := len(c.heap) - 1
	c.heap[0] = c.heap[last]
	c.heap = c.heap[:last]
	c.sink(0)
}

// sink restores the heap below i.
func (c *candidates) sink(i int) {
	for {
		child := 2*i + 1
		if child >= len(c.heap) {
			return
		}
		if child+1 < len(c.heap) && c.heap[child+1].least < c.heap[child].least {
			child++
		}
		if c.heap[i].least <= c.heap[child].least {
			return
		}
		c.heap[i], c.heap[child] = c.heap[child], c.heap[i]
		i = child
	}
}
