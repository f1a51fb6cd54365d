package history_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
)

// TestDiff promises each member that differs, by path, and elements of keyed lists one by one.
func TestDiff(t *testing.T) {
	t.Parallel()
	type element struct {
		Key   string `json:"key"`
		Value int    `json:"value"`
	}
	type document struct {
		Name  string    `json:"name"`
		State string    `json:"state,omitempty"`
		Parts []element `json:"parts"`
	}
	before := document{Name: "One", State: "old", Parts: []element{{"a", 1}, {"b", 2}, {"c", 3}}}
	after := document{Name: "One", Parts: []element{{"c", 3}, {"b", 9}, {"d", 4}}}
	changes, err := history.Diff(before, after, history.Keyed{"parts": "key"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprintf("%s %s > %s", c.Path, c.Before, c.After))
	}
	want := []string{
		`/parts/a {"key":"a","value":1} > `, `/parts/b {"key":"b","value":2} > {"key":"b","value":9}`, `/parts/d  > {"key":"d","value":4}`, `/state "old" > `,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the changes are (-want +got):\n%s", diff)
	}
	if same, err := history.Diff(before, before, history.Keyed{"parts": "key"}); err != nil || len(same) > 0 {
		t.Errorf("a document differs from itself in %+v, %v", same, err)
	}
}
