package caller_test

import (
	"net/netip"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
)

func TestNetworksAreToldApartAsFarAsOneOwnerHasThem(t *testing.T) {
	t.Parallel()
	veil := caller.NewVeil([]byte("one key"))
	network := func(address string) caller.Network {
		return veil.Of(netip.MustParseAddr(address), "").Network
	}
	for _, same := range [][2]string{
		{"192.0.2.1", "::ffff:192.0.2.1"},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"},
		{"fe80::1%eth0", "fe80::2%eth1"},
	} {
		if network(same[0]) != network(same[1]) {
			t.Errorf("%s and %s are two networks", same[0], same[1])
		}
	}
	for _, different := range [][2]string{{"192.0.2.1", "192.0.2.2"}, {"2001:db8:1:2::1", "2001:db8:1:3::1"}, {"127.0.0.1", "::1"}} {
		if network(different[0]) == network(different[1]) {
			t.Errorf("%s and %s are one network", different[0], different[1])
		}
	}
	other := caller.NewVeil([]byte("another key")).Of(netip.MustParseAddr("192.0.2.1"), "")
	if other.Network == network("192.0.2.1") {
		t.Error("the hash does not depend on the key")
	}
	if veil.Of(netip.Addr{}, "a").Device == veil.Of(netip.Addr{}, "b").Device {
		t.Error("two user agents are one device")
	}
}
