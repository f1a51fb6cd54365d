// Package plotstatus keeps a copy of what charging-plot says of its plots: which EVSE each serves, and whether it is free.
//
// Follow reads charging-plot's change feed and stores it with the place it has come to; any number of replicas may do so at once.
// When charging-plot is away the copy stays as it was, and its age is known.
package plotstatus

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Plot is what the feed tells of a plot, as far as it matters here.
type Plot struct {
	ID         uuid.UUID      `json:"id"`
	EVSEIDs    []uuid.UUID    `json:"evse_ids"`
	Status     station.Status `json:"status"`
	Since      time.Time      `json:"status_since"`
	Reservable bool           `json:"reservable"`
	Version    int64          `json:"version"`
}

// Row is the status of an EVSE, with the version of its plot.
type Row struct {
	station.PlotStatus
	Version int64
}

// Update is what is stored at once.
type Update struct {
	Upserts []Row
	// Gone are plots that are no more.
	Gone []uuid.UUID
	// Only, unless nil, are the EVSEs that have a plot: of all others nothing is known.
	Only   []uuid.UUID
	Cursor string    // kept as it is when empty
	AsOf   time.Time // kept as it is when zero
}

// Place is where a reader of the copy has come to.
type Place struct {
	XID string
	Seq int64
}

// Changes are statuses that were set behind a place.
type Changes struct {
	Statuses []station.PlotStatus
	Place    Place
	AsOf     time.Time // zero when nothing was ever heard
	Held     bool      // there are more, which can be told only when older transactions have ended
}

// Store keeps the copy.
type Store interface {
	StatusCursor(ctx context.Context) (string, error)
	ApplyStatuses(ctx context.Context, u Update) error
}

// asOfStep is how exactly the age of the copy is kept, so that answers stay the same for a while and can be cached.
const asOfStep = 10 * time.Second

// wait is how long charging-plot may hold a question that has no answer yet.
const wait = 10 * time.Second

// Follow makes the follower of charging-plot's feed; start its Run beside the server.
func Follow(client *httpclient.Client, store Store, log *slog.Logger) *feed.Follower[Plot] {
	a := applier{store: store}
	return feed.NewFollower(feed.FollowConfig{
		Name: "plots", Client: client, Path: "/v1/plots/changes", LoadCursor: store.StatusCursor, Limit: 500, Wait: wait, Log: log,
	}, a.apply)
}

// applier remembers which EVSEs a replay has told of, until it is known which ones it has not.
type applier struct {
	store    Store
	replayed map[uuid.UUID]struct{} // nil outside of a replay
}

func (a *applier) apply(ctx context.Context, batch feed.Batch[Plot]) error {
	if batch.Reset {
		a.replayed = make(map[uuid.UUID]struct{})
	}
	u := Update{Cursor: batch.NextCursor}
	if batch.CaughtUp {
		u.AsOf = batch.AsOf.UTC().Truncate(asOfStep)
	}
	for _, event := range batch.Items {
		if event.Op == feed.Delete || event.Data == nil {
			if id, err := uuid.Parse(event.ID); err == nil {
				u.Gone = append(u.Gone, id)
			}
			continue
		}
		u.Upserts = append(u.Upserts, rows(event.Data)...)
	}
	if a.replayed != nil {
		for _, r := range u.Upserts {
			a.replayed[r.EVSEID] = struct{}{}
		}
		// Until the replay has ended the cursor stays where it was, so that a replay that is cut off begins anew.
		if u.Cursor = ""; batch.CaughtUp {
			u.Cursor, u.Only = batch.NextCursor, []uuid.UUID{}
			for id := range a.replayed {
				u.Only = append(u.Only, id)
			}
		}
	}
	if err := a.store.ApplyStatuses(ctx, u); err != nil {
		return err
	}
	if batch.CaughtUp {
		a.replayed = nil
	}
	return nil
}

// rows are the statuses of the EVSEs that a plot serves. A status that is not one of OCPI's is not known.
func rows(p *Plot) []Row {
	status := p.Status
	if !status.Valid() {
		status = station.Unknown
	}
	out := make([]Row, len(p.EVSEIDs))
	for i, id := range p.EVSEIDs {
		out[i] = Row{Version: p.Version, PlotStatus: station.PlotStatus{
			EVSEID: id, PlotID: p.ID, Status: status, Since: p.Since, Reservable: p.Reservable,
		}}
	}
	return out
}
