package httpapi_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"gopkg.in/yaml.v3"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
)

// TestEnumerations promises that the reference and the document know the same values.
func TestEnumerations(t *testing.T) {
	t.Parallel()
	spec, err := httpapi.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	schemas := spec.Components.Schemas
	for name, schema := range map[string]*openapi3.SchemaRef{
		"access": schemas["Access"], "capability": schemas["Capability"], "connector_format": schemas["ConnectorFormat"],
		"connector_standard": schemas["ConnectorStandard"], "facility": schemas["Facility"], "import_format": schemas["ImportFormat"],
		"import_state": schemas["Import"].Value.Properties["state"], "finding_severity": schemas["ImportFinding"].Value.Properties["severity"],
		"parking_restriction": schemas["ParkingRestriction"], "parking_type": schemas["ParkingType"], "plot_status": schemas["PlotStatus"],
		"power_type": schemas["PowerType"], "visit_outcome": schemas["VisitOutcome"], "report_kind": schemas["ReportKind"],
		"report_state": schemas["ReportState"], "contribution_kind": schemas["ContributionKind"],
	} {
		var inDocument, inReference []string
		for _, v := range schema.Value.Enum {
			inDocument = append(inDocument, v.(string))
		}
		for _, v := range reference.All()[name] {
			inReference = append(inReference, v.Value)
			if v.Title == "" {
				t.Errorf("%s %s has no title", name, v.Value)
			}
		}
		slices.Sort(inDocument)
		slices.Sort(inReference)
		if !slices.Equal(inDocument, inReference) {
			t.Errorf("%s: the document has %v, the reference %v", name, inDocument, inReference)
		}
	}
	if len(reference.All()) != 16 {
		t.Errorf("an enumeration is not compared: there are %d", len(reference.All()))
	}
}

// TestRoutes promises that every path of the document belongs to exactly one route of the service.
func TestRoutes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../deploy/helm/station-catalog/files/routes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Routes []struct{ Path, Type, Port string }
	}
	if err := yaml.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	spec, err := httpapi.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	paths := append(spec.Paths.InMatchingOrder(), "/", "/docs", "/docs/docs.js", "/openapi/station-catalog.json")
	for _, path := range paths {
		var hits []string
		for _, r := range table.Routes {
			if path == r.Path || r.Type == "prefix" && strings.HasPrefix(path, r.Path+"/") {
				hits = append(hits, r.Path)
			}
			if r.Type != "prefix" && r.Type != "exact" || r.Port != "http" {
				t.Errorf("the route %+v is not one that a gateway knows", r)
			}
		}
		if len(hits) != 1 {
			t.Errorf("%s belongs to %d routes: %v", path, len(hits), hits)
		}
	}
}
