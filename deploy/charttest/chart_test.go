package charttest_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"

	"github.com/ihr-charging/charging-plot-api/deploy/charttest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// everything turns on each object that a chart can make.
func everything(chart string) map[string]any {
	values := map[string]any{
		"autoscaling":    map[string]any{"enabled": true},
		"ingress":        map[string]any{"enabled": true, "className": "any", "host": "charging.example"},
		"monitoring":     map[string]any{"enabled": true, "labels": map[string]any{"release": "prometheus"}},
		"migrations":     map[string]any{"mode": "hook"},
		"gateway":        map[string]any{"envoy": map[string]any{"enabled": true}},
		"externalSecret": map[string]any{"enabled": true, "remoteKey": "ihr-charging/service"},
		"extraObjects": []any{map[string]any{
			"apiVersion": "v1", "kind": "LimitRange", "metadata": map[string]any{"name": `{{ include "common.fullname" . }}-elsewhere`},
		}},
	}
	if chart == "charging-plot" {
		values["ocppTLS"] = profile3
	}
	if chart == "auth" {
		values["serviceAccounts"] = map[string]any{"enabled": true}
		values["networkPolicy"] = map[string]any{"egress": map[string]any{"kubernetes": map[string]any{"to": apiServer}}}
	} else {
		values["clientToken"] = map[string]any{"enabled": true}
	}
	return values
}

func render(t *testing.T, chart string, values map[string]any) []string {
	t.Helper()
	documents, err := charttest.Render(chart, values)
	if err != nil {
		t.Fatal(err)
	}
	return documents
}

// object decodes the one object of a kind, strictly, into its Kubernetes type; false when there is none.
func object[T any](t *testing.T, documents []string, kind string) (T, bool) {
	t.Helper()
	var out T
	for _, document := range documents {
		o, err := charttest.Identify(document)
		if err != nil {
			t.Fatal(err)
		}
		if o.Kind == kind {
			if err := yaml.UnmarshalStrict([]byte(document), &out); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			return out, true
		}
	}
	return out, false
}

func TestChartsRenderWhatTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	for _, chart := range charttest.Charts {
		for name, values := range map[string]map[string]any{"default": nil, "everything": everything(chart)} {
			t.Run(chart+" "+name, func(t *testing.T) {
				t.Parallel()
				got := strings.Join(render(t, chart, values), "---\n")
				path := filepath.Join("testdata", chart+"-"+name+".yaml")
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("%s is rendered otherwise; look at the change and run go test -update", path)
				}
			})
		}
	}
}

// TestObjectsAreStrictlyKubernetes promises that no field is misspelt or misplaced, by decoding into the API's own types.
func TestObjectsAreStrictlyKubernetes(t *testing.T) {
	t.Parallel()
	types := map[string]func() any{
		"ServiceAccount": func() any { return new(corev1.ServiceAccount) }, "Service": func() any { return new(corev1.Service) },
		"Deployment": func() any { return new(appsv1.Deployment) }, "Job": func() any { return new(batchv1.Job) },
		"Ingress": func() any { return new(networkingv1.Ingress) }, "NetworkPolicy": func() any { return new(networkingv1.NetworkPolicy) },
		"HorizontalPodAutoscaler": func() any { return new(autoscalingv2.HorizontalPodAutoscaler) },
		"PodDisruptionBudget":     func() any { return new(policyv1.PodDisruptionBudget) },
		"ConfigMap":               func() any { return new(corev1.ConfigMap) }, "Pod": func() any { return new(corev1.Pod) },
		"LimitRange": func() any { return new(corev1.LimitRange) },
	}
	// Types of other projects; those that have definitions on a real API server are judged there.
	others := []string{"HTTPRoute", "ServiceMonitor", "PrometheusRule", "ExternalSecret", "SecurityPolicy", "BackendTrafficPolicy"}
	for _, chart := range charttest.Charts {
		var kinds []string
		for _, document := range render(t, chart, everything(chart)) {
			o, err := charttest.Identify(document)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, o.Kind)
			if slices.Contains(others, o.Kind) {
				continue
			}
			into, known := types[o.Kind]
			if !known {
				t.Fatalf("%s makes a %s, which this test does not know", chart, o.Kind)
			}
			if err := yaml.UnmarshalStrict([]byte(document), into()); err != nil {
				t.Errorf("%s, %s: %v", chart, o.Kind, err)
			}
		}
		slices.Sort(kinds)
		if kinds = slices.Compact(kinds); len(kinds) != len(types)+len(others) {
			t.Errorf("%s makes %v with everything on", chart, kinds)
		}
	}
}

func TestPodsMeetPodSecurityRestricted(t *testing.T) {
	t.Parallel()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, chart := range charttest.Charts {
		documents := render(t, chart, nil)
		deployment, _ := object[appsv1.Deployment](t, documents, "Deployment")
		job, _ := object[batchv1.Job](t, documents, "Job")
		test, _ := object[corev1.Pod](t, documents, "Pod")
		for name, pod := range map[string]corev1.PodTemplateSpec{
			"server": deployment.Spec.Template, "migration": job.Spec.Template, "test": {ObjectMeta: test.ObjectMeta, Spec: test.Spec},
		} {
			if len(pod.Spec.Containers) == 0 {
				t.Fatalf("%s has no %s", chart, name)
			}
			for _, result := range evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
				if !result.Allowed {
					t.Errorf("%s, %s: %s: %s", chart, name, result.ForbiddenReason, result.ForbiddenDetail)
				}
			}
			if pod.Spec.AutomountServiceAccountToken == nil || *pod.Spec.AutomountServiceAccountToken {
				t.Errorf("%s, %s: the pod is given a token of its service account", chart, name)
			}
			for _, c := range pod.Spec.Containers {
				if c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
					t.Errorf("%s, %s: the root file system can be written", chart, name)
				}
				named := map[string]bool{} // server-side apply refuses a variable that stands there twice
				for _, variable := range c.Env {
					if named[variable.Name] {
						t.Errorf("%s, %s: %s is set twice", chart, name, variable.Name)
					}
					named[variable.Name] = true
				}
			}
		}
	}
}

func TestReplicasAreLeftToTheAutoscaler(t *testing.T) {
	t.Parallel()
	for _, chart := range charttest.Charts {
		with, _ := object[appsv1.Deployment](t, render(t, chart, everything(chart)), "Deployment")
		if with.Spec.Replicas != nil {
			t.Errorf("%s says %d replicas beside its autoscaler", chart, *with.Spec.Replicas)
		}
		without, _ := object[appsv1.Deployment](t, render(t, chart, map[string]any{"replicas": 3}), "Deployment")
		if without.Spec.Replicas == nil || *without.Spec.Replicas != 3 {
			t.Errorf("%s does not say 3 replicas", chart)
		}
	}
}

func TestMigrationsRunWhereTheModeSays(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]struct {
		job     bool
		startup string
	}{"hook": {true, "off"}, "startup": {false, "startup"}, "off": {false, "off"}} {
		documents := render(t, "auth", map[string]any{"migrations": map[string]any{"mode": mode}})
		job, found := object[batchv1.Job](t, documents, "Job")
		if found != want.job {
			t.Errorf("mode %s: a Job: %t, want %t", mode, found, want.job)
		}
		if found && job.Spec.Template.Spec.ServiceAccountName != "" {
			t.Errorf("the migration leans on the service account %s, which is not there before the release", job.Spec.Template.Spec.ServiceAccountName)
		}
		deployment, _ := object[appsv1.Deployment](t, documents, "Deployment")
		if got := environment(deployment)["MIGRATIONS"]; got != want.startup {
			t.Errorf("mode %s: the pods are told MIGRATIONS=%s, want %s", mode, got, want.startup)
		}
	}
}

func TestMemoryLimitBecomesGOMEMLIMIT(t *testing.T) {
	t.Parallel()
	for limit, want := range map[string]string{"512Mi": "460MiB", "1Gi": "921MiB", "4Gi": "3686MiB"} {
		documents := render(t, "auth", map[string]any{"resources": map[string]any{"limits": map[string]any{"memory": limit}}})
		deployment, _ := object[appsv1.Deployment](t, documents, "Deployment")
		if got := environment(deployment)["GOMEMLIMIT"]; got != want {
			t.Errorf("%s becomes %s, want %s", limit, got, want)
		}
	}
}

func environment(d appsv1.Deployment) map[string]string {
	out := make(map[string]string)
	for _, variable := range d.Spec.Template.Spec.Containers[0].Env {
		out[variable.Name] = variable.Value
	}
	return out
}

func TestGraceIsLongerThanTheStopTakes(t *testing.T) {
	t.Parallel()
	const shutdown = 15 // seconds that the program gives requests which are under way
	for _, chart := range charttest.Charts {
		deployment, _ := object[appsv1.Deployment](t, render(t, chart, nil), "Deployment")
		pod := deployment.Spec.Template.Spec
		sleep := pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds
		var drain int64
		if _, err := fmt.Sscanf(environment(deployment)["DRAIN_DELAY"], "%ds", &drain); err != nil {
			t.Fatal(err)
		}
		if took := sleep + drain + shutdown + 3; took >= *pod.TerminationGracePeriodSeconds {
			t.Errorf("%s: a stop may take %d s, and the pod is killed after %d", chart, took, *pod.TerminationGracePeriodSeconds)
		}
	}
}

// TestUnknownValuesAreRefusedByName promises for every setting that a neighbour nobody knows is refused, and named.
func TestUnknownValuesAreRefusedByName(t *testing.T) {
	t.Parallel()
	for _, chart := range charttest.Charts {
		for _, values := range []map[string]any{
			{"nonsense": 1}, {"image": map[string]any{"nonsense": 1}}, {"autoscaling": map[string]any{"nonsense": 1}},
			{"resources": map[string]any{"nonsense": 1}}, {"secret": map[string]any{"nonsense": 1}}, {"migrations": map[string]any{"nonsense": 1}},
			{"shutdown": map[string]any{"nonsense": 1}}, {"gateway": map[string]any{"nonsense": 1}}, {"ingress": map[string]any{"nonsense": 1}},
			{"externalSecret": map[string]any{"nonsense": 1}}, {"gateway": map[string]any{"envoy": map[string]any{"nonsense": 1}}},
			{"networkPolicy": map[string]any{"nonsense": 1}}, {"monitoring": map[string]any{"nonsense": 1}},
		} {
			if _, err := charttest.Render(chart, values); err == nil || !strings.Contains(err.Error(), "nonsense") {
				t.Errorf("%s took %v: %v", chart, values, err)
			}
		}
		for field, values := range map[string]map[string]any{
			"migrations/mode":         {"migrations": map[string]any{"mode": "sometimes"}},
			"resources/limits/memory": {"resources": map[string]any{"limits": map[string]any{"memory": "1000000"}}},
			"secret/existingSecret":   {"secret": map[string]any{"existingSecret": ""}},
			"replicas":                {"replicas": -1},
		} {
			if _, err := charttest.Render(chart, values); err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("%s took %v: %v", chart, values, err)
			}
		}
		if _, err := charttest.Render(chart, map[string]any{"global": map[string]any{"umbrella": true}}); err != nil {
			t.Errorf("%s cannot be part of an umbrella: %v", chart, err)
		}
	}
}

func TestSchemaAndReadmeFollowTheValues(t *testing.T) {
	t.Parallel()
	for _, chart := range charttest.Charts {
		for name, make := range map[string]func(string) ([]byte, error){"values.schema.json": charttest.Schema, "README.md": charttest.Readme} {
			want, err := make(chart)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(charttest.Folder(chart), name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s of %s is behind values.yaml; run make generate", name, chart)
			}
		}
	}
}

// TestEveryRouteReachesItsPort promises that the HTTPRoute and the Ingress send each path of files/routes.yaml to the port it names.
func TestEveryRouteReachesItsPort(t *testing.T) {
	t.Parallel()
	for _, chart := range charttest.Charts {
		data, err := os.ReadFile(filepath.Join(charttest.Folder(chart), "files", "routes.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var table struct {
			Routes []struct{ Path, Type, Port string } `json:"routes"`
		}
		if err := yaml.UnmarshalStrict(data, &table); err != nil {
			t.Fatal(err)
		}
		documents := render(t, chart, everything(chart))
		service, _ := object[corev1.Service](t, documents, "Service")
		ingress, _ := object[networkingv1.Ingress](t, documents, "Ingress")
		type rules struct {
			Spec struct {
				Rules []struct {
					Matches []struct {
						Path struct{ Type, Value string } `json:"path"`
					} `json:"matches"`
					BackendRefs []struct {
						Name string `json:"name"`
						Port int32  `json:"port"`
					} `json:"backendRefs"`
				} `json:"rules"`
			} `json:"spec"`
		}
		var route rules
		for _, document := range documents {
			if o, _ := charttest.Identify(document); o.Kind == "HTTPRoute" {
				if err := yaml.Unmarshal([]byte(document), &route); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(route.Spec.Rules) != len(table.Routes) || len(table.Routes) == 0 {
			t.Fatalf("%s: %d rules for %d routes", chart, len(route.Spec.Rules), len(table.Routes))
		}
		for i, want := range table.Routes {
			name := want.Port
			if name == "" {
				name = "http"
			}
			at := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == name })
			if at < 0 {
				t.Fatalf("%s: no port %s", chart, name)
			}
			rule := route.Spec.Rules[i]
			if rule.Matches[0].Path.Value != want.Path || rule.BackendRefs[0].Port != service.Spec.Ports[at].Port || rule.BackendRefs[0].Name != service.Name {
				t.Errorf("%s: %+v became %+v", chart, want, rule)
			}
			if path := ingress.Spec.Rules[0].HTTP.Paths[i]; path.Path != want.Path || path.Backend.Service.Port.Name != name {
				t.Errorf("%s: %+v became %+v in the Ingress", chart, want, path)
			}
		}
	}
}

// TestKubeVersionIsSaid promises that a cluster too old for preStop sleep is refused at installation.
func TestKubeVersionIsSaid(t *testing.T) {
	t.Parallel()
	for _, chart := range charttest.Charts {
		data, err := os.ReadFile(filepath.Join(charttest.Folder(chart), "Chart.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var meta struct {
			APIVersion  string `json:"apiVersion"`
			KubeVersion string `json:"kubeVersion"`
		}
		if err := yaml.Unmarshal(data, &meta); err != nil {
			t.Fatal(err)
		}
		if meta.APIVersion != "v2" || meta.KubeVersion != ">=1.30.0-0" {
			t.Errorf("%s: %+v", chart, meta)
		}
	}
}
