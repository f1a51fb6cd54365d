package postgres_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

func allow(plot.Plot) error { return nil }

func TestEveryEVSEOfTheCatalogueGetsAPlot(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	st := postgrestest.Station(3)
	w.Apply(st)
	plots := w.Plots(st)
	if len(plots) != 3 {
		t.Fatalf("%d plots, want one for each of 3 EVSEs", len(plots))
	}
	want := plot.Plot{
		ID: plots[0].ID, StationID: st.ID, OperatorID: st.Operator.ID, Label: "P1", Reservable: true,
		Status: status.Unknown, StatusSource: status.FromNone, StatusSince: w.Clock.Now(), Version: 1, UpdatedAt: w.Clock.Now(),
		EVSEs: []plot.EVSE{{ID: st.EVSEs[0].ID, UID: "uid-1", EVSEID: "DE*IHR*E1", Connectors: []plot.Connector{{
			ID: "1", Standard: "IEC_62196_T2_COMBO", Format: "CABLE", PowerType: "DC", MaxPowerW: 150000, TariffIDs: []string{"T1"},
		}}}},
	}
	if diff := cmp.Diff(want, plots[0]); diff != "" {
		t.Errorf("the first plot (-want +got):\n%s", diff)
	}
}

func TestTheSameBatchOfTheCatalogueTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	st := postgrestest.Station(2)
	w.Apply(st)
	before := w.Plots(st)
	w.Clock.Move(time.Hour)
	w.Apply(st)
	if diff := cmp.Diff(before, w.Plots(st)); diff != "" {
		t.Errorf("the plots changed:\n%s", diff)
	}
	var changes int
	w.Must(w.DB.GetContext(t.Context(), &changes, "SELECT count(*) FROM plot_changes"))
	if changes != 2 {
		t.Errorf("the change feed has %d entries, want one for each plot", changes)
	}
}

func TestOperatorsFieldsSurviveTheCatalogue(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	st := postgrestest.Station(1)
	w.Apply(st)
	id := w.Plots(st)[0].ID
	label, no, yes := "Bay 7", false, true
	if _, err := w.Store.PatchPlot(t.Context(), id, plot.Patch{Label: &label, Reservable: &no, OutOfService: &yes}, allow); err != nil {
		t.Fatal(err)
	}
	st.Version, st.EVSEs[0].PhysicalReference = 2, "changed"
	w.Apply(st)
	p := w.Plot(id)
	if p.Label != label || p.Reservable || !p.OutOfService || p.Status != status.Inoperative || p.StatusSource != status.FromOperator {
		t.Errorf("after a change of the catalogue the plot is %+v", p)
	}
	if _, err := w.Store.PatchPlot(t.Context(), id, plot.Patch{ClearLabel: true, ClearReservable: true, OutOfService: &no}, allow); err != nil {
		t.Fatal(err)
	}
	if p = w.Plot(id); p.Label != "changed" || !p.Reservable || p.Status != status.Unknown {
		t.Errorf("after the operator took it back the plot is %+v", p)
	}
}

func TestAnEVSEThatIsGoneMakesItsPlotRemoved(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(2)
	driver := uuid.New()
	held, err := w.Reserve(t.Context(), site.PlotIDs[0], driver, time.Hour)
	w.Must(err)
	later, err := w.ReserveAt(t.Context(), site.PlotIDs[0], driver, w.Clock.Now().Add(5*time.Hour), time.Hour)
	w.Must(err)
	rest := site.Station
	rest.EVSEs = rest.EVSEs[1:]
	w.Apply(rest)
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Removed || p.StatusSource != status.FromCatalog {
		t.Errorf("the plot is %s by %s, want REMOVED by the catalogue", p.Status, p.StatusSource)
	}
	for _, id := range []uuid.UUID{held.ID, later.ID} {
		r, err := w.Store.GetReservation(t.Context(), id)
		w.Must(err)
		if r.State != reservation.Failed || r.Reason != reservation.ReasonRemoved {
			t.Errorf("a reservation of it is %s (%s), want FAILED", r.State, r.Reason)
		}
	}
	if p := w.Plot(site.PlotIDs[1]); p.Status != status.Available {
		t.Errorf("the other plot is %s, want AVAILABLE", p.Status)
	}
	if _, err := w.Reserve(t.Context(), site.PlotIDs[0], driver, time.Hour); !errors.Is(err, plot.ErrRemoved) {
		t.Errorf("reserving it gives %v, want plot_removed", err)
	}
	if _, err := w.Store.PatchPlot(t.Context(), site.PlotIDs[0], plot.Patch{}, allow); !errors.Is(err, plot.ErrRemoved) {
		t.Errorf("changing it gives %v, want plot_removed", err)
	}
	// The EVSE comes back, and its plot with it.
	w.Apply(site.Station)
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Available {
		t.Errorf("the plot that came back is %s, want AVAILABLE", p.Status)
	}
}

func TestAReplayRemovesWhatItDoesNotBring(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	stays, goes, deleted := postgrestest.Station(1), postgrestest.Station(1), postgrestest.Station(1)
	w.Apply(stays, goes, deleted)
	w.Must(w.Store.ApplyCatalogue(t.Context(), catalog.Batch{Changes: []catalog.Change{{ID: deleted.ID, Removed: true}}, Cursor: "1"}))
	gone := w.Plots(goes)[0].ID
	w.Must(w.Store.ApplyCatalogue(t.Context(), catalog.Batch{
		Reset: true, Changes: []catalog.Change{{ID: stays.ID, Station: stays}}, Cursor: "2",
	}))
	if p := w.Plot(gone); p.Status == status.Removed {
		t.Error("a plot was removed before the replay was over")
	}
	w.Must(w.Store.ApplyCatalogue(t.Context(), catalog.Batch{CaughtUp: true, Cursor: "3"}))
	if p := w.Plot(gone); p.Status != status.Removed {
		t.Errorf("what the replay did not bring is %s, want REMOVED", p.Status)
	}
	if p := w.Plots(stays)[0]; p.Status != status.Unknown {
		t.Errorf("what the replay brought is %s", p.Status)
	}
	if cursor, err := w.Store.CatalogueCursor(t.Context()); err != nil || cursor != "3" {
		t.Errorf("the cursor is %q, %v", cursor, err)
	}
}

func TestAChangeOfOperatorHandsOverPlotsAndChargePoints(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	sold := site.Station
	sold.Operator.ID = uuid.New()
	w.Apply(sold)
	cp, err := w.Store.GetChargePoint(t.Context(), site.ChargePoint.ID)
	w.Must(err)
	if p := w.Plot(site.PlotIDs[0]); p.OperatorID != sold.Operator.ID || cp.OperatorID != sold.Operator.ID {
		t.Errorf("after the sale the plot belongs to %s and the charge point to %s", p.OperatorID, cp.OperatorID)
	}
}

func TestPlotsAndChargePointsGoWithTheirEVSEsToAnotherStation(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, survivor := w.Site(2), postgrestest.Station(1)
	w.Apply(survivor)
	driver := uuid.New()
	held, err := w.Reserve(t.Context(), site.PlotIDs[0], driver, time.Hour)
	w.Must(err)
	survivor.Version, survivor.EVSEs = 2, append(survivor.EVSEs, site.EVSEs...)
	w.Must(w.Store.ApplyCatalogue(t.Context(), catalog.Batch{Cursor: "merged", Changes: []catalog.Change{
		{ID: site.ID, Removed: true}, {ID: survivor.ID, Station: survivor},
	}}))
	plots := w.Plots(survivor)
	if len(plots) != 3 {
		t.Fatalf("the survivor has %d plots, want 3", len(plots))
	}
	for i, id := range site.PlotIDs {
		p := w.Plot(id)
		if p.StationID != survivor.ID || p.OperatorID != survivor.Operator.ID || p.Status == status.Removed {
			t.Errorf("plot %d is %s at %s of %s", i, p.Status, p.StationID, p.OperatorID)
		}
	}
	if r, err := w.Store.GetReservation(t.Context(), held.ID); err != nil || r.State != reservation.Reserved {
		t.Errorf("its reservation is %s, %v", r.State, err)
	}
	cp, err := w.Store.GetChargePoint(t.Context(), site.ChargePoint.ID)
	if err != nil || cp.StationID != survivor.ID || cp.OperatorID != survivor.Operator.ID {
		t.Errorf("the charge point is at %s of %s, %v", cp.StationID, cp.OperatorID, err)
	}
	if left, err := w.Store.ListPlots(t.Context(), plot.Filter{Station: site.ID}, uuid.Nil, 10); err != nil || len(left) > 0 {
		t.Errorf("at the station before there are %d plots, %v", len(left), err)
	}
}

func TestAnEVSEThatLeavesItsBayForAnotherStationGetsAPlotThere(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	from, to := postgrestest.Station(2), postgrestest.Station(1)
	w.Apply(from, to)
	bay := w.Plots(from)[0]
	if _, err := w.Store.SetEVSEs(t.Context(), bay.ID, []uuid.UUID{from.EVSEs[0].ID, from.EVSEs[1].ID}, allow); err != nil {
		t.Fatal(err)
	}
	leaves := from.EVSEs[1]
	from.Version, from.EVSEs = 2, from.EVSEs[:1]
	to.Version, to.EVSEs = 2, append(to.EVSEs, leaves)
	w.Apply(from, to)
	if p := w.Plot(bay.ID); p.StationID != from.ID || len(p.EVSEs) != 1 || p.EVSEs[0].ID != from.EVSEs[0].ID {
		t.Errorf("the bay is at %s with %+v", p.StationID, p.EVSEs)
	}
	there := w.Plots(to)
	if len(there) != 2 || !slices.ContainsFunc(there, func(p plot.Plot) bool { return len(p.EVSEs) == 1 && p.EVSEs[0].ID == leaves.ID }) {
		t.Errorf("at the other station there are %+v", there)
	}
}

func TestListsOfPlotsAreNarrowedAndPaged(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(4) // CCS, Type 2, CCS, Type 2
	w.Apply(postgrestest.Station(2))
	w.Report(site, 1, chargepoint.Faulted)
	for name, c := range map[string]struct {
		filter plot.Filter
		want   int
	}{
		"everything":               {plot.Filter{}, 6},
		"a station":                {plot.Filter{Station: site.ID}, 4},
		"a status":                 {plot.Filter{Statuses: []status.Status{status.Available}}, 3},
		"either status":            {plot.Filter{Statuses: []status.Status{status.Available, status.OutOfOrder}}, 4},
		"a connector":              {plot.Filter{Connector: []string{"IEC_62196_T2_COMBO"}}, 3},
		"a connector and a status": {plot.Filter{Connector: []string{"IEC_62196_T2_COMBO"}, Statuses: []status.Status{status.Available}}, 1},
		"nothing":                  {plot.Filter{Connector: []string{"MCS"}}, 0},
	} {
		found, err := w.Store.ListPlots(t.Context(), c.filter, uuid.Nil, 500)
		if err != nil || len(found) != c.want {
			t.Errorf("%s: %d plots (%v), want %d", name, len(found), err, c.want)
		}
	}
	seen := map[uuid.UUID]bool{}
	after := uuid.Nil
	for range 3 {
		found, err := w.Store.ListPlots(t.Context(), plot.Filter{}, after, 2)
		w.Must(err)
		for _, p := range found {
			seen[p.ID], after = true, p.ID
		}
	}
	if len(seen) != 6 {
		t.Errorf("three pages of two held %d different plots", len(seen))
	}
}

func TestAStatusSaysSinceWhenAndFromWhere(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	id := site.PlotIDs[0]
	began := w.Clock.Now()
	w.Clock.Move(time.Minute)
	w.Report(site, 1, chargepoint.Preparing)
	w.Clock.Move(time.Minute)
	w.Report(site, 1, chargepoint.Charging)
	w.Clock.Move(time.Minute)
	w.Report(site, 1, chargepoint.SuspendedEV) // still CHARGING, and since then
	p := w.Plot(id)
	if p.Status != status.Charging || p.StatusSource != status.FromChargePoint || !p.StatusSince.Equal(began.Add(2*time.Minute)) {
		t.Errorf("the plot is %s by %s since %s", p.Status, p.StatusSource, p.StatusSince)
	}
	history, last, err := w.Store.PlotHistory(t.Context(), id, time.Time{}, time.Time{}, plot.HistoryPosition{}, 3)
	w.Must(err)
	var words []string
	for _, c := range history {
		words = append(words, string(c.Status)+" "+c.Since.Format("15:04"))
	}
	if diff := cmp.Diff([]string{"CHARGING 12:02", "BLOCKED 12:01", "AVAILABLE 12:00"}, words); diff != "" {
		t.Errorf("the history (-want +got):\n%s", diff)
	}
	older, _, err := w.Store.PlotHistory(t.Context(), id, time.Time{}, time.Time{}, last, 3)
	if err != nil || len(older) != 1 || older[0].Status != status.Unknown {
		t.Errorf("the next page is %v (%v), want the status it was made with", older, err)
	}
	within, _, err := w.Store.PlotHistory(t.Context(), id, began.Add(time.Minute), began.Add(2*time.Minute), plot.HistoryPosition{}, 9)
	if err != nil || len(within) != 1 || within[0].Status != status.Blocked {
		t.Errorf("between two times are %v (%v), want the one that began there", within, err)
	}
}

func TestLateAndRepeatedReportsChangeNothing(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	w.Clock.Move(10 * time.Minute)
	w.Report(site, 1, chargepoint.Charging)
	before := w.Plot(site.PlotIDs[0])
	w.Clock.Move(-5 * time.Minute) // a message that was under way for five minutes
	w.Report(site, 1, chargepoint.Faulted)
	w.Clock.Move(5 * time.Minute)
	w.Report(site, 1, chargepoint.Charging)
	if diff := cmp.Diff(before, w.Plot(site.PlotIDs[0])); diff != "" {
		t.Errorf("the plot changed:\n%s", diff)
	}
}

func TestTheWordAboutTheWholeChargePointHoldsForAllItsPlots(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(2)
	w.Clock.Move(time.Minute)
	w.Report(site, 0, chargepoint.Unavailable)
	for _, id := range site.PlotIDs {
		if p := w.Plot(id); p.Status != status.Inoperative {
			t.Errorf("a plot is %s, want INOPERATIVE", p.Status)
		}
	}
	w.Clock.Move(time.Minute)
	w.Report(site, 0, chargepoint.Available)
	for _, id := range site.PlotIDs {
		if p := w.Plot(id); p.Status != status.Available {
			t.Errorf("a plot is %s again, want AVAILABLE", p.Status)
		}
	}
}

func TestASilentChargePointIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, other := w.Site(1), w.Site(1)
	w.Clock.Move(20 * time.Minute)
	w.Must(w.Store.Seen(t.Context(), []uuid.UUID{other.ChargePoint.ID}, w.Clock.Now()))
	n, err := w.Store.FallSilent(t.Context(), w.Clock.Now().Add(-16*time.Minute), 100)
	if err != nil || n != 1 {
		t.Fatalf("%d charge points fell silent (%v), want one", n, err)
	}
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Unknown || p.StatusSource != status.FromSilence {
		t.Errorf("the silent plot is %s by %s", p.Status, p.StatusSource)
	}
	if p := w.Plot(other.PlotIDs[0]); p.Status != status.Available {
		t.Errorf("the other plot is %s", p.Status)
	}
	w.Must(w.Store.Seen(t.Context(), []uuid.UUID{site.ChargePoint.ID, other.ChargePoint.ID}, w.Clock.Now()))
	if p := w.Plot(site.PlotIDs[0]); p.Status != status.Available {
		t.Errorf("once it is heard again the plot is %s, want AVAILABLE", p.Status)
	}
}

func TestAPushedStatusIsBelievedForADay(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	st := postgrestest.Station(1)
	w.Apply(st)
	id := w.Plots(st)[0].ID
	since := w.Clock.Now().Add(-time.Hour)
	p, err := w.Store.PushPlot(t.Context(), id, plot.Push{Status: status.Charging, At: since}, allow)
	w.Must(err)
	if p.Status != status.Charging || p.StatusSource != status.FromPush {
		t.Errorf("the plot is %s by %s", p.Status, p.StatusSource)
	}
	if p, err = w.Store.PushPlot(t.Context(), id, plot.Push{Status: status.Available, At: since.Add(-time.Minute)}, allow); err != nil || p.Status != status.Charging {
		t.Errorf("an older push made it %s (%v)", p.Status, err)
	}
	w.Clock.Move(22 * time.Hour)
	if n, err := w.Store.ExpirePushes(t.Context(), 10); err != nil || n != 0 {
		t.Errorf("%d pushes expired (%v) before their day was over", n, err)
	}
	w.Clock.Move(time.Hour)
	if n, err := w.Store.ExpirePushes(t.Context(), 10); err != nil || n != 1 {
		t.Errorf("%d pushes expired (%v), want one", n, err)
	}
	if p := w.Plot(id); p.Status != status.Unknown || p.StatusSource != status.FromSilence {
		t.Errorf("after a day the plot is %s by %s", p.Status, p.StatusSource)
	}
}

func TestAPlotMayHaveSeveralEVSEs(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(2)
	// The operator's bay has both outlets: the second plot is folded into the first.
	for _, query := range []string{
		"DELETE FROM plot_evses WHERE plot_id = $2 AND $1::uuid IS NOT NULL",
		"INSERT INTO plot_evses (plot_id, evse_id) SELECT $1, id FROM evses WHERE id NOT IN (SELECT evse_id FROM plot_evses) AND $2::uuid IS NOT NULL",
	} {
		if _, err := w.DB.ExecContext(t.Context(), query, site.PlotIDs[0], site.PlotIDs[1]); err != nil {
			t.Fatal(err)
		}
	}
	id := site.PlotIDs[0]
	w.Clock.Move(time.Minute)
	w.Report(site, 1, chargepoint.Faulted)
	if p := w.Plot(id); p.Status != status.Available || len(p.EVSEs) != 2 {
		t.Errorf("with one of %d outlets broken the bay is %s, want AVAILABLE", len(p.EVSEs), p.Status)
	}
	w.Report(site, 2, chargepoint.Faulted)
	if p := w.Plot(id); p.Status != status.OutOfOrder {
		t.Errorf("with both broken it is %s, want OUTOFORDER", p.Status)
	}
}

func TestHistoriesAreKeptByTheWeek(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	weeks := func() (n int) {
		w.Must(w.DB.GetContext(t.Context(), &n, `SELECT count(*) FROM pg_inherits WHERE inhparent = 'plot_history'::regclass`))
		return n - 1 // but the rest
	}
	site := w.Site(1) // this week's rows go into the rest: its table is not there yet
	w.Must(w.Store.RollHistory(t.Context(), time.Time{}))
	w.Must(w.Store.RollHistory(t.Context(), time.Time{}))
	if weeks() != 4 {
		t.Errorf("there are tables of %d weeks, want the next 4: this one's rows are in the rest", weeks())
	}
	page := func(before plot.HistoryPosition) ([]plot.Change, plot.HistoryPosition) {
		changes, next, err := w.Store.PlotHistory(t.Context(), site.PlotIDs[0], time.Time{}, time.Time{}, before, 2)
		w.Must(err)
		return changes, next
	}
	words := []chargepoint.ConnectorStatus{chargepoint.Charging, chargepoint.Available}
	for i := range 4 {
		w.Clock.Move(7 * 24 * time.Hour)
		w.Must(w.Store.RollHistory(t.Context(), time.Time{}))
		w.Report(site, 1, words[i%2])
	}
	// Six changes in five tables, two a page, newest first.
	var seen []status.Status
	var at plot.HistoryPosition
	for range 3 {
		var changes []plot.Change
		changes, at = page(at)
		for i, c := range changes {
			if n := len(seen); n > 0 && i == 0 && c.Status == seen[n-1] {
				t.Errorf("a page begins with what the one before ended in: %v", c)
			}
			seen = append(seen, c.Status)
		}
	}
	want := []status.Status{status.Available, status.Charging, status.Available, status.Charging, status.Available, status.Unknown}
	if !slices.Equal(seen, want) {
		t.Errorf("over the weeks the history is %v, want %v", seen, want)
	}
	w.Must(w.Store.RollHistory(t.Context(), w.Clock.Now().AddDate(0, 0, -12)))
	kept, _ := page(plot.HistoryPosition{})
	more, _ := page(plot.HistoryPosition{Since: kept[1].Since, Version: kept[1].Version})
	if len(kept) != 2 || len(more) != 1 || more[0].Status != status.Available {
		t.Errorf("of twelve days there are %v and %v, want the weeks that reach into them", kept, more)
	}
	if weeks() != 7 {
		t.Errorf("%d weeks are left", weeks())
	}
}
