package postgres_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/erasure"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/report"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// about is a report of an EVSE.
func about(kind string, evse uuid.UUID, connector string) report.Input {
	return report.Input{Kind: kind, EVSEID: &evse, ConnectorID: connector}
}

// reported stores a report.
func (w world) reported(reporter, stationID uuid.UUID, in report.Input) report.Report {
	w.t.Helper()
	r, err := w.CreateReport(w.t.Context(), reporter, stationID, in, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// handled gives a report another state.
func (w world) handled(by uuid.UUID, r report.Report, to report.State) {
	w.t.Helper()
	_, err := w.HandleReport(w.t.Context(), report.Viewer{Handler: true}, &by, r.StationID, r.ID, func(report.Report) (*report.Handling, error) {
		return &report.Handling{State: to, Note: "a note"}, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// filed gives all reports of a station, those that wait first.
func (w world) filed(stationID uuid.UUID) []report.Report {
	w.t.Helper()
	all, err := w.Tasks(w.t.Context(), report.Viewer{Handler: true}, report.Filter{
		Station: stationID, States: []report.State{report.Open, report.Acknowledged, report.Resolved, report.Dismissed, report.Withdrawn},
	}, report.Turn{}, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func idsOf(reports []report.Report) []uuid.UUID {
	ids := make([]uuid.UUID, len(reports))
	for i, r := range reports {
		ids[i] = r.ID
	}
	return ids
}

// TestReportsOfOnePersonAtOnce promises that of the same report which a person sends many times at once one is kept and the others are led
// to it, and that of many different ones as many are kept as a person may have.
func TestReportsOfOnePersonAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("A", "1", "2", "3", "4", "5"))
	a, ada := w.all()["A"], uuid.New()
	var (
		sending sync.WaitGroup
		mu      sync.Mutex
		kept    = map[uuid.UUID]int{} // how many others were led to it
		many    int
	)
	for _, evse := range a.EVSEs {
		for _, kind := range reference.ReportKinds[:6] {
			for range 2 {
				sending.Go(func() {
					made, err := w.CreateReport(t.Context(), ada, a.ID, about(kind.Value, evse.ID, ""), time.Now())
					mu.Lock()
					defer mu.Unlock()
					switch f := fault.Of(err); {
					case err == nil:
						kept[made.ID] += 0
					case f.Code() == "already_reported":
						kept[f.Extensions()["report_id"].(uuid.UUID)]++
					case errors.Is(err, report.ErrTooMany):
						many++
					default:
						t.Errorf("a report was answered by %v", err)
					}
				})
			}
		}
	}
	sending.Wait()
	again := 0
	for _, n := range kept {
		again += n
	}
	if len(kept) != report.MostOpen || len(w.filed(a.ID)) != report.MostOpen || again+many != 60-report.MostOpen {
		t.Errorf("%d reports were kept and %d are there, %d were led to one, %d were too many", len(kept), len(w.filed(a.ID)), again, many)
	}
}

// TestReportsOfAMerge promises that the survivor has the reports of both, that those of an EVSE which both had are of the survivor's, and
// that of one person's reports which say the same then the one stays that is being dealt with, or was there first.
func TestReportsOfAMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	keep, drop := site("KEEP", "A", "B"), site("DROP", "A2", "C")
	keep.EVSEs[0].EVSEID, drop.EVSEs[0].EVSEID = "FR*PLM*E1", "FRPLME1" // the same
	keep.EVSEs[0].Connectors = keep.EVSEs[0].Connectors[:1]
	w.put(keep, drop)
	keep, drop = w.all()["KEEP"], w.all()["DROP"]
	twin, gone, moves := live(keep)["A"], live(drop)["A2"], live(drop)["C"]
	ada, bob := uuid.New(), uuid.New()
	whole := report.Input{Kind: "not_accessible"}

	first := w.reported(ada, drop.ID, about("out_of_order", gone, "1"))
	w.reported(ada, keep.ID, about("out_of_order", twin, "1")) // the same, later
	w.reported(bob, drop.ID, about("out_of_order", gone, "2"))
	settled := w.reported(bob, keep.ID, about("blocked", twin, ""))
	w.handled(uuid.New(), settled, report.Resolved)
	his := w.reported(bob, drop.ID, about("blocked", gone, ""))
	moved := w.reported(ada, drop.ID, about("damaged", moves, "2"))
	w.reported(ada, keep.ID, whole) // the first, but the other is dealt with
	acknowledged := w.reported(ada, drop.ID, whole)
	w.handled(uuid.New(), acknowledged, report.Acknowledged)
	if _, err := w.Merge(t.Context(), history.Author{Subject: "test"}, keep.ID, drop.ID, func(_, _ station.Station) error { return nil }); err != nil {
		t.Fatal(err)
	}
	type where struct {
		evse      uuid.UUID
		connector string
	}
	got, want := map[uuid.UUID]where{}, map[uuid.UUID]where{
		first.ID: {twin, "1"}, settled.ID: {twin, ""}, his.ID: {twin, ""}, moved.ID: {moves, "2"}, acknowledged.ID: {},
	}
	for _, r := range w.filed(keep.ID) {
		at := where{connector: r.ConnectorID}
		if r.EVSEID != nil {
			at.evse = *r.EVSEID
		}
		if r.Reporter == bob && r.Kind == "out_of_order" { // the survivor's EVSE has no such connector
			want[r.ID] = where{twin, ""}
		}
		got[r.ID] = at
	}
	if len(got) != 6 || len(want) != 6 {
		t.Fatalf("the survivor has %+v, want %+v", got, want)
	}
	for id, at := range want {
		if got[id] != at {
			t.Errorf("report %s is of %+v, want %+v", id, got[id], at)
		}
	}
	if left := w.filed(drop.ID); len(left) > 0 {
		t.Errorf("the duplicate has %+v", left)
	}
	told, err := w.ToldReports(t.Context(), keep.ID, report.Place{}, 100)
	if err != nil || len(told) != 4 || told[0].State != report.Acknowledged || told[0].EVSEID != nil {
		t.Errorf("everybody is told %+v, %v", told, err)
	}
	for _, one := range told {
		if one.Kind == "out_of_order" && (*one.EVSEID != twin || one.People != 2) {
			t.Errorf("of the EVSE that both had %+v is told", one)
		}
	}
	_, err = w.Report(t.Context(), report.Viewer{Person: ada}, drop.ID, first.ID)
	if survivor, merged := station.Survivor(err); !merged || survivor != keep.ID {
		t.Errorf("the duplicate's report is answered by %v", err)
	}
}

// TestReportsFollowTheirEVSE promises that a report goes with its EVSE to the station under which a source files it, and is told no longer
// when the EVSE is removed.
func TestReportsFollowTheirEVSE(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("A", "1", "2"), site("B", "3"))
	a, b, ada := w.all()["A"], w.all()["B"], uuid.New()
	evse := live(a)["1"]
	follows, stays := w.reported(ada, a.ID, about("unsafe", evse, "1")), w.reported(ada, a.ID, report.Input{Kind: "unsafe"})
	w.put(site("A", "2"), site("B", "1", "3"))
	if got := idsOf(w.filed(b.ID)); !slices.Equal(got, []uuid.UUID{follows.ID}) || w.filed(b.ID)[0].StationID != b.ID {
		t.Errorf("the station it moved to has %v", got)
	}
	if got := idsOf(w.filed(a.ID)); !slices.Equal(got, []uuid.UUID{stays.ID}) {
		t.Errorf("the station it left has %v", got)
	}
	open := func() map[string]int64 {
		t.Helper()
		_, _, counts, err := w.Said(t.Context(), b.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		return counts
	}
	if got := open(); got["unsafe"] != 1 {
		t.Errorf("the station it moved to shows %v", got)
	}
	if _, err := w.CreateReport(t.Context(), ada, a.ID, about("damaged", evse, ""), time.Now()); !errors.Is(err, report.ErrInvalid) {
		t.Errorf("at the station it left it is reported with %v", err)
	}
	if _, err := w.DB().ExecContext(t.Context(), `UPDATE evses SET removed_at = now() WHERE id = $1`, evse); err != nil {
		t.Fatal(err)
	}
	if told, err := w.ToldReports(t.Context(), b.ID, report.Place{}, 10); err != nil || len(told) > 0 || open() != nil {
		t.Errorf("of an EVSE that is removed %+v is told, and %v counted (%v)", told, open(), err)
	}
	if len(w.filed(b.ID)) != 1 {
		t.Error("its operator is no longer told of it")
	}
}

// TestReportsOfWhoIsErased promises that what a person reported and is not settled stays, without the person and the words, and that nothing
// else of it does; and that nothing names who handled reports.
func TestReportsOfWhoIsErased(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("A", "1"))
	a, ada, bob := w.all()["A"], uuid.New(), uuid.New()
	said := func(kind string) report.Input { return report.Input{Kind: kind, Comment: "Ada says so"} }
	open, acknowledged := w.reported(ada, a.ID, said("blocked")), w.reported(ada, a.ID, said("damaged"))
	w.handled(bob, acknowledged, report.Acknowledged)
	w.reported(ada, a.ID, said(report.Other))
	w.handled(bob, w.reported(ada, a.ID, said("unsafe")), report.Dismissed)
	his := w.reported(bob, a.ID, said("blocked"))
	w.handled(ada, his, report.Acknowledged)
	for range 2 {
		if err := w.Forget(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
	}
	if left := w.mentions(ada); len(left) > 0 {
		t.Errorf("rows still name her: %v", left)
	}
	left := w.filed(a.ID)
	if got := idsOf(left); !slices.Equal(got, []uuid.UUID{open.ID, acknowledged.ID, his.ID}) {
		t.Fatalf("%v are left", got)
	}
	for _, r := range left[:2] {
		if r.Reporter != uuid.Nil || r.Comment != "" || r.Note != "" {
			t.Errorf("of hers %+v is left", r)
		}
		if (report.Viewer{}).Wrote(&r) {
			t.Error("it is anybody's")
		}
	}
	if left[0].Version != open.Version+1 || left[2].Comment != his.Comment || left[2].Reporter != bob {
		t.Errorf("%+v are left", left)
	}
	var by uuid.UUID
	if err := w.DB().GetContext(t.Context(), &by, `SELECT handled_by FROM reports WHERE id = $1`, his.ID); err != nil || by != erasure.Anonymous {
		t.Errorf("his was handled by %s (%v)", by, err)
	}
	_, _, counts, err := w.Said(t.Context(), a.ID, 1)
	if err != nil || len(counts) != 2 || counts["blocked"] != 2 || counts["damaged"] != 1 {
		t.Errorf("the station shows %v (%v)", counts, err)
	}
}
