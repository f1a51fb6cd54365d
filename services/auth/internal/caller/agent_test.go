package caller_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
)

func TestACallerIsRecognisedCoarsely(t *testing.T) {
	t.Parallel()
	veil := caller.NewVeil([]byte("test"))
	for address, want := range map[string]string{
		"203.0.113.77": "203.0.113.0/24", "::ffff:203.0.113.77": "203.0.113.0/24", "2001:db8:1:2:3:4:5:6": "2001:db8:1::/48", "fe80::1%eth0": "fe80::/48",
	} {
		if got := veil.Of(netip.MustParseAddr(address), "").Area; got != want {
			t.Errorf("%s is of %q, want %q", address, got, want)
		}
	}
	if got := veil.Of(netip.Addr{}, "").Area; got != "" {
		t.Errorf("nowhere is %q", got)
	}
}

// G2: what a stranger writes into a user agent is not shown to anybody.
func TestAnAgentIsNamedInOurWords(t *testing.T) {
	t.Parallel()
	veil := caller.NewVeil([]byte("test"))
	for text, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                               "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                      "Chrome on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E Safari/604.1": "Safari on iOS",
		"": "", "a phone": "", "curl/8.5.0": "",
		"Your account is locked, call +1 555 0100/1.0": "",
		"<script>alert(1)</script>":                    "",
		strings.Repeat("Firefox/1 ", 1000):             "",
	} {
		if got := veil.Of(netip.Addr{}, text).Agent; got != want {
			t.Errorf("%.40q is called %q, want %q", text, got, want)
		}
	}
}
