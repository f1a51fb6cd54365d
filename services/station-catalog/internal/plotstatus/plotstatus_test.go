package plotstatus

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// keeper keeps what it is told to store.
type keeper struct {
	updates []Update
	err     error
}

func (k *keeper) StatusCursor(context.Context) (string, error) { return "", nil }

func (k *keeper) ApplyStatuses(_ context.Context, u Update) error {
	if k.err != nil {
		return k.err
	}
	k.updates = append(k.updates, u)
	return nil
}

// TestReplay promises that a reading from the beginning ends in exactly the EVSEs that it told of, and that one that is cut off
// begins anew: the place in the feed is kept only once it has ended.
func TestReplay(t *testing.T) {
	t.Parallel()
	asOf := time.Date(2026, 1, 1, 12, 0, 17, 0, time.UTC)
	a, b, gone := uuid.New(), uuid.New(), uuid.New()
	event := func(evses ...uuid.UUID) feed.Event[Plot] {
		p := Plot{ID: uuid.New(), EVSEIDs: evses, Status: station.Available, Version: 1}
		return feed.Event[Plot]{ID: p.ID.String(), Op: feed.Upsert, Data: &p}
	}
	k := &keeper{}
	follower := applier{store: k}
	for _, batch := range []feed.Batch[Plot]{
		{Items: []feed.Event[Plot]{event(a)}, NextCursor: "1", AsOf: asOf, Reset: true},
		{Items: []feed.Event[Plot]{event(b, uuid.New()), {ID: gone.String(), Op: feed.Delete}}, NextCursor: "2", AsOf: asOf, CaughtUp: true},
		{NextCursor: "3", AsOf: asOf, CaughtUp: true},
	} {
		if err := follower.apply(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	first, second, third := k.updates[0], k.updates[1], k.updates[2]
	if first.Cursor != "" || first.Only != nil || !first.AsOf.IsZero() || len(first.Upserts) != 1 {
		t.Errorf("within the replay %+v is stored", first)
	}
	if second.Cursor != "2" || len(second.Only) != 3 || !slices.Contains(second.Only, a) || !slices.Equal(second.Gone, []uuid.UUID{gone}) {
		t.Errorf("at its end %+v is stored", second)
	}
	if want := asOf.Truncate(10 * time.Second); third.Cursor != "3" || third.Only != nil || !third.AsOf.Equal(want) {
		t.Errorf("behind it %+v is stored, want as of %s", third, want)
	}

	k.err = errors.New("away")
	if err := follower.apply(t.Context(), feed.Batch[Plot]{NextCursor: "4"}); !errors.Is(err, k.err) {
		t.Errorf("what could not be stored is answered by %v", err)
	}
}

// TestUnknownStatus promises that a status that OCPI does not have is not known, rather than refused.
func TestUnknownStatus(t *testing.T) {
	t.Parallel()
	got := rows(&Plot{ID: uuid.New(), EVSEIDs: []uuid.UUID{uuid.New()}, Status: "DREAMING"})
	if len(got) != 1 || got[0].Status != station.Unknown {
		t.Errorf("rows are %+v", got)
	}
}
