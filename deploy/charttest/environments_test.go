package charttest_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	chartutil "helm.sh/helm/v4/pkg/chart/common/util"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/yaml"

	"github.com/ihr-charging/charging-plot-api/deploy/charttest"
)

const small = "small.example.yaml"

// environments are the values of each file of environments, by name; the small ones are laid over production's.
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
	out[small] = chartutil.CoalesceTables(out[small], out["production.example.yaml"])
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

// TestASmallNodeHasRoom promises that all that a small environment may ever run at once, an upgrade's pods, migrations and tests among it,
// fits on a node of two CPUs and 4 GiB beside 900m and 1 GiB of stores, gateway and the node's own.
func TestASmallNodeHasRoom(t *testing.T) {
	t.Parallel()
	values := environments(t)[small]
	cpu, memory := resource.MustParse("900m"), resource.MustParse("1Gi")
	add := func(pod corev1.PodSpec, times int32) {
		for range times {
			for _, c := range pod.Containers {
				cpu.Add(*c.Resources.Requests.Cpu())
				memory.Add(*c.Resources.Requests.Memory())
			}
		}
	}
	for _, chart := range charttest.Charts {
		documents := render(t, chart, values)
		deployment, _ := object[appsv1.Deployment](t, documents, "Deployment")
		scale, found := object[autoscalingv2.HorizontalPodAutoscaler](t, documents, "HorizontalPodAutoscaler")
		test, tested := object[corev1.Pod](t, documents, "Pod")
		if !found || !tested {
			t.Fatalf("%s: scaled: %t, tested: %t", chart, found, tested)
		}
		// Releases are upgraded one after the other, so one of them has a pod too many.
		add(deployment.Spec.Template.Spec, scale.Spec.MaxReplicas)
		add(test.Spec, 1)
		if chart == "charging-plot" {
			add(deployment.Spec.Template.Spec, deployment.Spec.Strategy.RollingUpdate.MaxSurge.IntVal)
		}
	}
	if cpu.Cmp(resource.MustParse("2")) > 0 || memory.Cmp(resource.MustParse("4Gi")) > 0 {
		t.Errorf("it asks for %s CPUs and %s", cpu.String(), memory.String())
	}
}

// TestKindTakesItsConfiguration promises that the cluster for a laptop is described in kind's own words, none of them misspelled.
func TestKindTakesItsConfiguration(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../k8s/kind/cluster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cluster v1alpha4.Cluster
	if err := yaml.UnmarshalStrict(data, &cluster); err != nil {
		t.Fatal(err)
	}
	v1alpha4.SetDefaultsCluster(&cluster)
	if cluster.APIVersion != "kind.x-k8s.io/v1alpha4" || cluster.Kind != "Cluster" || len(cluster.Nodes) == 0 || cluster.Nodes[0].Role != v1alpha4.ControlPlaneRole {
		t.Errorf("it is %+v", cluster)
	}
}
