// Package ocpitest holds what is said over OCPI against the specification of 2.2.1.
package ocpitest

import (
	_ "embed"
	"encoding/json"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed schema.yaml
var text []byte

var document = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromData(text) })

// Check reports what of an object, such as a "Location", OCPI 2.2.1 would not allow.
func Check(t testing.TB, name string, object json.RawMessage) {
	t.Helper()
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	schema, ok := doc.Components.Schemas[name]
	if !ok {
		t.Fatalf("OCPI has no object %s", name)
	}
	var value any
	if err := json.Unmarshal(object, &value); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	if err := schema.Value.VisitJSON(value, openapi3.MultiErrors()); err != nil {
		t.Errorf("%s is not a %s: %v", object, name, err)
	}
}
