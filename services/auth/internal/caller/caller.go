// Package caller says from where a request came, in a form that tells two places apart and names neither.
package caller

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
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
	return Caller{Network: Network(v.sum("network", text)), Device: Device(v.sum("device", userAgent))}
}

func (v Veil) sum(domain, text string) []byte {
	mac := hmac.New(sha256.New, v.key)
	mac.Write([]byte(domain + "\x00" + text))
	return mac.Sum(nil)[:Size]
}
