package postgres_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/occupancy"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
)

// compute computes everything that is due, and returns how many stations that were.
func compute(t *testing.T, w *postgrestest.World) int {
	t.Helper()
	again := w.Clock.Now().Add(time.Hour)
	_, err := w.Store.PostponeQuiet(t.Context(), again, 100)
	w.Must(err)
	for n := 0; ; n++ {
		more, err := w.Store.ComputeOccupancy(t.Context(), again)
		w.Must(err)
		if !more {
			return n
		}
	}
}

func TestOccupancyIsComputedOfTheHistories(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(2) // from Monday, two o'clock in Berlin
	w.Apply(postgrestest.Station(3))
	w.Clock.Move(time.Hour)
	w.Report(site, 1, chargepoint.Charging)
	w.Clock.Move(90 * time.Minute)
	w.Report(site, 1, chargepoint.Finishing)
	w.Clock.Move(15 * time.Minute)
	w.Report(site, 1, chargepoint.Available)
	w.Report(site, 2, chargepoint.Faulted)
	w.Clock.Move(3 * time.Hour)
	if n := compute(t, w); n != 1 {
		t.Fatalf("%d stations were computed: nobody ever spoke of the other", n)
	}
	got, at, err := w.Store.GetOccupancy(t.Context(), site.ID)
	w.Must(err)
	if !at.Equal(w.Clock.Now()) || !got.From.Equal(w.Clock.Now().Add(-5*time.Hour-45*time.Minute)) || got.To.Sub(got.From) != 5*time.Hour {
		t.Errorf("at %s it is of %s to %s", at, got.From, got.To)
	}
	for hour, want := range map[int][2]int{13: {0, 0}, 14: {0, 7200}, 15: {3600, 7200}, 16: {2700, 6300}, 17: {0, 3600}, 20: {0, 0}} {
		if seen := [2]int{got.Week.TakenS[hour], got.Week.SeenS[hour]}; seen != want {
			t.Errorf("at %d o'clock %v, want %v", hour, seen, want)
		}
	}
	one, _, err := w.Store.GetOccupancy(t.Context(), site.PlotIDs[0])
	w.Must(err)
	if one.Week.TakenS[15] != 3600 || one.Week.SeenS[15] != 3600 || one.Week.Hours[15] != 1 {
		t.Errorf("the plot: %d of %d", one.Week.TakenS[15], one.Week.SeenS[15])
	}

	if n := compute(t, w); n != 0 {
		t.Errorf("%d stations are due at once", n)
	}
	w.Clock.Move(time.Hour)
	if n := compute(t, w); n != 1 {
		t.Errorf("after an hour %d stations are due, want 1", n)
	}
	// Two months on, only the status that holds is left in the window.
	w.Clock.Move(occupancy.Window + 24*time.Hour)
	compute(t, w)
	old, _, err := w.Store.GetOccupancy(t.Context(), site.PlotIDs[0])
	w.Must(err)
	if old.Week.SeenS[15] != 8*3600 || old.Week.TakenS[15] != 0 || old.Week.Hours[15] != 8 {
		t.Errorf("of a plot that has been free for two months %d of %d are taken", old.Week.TakenS[15], old.Week.SeenS[15])
	}
	w.Must(w.Store.ApplyCatalogue(t.Context(), catalog.Batch{Cursor: "gone", Changes: []catalog.Change{{ID: site.ID, Removed: true}}}))
	w.Clock.Move(time.Hour)
	compute(t, w)
	if _, at, err := w.Store.GetOccupancy(t.Context(), site.ID); err != nil || !at.IsZero() {
		t.Errorf("a removed station still has a week of %s (%v)", at, err)
	}
	if n := compute(t, w); n != 0 {
		t.Errorf("a removed station is computed %d times more", n)
	}
}

func TestReplicasComputeEachStationOnce(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	const stations = 20
	for range stations {
		w.Site(1)
	}
	w.Clock.Move(3 * time.Hour)
	var computed atomic.Int64
	var replicas sync.WaitGroup
	for range 4 {
		replica := w.StoreOf(w.DB, postgrestest.Options{})
		replicas.Go(func() {
			for {
				more, err := replica.ComputeOccupancy(t.Context(), w.Clock.Now().Add(time.Hour))
				if err != nil {
					t.Error(err)
				}
				if !more {
					return
				}
				computed.Add(1)
			}
		})
	}
	replicas.Wait()
	var kept int
	w.Must(w.DB.GetContext(t.Context(), &kept, `SELECT count(*) FROM occupancies`))
	if computed.Load() != stations || kept != 2*stations {
		t.Errorf("%d stations were computed %d times and leave %d weeks", stations, computed.Load(), kept)
	}
}
