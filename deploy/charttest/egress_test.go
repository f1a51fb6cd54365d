package charttest_test

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/ihr-charging/charging-plot-api/deploy/charttest"
)

// target is something that a pod may call: a pod of the namespace, by its labels, or an address outside the cluster.
type target struct {
	pod      map[string]string
	address  string
	port     intstr.IntOrString
	protocol corev1.Protocol // TCP when empty
}

func service(name string) target {
	return target{pod: map[string]string{"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "ihr-charging"}, port: intstr.FromString("http")}
}

func store(name string, port int) target {
	return target{pod: map[string]string{"app.kubernetes.io/name": name}, port: intstr.FromInt(port)}
}

func outside(address string, port int) target {
	return target{address: address, port: intstr.FromInt(port)}
}

// targets are what pods of the product might want to reach, by name.
var targets = map[string]target{
	"DNS":                {pod: map[string]string{"k8s-app": "kube-dns"}, port: intstr.FromInt(53), protocol: corev1.ProtocolUDP},
	"DNS by TCP":         {pod: map[string]string{"k8s-app": "kube-dns"}, port: intstr.FromInt(53)},
	"auth":               service("auth"),
	"station-catalog":    service("station-catalog"),
	"charging-plot":      service("charging-plot"),
	"Postgres":           store("postgres", 5432),
	"Redis":              store("redis", 6379),
	"OTLP":               store("otel-collector", 4318),
	"SMTPS":              outside("203.0.113.25", 465),
	"SMTP submission":    outside("203.0.113.25", 587),
	"the internet":       outside("198.51.100.7", 443),
	"the internet by v6": outside("2606:4700::1", 443),

	// Nobody calls these.
	"the internet by plain http": outside("198.51.100.7", 80),
	"the internet by SSH":        outside("198.51.100.7", 22),
	"charge points of a service": {pod: service("charging-plot").pod, port: intstr.FromString("ocpp")},
	"a stranger's pod":           store("stranger", 8080),
	"a stranger's port http":     {pod: map[string]string{"app.kubernetes.io/name": "stranger"}, port: intstr.FromString("http")},
	"an impostor's port http":    {pod: map[string]string{"app.kubernetes.io/name": "auth"}, port: intstr.FromString("http")},
	"the cloud's metadata":       outside("169.254.169.254", 443),
	"Azure's metadata":           outside("168.63.129.16", 443),
	"a node":                     outside("10.0.0.7", 443),
	"a company's network":        outside("172.16.3.4", 443),
	"a home's network":           outside("192.168.1.1", 443),
	"a carrier's network":        outside("100.64.0.1", 443),
	"unique local addresses":     outside("fd00::1", 443),
	"link-local addresses":       outside("fe80::1", 443),
	"10.0.0.7 through NAT64":     outside("64:ff9b::a00:7", 443),
}

// reaches tells whether one of the rules lets a pod reach the target, as Kubernetes reads them.
func reaches(t *testing.T, rules []networkingv1.NetworkPolicyEgressRule, to target) bool {
	t.Helper()
	return slices.ContainsFunc(rules, func(rule networkingv1.NetworkPolicyEgressRule) bool {
		port := len(rule.Ports) == 0 || slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool {
			protocol, want := corev1.ProtocolTCP, corev1.ProtocolTCP
			if p.Protocol != nil {
				protocol = *p.Protocol
			}
			if to.protocol != "" {
				want = to.protocol
			}
			return *p.Port == to.port && protocol == want
		})
		return port && (len(rule.To) == 0 || slices.ContainsFunc(rule.To, func(peer networkingv1.NetworkPolicyPeer) bool { return is(t, peer, to) }))
	})
}

// is tells whether a target is among a peer.
func is(t *testing.T, peer networkingv1.NetworkPolicyPeer, to target) bool {
	t.Helper()
	if peer.IPBlock == nil {
		selector, err := metav1.LabelSelectorAsSelector(peer.PodSelector)
		if err != nil {
			t.Fatal(err)
		}
		return to.pod != nil && selector.Matches(labels.Set(to.pod))
	}
	if to.address == "" {
		return false
	}
	address, block := netip.MustParseAddr(to.address), netip.MustParsePrefix(peer.IPBlock.CIDR)
	return block.Contains(address) && !slices.ContainsFunc(peer.IPBlock.Except, func(network string) bool {
		except := netip.MustParsePrefix(network)
		if !block.Overlaps(except) {
			t.Errorf("%s is no part of %s, which Kubernetes refuses", network, block)
		}
		return except.Contains(address)
	})
}

// policies are a release's network policies by name.
func policies(t *testing.T, chart string, values map[string]any) map[string]networkingv1.NetworkPolicySpec {
	t.Helper()
	out := map[string]networkingv1.NetworkPolicySpec{}
	for _, document := range render(t, chart, values) {
		o, err := charttest.Identify(document)
		if err != nil {
			t.Fatal(err)
		}
		if o.Kind != "NetworkPolicy" {
			continue
		}
		var network networkingv1.NetworkPolicy
		if err := yaml.UnmarshalStrict([]byte(document), &network); err != nil {
			t.Fatal(err)
		}
		out[o.Metadata.Name] = network.Spec
	}
	return out
}

// reached are the names of the targets that a policy lets its pods reach, sorted.
func reached(t *testing.T, network networkingv1.NetworkPolicySpec) []string {
	t.Helper()
	if !slices.Contains(network.PolicyTypes, networkingv1.PolicyTypeEgress) {
		t.Fatal("the policy leaves what pods call alone")
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		if reaches(t, network.Egress, targets[name]) {
			names = append(names, name)
		}
	}
	return names
}

// TestPodsReachWhatTheyCallAndNothingElse says which flows each service has, and promises that its policy lets these out and no others.
func TestPodsReachWhatTheyCallAndNothingElse(t *testing.T) {
	t.Parallel()
	every := []string{"DNS", "DNS by TCP", "Postgres"}
	serving := append(slices.Clone(every), "Redis", "OTLP")
	for chart, flows := range map[string][]string{
		// mail and webhooks; itself is what its test calls
		"auth": append(slices.Clone(serving), "auth", "SMTPS", "SMTP submission", "the internet", "the internet by v6"),
		// tokens and keys, statuses of plots, files and partners
		"station-catalog": append(slices.Clone(serving), "station-catalog", "auth", "charging-plot", "the internet", "the internet by v6"),
		// tokens and keys, stations, other replicas' charge points, webhooks and partners
		"charging-plot": append(slices.Clone(serving), "charging-plot", "auth", "station-catalog", "the internet", "the internet by v6"),
	} {
		all := policies(t, chart, nil)
		for name, want := range map[string][]string{chart: flows, chart + "-migrate": every} {
			slices.Sort(want)
			if got := reached(t, all[name]); !slices.Equal(got, want) {
				t.Errorf("%s reaches %q, want %q", name, got, want)
			}
		}
	}
}

// networks are those that a chart says are not the internet.
func networks(t *testing.T, chart string) []any {
	t.Helper()
	var all []any
	for _, rule := range policies(t, chart, nil)[chart].Egress {
		for _, peer := range rule.To {
			if peer.IPBlock != nil {
				for _, network := range peer.IPBlock.Except {
					all = append(all, network)
				}
			}
		}
	}
	return all
}

// without are the names but for some.
func without(names []string, gone ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(gone, name) })
}

// TestFlowsAreNarrowedByTheirName promises that each flow can be led to its place, turned off, and joined by others.
func TestFlowsAreNarrowedByTheirName(t *testing.T) {
	t.Parallel()
	elsewhere := []any{map[string]any{"podSelector": map[string]any{"matchLabels": map[string]any{"app.kubernetes.io/name": "elsewhere"}}}}
	usual := reached(t, policies(t, "auth", nil)["auth"])
	for what, c := range map[string]struct {
		egress map[string]any
		want   []string
	}{
		"Postgres elsewhere": {map[string]any{"postgres": map[string]any{"to": elsewhere}}, without(usual, "Postgres")},
		"no Redis":           {map[string]any{"redis": map[string]any{"ports": []any{}}}, without(usual, "Redis")},
		"no telemetry":       {map[string]any{"telemetry": map[string]any{"ports": []any{}}}, without(usual, "OTLP")},
		"submission alone":   {map[string]any{"mail": map[string]any{"ports": []any{587}}}, without(usual, "SMTPS")},
		"nothing outside":    {map[string]any{"outside": map[string]any{"enabled": false}}, without(usual, "the internet", "the internet by v6")},
		"no port outside":    {map[string]any{"outside": map[string]any{"ports": []any{}}}, without(usual, "the internet", "the internet by v6")},
		"ours, though public": {
			map[string]any{"outside": map[string]any{"except": append(networks(t, "auth"), "2606:4700::/32")}}, without(usual, "the internet by v6"),
		},
		"one more": {
			map[string]any{"more": []any{map[string]any{"ports": []any{map[string]any{"port": 22}}}}},
			slices.Sorted(slices.Values(append(slices.Clone(usual), "the internet by SSH"))),
		},
	} {
		network := policies(t, "auth", map[string]any{"networkPolicy": map[string]any{"egress": c.egress}})["auth"]
		if got := reached(t, network); !slices.Equal(got, c.want) {
			t.Errorf("%s: auth reaches %q, want %q", what, got, c.want)
		}
	}
}

// TestFlowsThatCannotBeAreRefusedByName promises that a port or a network which is none is refused.
func TestFlowsThatCannotBeAreRefusedByName(t *testing.T) {
	t.Parallel()
	for _, chart := range charttest.Charts {
		for field, egress := range map[string]map[string]any{
			"egress/postgres/ports/0":  {"postgres": map[string]any{"ports": []any{0}}},
			"egress/outside/except/0":  {"outside": map[string]any{"except": []any{"inside"}}},
			"egress/outside/ports/0":   {"outside": map[string]any{"ports": []any{"https"}}},
			"egress/telemetry/ports/0": {"telemetry": map[string]any{"ports": []any{70000}}},
			"nonsense":                 {"nonsense": map[string]any{"ports": []any{1}}},
		} {
			values := map[string]any{"networkPolicy": map[string]any{"egress": egress}}
			if _, err := charttest.Render(chart, values); err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("%s took %v: %v", chart, egress, err)
			}
		}
	}
}
