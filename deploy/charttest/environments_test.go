package charttest_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"github.com/ihr-charging/charging-plot-api/deploy/charttest"
)

// environments are the values of each file of environments, by name.
func environments(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob("../helm/environments/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("environments: %v, %v", files, err)
	}
	out := map[string]map[string]any{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var values map[string]any
		if err := yaml.Unmarshal(data, &values); err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(file)] = values
	}
	return out
}

func TestEnvironmentsFitEveryChart(t *testing.T) {
	t.Parallel()
	for file, values := range environments(t) {
		for _, chart := range charttest.Charts {
			if _, err := charttest.Render(chart, values); err != nil {
				t.Errorf("%s does not take %s: %v", chart, file, err)
			}
		}
	}
}

// TestEnvironmentsBelieveTheirPods promises that a gateway's pod, and one of station-catalog's, may say whom it asks for, and nobody of the
// internet: without that, callers without a token share one budget.
func TestEnvironmentsBelieveTheirPods(t *testing.T) {
	t.Parallel()
	pod, stranger := netip.MustParseAddr("10.244.1.7"), netip.MustParseAddr("198.51.100.7")
	for file, values := range environments(t) {
		for _, chart := range charttest.Charts {
			deployment, _ := object[appsv1.Deployment](t, render(t, chart, values), "Deployment")
			var trusted, believed bool
			for _, network := range strings.Split(environment(deployment)["TRUSTED_PROXIES"], ",") {
				prefix, err := netip.ParsePrefix(network)
				if err != nil {
					t.Fatalf("%s, %s: TRUSTED_PROXIES: %v", file, chart, err)
				}
				trusted, believed = trusted || prefix.Contains(pod), believed || prefix.Contains(stranger)
			}
			if !trusted || believed {
				t.Errorf("%s, %s: pods are believed: %t, strangers: %t", file, chart, trusted, believed)
			}
		}
	}
}
