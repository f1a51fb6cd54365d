package station_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// TestDiffNamesEVSEsByTheirUIDAlone adds an EVSE that has an id already: a history does not tell of it, not even as one that is zero.
func TestDiffNamesEVSEsByTheirUIDAlone(t *testing.T) {
	t.Parallel()
	before := station.Station{Name: "one"}
	after := before
	after.EVSEs = []station.EVSE{{ID: uuid.New(), UID: "U1", FloorLevel: "-1"}}
	changes, err := station.Diff(before, after, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != 1 || changes[0].Path != "/evses/U1" || changes[0].Before != nil {
		t.Fatalf("the changes are %+v", changes)
	}
	if text := string(changes[0].After); strings.Contains(text, `"id"`) || !strings.Contains(text, `"uid":"U1","floor_level":"-1"`) {
		t.Errorf("the EVSE is told of as %s", text)
	}
}
