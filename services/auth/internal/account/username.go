package account

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mtibben/confusables"
	"golang.org/x/text/secure/precis"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// ErrUsername is returned for a text that cannot be a username.
var ErrUsername = fault.Define(fault.Invalid, "bad_username", "This cannot be a username").
	Detailf("3 to 32 letters and digits of one script, with single '.', '_' or '-' between them")

// Username is a name to log in with. It is shown as its owner wrote it and compared by its key: the form that the PRECIS
// profile UsernameCaseMapped (RFC 8265) gives it, so that case, width and composition make no difference.
type Username struct {
	name string
	key  string
}

const (
	minUsername = 3
	maxUsername = 32
)

// ParseUsername reads a username. It returns ErrUsername for one that is too short or too long, that mixes scripts (the usual
// way to make a look-alike), or that holds anything but letters, digits and inner separators. An @ never stands in a
// username, so a login is never both a username and an address.
func ParseUsername(text string) (Username, error) {
	if len(text) > 4*maxUsername || !utf8.ValidString(text) {
		return Username{}, ErrUsername
	}
	name, err := precis.UsernameCasePreserved.String(text)
	if err != nil {
		return Username{}, ErrUsername.Because(err)
	}
	key, err := precis.UsernameCaseMapped.String(text)
	if err != nil {
		return Username{}, ErrUsername.Because(err)
	}
	for _, form := range []string{name, key} {
		if n := utf8.RuneCountInString(form); n < minUsername || n > maxUsername || !wellFormed(form) {
			return Username{}, ErrUsername
		}
	}
	return Username{name: name, key: key}, nil
}

// UsernameOfRow restores a username that was parsed before it was stored.
func UsernameOfRow(name, key string) Username { return Username{name: name, key: key} }

// String is the username as its owner wrote it, "" for none.
func (u Username) String() string { return u.name }

// Key is equal for two usernames exactly if nobody else may have the one while somebody has the other.
func (u Username) Key() string { return u.key }

// Skeleton is equal for two usernames that look alike (UTS #39, section 4): 1 and l, rn and m, a Latin and a Cyrillic а. Nobody
// may have the one while somebody has the other. It is "" for none.
func (u Username) Skeleton() string {
	return strings.ToLower(confusables.Skeleton(strings.ToLower(u.key)))
}

// IsZero reports whether u is no username.
func (u Username) IsZero() bool { return u.key == "" }

const separators = "._-"

// wellFormed reports whether s is letters and digits of one script with single separators inside.
func wellFormed(s string) bool {
	var script *unicode.RangeTable
	separator := true // so that none stands first
	for _, r := range s {
		if strings.ContainsRune(separators, r) {
			if separator {
				return false
			}
			separator = true
			continue
		}
		separator = false
		switch {
		case unicode.IsLetter(r):
			own := scriptOf(r)
			if own == nil || script != nil && own != script {
				return false
			}
			script = own
		case unicode.IsDigit(r), unicode.IsMark(r):
		default:
			return false
		}
	}
	return !separator
}

// scriptOf returns the script of a letter. Han, Hiragana and Katakana count as one: Japanese is written in all three.
func scriptOf(r rune) *unicode.RangeTable {
	if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) {
		return unicode.Han
	}
	if unicode.Is(unicode.Latin, r) {
		return unicode.Latin
	}
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(table, r) {
			return table
		}
	}
	return nil
}
