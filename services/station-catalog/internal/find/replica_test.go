package find_test

import (
	"context"
	"iter"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/plotstatus"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// frozen is a catalogue that says nothing any more once it was loaded, not even that it fails.
type frozen struct{ thaw chan struct{} }

func (frozen) AllSearched(context.Context) iter.Seq2[station.Station, error] {
	return func(func(station.Station, error) bool) {}
}

func (frozen) StatusesAfter(context.Context, plotstatus.Place, int) (plotstatus.Changes, error) {
	return plotstatus.Changes{}, nil
}

func (frozen) Statuses(context.Context, []uuid.UUID) (map[uuid.UUID]station.PlotStatus, time.Time, error) {
	return nil, time.Time{}, nil
}

func (frozen) RatingsAfter(context.Context, review.Place, int) (review.Changes, error) {
	return review.Changes{}, nil
}

func (frozen) Ratings(context.Context, []uuid.UUID) (map[uuid.UUID]review.Rating, error) {
	return nil, nil
}

func (frozen) Head(context.Context) (string, error) { return "", nil }

func (f frozen) After(ctx context.Context, _ string, _ int, _ time.Duration) (feed.Page[station.Station], error) {
	select {
	case <-f.thaw:
	case <-ctx.Done():
	}
	return feed.Page[station.Station]{}, ctx.Err()
}

// TestAReplicaIsCutOffFromAFrozenCatalogueBeforeItIsOutOfStep promises that no search is sent to a database that hangs.
func TestAReplicaIsCutOffFromAFrozenCatalogueBeforeItIsOutOfStep(t *testing.T) {
	t.Parallel()
	catalogue := frozen{make(chan struct{})}
	r := find.NewReplica(catalogue, catalogue, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-ended })
	until := func(what string, holds func() bool) {
		t.Helper()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(30 * time.Second); !holds(); <-tick.C {
			if time.Now().After(end) {
				t.Fatalf("%s: not within 30 s", what)
			}
		}
	}
	until("the index is loaded", r.Warm)
	if r.CutOff() {
		t.Error("a replica that has just asked is cut off")
	}
	until("the replica is out of step or cut off", func() bool { return r.CutOff() || !r.InStep() })
	if !r.CutOff() {
		t.Error("the replica is out of step and would ask the catalogue")
	}
	close(catalogue.thaw)
	until("the replica is in step again", func() bool { return r.InStep() && !r.CutOff() })
}
