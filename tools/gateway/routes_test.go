package gateway_test

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"gopkg.in/yaml.v3"

	"github.com/ihr-charging/charging-plot-api/tools/gateway"
)

// The repository's root, seen from this package.
const root = "../.."

func TestEveryPathOfAnOpenAPIDocumentIsLedToItsService(t *testing.T) {
	t.Parallel()
	table, err := gateway.LoadTable(os.DirFS(filepath.Join(root, "deploy", "helm")))
	if err != nil {
		t.Fatal(err)
	}
	documents, err := filepath.Glob(filepath.Join(root, "api", "openapi", "*.yaml"))
	if err != nil || len(documents) != len(table.Services()) {
		t.Fatalf("%d documents for the services %v (%v)", len(documents), table.Services(), err)
	}
	used := map[gateway.Route]bool{}
	for _, file := range documents {
		service := strings.TrimSuffix(filepath.Base(file), ".yaml")
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var document struct {
			Paths map[string]struct {
				RoutedBy string `yaml:"x-routed-by"` // the service that passes it on
			} `yaml:"paths"`
		}
		if err := yaml.Unmarshal(raw, &document); err != nil {
			t.Fatal(err)
		}
		if len(document.Paths) == 0 {
			t.Errorf("%s has no path", file)
		}
		for path, item := range document.Paths {
			want := cmp.Or(item.RoutedBy, service)
			route, found := table.Find(path)
			if !found || route.Service != want {
				t.Errorf("%s of %s is led by %v; want a route of %s", path, service, route, want)
			}
			used[route] = true
		}
	}
	// What no document tells of: pages, the documents themselves, the charge points' socket.
	untold := map[string]bool{"/": true, "/docs": true, "/ocpp": true}
	for _, route := range table {
		if !used[route] && !untold[route.Path] && route.Path != "/openapi/"+route.Service+".json" {
			t.Errorf("route %v leads to no documented path", route)
		}
	}
}

func TestFindTakesTheExactRouteAndThenTheLongestPrefix(t *testing.T) {
	t.Parallel()
	table := gateway.Table{
		{Service: "root", Path: "/", Type: gateway.Exact},
		{Service: "short", Path: "/v1/me", Type: gateway.Prefix},
		{Service: "long", Path: "/v1/me/keys", Type: gateway.Prefix},
		{Service: "exact", Path: "/v1/me/keys/all", Type: gateway.Exact},
	}
	for path, want := range map[string]string{
		"/":                  "root",
		"/v1/me":             "short",
		"/v1/me/":            "short",
		"/v1/me/x":           "short",
		"/v1/me/keys":        "long",
		"/v1/me/keys/1":      "long",
		"/v1/me/keys/all":    "exact",
		"/v1/me/keys/all/no": "long",
		"/v1/meadow":         "",
		"/v1":                "",
		"/x":                 "",
	} {
		if got, _ := table.Find(path); got.Service != want {
			t.Errorf("%s goes to %q; want %q", path, got.Service, want)
		}
	}
}

func TestLoadTableRefusesWhatIsNotATable(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown type":    "routes: [{path: /a, type: regex}]",
		"unknown port":    "routes: [{path: /a, type: exact, port: admin}]",
		"unknown field":   "routes: [{path: /a, type: exact, host: x}]",
		"unclean path":    "routes: [{path: /a/, type: prefix}]",
		"relative path":   "routes: [{path: a, type: prefix}]",
		"claimed twice":   "routes: [{path: /a, type: exact}, {path: /a, type: exact}]",
		"nothing at all":  "",
		"not even a list": "routes: 5",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			charts := fstest.MapFS{"auth/files/routes.yaml": {Data: []byte(text)}}
			if table, err := gateway.LoadTable(charts); err == nil {
				t.Errorf("accepted as %v", table)
			}
		})
	}
	if _, err := gateway.LoadTable(fstest.MapFS{}); err == nil {
		t.Error("no table at all is accepted")
	}
}
