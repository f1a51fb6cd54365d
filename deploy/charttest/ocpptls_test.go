package charttest_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/ihr-charging/charging-plot-api/deploy/charttest"
)

// profile3 has charge points speak TLS with the pods and show certificates of their own.
var profile3 = map[string]any{
	"enabled": true, "existingSecret": "ocpp-server", "clientCA": map[string]any{"existingSecret": "ocpp-authorities"},
	"sourceRanges": []any{"198.51.100.0/24"},
}

func chargingPlot(t *testing.T, ocppTLS map[string]any) []string {
	t.Helper()
	return render(t, "charging-plot", map[string]any{"ocppTLS": ocppTLS})
}

// projected are the files of the pod's volume ocpp-tls by name, each as Secret/key; nil when there is no such volume.
func projected(pod corev1.PodSpec) map[string]string {
	at := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == "ocpp-tls" })
	if at < 0 {
		return nil
	}
	files := map[string]string{}
	for _, source := range pod.Volumes[at].Projected.Sources {
		for _, item := range source.Secret.Items {
			files[item.Path] = source.Secret.Name + "/" + item.Key
		}
	}
	return files
}

// TestTheServerReadsItsOCPPCertificateFromFiles promises that each file which a setting names is mounted, read-only, from the key that
// the values say, and that nothing else of those Secrets is.
func TestTheServerReadsItsOCPPCertificateFromFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values map[string]any
		files  map[string]string // by setting
	}{
		"off": {map[string]any{"existingSecret": "ocpp-server"}, nil},
		"profile 2": {
			map[string]any{"enabled": true, "existingSecret": "ocpp-server", "keys": map[string]any{"certificate": "chain.pem"}},
			map[string]string{"OCPP_TLS_CERTIFICATE_FILE": "ocpp-server/chain.pem", "OCPP_TLS_KEY_FILE": "ocpp-server/tls.key"},
		},
		"profile 3": {profile3, map[string]string{
			"OCPP_TLS_CERTIFICATE_FILE": "ocpp-server/tls.crt", "OCPP_TLS_KEY_FILE": "ocpp-server/tls.key",
			"OCPP_TLS_CLIENT_CA_FILE": "ocpp-authorities/ca.crt",
		}},
	} {
		deployment, _ := object[appsv1.Deployment](t, chargingPlot(t, c.values), "Deployment")
		pod := deployment.Spec.Template.Spec
		var folder string
		for _, mount := range pod.Containers[0].VolumeMounts {
			if mount.Name == "ocpp-tls" {
				folder = mount.MountPath + "/"
				if !mount.ReadOnly {
					t.Errorf("%s: the pod may write to %s", name, folder)
				}
			}
		}
		files := projected(pod)
		said := 0
		for variable, path := range environment(deployment) {
			if !strings.HasPrefix(variable, "OCPP_TLS_") || variable == "OCPP_TLS_LISTEN" {
				continue
			}
			said++
			if file, below := strings.CutPrefix(path, folder); !below || folder == "" || files[file] == "" || files[file] != c.files[variable] {
				t.Errorf("%s: %s is %s, which holds %q; want %q", name, variable, path, files[file], c.files[variable])
			}
		}
		if said != len(c.files) || len(files) != len(c.files) {
			t.Errorf("%s: %d settings name files and %v are mounted, want %v", name, said, files, c.files)
		}
	}
}

// TestOnlyTheServerIsGivenTheOCPPKey promises that neither the migration's pod nor the test's can read it.
func TestOnlyTheServerIsGivenTheOCPPKey(t *testing.T) {
	t.Parallel()
	documents := chargingPlot(t, profile3)
	job, migrates := object[batchv1.Job](t, documents, "Job")
	test, tests := object[corev1.Pod](t, documents, "Pod")
	if !migrates || !tests {
		t.Fatal("there is no migration or no test")
	}
	if files := projected(job.Spec.Template.Spec); files != nil {
		t.Errorf("the migration is given %v", files)
	}
	if files := projected(test.Spec); files != nil {
		t.Errorf("the test is given %v", files)
	}
}

// TestTheOCPPPortLeadsToThePods promises that the port of the values is the one that is listened on, exposed and served, that the HTTP
// routes leave it alone, and who may reach it.
func TestTheOCPPPortLeadsToThePods(t *testing.T) {
	t.Parallel()
	for _, enabled := range []bool{true, false} {
		documents := chargingPlot(t, map[string]any{
			"enabled": enabled, "existingSecret": "ocpp-server", "port": 9443, "sourceRanges": []any{"198.51.100.0/24", "2001:db8::/32"},
		})
		service, _ := object[corev1.Service](t, documents, "Service")
		exposed := slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
			return p.Name == "ocpp-tls" && p.Port == 9443 && p.TargetPort.StrVal == "ocpp-tls"
		})
		deployment, _ := object[appsv1.Deployment](t, documents, "Deployment")
		served := slices.ContainsFunc(deployment.Spec.Template.Spec.Containers[0].Ports, func(p corev1.ContainerPort) bool {
			return p.Name == "ocpp-tls" && p.ContainerPort == 9443
		})
		listened := environment(deployment)["OCPP_TLS_LISTEN"] == ":9443"
		if exposed != enabled || served != enabled || listened != enabled {
			t.Errorf("enabled %t: exposed %t, served %t, listened on %t", enabled, exposed, served, listened)
		}
		network, _ := object[networkingv1.NetworkPolicy](t, documents, "NetworkPolicy")
		var from []string
		for _, rule := range network.Spec.Ingress {
			if !slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool { return p.Port.StrVal == "ocpp-tls" }) {
				continue
			}
			for _, peer := range rule.From {
				if peer.IPBlock != nil {
					from = append(from, peer.IPBlock.CIDR)
				} else {
					from = append(from, peer.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"])
				}
			}
		}
		want := []string{"gateway", "198.51.100.0/24", "2001:db8::/32"}
		if !enabled {
			want = nil
		}
		if !slices.Equal(from, want) {
			t.Errorf("enabled %t: reached from %v, want %v", enabled, from, want)
		}
		for _, document := range documents {
			if o, _ := charttest.Identify(document); o.Kind == "HTTPRoute" && strings.Contains(document, "9443") {
				t.Error("the HTTPRoute sends requests to the port where TLS is spoken")
			}
		}
	}
}

// TestOCPPTLSThatCannotWorkIsRefusedByName promises that what the pods would not start with is refused before they do.
func TestOCPPTLSThatCannotWorkIsRefusedByName(t *testing.T) {
	t.Parallel()
	for field, values := range map[string]map[string]any{
		"ocppTLS/existingSecret":   {"enabled": true},
		"ocppTLS/port":             {"port": 0},
		"ocppTLS/keys/certificate": {"keys": map[string]any{"certificate": ""}},
		"ocppTLS/clientCA/key":     {"clientCA": map[string]any{"key": ""}},
		"ocppTLS/sourceRanges/0":   {"sourceRanges": []any{"everywhere"}},
		"nonsense":                 {"nonsense": 1},
	} {
		if _, err := charttest.Render("charging-plot", map[string]any{"ocppTLS": values}); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s was taken: %v", field, err)
		}
	}
	if _, err := charttest.Render("auth", map[string]any{"ocppTLS": profile3}); err == nil || !strings.Contains(err.Error(), "ocppTLS") {
		t.Errorf("auth, where no charge point connects, took it: %v", err)
	}
}
