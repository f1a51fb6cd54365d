package charttest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/ihr-charging/charging-plot-api/deploy/charttest"
)

// rule is an alert as a PrometheusRule has it.
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// rules are the alerts of a chart by name, which its objects must have.
func rules(t *testing.T, chart string) map[string]rule {
	t.Helper()
	var file struct {
		Spec struct {
			Groups []struct {
				Rules []rule `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	for _, document := range render(t, chart, everything(chart)) {
		o, err := charttest.Identify(document)
		if err != nil {
			t.Fatal(err)
		}
		if o.Kind == "PrometheusRule" {
			if err := yaml.Unmarshal([]byte(document), &file); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := map[string]rule{}
	for _, group := range file.Spec.Groups {
		for _, r := range group.Rules {
			out[r.Alert] = r
		}
	}
	return out
}

// holds evaluates a rule's expression half an hour into the series, which are in promtool's notation, a value a minute.
func holds(t *testing.T, expr, series string) bool {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 1m\n"+series)
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	query, err := engine.NewInstantQuery(t.Context(), storage, nil, expr, time.Unix(0, 0).Add(30*time.Minute))
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	defer query.Close()
	result := query.Exec(t.Context())
	if result.Err != nil {
		t.Fatalf("%s: %v", expr, result.Err)
	}
	vector, ok := result.Value.(promql.Vector)
	if !ok {
		t.Fatalf("%s is a %T", expr, result.Value)
	}
	return len(vector) > 0
}

// TestAlertsWakeSomebodyWhenTheyShould promises that each alert holds in the trouble it is for and in none of its neighbours.
func TestAlertsWakeSomebodyWhenTheyShould(t *testing.T) {
	t.Parallel()
	for _, chart := range charttest.Charts {
		labels := fmt.Sprintf(`job=%q, namespace="ihr-charging"`, chart)
		count := func(status, route, growth string) string {
			return fmt.Sprintf("http_server_request_duration_seconds_count{%s, http_response_status_code=%q, http_route=%q} 0+%sx40\n", labels, status, route, growth)
		}
		buckets := func(route, fast string) string {
			return fmt.Sprintf("http_server_request_duration_seconds_bucket{%[1]s, http_route=%[2]q, le=\"0.1\"} 0+%[3]sx40\n"+
				"http_server_request_duration_seconds_bucket{%[1]s, http_route=%[2]q, le=\"10\"} 0+100x40\n"+
				"http_server_request_duration_seconds_bucket{%[1]s, http_route=%[2]q, le=\"+Inf\"} 0+100x40\n", labels, route, fast)
		}
		lag := func(seconds string) string {
			return fmt.Sprintf("feed_lag_seconds{%s, feed=\"stations\"} %sx40\n", labels, seconds)
		}
		up := func(value string) string { return fmt.Sprintf("up{%s, instance=\"a\"} %sx40\n", labels, value) }
		failing := func(redis string) string {
			return fmt.Sprintf("dependency_failing{%[1]s, dependency=\"postgres\"} 0x40\ndependency_failing{%[1]s, dependency=\"redis\"} %[2]sx40\n", labels, redis)
		}
		cases := map[string]map[string]bool{
			"ServiceAbsent":    {up("1"): false, up("0"): true, "up{job=\"another\"} 1x40\n": true},
			"RequestsFail":     {count("200", "/v1/x", "1000") + count("500", "/v1/x", "5"): false, count("200", "/v1/x", "1000") + count("503", "/v1/x", "20"): true},
			"RequestsSlow":     {buckets("/v1/x", "100"): false, buckets("/v1/x", "90"): true, buckets("/v1/live", "0"): false, buckets("/v1/plots/changes", "0"): false},
			"DependencyFails":  {failing("0"): false, failing("1"): true},
			"FollowerLags":     {lag("5+0"): false, lag("0+30"): true},
			"ChargePointsLost": nil,
		}
		if chart == "charging-plot" {
			cases["ChargePointsLost"] = map[string]bool{
				"ocpp_connections{job=\"charging-plot\"} 100x40\n": false, "ocpp_connections{job=\"charging-plot\"} 100x20 70x20\n": true,
			}
		}
		all := rules(t, chart)
		for name, r := range all {
			if cases[name] == nil {
				t.Errorf("%s: nobody tries the alert %s", chart, name)
			}
			if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.For == "" {
				t.Errorf("%s: %s has no severity, summary or patience", chart, name)
			}
		}
		for name, tries := range cases {
			for series, want := range tries {
				if got := holds(t, all[name].Expr, series); got != want {
					t.Errorf("%s: %s holds: %t, want %t, with\n%s", chart, name, got, want, series)
				}
			}
		}
	}
}

// TestDashboardsAskWhatPrometheusUnderstands promises that every panel's query can be parsed and is about this release.
func TestDashboardsAskWhatPrometheusUnderstands(t *testing.T) {
	t.Parallel()
	for _, chart := range charttest.Charts {
		board, found := object[corev1.ConfigMap](t, render(t, chart, everything(chart)), "ConfigMap")
		if !found {
			t.Fatalf("%s has no dashboard", chart)
		}
		var dashboard struct {
			Panels []struct {
				Title   string `json:"title"`
				Targets []struct {
					Expr string `json:"expr"`
				} `json:"targets"`
			} `json:"panels"`
		}
		if err := json.Unmarshal([]byte(board.Data[chart+".json"]), &dashboard); err != nil {
			t.Fatal(err)
		}
		if len(dashboard.Panels) < 6 {
			t.Errorf("%s: %d panels", chart, len(dashboard.Panels))
		}
		for _, panel := range dashboard.Panels {
			for _, target := range panel.Targets {
				if _, err := parser.NewParser(parser.Options{}).ParseExpr(target.Expr); err != nil || !strings.Contains(target.Expr, fmt.Sprintf("job=%q", chart)) {
					t.Errorf("%s, %s: %q: %v", chart, panel.Title, target.Expr, err)
				}
			}
		}
	}
}
