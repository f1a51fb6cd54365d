package charttest_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/ihr-charging/charging-plot-api/deploy/charttest"
)

// apiServer are the addresses of an API server.
var apiServer = []any{map[string]any{"ipBlock": map[string]any{"cidr": "10.96.0.1/32"}}, map[string]any{"ipBlock": map[string]any{"cidr": "192.0.2.10/32"}}}

// tokenAt is the ServiceAccount token that lies at a path of a pod, nil when there is none.
func tokenAt(pod corev1.PodSpec, path string) *corev1.ServiceAccountTokenProjection {
	for _, mount := range pod.Containers[0].VolumeMounts {
		file, below := strings.CutPrefix(path, mount.MountPath+"/")
		if !below || !mount.ReadOnly {
			continue
		}
		at := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		for _, source := range pod.Volumes[at].Projected.Sources {
			if token := source.ServiceAccountToken; token != nil && token.Path == file {
				return token
			}
		}
	}
	return nil
}

// TestPodsProveThemselvesWithATokenForAuthAlone promises that the server and the test of a chart are given a token for auth where the
// setting says, as their own ServiceAccount, and that no secret is asked for besides.
func TestPodsProveThemselvesWithATokenForAuthAlone(t *testing.T) {
	t.Parallel()
	for _, chart := range []string{"station-catalog", "charging-plot"} {
		documents := render(t, chart, map[string]any{"clientToken": map[string]any{"enabled": true}})
		deployment, _ := object[appsv1.Deployment](t, documents, "Deployment")
		pod, _ := object[corev1.Pod](t, documents, "Pod")
		variables := environment(deployment)
		if _, there := variables["CLIENT_SECRET_FILE"]; there {
			t.Errorf("%s still wants a secret", chart)
		}
		for what, spec := range map[string]corev1.PodSpec{"server": deployment.Spec.Template.Spec, "test": pod.Spec} {
			token := tokenAt(spec, variables["CLIENT_TOKEN_PATH"])
			if token == nil || token.Audience != "https://charging.example" || *token.ExpirationSeconds != 600 || spec.ServiceAccountName != chart {
				t.Errorf("%s of %s: the token is %+v of %q", what, chart, token, spec.ServiceAccountName)
			}
		}
		deployment, _ = object[appsv1.Deployment](t, render(t, chart, nil), "Deployment")
		if _, there := environment(deployment)["CLIENT_TOKEN_PATH"]; there || len(deployment.Spec.Template.Spec.Volumes) != 2 {
			t.Errorf("%s is given a token that nobody asked for", chart)
		}
	}
}

// TestAuthAsksTheAPIServerForItsKeys promises that auth may reach it, knows whom to trust there and has a token to show.
func TestAuthAsksTheAPIServerForItsKeys(t *testing.T) {
	t.Parallel()
	documents := render(t, "auth", everything("auth"))
	deployment, _ := object[appsv1.Deployment](t, documents, "Deployment")
	pod, variables := deployment.Spec.Template.Spec, environment(deployment)
	if token := tokenAt(pod, variables["SERVICE_ACCOUNT_TOKEN_PATH"]); token == nil || token.Audience != "" {
		t.Errorf("the token for the API server is %+v", token)
	}
	if variables["SERVICE_ACCOUNT_CA_FILE"] == "" || variables["SERVICE_ACCOUNT_ISSUER"] == "" || !strings.HasPrefix(variables["SERVICE_ACCOUNT_JWKS_URL"], "https://") {
		t.Errorf("the settings are %v", variables)
	}
	policy, _ := object[networkingv1.NetworkPolicy](t, documents, "NetworkPolicy")
	for address, want := range map[string]bool{"192.0.2.10": true, "192.0.2.11": false} {
		if got := reaches(t, policy.Spec.Egress, outside(address, 6443)); got != want {
			t.Errorf("the API server at %s is reached: %t", address, got)
		}
	}
	if _, err := charttest.Render("auth", map[string]any{"serviceAccounts": map[string]any{"enabled": true}}); err == nil || !strings.Contains(err.Error(), "networkPolicy.egress.kubernetes.to") {
		t.Errorf("without the API server's address: %v", err)
	}
}
