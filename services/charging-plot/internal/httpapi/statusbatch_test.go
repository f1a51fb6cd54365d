package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// unserved makes a station whose plots no charge point of ours serves.
func (w *world) unserved(n int) (operator uuid.UUID, plots []uuid.UUID) {
	st := postgrestest.Station(n)
	w.Apply(st)
	for _, p := range w.Plots(st) {
		plots = append(plots, p.ID)
	}
	return st.Operator.ID, plots
}

func TestPushPlotStatuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200 storing the good rows and naming the bad ones", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		operator, plots := w.unserved(3)
		_, foreign := w.unserved(1)
		w.Clock.Move(2 * time.Hour)
		now := w.Clock.Now()
		row := func(plot uuid.UUID, status string, at time.Time) map[string]any {
			return map[string]any{"plot_id": plot, "status": status, "at": at}
		}
		var result httpapi.StatusBatchResult
		w.call(http.MethodPost, "/v1/plots/status", w.operator(operator), map[string]any{"items": []map[string]any{
			row(plots[0], "CHARGING", now.Add(-5*time.Minute)), // 0: the later row of its plot comes first
			row(plots[0], "AVAILABLE", now.Add(-10*time.Minute)),
			{"plot_id": plots[1], "status": "BLOCKED"},         // 2: now
			{"plot_id": plots[2], "status": "FREE", "x/y~": 1}, // 3: two faults
			row(foreign[0], "AVAILABLE", now),
			row(uuid.New(), "AVAILABLE", now),
			{"status": 7, "plot_id": "x"},
			{},
			row(plots[2], "REMOVED", now),
			row(plots[2], "AVAILABLE", now.Add(time.Hour)), // 9: a clock that runs ahead
			{"plot_id": plots[2], "status": "AVAILABLE", "at": "yesterday"},
		}}).wants(http.StatusOK).into(&result)
		var named []string
		for _, r := range result.Rejected {
			named = append(named, fmt.Sprintf("%d %s %s", r.Index, r.Pointer, r.Code))
		}
		want := []string{
			"3 /items/3/x~1y~0 unknown", "3 /items/3/status enum", "4 /items/4/plot_id foreign_plot", "5 /items/5/plot_id plot_not_found",
			"6 /items/6/plot_id format", "6 /items/6/status enum", "7 /items/7/plot_id required", "7 /items/7/status required",
			"8 /items/8/status enum", "9 /items/9/at future", "10 /items/10/at format",
		}
		if result.Accepted != 3 || result.Outdated != 0 || strings.Join(named, "; ") != strings.Join(want, "; ") {
			t.Errorf("%d accepted, %d outdated, rejected\n%s\nwanted 3, 0,\n%s", result.Accepted, result.Outdated, strings.Join(named, "\n"), strings.Join(want, "\n"))
		}
		if p := w.Plot(plots[0]); p.Status != status.Charging || !p.StatusSince.Equal(now.Add(-5*time.Minute).UTC().Truncate(time.Microsecond)) {
			t.Errorf("the first plot is %s since %s", p.Status, p.StatusSince)
		}
		if w.Plot(plots[1]).Status != status.Blocked || w.Plot(plots[2]).Status != status.Unknown || w.Plot(foreign[0]).Status != status.Unknown {
			t.Error("the other plots are not as they should be")
		}
		var history httpapi.PlotHistoryPage
		w.call(http.MethodGet, "/v1/plots/"+plots[0].String()+"/history", "", nil).wants(http.StatusOK).into(&history)
		if len(history.Items) != 3 || history.Items[0].Status != "CHARGING" || history.Items[1].Status != "AVAILABLE" {
			t.Errorf("its history is %+v", history.Items)
		}
		// The same again, and something older: nothing changes.
		w.call(http.MethodPost, "/v1/plots/status", w.operator(operator), map[string]any{"items": []map[string]any{
			row(plots[0], "CHARGING", now.Add(-5*time.Minute)), row(plots[0], "AVAILABLE", now.Add(-time.Hour)),
		}}).wants(http.StatusOK).into(&result)
		if result.Accepted != 1 || result.Outdated != 1 || w.Plot(plots[0]).Status != status.Charging {
			t.Errorf("what is known already: %+v, %s", result, w.Plot(plots[0]).Status)
		}
	})
	t.Run("400 for more rows than 10,000, and for none", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodPost, "/v1/plots/status", w.admin(), `{"items":[`+strings.Repeat("{},", 10000)+`{}]}`).wants(http.StatusBadRequest)
		w.call(http.MethodPost, "/v1/plots/status", w.admin(), `{"items":[]}`).wants(http.StatusBadRequest)
	})
	t.Run("401 and 403", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, driver := w.driver()
		w.call(http.MethodPost, "/v1/plots/status", "", `{"items":[{}]}`).wants(http.StatusUnauthorized)
		w.call(http.MethodPost, "/v1/plots/status", driver, `{"items":[{}]}`).wants(http.StatusForbidden)
	})
}

func TestListTimeslots(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	driver, _ := w.driver()
	at := w.Clock.Now().UTC().Truncate(time.Second).Add(2 * time.Hour)
	for _, from := range []time.Duration{0, time.Hour, 90 * time.Minute} {
		_, err := w.ReserveAt(t.Context(), site.PlotIDs[0], driver, at.Add(from), 30*time.Minute)
		w.Must(err)
	}
	path := "/v1/plots/" + site.PlotIDs[0].String() + "/timeslots"
	span := func(from, to time.Time) string {
		return "?from=" + from.Format(time.RFC3339) + "&to=" + to.Format(time.RFC3339)
	}
	t.Run("200 without gaps", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		var calendar httpapi.Calendar
		w.call(http.MethodGet, path+span(at.Add(-time.Hour), at.Add(4*time.Hour))+"&min_duration_min=45", "", nil).wants(http.StatusOK).into(&calendar)
		want := []httpapi.Timeslot{
			{StartsAt: at.Add(-time.Hour), EndsAt: at, State: httpapi.SlotFree},
			{StartsAt: at, EndsAt: at.Add(30 * time.Minute), State: httpapi.SlotTaken},
			{StartsAt: at.Add(30 * time.Minute), EndsAt: at.Add(time.Hour), State: httpapi.SlotTooShort},
			{StartsAt: at.Add(time.Hour), EndsAt: at.Add(2 * time.Hour), State: httpapi.SlotTaken},
			{StartsAt: at.Add(2 * time.Hour), EndsAt: at.Add(4 * time.Hour), State: httpapi.SlotFree},
		}
		if len(calendar.Items) != len(want) || !calendar.Reservable {
			t.Fatalf("the calendar is %+v", calendar)
		}
		for i := range want {
			if !calendar.Items[i].StartsAt.Equal(want[i].StartsAt) || !calendar.Items[i].EndsAt.Equal(want[i].EndsAt) || calendar.Items[i].State != want[i].State {
				t.Errorf("slot %d is %+v, wanted %+v", i, calendar.Items[i], want[i])
			}
		}
	})
	t.Run("200 for a day from now", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		var calendar httpapi.Calendar
		w.call(http.MethodGet, path+"?from=2020-01-01T00:00:00Z", "", nil).wants(http.StatusOK).into(&calendar)
		first, last := calendar.Items[0], calendar.Items[len(calendar.Items)-1]
		if first.StartsAt.Before(at.Add(-2*time.Hour)) || last.EndsAt.Sub(first.StartsAt) != 24*time.Hour {
			t.Errorf("the calendar is of %s to %s", first.StartsAt, last.EndsAt)
		}
	})
	t.Run("400 for spans that are none", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		for _, query := range []string{span(at, at), span(at, at.Add(-time.Minute)), span(at, at.Add(32*24*time.Hour)), "?to=2020-01-01T00:00:00Z"} {
			w.call(http.MethodGet, path+query, "", nil).wants(http.StatusBadRequest, "bad_calendar_span")
		}
		w.call(http.MethodGet, path+"?from=soon", "", nil).wants(http.StatusBadRequest)
	})
	t.Run("404", func(t *testing.T) {
		t.Parallel()
		w.in(t).call(http.MethodGet, "/v1/plots/"+uuid.NewString()+"/timeslots", "", nil).wants(http.StatusNotFound, "plot_not_found")
	})
}
