package publichttp

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// The faults of an address.
var (
	// ErrURL says that a URL is not one that can be called.
	ErrURL = fault.Define(fault.Invalid, "bad_url", "The URL cannot be called")
	// ErrForbidden says that a URL leads to an address that is not public. It is also what the client's errors are made
	// of when a connection was refused.
	ErrForbidden = fault.Define(fault.Invalid, "forbidden_address", "The URL leads to an address that is not public")
)

// Rules are the exceptions to what is public. Allow wins over everything, for tests and development; Deny shuts out
// networks that are routed publicly and are ours all the same, such as a cluster's pods.
type Rules struct {
	Allow []netip.Prefix
	Deny  []netip.Prefix
	// HTTPSOnly refuses plain http, except to what Allow names.
	HTTPSOnly bool
}

// Guard judges addresses. It is immutable and safe for concurrent use.
type Guard struct{ rules Rules }

// NewGuard makes a guard.
func NewGuard(rules Rules) *Guard {
	return &Guard{rules: Rules{
		Allow: slices.Clone(rules.Allow), Deny: slices.Clone(rules.Deny), HTTPSOnly: rules.HTTPSOnly,
	}}
}

// special4 are the IPv4 networks that are not the public internet: the IANA special-purpose registry, multicast, the
// reserved rest, and one cloud's metadata address that looks public.
var special4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32", // the host's own services in Azure
)

// global6 is the only part of IPv6 that is handed out for use on the internet. Loopback, mapped IPv4, NAT64 (64:ff9b::/96
// and 64:ff9b:1::/48), unique local, link-local, site-local and multicast addresses all lie outside it.
var global6 = netip.MustParsePrefix("2000::/3")

// special6 are the exceptions within global6: protocol assignments with Teredo, benchmarking and ORCHID, documentation,
// and 6to4, which wraps any IPv4 address.
var special6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func within(list []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(address) })
}

// Permits tells whether the address may be connected to. A mapped IPv4 address is judged as the IPv4 address; one with
// a zone is refused.
func (g *Guard) Permits(address netip.Addr) bool {
	if !address.IsValid() || address.Zone() != "" {
		return false
	}
	address = address.Unmap()
	switch {
	case within(g.rules.Allow, address):
		return true
	case within(g.rules.Deny, address):
		return false
	case address.Is4():
		return !within(special4, address)
	}
	return global6.Contains(address) && !within(special6, address)
}

// Control is for net.Dialer.Control: it is called with the resolved address just before connect.
func (g *Guard) Control(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil || !g.Permits(target.Addr()) {
		return ErrForbidden
	}
	return nil
}

// maxURL is the longest URL, in bytes.
const maxURL = 2048

// CheckURL reads a URL that somebody wants called and says at once what can be said without asking the network: ErrURL
// when it is not an absolute http(s) URL with a host and without user information and fragment, ErrForbidden when its
// host is an address that is not public, in whatever notation, or a name that only this machine knows. A name that
// resolves to such an address is found out when it is dialled.
func (g *Guard) CheckURL(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, ErrURL.Detailf("The URL must not be longer than %d bytes.", maxURL)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, ErrURL.Detailf("It is not a URL.").Because(err)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, ErrURL.Detailf("It must begin with https:// or http://.")
	case u.Hostname() == "" || u.Opaque != "":
		return nil, ErrURL.Detailf("It names no host.")
	case u.User != nil:
		return nil, ErrURL.Detailf("It must not hold a user name or a password.")
	case u.Fragment != "":
		return nil, ErrURL.Detailf("It must not have a fragment.")
	}
	if err := g.checkHost(u); err != nil {
		return nil, err
	}
	return u, nil
}

func (g *Guard) checkHost(u *url.URL) error {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	allowed := false
	if address, err := netip.ParseAddr(host); err == nil {
		if !g.Permits(address) {
			return ErrForbidden
		}
		allowed = within(g.rules.Allow, address.Unmap())
	} else if host == "" || numeric(host) || local(host) {
		// 2130706433, 0x7f000001, 0177.0.0.1 and 127.1 are addresses to some resolvers and names to none.
		return ErrForbidden
	}
	if g.rules.HTTPSOnly && u.Scheme != "https" && !allowed {
		return ErrURL.Detailf("It must begin with https://.")
	}
	return nil
}

// numeric tells whether a host's last label is a number, which no name of the internet is (WHATWG URL, "ends in a number").
func numeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if digits, hex := strings.CutPrefix(last, "0x"); hex {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// local tells whether a name is one that is not looked up on the internet: a single label, or below a suffix that is
// kept for local use (RFC 6761, RFC 6762, RFC 8375, ICANN's .internal).
func local(host string) bool {
	if !strings.Contains(host, ".") {
		return true
	}
	for _, suffix := range []string{".localhost", ".local", ".internal", ".localdomain", ".home.arpa", ".lan", ".onion"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}
