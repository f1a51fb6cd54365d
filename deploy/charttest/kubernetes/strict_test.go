// Package kubernetes_test decodes the golden files strictly into the types of one release of Kubernetes, so that no field is newer than the oldest
// cluster we speak of. go.mod is the oldest, each newer one has a file:
//
//	GOWORK=off go test -modfile=1.37.mod ./...
package kubernetes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

func TestGoldenFilesAreOfThisRelease(t *testing.T) {
	t.Parallel()
	types := map[string]func() any{
		"v1/ServiceAccount": func() any { return new(corev1.ServiceAccount) }, "v1/Service": func() any { return new(corev1.Service) },
		"v1/ConfigMap": func() any { return new(corev1.ConfigMap) }, "v1/Pod": func() any { return new(corev1.Pod) },
		"v1/LimitRange":      func() any { return new(corev1.LimitRange) },
		"apps/v1/Deployment": func() any { return new(appsv1.Deployment) }, "batch/v1/Job": func() any { return new(batchv1.Job) },
		"networking.k8s.io/v1/Ingress":           func() any { return new(networkingv1.Ingress) },
		"networking.k8s.io/v1/NetworkPolicy":     func() any { return new(networkingv1.NetworkPolicy) },
		"autoscaling/v2/HorizontalPodAutoscaler": func() any { return new(autoscalingv2.HorizontalPodAutoscaler) },
		"policy/v1/PodDisruptionBudget":          func() any { return new(policyv1.PodDisruptionBudget) },
	}
	files, err := filepath.Glob("../testdata/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("golden files: %v, %v", files, err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range strings.Split(string(data), "\n---\n") {
			var object struct{ APIVersion, Kind string }
			if err := yaml.Unmarshal([]byte(document), &object); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			kind := object.APIVersion + "/" + object.Kind
			into, ours := types[kind]
			if !ours {
				continue // of another project
			}
			seen[kind] = true
			if err := yaml.UnmarshalStrict([]byte(document), into()); err != nil {
				t.Errorf("%s, %s: %v", file, kind, err)
			}
		}
	}
	if len(seen) != len(types) {
		t.Errorf("of %d kinds only %v are in the golden files", len(types), seen)
	}
}
