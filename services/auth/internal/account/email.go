package account

import (
	"strings"

	"golang.org/x/net/idna"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// ErrEmail is returned for a text that is not an address we can send to.
var ErrEmail = fault.Define(fault.Invalid, "bad_email", "This is not an e-mail address")

// Email is an address in the two forms we keep: as its owner wrote it, for sending, and its key, for comparing. Two
// spellings of one mailbox have one key: the domain in ASCII (IDNA) and everything in lower case.
type Email struct {
	address string
	key     string
}

const (
	maxEmail      = 254 // RFC 5321, section 4.5.3.1.3
	maxEmailLocal = 64  // RFC 5321, section 4.5.3.1.1
)

// ParseEmail reads an address with a plain ASCII local part (RFC 5321 dot-string) and a domain of at least two labels, which
// may be internationalised. Quoted local parts and local parts beyond ASCII are refused: hardly a mail server accepts them,
// and the look-alikes of the latter would be a way to pose as somebody else. It returns ErrEmail otherwise.
func ParseEmail(text string) (Email, error) {
	local, domain, ok := strings.Cut(text, "@")
	if !ok || len(text) > maxEmail || len(local) > maxEmailLocal || !isDotAtom(local) {
		return Email{}, ErrEmail
	}
	ascii, err := idna.Registration.ToASCII(strings.ToLower(domain))
	if err != nil || !isHostname(ascii) || len(local)+1+len(ascii) > maxEmail {
		return Email{}, ErrEmail
	}
	return Email{address: local + "@" + ascii, key: strings.ToLower(local) + "@" + ascii}, nil
}

// EmailOfRow restores an address that was parsed before it was stored.
func EmailOfRow(address, key string) Email { return Email{address: address, key: key} }

// Address is where mail is sent: the local part as written, the domain in ASCII.
func (e Email) Address() string { return e.address }

// Key is equal for two addresses exactly if they are one mailbox to us.
func (e Email) Key() string { return e.key }

// IsZero reports whether e is no address.
func (e Email) IsZero() bool { return e.key == "" }

// isDotAtom reports whether s is a dot-atom of RFC 5322, section 3.2.3.
func isDotAtom(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte(".!#$%&'*+-/=?^_`{|}~", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// isHostname reports whether s is a name of two or more labels of letters, digits and inner hyphens whose last label is not
// a number: what an MX lookup can be asked for.
func isHostname(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return strings.ContainsFunc(labels[len(labels)-1], func(r rune) bool { return r < '0' || r > '9' })
}
