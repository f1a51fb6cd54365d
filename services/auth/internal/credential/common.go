package credential

import (
	_ "embed"
	"strconv"
	"strings"
	"unicode"
)

//go:embed words.txt
var wordsFile string

// words are what passwords that everybody tries are made of, folded, with the longest first among those of one beginning.
var words = loadWords(wordsFile)

// runs are sequences that fingers find by themselves. Their parts count, forwards and backwards.
var runs = []string{
	"abcdefghijklmnopqrstuvwxyz", "01234567890123456789",
	"qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp", "1q2w3e4r5t6y7u8i9o0p",
}

const (
	minRun = 3
	// maxAtoms is how many different words or runs a common password is made of.
	maxAtoms = 2
	// maxRest is how many characters besides them make it no better.
	maxRest = 3
)

// isCommon reports whether the password is at most two different common words or keyboard runs, any number of times, with
// at most three more characters: passwordpassword, qwertyuiop12345, Summer2024Summer2024, aaaaaaaaaaaaaaaaaaa. A list of
// breached passwords holds few of 15 characters and more; what people make of the short ones to reach the length is of this
// form.
func isCommon(password string) bool {
	rest := []rune(fold(password))
	atoms := map[string]bool{}
	loose := 0
	for len(rest) > 0 {
		atom, n := atomAt(rest)
		if n == 0 {
			loose++
			rest = rest[1:]
			continue
		}
		atoms[atom] = true
		rest = rest[n:]
	}
	return len(atoms) <= maxAtoms && loose <= maxRest
}

// atomAt returns the longest common word or run that the text starts with, and its length in runes, or 0.
func atomAt(text []rune) (atom string, length int) {
	n := 1
	for n < len(text) && text[n] == text[0] {
		n++
	}
	if n >= minRun {
		atom, length = string(text[0]), n
	}
	head := string(text[:min(len(text), 40)])
	for _, word := range words[text[0]] {
		if strings.HasPrefix(head, word) {
			if len(word) > length {
				atom, length = word, len([]rune(word))
			}
			break
		}
	}
	for i, run := range runs {
		for _, line := range []string{run, reverse(run)} {
			if n := commonRun(text, line); n >= minRun && n > length {
				atom, length = "run "+strconv.Itoa(i), n
			}
		}
	}
	// A year is what people add.
	if len(text) >= 4 && (text[0] == '1' && text[1] == '9' || text[0] == '2' && text[1] == '0') && unicode.IsDigit(text[2]) &&
		unicode.IsDigit(text[3]) && length < 4 {
		atom, length = "year", 4
	}
	return atom, length
}

// commonRun returns how many runes the text has in common with some part of the line.
func commonRun(text []rune, line string) int {
	best := 0
	for from := range len(line) {
		n := 0
		for n < len(text) && from+n < len(line) && text[n] == rune(line[from+n]) {
			n++
		}
		best = max(best, n)
	}
	return best
}

// fold undoes what people do to a word to make it look difficult: case, digits and signs for letters, and separators.
func fold(s string) string {
	var b strings.Builder
	for _, r := range s {
		r = unicode.ToLower(r)
		switch r {
		case '@':
			r = 'a'
		case '$':
			r = 's'
		case '!', '|':
			r = 'i'
		case ' ', '-', '_', '.', ',', '+', '*', '#', '/', '?':
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// loadWords reads the list, one word a line, and adds the spelling of each with the usual digits for letters.
func loadWords(list string) map[rune][]string {
	digits := strings.NewReplacer("o", "0", "i", "1", "e", "3", "a", "4", "s", "5")
	byFirst := map[rune][]string{}
	add := func(word string) {
		first := rune(word[0])
		at := 0
		for at < len(byFirst[first]) && len(byFirst[first][at]) >= len(word) {
			if byFirst[first][at] == word {
				return
			}
			at++
		}
		byFirst[first] = append(byFirst[first][:at], append([]string{word}, byFirst[first][at:]...)...)
	}
	for word := range strings.FieldsSeq(list) {
		word = fold(word)
		add(word)
		add(strings.ReplaceAll(word, "o", "0"))
		add(digits.Replace(word))
	}
	return byFirst
}

func reverse(s string) string {
	out := []byte(s)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

func itoa(n int) string { return strconv.Itoa(n) }
