package publichttp_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
)

func TestPermitsPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	guard := publichttp.NewGuard(publichttp.Rules{Deny: []netip.Prefix{netip.MustParsePrefix("93.184.216.0/24")}})
	for _, public := range []string{"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8"} {
		if !guard.Permits(netip.MustParseAddr(public)) {
			t.Errorf("%s is public and refused", public)
		}
	}
	for _, special := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
		"172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
		"239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:db8::1", "2001:20::1",
		"2002:7f00:1::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2606:4700::1111%eth0", "fec0::1", "ff02::1", "5f00::1",
		"93.184.216.34", "::ffff:93.184.216.34",
	} {
		if guard.Permits(netip.MustParseAddr(special)) {
			t.Errorf("%s is permitted", special)
		}
	}
	if guard.Permits(netip.Addr{}) {
		t.Error("no address is permitted")
	}
}

func TestAllowWinsOverEverythingElse(t *testing.T) {
	t.Parallel()
	here := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	guard := publichttp.NewGuard(publichttp.Rules{Allow: here, Deny: here, HTTPSOnly: true})
	if !guard.Permits(netip.MustParseAddr("::ffff:127.0.0.1")) || guard.Permits(netip.MustParseAddr("10.0.0.1")) {
		t.Error("Allow names 127.0.0.0/8 and nothing else")
	}
	if _, err := guard.CheckURL("http://127.0.0.1:8080/hook"); err != nil {
		t.Errorf("what is allowed needs no https: %v", err)
	}
	if _, err := guard.CheckURL("http://example.com/hook"); !errors.Is(err, publichttp.ErrURL) {
		t.Errorf("plain http elsewhere: %v, wanted ErrURL", err)
	}
}

func TestCheckURLNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	guard := publichttp.NewGuard(publichttp.Rules{})
	for _, good := range []string{
		"https://example.com/hook", "http://example.com:8080/a?b=c", "https://1.1.1.1/", "https://[2606:4700::1111]/", "https://3com.example/", "https://example.com./",
	} {
		if u, err := guard.CheckURL(good); err != nil || u.String() != good {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]error{
		"": publichttp.ErrURL, "example.com/hook": publichttp.ErrURL, "ftp://example.com/": publichttp.ErrURL, "file:///etc/passwd": publichttp.ErrURL,
		"gopher://example.com/": publichttp.ErrURL, "https:///hook": publichttp.ErrURL, "https:example.com": publichttp.ErrURL, "https://user:pw@example.com/": publichttp.ErrURL,
		"https://user@example.com/": publichttp.ErrURL, "https://example.com/#x": publichttp.ErrURL, "https://exa mple.com/": publichttp.ErrURL,
		"https://example.com/" + strings.Repeat("a", 2048): publichttp.ErrURL, "https://example.com:port/": publichttp.ErrURL, "https://[::1/": publichttp.ErrURL,
		"http://127.0.0.1/": publichttp.ErrForbidden, "http://2130706433/": publichttp.ErrForbidden, "http://0x7f000001/": publichttp.ErrForbidden,
		"http://0177.0.0.1/": publichttp.ErrForbidden, "http://127.1/": publichttp.ErrForbidden, "http://0x7f.1/": publichttp.ErrForbidden,
		"http://127.0.0.1./": publichttp.ErrForbidden, "http://[::1]/": publichttp.ErrForbidden, "http://[::ffff:127.0.0.1]/": publichttp.ErrForbidden,
		"http://[::ffff:7f00:1]/": publichttp.ErrForbidden, "http://[fe80::1%25eth0]/": publichttp.ErrForbidden, "http://169.254.169.254/latest/meta-data/": publichttp.ErrForbidden,
		"http://[64:ff9b::a9fe:a9fe]/": publichttp.ErrForbidden, "http://localhost/": publichttp.ErrForbidden, "http://LOCALHOST:5432/": publichttp.ErrForbidden,
		"http://postgres/": publichttp.ErrForbidden, "http://metadata.google.internal/": publichttp.ErrForbidden, "http://auth.default.svc.cluster.local/": publichttp.ErrForbidden,
		"http://printer.lan./": publichttp.ErrForbidden,
	} {
		if _, err := guard.CheckURL(bad); !errors.Is(err, want) {
			t.Errorf("%q: %v, wanted %v", bad, err, want)
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{"https://example.com/hook", "http://[::ffff:127.0.0.1%25a]:1/", "http://0x/", "http://1.", "https://a.b@c.d/"} {
		f.Add(seed)
	}
	guard := publichttp.NewGuard(publichttp.Rules{})
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := guard.CheckURL(raw)
		if err != nil {
			if !errors.Is(err, publichttp.ErrURL) && !errors.Is(err, publichttp.ErrForbidden) {
				t.Errorf("%q: %v is neither fault", raw, err)
			}
			return
		}
		if again, err := guard.CheckURL(u.String()); err != nil || again.Host != u.Host {
			t.Errorf("%q is good and, written anew as %q, is not: %v", raw, u, err)
		}
		if address, err := netip.ParseAddr(u.Hostname()); err == nil && !guard.Permits(address) {
			t.Errorf("%q leads to %s", raw, address)
		}
	})
}
