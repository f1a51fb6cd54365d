package credential

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// ErrWeak is returned for a password that the policy refuses. Its field says why and what is asked for; the extensions min_length and
// max_length say the number where it is about one.
var ErrWeak = fault.Define(fault.Invalid, "weak_password", "The password is not good enough")

const (
	// DefaultMinLength is what NIST SP 800-63B-4 asks of a password that is the only factor.
	DefaultMinLength = 15
	// MinMinLength is the least that a policy may ask for, and what it asks for beside a second factor.
	MinMinLength = 8
	maxLength    = 128
)

// Policy says which passwords are good enough. There is no rule of composition (NIST SP 800-63B-4, section 3.1.1.2): length
// counts, and what everybody uses does not.
type Policy struct {
	// MinLength is the least number of characters.
	MinLength int
	// Breached holds passwords that are known to have been stolen; nil: none but the common ones.
	Breached *Breached
}

// Beside returns the policy for a password beside a second factor, which may be shorter.
func (p Policy) Beside(secondFactor bool) Policy {
	if secondFactor {
		p.MinLength = min(p.MinLength, MinMinLength)
	}
	return p
}

// Alone reports whether a password is long enough to be the only factor.
func (p Policy) Alone(password string) bool {
	return utf8.RuneCountInString(Normalize(password)) >= p.MinLength
}

// Normalize gives a password the form in which it is measured and hashed: NFC, so that an accent typed as one key or as two
// is the same. Nothing is cut or trimmed.
func Normalize(password string) string { return norm.NFC.String(password) }

// Check returns ErrWeak with the pointer of the field when the password is too short, too long, no text, what many people
// use, or not much more than one of the words about the person (the address, the username, the name).
func (p Policy) Check(pointer, password string, about ...string) error {
	weak := func(code, detail string) *fault.Fault {
		return ErrWeak.Detailf("%s", detail).At(fault.Field{Pointer: pointer, Code: code, Detail: detail})
	}
	if !utf8.ValidString(password) {
		return weak("encoding", "The password is not UTF-8 text.")
	}
	password = Normalize(password)
	switch n := utf8.RuneCountInString(password); {
	case n < p.MinLength:
		return weak("too_short", "The password needs at least "+itoa(p.MinLength)+" characters. Several words make a good one.").With("min_length", p.MinLength)
	case n > maxLength:
		return weak("too_long", "The password may have at most "+itoa(maxLength)+" characters.").With("max_length", maxLength)
	}
	if isCommon(password) {
		return weak("too_common", "The password is made of words or patterns that everybody tries first.")
	}
	if p.Breached.Has(password) {
		return weak("breached", "The password is in a list of stolen ones.")
	}
	folded := fold(password)
	for _, word := range about {
		local, _, _ := strings.Cut(word, "@")
		for _, own := range []string{fold(word), fold(local)} {
			if len(own) >= 4 && len(folded)-len(own)*strings.Count(folded, own) < MinMinLength {
				return weak("too_personal", "The password is not much more than your name or address.")
			}
		}
	}
	return nil
}
