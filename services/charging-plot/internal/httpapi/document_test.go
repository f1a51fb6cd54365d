package httpapi_test

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
)

func TestTheDocumentIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	document, err := httpapi.Document()
	w.Must(err)
	a := w.call(http.MethodGet, "/openapi/charging-plot.json", "", nil).wants(http.StatusOK)
	if !bytes.Equal(a.Body, document.JSON()) {
		t.Error("the document served is another one")
	}
}

func TestEveryPathBelongsToOneRoute(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../deploy/helm/charging-plot/files/routes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Routes []struct{ Path, Type, Port string }
	}
	if err := yaml.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	document, err := httpapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{"/openapi/charging-plot.json": "http", "/ocpp/CP-1": "ocpp"}
	for _, op := range document.Operations() {
		paths[op.Path] = "http"
	}
	// Those that the gateway sends to another service, which passes them on, belong to its routes.
	spec, err := httpapi.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range spec.Paths.Map() {
		if by := item.Extensions["x-routed-by"]; by == "station-catalog" && strings.HasPrefix(path, "/v1/stations/") {
			delete(paths, path)
		}
	}
	used := make([]int, len(table.Routes))
	for path, port := range paths {
		n := 0
		for i, r := range table.Routes {
			if path == r.Path || r.Type == "prefix" && strings.HasPrefix(path, strings.TrimSuffix(r.Path, "/")+"/") {
				n++
				used[i]++
				if r.Port != port {
					t.Errorf("%s is routed to %s, want %s", path, r.Port, port)
				}
			}
		}
		if n != 1 {
			t.Errorf("%s belongs to %d routes", path, n)
		}
	}
	for i, n := range used {
		if n == 0 {
			t.Errorf("nothing is behind the route %s", table.Routes[i].Path)
		}
	}
}
