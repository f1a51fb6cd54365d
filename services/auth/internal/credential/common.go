package credential

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed words.txt
var wordsFile string

// commonFile holds the three thousand passwords that were found most often in what was stolen elsewhere.
//
//go:embed common.txt
var commonFile string

// words are what passwords that everybody tries are made of, folded, with the longest first among those of one beginning.
var words = loadWords(wordsFile, commonFile)

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
	text := []rune(fold(password))
	if unit := unitOf(text); unit < len(text) && (unit < MinMinLength || isMadeOfWords(text[:unit])) {
		return true
	}
	return isMadeOfWords(text)
}

// unitOf returns the length of what the text repeats from its beginning to its end, but for three characters; that of the text when
// it repeats nothing.
func unitOf(text []rune) int {
	for unit := 1; unit <= len(text)/2; unit++ {
		same := unit
		for same < len(text) && text[same] == text[same-unit] {
			same++
		}
		if same >= 2*unit && len(text)-same <= maxRest {
			return unit
		}
	}
	return len(text)
}

func isMadeOfWords(rest []rune) bool {
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

// minWord is how long a password of commonFile must be to count as a part of others. Shorter ones are parts of everything.
const minWord = 4

// loadWords reads the lists, words with blanks or lines between, and adds the spelling of each with the usual digits for
// letters. Lines that begin with # are not read.
func loadWords(lists ...string) map[rune][]string {
	digits := strings.NewReplacer("o", "0", "i", "1", "e", "3", "a", "4", "s", "5")
	all := map[string]bool{}
	for i, list := range lists {
		for line := range strings.Lines(list) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			for word := range strings.FieldsSeq(line) {
				if word = fold(word); word == "" || i > 0 && len(word) < minWord {
					continue
				}
				all[word], all[strings.ReplaceAll(word, "o", "0")], all[digits.Replace(word)] = true, true, true
			}
		}
	}
	byFirst := map[rune][]string{}
	for word := range all {
		first, _ := utf8.DecodeRuneInString(word)
		byFirst[first] = append(byFirst[first], word)
	}
	for _, group := range byFirst {
		slices.SortFunc(group, func(a, b string) int { return len(b) - len(a) })
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
