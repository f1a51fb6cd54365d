package history_test

import (
	"encoding/json"
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

// TestDiffGoesByMeaning promises that the order of members, and white space, are no change, and that values are.
func TestDiffGoesByMeaning(t *testing.T) {
	t.Parallel()
	type document struct {
		Text json.RawMessage `json:"text"`
	}
	said := document{json.RawMessage(`[{"language":"en","text":"0.39 per kWh","price":0.390}]`)}
	for text, differs := range map[string]bool{
		`[{"text":"0.39 per kWh","price":0.390,"language":"en"}]`:                   false,
		`[ {"language": "en", "text": "0.39 per k\u0057h", "price": 0.390} ]`:       false,
		`[{"language":"en","text":"0.40 per kWh","price":0.390}]`:                   true,
		`[{"language":"en","text":"0.39 per kWh","price":0.391}]`:                   true,
		`[{"language":"en","text":"0.39 per kWh","price":0.390},{"language":"de"}]`: true,
		`null`: true,
	} {
		changes, err := history.Diff(said, document{json.RawMessage(text)}, nil)
		if err != nil || len(changes) > 0 != differs {
			t.Errorf("%s: %v, %v", text, changes, err)
		}
	}
}
