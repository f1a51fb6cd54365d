package postgres_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// TestMergeKeepsEVSEs promises that the EVSEs that only the duplicate has come over with their ids, that the same one is not there
// twice, and that neither source's next import brings the duplicate back, drops what came over, or writes anything.
func TestMergeKeepsEVSEs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keep, drop, other := site("KEEP", "A", "B", "X"), site("DROP", "A2", "B", "C", "X"), site("OTHER", "C")
	drop.Source = "elsewhere"
	drop.Operator.PartyID, drop.Operator.Name = "ELS", "Elsewhere"
	keep.EVSEs[0].EVSEID, drop.EVSEs[0].EVSEID = "FR*PLM*E1", "FRPLME1"   // the same
	keep.EVSEs[2].EVSEID, drop.EVSEs[3].EVSEID = "FR*PLM*E2", "FR*PLM*E3" // another, though the uid is the same
	ours, theirs := lines(t, keep, other), lines(t, drop)
	w.must(importer.NDJSON, ours)
	w.must(importer.NDJSON, theirs)
	before := w.all()
	merged, err := w.Merge(t.Context(), history.Author{Subject: "test"}, before["KEEP"].ID, before["DROP"].ID, func(_, _ station.Station) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	want := map[uuid.UUID]string{}
	for uid, id := range live(before["KEEP"]) {
		want[id] = uid
	}
	fromDrop := live(before["DROP"])
	want[fromDrop["C"]], want[fromDrop["X"]] = "", "" // their uids are another station's, and another EVSE's
	got := live(merged)
	if len(got) != len(want) {
		t.Errorf("after the merge there are %v", got)
	}
	for uid, id := range got {
		if told, there := want[id]; !there || told != "" && told != uid {
			t.Errorf("after the merge there is %s %s", uid, id)
		}
	}
	for name, text := range map[string]string{"ours": ours, "theirs": theirs} {
		for _, removal := range []transfer.Removal{transfer.Keep, transfer.Mark} {
			report := w.must(importer.NDJSON, text, func(i *transfer.Import) { i.Removal, i.MaxRemovedShare = removal, 1 })
			if n := report.Import.Created + report.Import.Updated + report.Import.Removed; n != 0 {
				t.Errorf("importing %s again wrote %d stations", name, n)
			}
		}
	}
	keep.Name = "Renamed"
	w.put(keep)
	after := w.all()["KEEP"]
	if after.Name != "Renamed" || len(live(after)) != len(want) {
		t.Errorf("after an import that renamed it there are %v", live(after))
	}
	told, err := w.StationHistory(t.Context(), after.ID, 1<<40, 1)
	if err != nil || len(told[0].Changes) != 1 || told[0].Changes[0].Path != "/name" {
		t.Errorf("the history says %+v of the new name: %v", told, err)
	}

	dropped := fromDrop["C"]
	changed, err := w.Update(t.Context(), history.Author{Subject: "test"}, after.ID, func(st station.Station) (station.Station, error) { return st.DropEVSE(dropped) })
	if err != nil || len(live(changed)) != len(want)-1 || slices.ContainsFunc(changed.EVSEs, func(e station.EVSE) bool { return e.ID == dropped && !e.Removed }) {
		t.Errorf("without the EVSE that its operator removed there are %v: %v", live(changed), err)
	}
}
