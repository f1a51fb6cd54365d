package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

func permitted(plot.Plot) error { return nil }

// bay is a world in which the first two EVSEs of a site of three serve one bay.
func bay(t *testing.T) (w *postgrestest.World, site postgrestest.Site, p plot.Plot) {
	t.Helper()
	w = postgrestest.New(t)
	site = w.Site(3)
	p, err := w.Store.SetEVSEs(t.Context(), site.PlotIDs[0], []uuid.UUID{site.EVSEs[0].ID, site.EVSEs[1].ID}, permitted)
	w.Must(err)
	return w, site, p
}

func TestABayIsWhatAllItsEVSEsComeTo(t *testing.T) {
	t.Parallel()
	w, site, p := bay(t)
	if len(p.EVSEs) != 2 || p.Status != status.Available {
		t.Errorf("the bay is %+v", p)
	}
	if gone := w.Plot(site.PlotIDs[1]); gone.Status != status.Removed || len(gone.EVSEs) != 0 {
		t.Errorf("the plot that was merged is %+v", gone)
	}
	for _, c := range []struct {
		first, second chargepoint.ConnectorStatus
		want          status.Status
	}{
		{chargepoint.Available, chargepoint.Charging, status.Charging},
		{chargepoint.Faulted, chargepoint.Available, status.Available},
		{chargepoint.Preparing, chargepoint.Available, status.Blocked},
		{chargepoint.Faulted, chargepoint.Faulted, status.OutOfOrder},
		{chargepoint.Available, chargepoint.Available, status.Available},
	} {
		w.Clock.Move(time.Second)
		w.Report(site, 1, c.first)
		w.Report(site, 2, c.second)
		if p := w.Plot(p.ID); p.Status != c.want {
			t.Errorf("of %s and %s the bay is %s, want %s", c.first, c.second, p.Status, c.want)
		}
	}
	// One claim holds both.
	_, err := w.Reserve(t.Context(), p.ID, uuid.New(), time.Hour)
	w.Must(err)
	if _, err := w.Reserve(t.Context(), site.PlotIDs[1], uuid.New(), time.Hour); !errors.Is(err, plot.ErrRemoved) {
		t.Errorf("a claim on the merged plot gives %v", err)
	}
	for connector := 1; connector <= 2; connector++ { // whoever comes to either has the bay
		_, err := w.Store.StartTransaction(t.Context(), site.ChargePoint.ID, chargepoint.TransactionStart{Connector: connector, IDTag: "X", At: w.Clock.Move(time.Second)}, w.Clock.Now())
		w.Must(err)
	}
	var open int
	w.Must(w.DB.GetContext(t.Context(), &open, `SELECT count(*) FROM sessions WHERE plot_id = $1 AND state = 'ACTIVE'`, p.ID))
	if open != 1 {
		t.Errorf("%d sessions are open at the bay", open)
	}
}

func TestABayIsSplitIntoThePlotsThatThereWere(t *testing.T) {
	t.Parallel()
	w, site, p := bay(t)
	label := "Bay 7"
	_, err := w.Store.PatchPlot(t.Context(), p.ID, plot.Patch{Label: &label}, permitted)
	w.Must(err)
	// The bay's first EVSE leaves: its own plot serves the second now, so that it gets a new one.
	_, err = w.Store.SetEVSEs(t.Context(), p.ID, []uuid.UUID{site.EVSEs[1].ID}, permitted)
	w.Must(err)
	var after uuid.UUID
	w.Must(w.DB.GetContext(t.Context(), &after, `SELECT plot_id FROM plot_evses WHERE evse_id = $1`, site.EVSEs[0].ID))
	if made := w.Plot(after); after == p.ID || after == site.PlotIDs[1] || made.Status != status.Available || made.Label != "P1" {
		t.Errorf("the first EVSE's plot is %+v", made)
	}
	// It comes back, and the second leaves for the plot that it had.
	_, err = w.Store.SetEVSEs(t.Context(), p.ID, []uuid.UUID{site.EVSEs[0].ID}, permitted)
	w.Must(err)
	if back := w.Plot(site.PlotIDs[1]); back.Status != status.Available || len(back.EVSEs) != 1 || back.EVSEs[0].ID != site.EVSEs[1].ID {
		t.Errorf("the second EVSE's plot is %+v", back)
	}
	if p := w.Plot(p.ID); p.Label != label || len(p.EVSEs) != 1 {
		t.Errorf("the bay is %+v", p)
	}
	for promise, query := range brokenSQL {
		var broken []string
		w.Must(w.DB.SelectContext(t.Context(), &broken, query))
		if len(broken) > 0 {
			t.Errorf("not true: %s: %v", promise, broken)
		}
	}
}

func TestABayKeepsInStepWithTheCatalogue(t *testing.T) {
	t.Parallel()
	w, site, p := bay(t)
	st := site.Station
	st.Version = 2
	st.EVSEs[1].PhysicalReference, st.EVSEs[0].Removed = "South", true
	w.Apply(st)
	if got := w.Plot(p.ID); len(got.EVSEs) != 2 || got.Status != status.Available {
		t.Errorf("with one EVSE removed the bay is %+v", got)
	}
	st.Version, st.EVSEs[1].Removed = 3, true
	w.Apply(st)
	if got := w.Plot(p.ID); got.Status != status.Removed {
		t.Errorf("with both removed the bay is %s", got.Status)
	}
	if others := w.Plots(st); len(others) != 1 || others[0].ID != site.PlotIDs[2] {
		t.Errorf("the station has %+v", others)
	}
	if _, err := w.Store.SetEVSEs(t.Context(), p.ID, []uuid.UUID{site.EVSEs[2].ID}, permitted); !errors.Is(err, plot.ErrRemoved) {
		t.Errorf("a bay that is removed takes an EVSE: %v", err)
	}
}

func TestNobodyLosesTheirPlotToABay(t *testing.T) {
	t.Parallel()
	w, site, p := bay(t)
	third, both := site.PlotIDs[2], []uuid.UUID{site.EVSEs[0].ID, site.EVSEs[1].ID}
	_, err := w.ReserveAt(t.Context(), third, uuid.New(), w.Clock.Now().Add(time.Hour), time.Hour)
	w.Must(err)
	if _, err := w.Store.SetEVSEs(t.Context(), p.ID, []uuid.UUID{both[0], both[1], site.EVSEs[2].ID}, permitted); !errors.Is(err, plot.ErrInUse) {
		t.Errorf("a plot that is promised is merged: %v", err)
	}
	// A claim for later stays with the bay; a session keeps it whole.
	_, err = w.ReserveAt(t.Context(), p.ID, uuid.New(), w.Clock.Now().Add(time.Hour), time.Hour)
	w.Must(err)
	_, _, err = w.Store.OrderSession(t.Context(), session.Order{PlotID: p.ID, DriverID: uuid.New()})
	w.Must(err)
	if _, err := w.Store.SetEVSEs(t.Context(), p.ID, both[:1], permitted); !errors.Is(err, plot.ErrInUse) {
		t.Errorf("a bay in use is split: %v", err)
	}
	if _, err := w.Store.SetEVSEs(t.Context(), p.ID, both, permitted); err != nil {
		t.Errorf("a bay that stays as it is: %v", err)
	}
	for name, evse := range map[string]uuid.UUID{"another station's": w.Site(1).EVSEs[0].ID, "nobody's": uuid.New()} {
		if _, err := w.Store.SetEVSEs(t.Context(), p.ID, []uuid.UUID{both[0], both[1], evse}, permitted); !errors.Is(err, plot.ErrUnknownEVSE) {
			t.Errorf("%s EVSE gives %v", name, err)
		}
	}
}

func TestManyStatusesAtOnceAreWrittenAsOneIs(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(20)
	reports := make([]central.Report, len(site.PlotIDs))
	for i := range reports {
		reports[i] = central.Report{ChargePoint: site.ChargePoint.ID, StatusReport: chargepoint.StatusReport{
			Connector: i + 1, Status: chargepoint.Charging, At: w.Clock.Now(),
		}}
	}
	var before, after int
	w.Must(w.DB.GetContext(t.Context(), &before, `SELECT count(*) FROM events WHERE kind = 'status'`))
	w.Clock.Move(time.Second)
	w.Must(w.Store.ReportStatuses(t.Context(), reports))
	w.Must(w.DB.GetContext(t.Context(), &after, `SELECT count(*) FROM events WHERE kind = 'status'`))
	if after-before != len(reports) {
		t.Errorf("%d were told of %d", after-before, len(reports))
	}
	for _, id := range site.PlotIDs {
		if p := w.Plot(id); p.Status != status.Charging {
			t.Errorf("plot %s is %s", id, p.Status)
		}
	}
	for promise, query := range brokenSQL {
		var broken []string
		w.Must(w.DB.SelectContext(t.Context(), &broken, query))
		if len(broken) > 0 {
			t.Errorf("not true: %s: %v", promise, broken)
		}
	}
}

func TestAStatusSaysHowOldItIs(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	id := site.PlotIDs[0]
	says := func(what string, want time.Duration, known bool) {
		t.Helper()
		if age, ok := w.Plot(id).Age(w.Clock.Now()); age != want || ok != known {
			t.Errorf("%s: %s, %t; want %s, %t", what, age, ok, want, known)
		}
	}
	w.Clock.Move(time.Minute)
	says("a charge point that was heard a minute ago", time.Minute, true)
	w.Must(w.Store.Seen(t.Context(), []uuid.UUID{site.ChargePoint.ID}, w.Clock.Now()))
	says("one that has just been heard", 0, true)
	w.Clock.Move(time.Hour)
	_, err := w.Store.FallSilent(t.Context(), w.Clock.Now(), 10)
	w.Must(err)
	says("one that has fallen silent", time.Hour, true)
	_, err = w.Store.PushPlot(t.Context(), id, plot.Push{Status: status.Available}, permitted)
	w.Must(err)
	w.Clock.Move(time.Second)
	says("a back end a second ago", time.Second, true)
	_, err = w.Reserve(t.Context(), id, uuid.New(), time.Hour)
	w.Must(err)
	w.Clock.Move(time.Minute)
	says("our own word", 0, true)
	unheard := postgrestest.Station(1)
	w.Apply(unheard)
	id = w.Plots(unheard)[0].ID
	says("nobody", 0, false)
}
