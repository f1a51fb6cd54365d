package openapi

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/runtime"
)

// things are the parameters of listThings as generated code has them.
type things struct {
	Text   *string
	Word   *string
	Colour *string
	Count  *int
	Small  *int32
	Weight *float32
	Exact  *float64
	Free   *bool
	ID     *uuid.UUID
	Since  *time.Time
	Tag    *[]string
	IDs    *[]int
	Pipes  *[]int
}

// bind reads a query as generated code does.
func bind(query string) (things, error) {
	var got things
	values, err := url.ParseQuery(query)
	if err != nil {
		return got, err
	}
	for _, p := range []struct {
		name   string
		target any
	}{
		{"text", &got.Text},
		{"word", &got.Word},
		{"colour", &got.Colour},
		{"count", &got.Count},
		{"small", &got.Small},
		{"weight", &got.Weight},
		{"exact", &got.Exact},
		{"free", &got.Free},
		{"id", &got.ID},
		{"since", &got.Since},
	} {
		if err := runtime.BindQueryParameterWithOptions("form", true, false, p.name, values, p.target, runtime.BindQueryParameterOptions{}); err != nil {
			return got, err
		}
	}
	if err := runtime.BindQueryParameterWithOptions("form", true, false, "tag", values, &got.Tag, runtime.BindQueryParameterOptions{}); err != nil {
		return got, err
	}
	return got, runtime.BindQueryParameterWithOptions("form", false, false, "ids", values, &got.IDs, runtime.BindQueryParameterOptions{})
}

// FuzzQuery holds the check to two promises: a query it accepts is one that the
// generated code reads without an error, into values within the document's
// limits; and whatever it is given, it names the fault and does not panic.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "text=ab&count=1", "count=%31", "weight=1e1", "ids=1,2", "tag=a&tag=b", "text=%F0%9F%9A%97x", "free=true&free=false",
		"id=" + someID, "since=2026-01-31T12:00:00Z", "a=b;c=d", "count=+1", "exact=-0.5e3", "%=%&&==&", "text=ab&colour=red&small=-7",
	} {
		f.Add(seed)
	}
	op := load(f).byRoute["GET /v1/things"]
	f.Fuzz(func(t *testing.T, query string) {
		var found faults
		op.query.check([]byte(query), &found)
		for _, field := range found.fields {
			if field.Parameter == "" || field.Code == "" || field.Detail == "" {
				t.Errorf("a fault that does not say where and what: %+v", field)
			}
		}
		if len(found.fields) > 0 {
			return
		}
		got, err := bind(query)
		if err != nil {
			t.Fatalf("accepted %q, which generated code refuses: %v", query, err)
		}
		switch {
		case got.Text != nil && (len([]rune(*got.Text)) < 2 || len([]rune(*got.Text)) > 5),
			got.Colour != nil && *got.Colour != "red" && *got.Colour != "green",
			got.Count != nil && (*got.Count < 1 || *got.Count > 500),
			got.Weight != nil && !(*got.Weight >= 0 && *got.Weight <= 10), // float32 may round a tiny number to 0
			got.Tag != nil && len(*got.Tag) > 3,
			got.IDs != nil && len(*got.IDs) > 2:
			t.Errorf("accepted %q, which is beyond the limits: %+v", query, got)
		}
	})
}

// FuzzJSON holds the body check to the promise that whatever it is given it
// names the fault and does not panic.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"name":"n","size":1}`, `{"name":"n","size":1,"maker":{"name":"m"}}`, `[]`, `null`, `{"name":`, `{"name":"\ud800","size":1e400}`,
		`{"price":{"free":true},"extra":{"x":1},"tags":["a","a"]}`,
	} {
		f.Add([]byte(seed))
	}
	schema := load(f).byRoute["POST /v1/things"].body.media[0].schema
	f.Fuzz(func(t *testing.T, raw []byte) {
		var found faults
		checkJSON(schema, raw, asRequest, &found)
		for _, field := range found.fields {
			if field.Code == "" || field.Detail == "" {
				t.Errorf("a fault that does not say what: %+v", field)
			}
		}
	})
}

func BenchmarkQuery(b *testing.B) {
	op := load(b).byRoute["GET /v1/things"]
	query := []byte("colour=red&count=50&weight=2.5&free=true&id=" + someID)
	b.ReportAllocs()
	for b.Loop() {
		var found faults
		op.query.check(query, &found)
		if len(found.fields) > 0 {
			b.Fatal(found.fields)
		}
	}
}
