package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/plotstatus"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

func told(evse, plot uuid.UUID, status station.Status, version int64) plotstatus.Row {
	return plotstatus.Row{Version: version, PlotStatus: station.PlotStatus{
		EVSEID: evse, PlotID: plot, Status: status, Since: time.Unix(0, version),
	}}
}

// TestStatuses promises the newest version of each status, whatever the order in which it comes and however often.
func TestStatuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	a, b, c, plotA, plotB := uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()
	asOf := time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC)
	apply := func(u plotstatus.Update) {
		t.Helper()
		if err := w.ApplyStatuses(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	if _, at, err := w.Statuses(ctx, []uuid.UUID{a}); err != nil || !at.IsZero() {
		t.Errorf("before the first word the copy is as of %s, %v", at, err)
	}
	apply(plotstatus.Update{Upserts: []plotstatus.Row{
		told(a, plotA, station.Available, 2), told(a, plotA, station.Charging, 1), told(b, plotB, station.Reserved, 1),
	}, Cursor: "one", AsOf: asOf})
	apply(plotstatus.Update{Upserts: []plotstatus.Row{told(a, plotA, station.Charging, 1)}, AsOf: asOf.Add(-time.Hour)})
	got, at, err := w.Statuses(ctx, []uuid.UUID{a, b, c})
	if err != nil || len(got) != 2 || got[a].Status != station.Available || got[b].Status != station.Reserved || !at.Equal(asOf) {
		t.Errorf("statuses are %+v as of %s, %v", got, at, err)
	}
	if cursor, err := w.StatusCursor(ctx); err != nil || cursor != "one" {
		t.Errorf("the cursor is %q, %v", cursor, err)
	}

	// The log: each status once, at its newest place; again only what was set again.
	changes := w.statusesAfter(plotstatus.Place{}, 2)
	first := got[a]
	apply(plotstatus.Update{Upserts: []plotstatus.Row{told(a, plotA, station.OutOfOrder, 3), told(b, plotB, station.Reserved, 1)}, AsOf: asOf})
	next := w.statusesAfter(changes.Place, 1)
	if len(next.Statuses) != 1 || next.Statuses[0].Status != station.OutOfOrder || !next.Statuses[0].ToldAt.After(first.ToldAt) {
		t.Errorf("behind %+v the log has %+v", changes.Place, next)
	}

	// A plot that is gone, and EVSEs that a replay does not tell of.
	apply(plotstatus.Update{Gone: []uuid.UUID{plotA}, AsOf: asOf})
	apply(plotstatus.Update{Upserts: []plotstatus.Row{told(c, uuid.New(), station.Available, 1)}, Only: []uuid.UUID{c}, AsOf: asOf})
	got, _, err = w.Statuses(ctx, []uuid.UUID{a, b, c})
	if err != nil || got[a].Status != station.Unknown || got[b].Status != station.Unknown || got[c].Status != station.Available {
		t.Errorf("after the plots have gone statuses are %+v, %v", got, err)
	}
}

// statusesAfter waits until the log shows as many statuses behind a place: tests beside this one may hold it back.
func (w world) statusesAfter(place plotstatus.Place, n int) plotstatus.Changes {
	w.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		changes, err := w.StatusesAfter(w.t.Context(), place, 100)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(changes.Statuses) >= n || time.Now().After(deadline) {
			return changes
		}
		<-time.After(5 * time.Millisecond)
	}
}

// TestStatusesOfAnOpenTransaction promises that a status is not passed by when its transaction commits after a later one.
func TestStatusesOfAnOpenTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	slow, err := w.DB().BeginTxx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	late, early := uuid.New(), uuid.New()
	_, err = slow.ExecContext(ctx, `INSERT INTO evse_status (evse_id, plot_id, status, status_since, reservable, version)
VALUES ($1, $2, 'AVAILABLE', now(), false, 1)`, late, uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.ApplyStatuses(ctx, plotstatus.Update{Upserts: []plotstatus.Row{told(early, uuid.New(), station.Charging, 1)}}); err != nil {
		t.Fatal(err)
	}
	before, err := w.StatusesAfter(ctx, plotstatus.Place{}, 100)
	if err != nil || len(before.Statuses) != 0 || !before.Held {
		t.Errorf("a status behind an open transaction is shown, or not known to be held back: %+v, %v", before, err)
	}
	if err := slow.Commit(); err != nil {
		t.Fatal(err)
	}
	after := w.statusesAfter(before.Place, 2)
	eventually(t, "nobody holds a status back", func() bool { // other databases' transactions do too
		changes, err := w.StatusesAfter(ctx, after.Place, 100)
		return err == nil && !changes.Held
	})
	order := make([]uuid.UUID, 0, 2)
	for _, s := range after.Statuses {
		order = append(order, s.EVSEID)
	}
	if !slices.Equal(order, []uuid.UUID{late, early}) {
		t.Errorf("after the commit the log has %v", order)
	}
}

// TestStatusesAreReadInTheOrderOfTheirTransactions promises it where the numbers of transactions grow longer: whoever reads in pages, as
// a replica that starts does, misses none.
func TestStatusesAreReadInTheOrderOfTheirTransactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want, got []uuid.UUID
	for _, xid := range []string{"5", "40", "300"} {
		evse := uuid.New()
		want = append(want, evse)
		if _, err := w.DB().ExecContext(t.Context(), `INSERT INTO evse_status (evse_id, plot_id, status, status_since, reservable, version, xid)
VALUES ($1, $2, 'AVAILABLE', now(), false, 1, $3::text::xid8)`, evse, uuid.New(), xid); err != nil {
			t.Fatal(err)
		}
	}
	var place plotstatus.Place
	for range len(want) + 1 {
		page, err := w.StatusesAfter(t.Context(), place, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Statuses {
			got = append(got, s.EVSEID)
		}
		place = page.Place
	}
	if !slices.Equal(got, want) {
		t.Errorf("in pages of one the log has %v, want %v", got, want)
	}
}
