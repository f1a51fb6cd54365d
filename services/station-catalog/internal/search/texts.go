package search

import (
	"slices"
	"strings"
)

// texts are the words of the stations of a page: each distinct word once, ascending, with the slots of those who have it. Whoever
// looks for the beginning of a word finds a run of neighbours.
type texts struct {
	text    []byte   // the words, one after the other
	end     []uint32 // of each word, in text
	slots   []uint8  // who has them, one word after the other
	slotEnd []uint32 // of each word, in slots
}

func (t *texts) word(i int) []byte { return between(t.text, t.end, i) }

func (t *texts) having(i int) []uint8 {
	var start uint32
	if i > 0 {
		start = t.slotEnd[i-1]
	}
	return t.slots[start:t.slotEnd[i]]
}

// beginning is the set of the stations that have a word which begins so.
func (t *texts) beginning(prefix string) (w words) {
	low, high := 0, len(t.end)
	for low < high {
		if mid := (low + high) / 2; string(t.word(mid)) < prefix {
			low = mid + 1
		} else {
			high = mid
		}
	}
	for ; low < len(t.end); low++ {
		word := t.word(low)
		if len(word) < len(prefix) || string(word[:len(prefix)]) != prefix {
			break
		}
		for _, slot := range t.having(low) {
			w.add(int(slot))
		}
	}
	return w
}

// vocabulary collects the words of a page that is being made.
type vocabulary struct {
	words numbering[string]
	said  []utterance
	// Pages that stations are taken from, with the words of each slot: they lie the other way round there.
	turned map[*stations][][]string
}

// utterance says that a slot has a word, which is a number of vocabulary.words.
type utterance struct {
	word uint32
	slot uint8
}

// mostTurned bounds the pages that are kept turned: more than a merge reads from at a time.
const mostTurned = 256

func newVocabulary() vocabulary {
	return vocabulary{words: newNumbering[string](), turned: map[*stations][][]string{}}
}

func (v *vocabulary) reset() {
	v.words.reset()
	v.said = v.said[:0]
}

func (v *vocabulary) addText(text string, slot uint8) {
	first := len(v.said)
	for word := range strings.FieldsSeq(text) {
		said := utterance{v.words.number(word), slot}
		if !slices.Contains(v.said[first:], said) {
			v.said = append(v.said, said)
		}
	}
}

func (v *vocabulary) addFromPage(s *stations, from int, slot uint8) {
	turned, known := v.turned[s]
	if !known {
		if len(v.turned) >= mostTurned {
			clear(v.turned)
		}
		turned = make([][]string, len(s.ids))
		for i := range s.texts.end {
			word := string(s.texts.word(i))
			for _, slot := range s.texts.having(i) {
				turned[slot] = append(turned[slot], word)
			}
		}
		v.turned[s] = turned
	}
	for _, word := range turned[from] {
		v.said = append(v.said, utterance{v.words.number(word), slot})
	}
	if from == len(s.ids)-1 {
		delete(v.turned, s) // slots come in order: this was the last
	}
}

func (v *vocabulary) finish() texts {
	moved := v.words.sort()
	length := 0
	for _, word := range v.words.keys {
		length += len(word)
	}
	t := texts{
		text: make([]byte, 0, length), end: make([]uint32, 0, len(moved)),
		slots: make([]uint8, len(v.said)), slotEnd: make([]uint32, len(moved)),
	}
	for _, word := range v.words.keys {
		t.text = append(t.text, word...)
		t.end = append(t.end, small[uint32](len(t.text)))
	}
	// Slots come in order: they are dealt out to the words, each of which knows first how many it has, then where its own begin, and in
	// the end where they end.
	for _, said := range v.said {
		t.slotEnd[moved[said.word]]++
	}
	var begin uint32
	for word, count := range t.slotEnd {
		t.slotEnd[word] = begin
		begin += count
	}
	for _, said := range v.said {
		at := &t.slotEnd[moved[said.word]]
		t.slots[*at] = said.slot
		*at++
	}
	return t
}
