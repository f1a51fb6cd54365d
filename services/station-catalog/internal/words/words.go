// Package words folds texts so that people find them however they write: case, accents and punctuation do not count.
//
// Of gives the words of a text, in lower case without accents, each with a blank before it. A text is found by the beginnings of its
// words: strings.Contains(words.Of(text), " "+beginning). The database folds in the same way, by its function station_words, which
// the migrations define and a test compares with this one.
package words

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What is left of letters after their decomposition (Unicode's NFKD) and the removal of accents. Each letter of Capitals becomes the
// one at its place in Smalls; Ligatures become several letters.
const (
	Capitals = "ØøŁłĐđÐðıĦħŦŧŊŋΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩςАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЂЄЅІЈЉЊЋЏҐ"
	Smalls   = "oollddddihhttnnαβγδεζηθικλμνξοπρστυφχψωσабвгдежзиклмнопрстуфхцчшщъыьэюяђєѕіјљњћџґ"
)

// Ligatures are letters that become several.
var Ligatures = map[rune]string{'ß': "ss", 'ẞ': "ss", 'æ': "ae", 'Æ': "ae", 'œ': "oe", 'Œ': "oe", 'þ': "th", 'Þ': "th"}

var small = func() map[rune]rune {
	to := []rune(Smalls)
	m := make(map[rune]rune, len(to))
	for i, from := range []rune(Capitals) {
		m[from] = to[i]
	}
	return m
}()

// Of gives the words of a text.
func Of(text string) string {
	var out strings.Builder
	out.Grow(len(text) + 1)
	var decomposed []byte
	parted := true
	for len(text) > 0 {
		// ASCII is its own decomposition, and nothing beyond it reaches into it.
		if c := text[0]; c < utf8.RuneSelf {
			parted = write(&out, rune(c), parted)
			text = text[1:]
			continue
		}
		end := 1
		for end < len(text) && text[end] >= utf8.RuneSelf {
			end++
		}
		decomposed = norm.NFKD.AppendString(decomposed[:0], text[:end])
		text = text[end:]
		for rest := decomposed; len(rest) > 0; {
			r, size := utf8.DecodeRune(rest)
			parted = write(&out, r, parted)
			rest = rest[size:]
		}
	}
	return out.String()
}

// write writes what is left of a character, with a blank before it where a word begins, and tells whether the next one begins a word.
func write(out *strings.Builder, r rune, parted bool) bool {
	switch {
	case r >= 0x300 && r <= 0x36f: // an accent
		return parted
	case r >= 'A' && r <= 'Z':
		r += 'a' - 'A'
	case separates(r):
		return true
	}
	if parted {
		out.WriteByte(' ')
	}
	if r < utf8.RuneSelf {
		out.WriteRune(r)
	} else if several, ok := Ligatures[r]; ok {
		out.WriteString(several)
	} else if one, ok := small[r]; ok {
		out.WriteRune(one)
	} else {
		out.WriteRune(r)
	}
	return false
}

// separates tells whether a character stands between words: ASCII and Latin-1 without letters and digits, general punctuation, and
// that of East Asia.
func separates(r rune) bool {
	switch {
	case r < 0x80:
		return (r < '0' || r > '9') && (r < 'a' || r > 'z')
	case r < 0xc0, r == 0xd7, r == 0xf7:
		return true
	default:
		return r >= 0x2000 && r <= 0x206f || r >= 0x3000 && r <= 0x303f
	}
}
