// Package caller says from where a request came: in a form that tells two places apart and names neither, and in a coarse one in
// which somebody recognises a login of their own.
package caller

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
	"slices"

	"github.com/mileusna/useragent"
)

// Size is the length of a Network and a Device.
const Size = 16

// Network is the keyed hash of an address: of all 32 bits of IPv4, of the first 64 of IPv6, which is what one household or
// one attacker has.
type Network [Size]byte

// Device is the keyed hash of a user agent. It tells a phone from a laptop, not two phones of one model.
type Device [Size]byte

// Caller is where a request came from.
type Caller struct {
	Network Network
	Device  Device
	Area    string // the network cut to 24 bits of IPv4 or 48 of IPv6: a region, not a household
	Agent   string // such as "Firefox on Linux"; "" when the user agent is of no known kind
}

// Veil hides addresses and user agents behind a key, so that what is stored of them is nothing to whoever reads the database
// alone.
type Veil struct {
	key []byte
}

// NewVeil makes a veil of a secret key. All replicas need the same.
func NewVeil(key []byte) Veil { return Veil{key: key} }

// Of returns the caller at an address with a user agent.
func (v Veil) Of(address netip.Addr, userAgent string) Caller {
	address = address.Unmap().WithZone("")
	bits := 64
	if address.Is4() {
		bits = 32
	}
	text := ""
	if prefix, err := address.Prefix(bits); err == nil { // an invalid address has no prefix: all such callers are one
		text = prefix.String()
	}
	return Caller{
		Network: Network(v.sum("network", text)), Device: Device(v.sum("device", userAgent)), Area: areaOf(address), Agent: agentOf(userAgent),
	}
}

func areaOf(address netip.Addr) string {
	bits := 48
	if address.Is4() {
		bits = 24
	}
	prefix, err := address.Prefix(bits)
	if err != nil || !prefix.IsValid() {
		return ""
	}
	return prefix.String()
}

// maxUserAgent bounds what is parsed; browsers send far less.
const maxUserAgent = 1000

// agentOf names the program and the system of a user agent, in words of the parser alone: nothing that a stranger wrote is shown
// to the owner of an account.
func agentOf(text string) string {
	if len(text) > maxUserAgent {
		return ""
	}
	parsed := useragent.Parse(text)
	program, system := known(programs, parsed.Name), known(systems, parsed.OS)
	switch {
	case program == "":
		return system
	case system == "":
		return program
	}
	return program + " on " + system
}

// What the parser does not know it copies from the text; only its own words go on.
var (
	programs = []string{
		useragent.Chrome, useragent.Edge, useragent.Firefox, useragent.Safari, useragent.Opera, useragent.OperaMini, useragent.Vivaldi,
		useragent.HeadlessChrome, useragent.InternetExplorer, useragent.SamsungBrowser,
	}
	systems = []string{
		useragent.Windows, useragent.Android, useragent.MacOS, useragent.IOS, useragent.Linux, useragent.ChromeOS, useragent.FreeBSD,
	}
)

func known(words []string, word string) string {
	if slices.Contains(words, word) {
		return word
	}
	return ""
}

func (v Veil) sum(domain, text string) []byte {
	mac := hmac.New(sha256.New, v.key)
	mac.Write([]byte(domain + "\x00" + text))
	return mac.Sum(nil)[:Size]
}
